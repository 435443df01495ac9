package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	webhook "example.com/cxhook"
	"example.com/cxhook/cx"
	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// doctorCmd explains refusals. It judges by the function's own code and settings,
// and has no rules of its own but those about a URL.
type doctorCmd struct {
	Token   string `help:"Judge the ID token in this file, or on standard input (-): the token itself, or the Authorization header." placeholder:"FILE|-"`
	Session string `help:"With --token: judge it as the session token of this session instead." placeholder:"projects/…/sessions/S"`
	Headers string `help:"Judge a call by its headers: as curl -v prints them, as JSON, or as they are in HTTP; or explain a line of the function's log." placeholder:"FILE|-"`
	Cert    string `help:"Judge the client certificate in this PEM file, with its intermediates behind it." placeholder:"FILE|-"`
	URL     string `name:"url" help:"Connect to the webhook's URL: server certificate, client certificate, and whether strangers are refused." placeholder:"https://…"`
	CA      string `help:"With --url: trust these CA certificates in place of the system's, as the agent's own setting does." placeholder:"FILE"`
	Default string `name:"default-url" help:"With --url: the service's run.app URL, which must not answer." placeholder:"https://….run.app"`
	Backend string `name:"backend-service" help:"With --url: the live backend service as gcloud describes it in JSON; its header list must be what the function reads." placeholder:"FILE|-"`
	Env     bool   `help:"Judge the environment: the configuration as the function would read it."`
	JSON    bool   `name:"json" help:"Print one JSON object: passed, and the checks."`

	Audience      []string `help:"In place of CXHOOK_AUDIENCES." placeholder:"URL"`
	ProjectNumber []string `name:"project-number" help:"In place of CXHOOK_PROJECT_NUMBERS." placeholder:"N"`

	stdin io.Reader // nil is the process's
}

// finding is a check as the doctor reports it.
type finding struct {
	Station   string `json:"station"`
	Check     string `json:"check"`
	Outcome   string `json:"outcome"` // pass, warn, fail or note
	Code      string `json:"code,omitzero"`
	Presented string `json:"presented,omitzero"`
	Expected  string `json:"expected,omitzero"`
	Rule      string `json:"rule,omitzero"`
	Change    string `json:"change,omitzero"`
}

// diagnosis is what the doctor says.
type diagnosis struct {
	Passed bool      `json:"passed"`
	Checks []finding `json:"checks"`
}

func (d *diagnosis) add(f finding) { d.Checks = append(d.Checks, f) }

func (d *diagnosis) note(station, check, text string) {
	d.add(finding{Station: station, Check: check, Outcome: "note", Presented: text})
}

func (c *doctorCmd) Run(ctx context.Context, out *streams) error {
	if c.stdin == nil {
		c.stdin = os.Stdin
	}
	asked := 0
	for _, is := range []bool{c.Token != "", c.Headers != "", c.Cert != "", c.URL != "", c.Env} {
		if is {
			asked++
		}
	}
	if asked != 1 {
		return usagef("doctor: want one of --token, --headers, --cert, --url and --env")
	}
	var d diagnosis
	var err error
	switch {
	case c.Session != "":
		err = c.sessionToken(ctx, &d)
	case c.Token != "":
		err = c.idToken(ctx, &d)
	case c.Headers != "":
		err = c.headers(ctx, &d)
	case c.Cert != "":
		err = c.certificate(&d)
	case c.URL != "":
		err = c.url(ctx, &d)
	default:
		c.environment(&d)
	}
	if err != nil {
		return err
	}
	d.Passed = !slices.ContainsFunc(d.Checks, func(f finding) bool { return f.Outcome == "fail" })
	if c.JSON {
		if err := json.MarshalWrite(out.out, d, json.Deterministic(true)); err != nil {
			return err
		}
		fmt.Fprintln(out.out)
	} else {
		printDiagnosis(out.out, &d)
	}
	if !d.Passed {
		return exitError(1)
	}
	return nil
}

// maxDoctorInput bounds what is read from a file: headers have up to some tens of
// kilobytes.
const maxDoctorInput = 1 << 20

func (c *doctorCmd) read(name, file string) ([]byte, error) {
	in := c.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usagef("%s: %v", name, err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxDoctorInput+1))
	switch {
	case err != nil:
		return nil, usagef("%s: %v", name, err)
	case len(b) > maxDoctorInput:
		return nil, usagef("%s: over %d bytes", name, maxDoctorInput)
	case len(bytes.TrimSpace(b)) == 0:
		return nil, usagef("%s: empty", name)
	}
	return b, nil
}

// config is what the function would read, with the flags on top.
func (c *doctorCmd) config() (webhook.Config, []error) {
	cfg, problems := webhook.InspectEnv()
	if c.Audience != nil {
		cfg.Verify.Token.Audiences = c.Audience
	}
	if c.ProjectNumber != nil {
		cfg.Verify.Token.ProjectNumbers = c.ProjectNumber
	}
	return cfg, problems
}

// verifier is of one part of the configuration: what is wrong with the others is
// for --env.
func verifier(cfg verify.Config) (*verify.Verifier, error) {
	v, err := verify.New(cfg)
	if err != nil {
		return nil, usagef("the function would not start with these settings (CXHOOK_… variables, see doctor --env):\n%v", err)
	}
	return v, nil
}

// keysTimeout is for the key set: the function's own is shorter.
const keysTimeout = 10 * time.Second

func (c *doctorCmd) idToken(ctx context.Context, d *diagnosis) error {
	b, err := c.read("--token", c.Token)
	if err != nil {
		return err
	}
	cfg, _ := c.config()
	if len(cfg.Verify.Token.Audiences) == 0 || len(cfg.Verify.Token.ProjectNumbers) == 0 {
		return usagef("--token: want the webhook's URL and the project's number, from CXHOOK_AUDIENCES and CXHOOK_PROJECT_NUMBERS or by --audience and --project-number")
	}
	v, err := verifier(verify.Config{Policy: "idtoken", Token: cfg.Verify.Token})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	values := authorization(string(b))
	r := (&http.Request{Header: http.Header{"Authorization": values}}).WithContext(ctx)
	rep, err := v.Verify(r)
	d.report(rep, err)
	return nil
}

// authorization makes a header of what people have in a file: the token, the
// header's value, or the whole line.
func authorization(text string) []string {
	text = strings.TrimSpace(text)
	if name, value, ok := strings.Cut(text, ":"); ok && strings.EqualFold(name, "Authorization") {
		return []string{strings.TrimSpace(value)}
	}
	if !strings.Contains(text, " ") {
		text = "Bearer " + text
	}
	return []string{text}
}

func (c *doctorCmd) sessionToken(ctx context.Context, d *diagnosis) error {
	if c.Token == "" {
		return usagef("--session: want the session token by --token")
	}
	b, err := c.read("--token", c.Token)
	if err != nil {
		return err
	}
	cfg, _ := c.config()
	// Any proof beside it will do, a session token never stands alone.
	const stand = "doctor-stands-in-for-the-header"
	v, err := verifier(verify.Config{Policy: "header+session", Header: verify.HeaderConfig{Name: "X-Doctor", Secrets: []string{stand}}, Session: cfg.Verify.Session})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	s, _ := cx.ParseSession(c.Session) // the report says so if it is none
	rep := &verify.Report{}
	err = v.VerifySession(ctx, verify.Session{Name: c.Session, Project: s.Project, Location: s.Location, Agent: s.Agent, Environment: s.Environment}, strings.TrimSpace(string(b)), rep)
	d.report(rep, err)
	return nil
}

// certificate judges a certificate as the function does one that the load balancer
// has verified. Whether the balancer would is a matter of its TrustConfig: the same
// roots.
func (c *doctorCmd) certificate(d *diagnosis) error {
	b, err := c.read("--cert", c.Cert)
	if err != nil {
		return err
	}
	certs, err := readCertificates(b)
	if err != nil {
		return usagef("--cert: %v", err)
	}
	cfg, _ := c.config()
	rules := cfg.Verify.Certificate
	v, err := verifier(verify.Config{Policy: "mtls", DangerAnyDialogflowTenant: true, Edge: verify.EdgeConfig{DangerNoEdgeSecret: true},
		Certificate: verify.CertificateConfig{Identities: rules.Identities, Denied: rules.Denied}})
	if err != nil {
		return err
	}
	leaf := certs[0]
	d.note("certificate", "subject", orNone(leaf.Subject.String()))
	d.note("certificate", "issuer", orNone(leaf.Issuer.String()))
	d.note("certificate", "valid", leaf.NotBefore.UTC().Format(time.RFC3339)+" to "+leaf.NotAfter.UTC().Format(time.RFC3339))
	if len(leaf.DNSNames) > 0 {
		d.note("certificate", "DNS SANs", strings.Join(leaf.DNSNames, ", "))
	}
	chain := &tls.Certificate{}
	for _, cert := range certs {
		chain.Certificate = append(chain.Certificate, cert.Raw)
	}
	header, err := emulator.ForgedHeaders(verify.DefaultGoogleLBHeaders(), chain)
	if err != nil {
		return err
	}
	rep, err := v.Verify(&http.Request{Header: header})
	// What the balancer would say is our own forgery here, and no finding.
	rep.Checks = slices.DeleteFunc(rep.Checks, func(c verify.Check) bool {
		return c.Station != verify.StationCertificate || c.Outcome == verify.Pass && slices.Contains([]string{"headers", "present", "verified"}, c.Name)
	})
	d.report(rep, err)
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func readCertificates(b []byte) (certs []*x509.Certificate, err error) {
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			break
		}
		b = rest
		if block.Type != "CERTIFICATE" { // a key, perhaps; it is none of our business
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(certs)+1, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("no PEM certificate in it")
	}
	return certs, nil
}

// report takes over what the function's own code found.
func (d *diagnosis) report(rep *verify.Report, err error) {
	for i := range rep.Checks {
		c := &rep.Checks[i]
		d.add(finding{Station: string(c.Station), Check: c.Name, Outcome: string(c.Outcome), Code: string(c.Code), Presented: c.Presented, Expected: c.Expected, Rule: c.Rule, Change: c.Hint})
	}
	var e *verify.Error
	if errors.As(err, &e) && e.Cause != nil {
		d.note(string(e.Station), "cause", e.Cause.Error())
	}
}
