package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/cxhook/cx"
	"example.com/cxhook/internal/telemetry"
	"example.com/cxhook/internal/telemetry/tracing"
	"example.com/cxhook/verify"
)

// Config says who may call and how calls are answered. The zero value lets
// nobody in and is refused by New.
type Config struct {
	// Verify says what proves a caller.
	Verify verify.Config
	// Budget is the time for a call, verification included; 0 is
	// cx.DefaultBudget, Dialogflow's own 5 s less the network.
	Budget time.Duration
	// Concurrency is how many proved calls run at a time; 0 is DefaultConcurrency, and
	// MaxConcurrency the most. A quarter as many wait for a place, for QueueTime at
	// most; the others are answered 503. Cloud Run's own concurrency should be below.
	Concurrency int
	// Paths are served by other handlers behind the same proofs, by exact path:
	// flexible webhooks (cx.Flexible) and OpenAPI tools. Those of the agent's own
	// code are registered by cx.Mux.Path. Every other path is the agent's webhook.
	Paths map[string]http.Handler
	// Project is the Google Cloud project id that names traces; it may be empty.
	Project string
	// LogChecks adds every check of a call to its log line. The local stack
	// shows them; in production it only makes lines longer.
	LogChecks bool
	// Log is where log lines go; nil is os.Stdout, which Cloud Run collects.
	Log io.Writer
	// LogTo says where ConfigFromEnv was asked to write the log: LogStdout, which
	// "" is too, or LogCloud, for which there must be a LogClient.
	LogTo string
	// LogClient takes the entries in place of Log, where nobody collects standard
	// output (package internal/telemetry/cloudlog). It is its owner's to close.
	LogClient telemetry.Log
	// Tracing makes a span of each call, as the standard OTEL_ variables say.
	Tracing bool
	// Register builds the agent; nil is handlers.Register.
	Register func(context.Context, *cx.Mux) (close func(context.Context) error, err error)
}

// Where the log goes.
const (
	LogStdout = "stdout"
	LogCloud  = "cloud-logging"
)

func (c *Config) checkLog() error {
	if c.LogTo == LogCloud && c.LogClient == nil {
		return fmt.Errorf("config: LogTo: %s, but this program has no client for it (LogClient): the function of Cloud Run writes to standard output, which is collected there", LogCloud)
	}
	return nil
}

func (c *Config) checkConcurrency() error {
	if c.Concurrency < 1 || c.Concurrency > MaxConcurrency {
		return fmt.Errorf("config: Concurrency: %d; want a number of calls from 1 to %d", c.Concurrency, MaxConcurrency)
	}
	return nil
}

func checkPaths(paths map[string]http.Handler, registered []cx.PathInfo) error {
	var problems []error
	for _, r := range registered {
		if _, twice := paths[r.Path]; twice {
			problems = append(problems, fmt.Errorf("path %q: it is in Config.Paths, and the agent registers it too", r.Path))
		}
	}
	for path, h := range paths {
		if !strings.HasPrefix(path, "/") || path == pathLive || path == pathReady || h == nil {
			problems = append(problems, fmt.Errorf("path %q: want one that begins with / and is not a probe's, and a handler", path))
		}
	}
	return errors.Join(problems...)
}

// The environment variables that ConfigFromEnv reads, besides K_SERVICE and
// GOOGLE_CLOUD_PROJECT. Lists are separated by commas.
const (
	envPolicy         = "CXHOOK_POLICY"                // proofs joined by +: mtls, idtoken, basic, header, session; mtls+idtoken by default
	envAudiences      = "CXHOOK_AUDIENCES"             // the webhook's URLs, exactly as the agent has them
	envProjectNumbers = "CXHOOK_PROJECT_NUMBERS"       // of the agents' projects
	envEdgeSecret     = "CXHOOK_EDGE_SECRET"           // what the load balancer adds to each call
	envEdgePrevious   = "CXHOOK_EDGE_SECRET_PREVIOUS"  // accepted too, while the secret is rotated
	envNoEdgeSecret   = "CXHOOK_DANGER_NO_EDGE_SECRET" // true: calls round the load balancer are let in
	envIdentities     = "CXHOOK_IDENTITIES"            // google, google-legacy, custom; the first two by default
	envGoogleCA       = "CXHOOK_GOOGLE_CA_FILE"        // PEM, in place of the embedded roots of google
	envGoogleLegacyCA = "CXHOOK_GOOGLE_LEGACY_CA_FILE" // the same, of google-legacy
	envDeniedCerts    = "CXHOOK_DENIED_CERTIFICATES"   // SHA-256 fingerprints in hex

	// Where the client certificate comes from, and whose it is.
	envCertSource        = "CXHOOK_CERTIFICATE_SOURCE"              // google-lb (the default), rfc9440, xfcc, nginx or tls
	envCertHeaders       = "CXHOOK_CERTIFICATE_HEADERS"             // names that differ: client_cert_leaf=X-Leaf and so on; leaf=, chain=; xfcc=; cert=, verify=
	envXFCCElements      = "CXHOOK_XFCC_ELEMENTS"                   // how many the header has, one for each proxy; 1
	envEdgeHeader        = "CXHOOK_EDGE_HEADER"                     // the header of the edge secret; X-Cxhook-Edge
	envCustomCA          = "CXHOOK_CUSTOM_CA_FILE"                  // PEM: roots, and intermediates, of custom; several for a rotation
	envCustomCN          = "CXHOOK_CUSTOM_CN"                       // the one CN of custom's subject
	envCustomDNS         = "CXHOOK_CUSTOM_DNS_SAN"                  // a DNS SAN of custom, literally
	envCustomURI         = "CXHOOK_CUSTOM_URI_SAN"                  // a URI SAN of custom, literally
	envCertReportOnly    = "CXHOOK_CERTIFICATE_REPORT_ONLY"         // true: log what the certificate would refuse, refuse for the token alone
	envDangerServerCerts = "CXHOOK_DANGER_SERVER_CERTIFICATES"      // true: accept leaves without the clientAuth usage (rfc9440, nginx, tls)
	envDangerNoLeaf      = "CXHOOK_DANGER_TRUST_FRONT_WITHOUT_LEAF" // true: believe names of certificates that are not forwarded (google-lb, xfcc)

	envKeysURL       = "CXHOOK_KEYS_URL"              // a copy of Google's key set
	envDangerKeysURL = "CXHOOK_DANGER_OTHER_KEYS_URL" // true: allow CXHOOK_KEYS_URL on Cloud Run

	// Policies with basic. A file holds one user:password; several are separated by
	// commas, the current one first.
	envBasic         = "CXHOOK_BASIC_CREDENTIALS"          // user:password, as in the agent's secret
	envBasicPrevious = "CXHOOK_BASIC_CREDENTIALS_PREVIOUS" // accepted too, while they are rotated
	envBasicFiles    = "CXHOOK_BASIC_CREDENTIALS_FILES"    // mounted files, in place of the two

	// Policies with header.
	envHeaderName     = "CXHOOK_HEADER_NAME"            // of the agent's request header that holds the secret
	envHeaderSecret   = "CXHOOK_HEADER_SECRET"          // what it holds
	envHeaderPrevious = "CXHOOK_HEADER_SECRET_PREVIOUS" // accepted too, while it is rotated
	envHeaderFiles    = "CXHOOK_HEADER_SECRET_FILES"    // mounted files, in place of the two

	// Policies with session: one of the three kinds of keys.
	envSessionParameter = "CXHOOK_SESSION_PARAMETER"            // that holds the session token; cxhook_token by default
	envSessionIssuer    = "CXHOOK_SESSION_ISSUER"               // iss, whole
	envSessionAudience  = "CXHOOK_SESSION_AUDIENCE"             // aud, whole
	envSessionLifetime  = "CXHOOK_SESSION_MAX_LIFETIME"         // from nbf to exp, as 30m; 1h by default, at most 24h
	envSessionKeysFile  = "CXHOOK_SESSION_KEYS_FILE"            // public keys as a JSON Web Key Set
	envSessionKeysURL   = "CXHOOK_SESSION_KEYS_URL"             // that serves one
	envSessionHMAC      = "CXHOOK_SESSION_HMAC_SECRET"          // of HS256
	envSessionHMACPrev  = "CXHOOK_SESSION_HMAC_SECRET_PREVIOUS" // accepted too, while it is rotated
	envSessionHMACFiles = "CXHOOK_SESSION_HMAC_SECRET_FILES"    // mounted files, in place of the two

	// Agents that may call: NUMBER=projects/P/locations/L/agents/A, with
	// /environments/E (or draft) for one environment alone; without NUMBER= under a
	// policy without idtoken.
	envAgents = "CXHOOK_AGENTS"

	// true: a policy without idtoken accepts the certificate of every Dialogflow agent on earth.
	envAnyTenant = "CXHOOK_DANGER_ANY_DIALOGFLOW_TENANT"
	// true: nothing here is worth protecting; insecure-none wants it.
	envNotProduction = "CXHOOK_DANGER_NOT_PRODUCTION"

	envBudget    = "CXHOOK_BUDGET"        // as 4s
	envCalls     = "CXHOOK_CONCURRENCY"   // calls that run at a time; 256 by default, at most 1000
	envLogChecks = "CXHOOK_LOG_CHECKS"    // true or false
	envLog       = "CXHOOK_LOG"           // stdout (the default), or cloud-logging where nobody collects that
	envProject   = "GOOGLE_CLOUD_PROJECT" // project id
	envPrefix    = "CXHOOK_"
)

var envNames = []string{envPolicy, envAudiences, envProjectNumbers, envEdgeSecret, envEdgePrevious, envNoEdgeSecret, envIdentities,
	envGoogleCA, envGoogleLegacyCA, envDeniedCerts, envCertSource, envCertHeaders, envXFCCElements, envEdgeHeader, envCustomCA, envCustomCN, envCustomDNS, envCustomURI,
	envCertReportOnly, envDangerServerCerts, envDangerNoLeaf, envKeysURL, envDangerKeysURL, envBudget, envCalls, envLogChecks, envLog,
	envBasic, envBasicPrevious, envBasicFiles, envHeaderName, envHeaderSecret, envHeaderPrevious, envHeaderFiles,
	envSessionParameter, envSessionIssuer, envSessionAudience, envSessionLifetime, envSessionKeysFile, envSessionKeysURL,
	envSessionHMAC, envSessionHMACPrev, envSessionHMACFiles, envAgents, envAnyTenant, envNotProduction}

// envOfField is the variable that a field of verify.Config comes from.
var envOfField = map[string]string{
	"Policy": envPolicy, "Edge.Secrets": envEdgeSecret, "Edge.DangerNoEdgeSecret": envNoEdgeSecret,
	"Certificate.Identities": envIdentities, "Certificate.Denied": envDeniedCerts, "Certificate.Source": envCertSource,
	"Certificate.Headers": envCertHeaders, "Certificate.RFC9440": envCertHeaders, "Certificate.Nginx": envCertHeaders, "Certificate.XFCC": envXFCCElements, "Edge.Header": envEdgeHeader,
	"Certificate.ReportOnly": envCertReportOnly, "Certificate.DangerServerCertificates": envDangerServerCerts, "Certificate.DangerTrustFrontWithoutLeaf": envDangerNoLeaf,
	"Token.Audiences": envAudiences, "Token.ProjectNumbers": envProjectNumbers, "Token.KeysURL": envKeysURL,
	"Basic.Credentials": envBasic, "Header.Name": envHeaderName, "Header.Secrets": envHeaderSecret, "Agents": envAgents,
	"Session.Parameter": envSessionParameter, "Session.Issuer": envSessionIssuer, "Session.Audience": envSessionAudience,
	"Session.MaxLifetime": envSessionLifetime, "Session.JWKS": envSessionKeysFile, "Session.KeysURL": envSessionKeysURL, "Session.HMACSecrets": envSessionHMAC,
}

// ConfigFromEnv reads the configuration from the environment and checks it.
// Every problem is reported at once, each with its variable; a variable that
// begins with CXHOOK_ and means nothing is one of them.
func ConfigFromEnv() (Config, error) {
	cfg, problems := InspectEnv()
	if err := errors.Join(problems...); err != nil {
		return Config{}, fmt.Errorf("configuration:\n%w", err)
	}
	return cfg, nil
}

// InspectEnv is ConfigFromEnv for whoever explains a configuration: with problems
// it gives what it could read all the same, which nothing may be served with.
func InspectEnv() (cfg Config, problems []error) {
	env := envReader{}
	cfg = Config{
		Verify: verify.Config{
			Policy:      verify.Policy(os.Getenv(envPolicy)),
			Edge:        verify.EdgeConfig{Header: os.Getenv(envEdgeHeader), Secrets: env.secrets(envEdgeSecret, envEdgePrevious), DangerNoEdgeSecret: env.boolean(envNoEdgeSecret)},
			Certificate: env.certificate(),
			Token: verify.TokenConfig{
				Audiences:      env.list(envAudiences),
				ProjectNumbers: env.list(envProjectNumbers),
				KeysURL:        os.Getenv(envKeysURL),
			},
			Basic:                     verify.BasicConfig{Credentials: env.mountedSecrets(envBasicFiles, envBasic, envBasicPrevious)},
			Header:                    verify.HeaderConfig{Name: os.Getenv(envHeaderName), Secrets: env.mountedSecrets(envHeaderFiles, envHeaderSecret, envHeaderPrevious)},
			Session:                   env.session(),
			Agents:                    env.agents(),
			DangerAnyDialogflowTenant: env.boolean(envAnyTenant),
			DangerNotProduction:       env.boolean(envNotProduction),
		},
		Budget:      env.duration(envBudget),
		Concurrency: env.concurrency(),
		Project:     os.Getenv(envProject),
		LogChecks:   env.boolean(envLogChecks),
		LogTo:       env.log(),
	}
	var err error
	if cfg.Tracing, err = tracing.Wanted(); err != nil {
		env.problems = append(env.problems, flatten(err)...)
	}
	if cfg.Verify.Token.KeysURL != "" && os.Getenv("K_SERVICE") != "" && !env.boolean(envDangerKeysURL) {
		env.problem(envKeysURL, "whoever serves this URL can make tokens for anybody; unset it, or set "+envDangerKeysURL+"=true if that is meant")
	}
	env.unknown()
	if _, err := verify.New(cfg.Verify); err != nil {
		for _, err := range flatten(err) {
			var field *verify.ConfigError
			if !errors.As(err, &field) {
				env.problems = append(env.problems, err)
				continue
			}
			base, _, _ := strings.Cut(field.Field, "[")
			if name := envOfField[base]; name != "" {
				env.problem(name, field.Problem)
			} else {
				env.problem(field.Field, field.Problem)
			}
		}
	}
	return cfg, env.problems
}

// flatten gives the errors that errors.Join put together, at any depth.
func flatten(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range many.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	return []error{err}
}

// envReader reads variables and collects what is wrong with them.
type envReader struct{ problems []error }

func (e *envReader) problem(name, text string) {
	e.problems = append(e.problems, fmt.Errorf("%s: %s", name, text))
}

func (e *envReader) list(name string) []string {
	value, ok := os.LookupEnv(name)
	if !ok {
		return nil
	}
	list := strings.Split(value, ",")
	for i := range list {
		if list[i] = strings.TrimSpace(list[i]); list[i] == "" {
			e.problem(name, fmt.Sprintf("entry %d of the list is empty", i+1))
		}
	}
	return list
}

// secrets gives those that are set. An empty one is a mistake, not an absence:
// it is what a secret that was not mounted looks like.
func (e *envReader) secrets(names ...string) []string {
	var list []string
	for _, name := range names {
		value, ok := os.LookupEnv(name)
		if !ok {
			continue
		}
		if value == "" {
			e.problem(name, "set, but empty; unset it, or give it the secret")
			continue
		}
		list = append(list, value)
	}
	return list
}

func (e *envReader) boolean(name string) bool {
	switch value := os.Getenv(name); value {
	case "true":
		return true
	case "", "false":
	default:
		e.problem(name, fmt.Sprintf("%q; want true or false", value))
	}
	return false
}

func (e *envReader) log() string {
	value := os.Getenv(envLog)
	switch {
	case value != "" && value != LogStdout && value != LogCloud:
		e.problem(envLog, fmt.Sprintf("%q; want %s or %s", value, LogStdout, LogCloud))
	case value == LogCloud && os.Getenv("K_SERVICE") != "":
		e.problem(envLog, LogCloud+": Cloud Run collects standard output; unset it")
	case value == LogCloud && os.Getenv(envProject) == "":
		e.problem(envProject, "not set: "+envLog+"="+LogCloud+" needs the id of the project that has the log")
	}
	return value
}

func (e *envReader) duration(name string) time.Duration {
	value := os.Getenv(name)
	if value == "" {
		return 0
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 100*time.Millisecond || d > 30*time.Second { // Dialogflow waits 30 s at most
		e.problem(name, fmt.Sprintf("%q; want a duration from 100ms to 30s, as 4s", value))
	}
	return d
}

func (e *envReader) concurrency() int {
	value := os.Getenv(envCalls)
	if value == "" {
		return 0
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > MaxConcurrency {
		e.problem(envCalls, fmt.Sprintf("%q; want a number of calls from 1 to %d", value, MaxConcurrency))
	}
	return n
}

func (e *envReader) identities() []verify.Identity {
	names := []string{"google", "google-legacy"}
	if _, ok := os.LookupEnv(envIdentities); ok {
		names = e.list(envIdentities)
	}
	if !slices.Contains(names, "custom") {
		e.unusedCustom()
	}
	known := map[string]struct {
		identity func() verify.Identity
		file     string
	}{"google": {verify.GoogleIdentity, envGoogleCA}, "google-legacy": {verify.GoogleLegacyIdentity, envGoogleLegacyCA}, "custom": {e.custom, envCustomCA}}
	list := []verify.Identity{}
	for _, name := range names {
		k, ok := known[name]
		if !ok {
			e.problem(envIdentities, fmt.Sprintf("%q is not an identity; have %s", name, strings.Join(sortedKeys(known), ", ")))
			continue
		}
		id := k.identity()
		if file := os.Getenv(k.file); file != "" {
			pem, err := os.ReadFile(file)
			if err == nil {
				id.Roots, id.Intermediates, err = verify.ParseCABundle(pem)
			}
			if err != nil {
				e.problem(k.file, fmt.Sprintf("%s: %v", file, err))
			}
		}
		list = append(list, id)
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// unknown reports variables of ours that nothing reads: a misspelt setting must
// not pass for an absent one.
func (e *envReader) unknown() {
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, envPrefix) && !slices.Contains(envNames, name) {
			e.problem(name, "no such setting; have "+strings.Join(envNames, ", "))
		}
	}
}
