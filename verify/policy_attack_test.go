package verify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// custom is an identity of one's own: a CA that issues to nobody else.
func (w *testWorld) custom() Identity {
	return Identity{Name: "custom", Roots: []*x509.Certificate{w.stranger.Certificate}, CommonName: "shirts-agent"}
}

// configFor has everything that the policy asks for, and no more.
func configFor(policy Policy) Config {
	w := world()
	cfg := Config{Policy: policy, Now: func() time.Time { return certNow }, Edge: EdgeConfig{Secrets: []string{testEdgeSecret}}, Certificate: CertificateConfig{Identities: []Identity{w.custom()}}}
	for _, proof := range strings.Split(string(policy), "+") {
		switch proof {
		case proofIDToken:
			cfg.Token = TokenConfig{Audiences: []string{tokenAudience}, ProjectNumbers: []string{tokenProject}}
		case proofBasic:
			cfg.Basic.Credentials = []string{testBasic}
		case proofHeader:
			cfg.Header = HeaderConfig{testSecretHeader, []string{testHeader}}
		case proofSession:
			cfg.Session = sessionConfig()
		}
	}
	return cfg
}

// TestAttackPolicy: what must not start, each with the nearest that does.
func TestAttackPolicy(t *testing.T) {
	tenants := func(cfg *Config) { cfg.Certificate.Identities = world().identities() }
	for _, row := range []struct {
		id     string
		policy Policy
		edit   func(*Config)
		cloud  bool   // K_SERVICE is set
		want   string // "" starts
	}{
		{id: "P01-empty-is-the-default", policy: "", edit: func(cfg *Config) { cfg.Token = configFor(proofIDToken).Token }},
		{id: "P02-unknown", policy: "none", want: `"none" is not a policy`},
		{id: "P03-an-empty-proof", policy: "mtls+", want: "is not a policy"},
		{id: "P04-upper-case", policy: "MTLS", want: "is not a policy"},
		{id: "P05-twice", policy: "mtls+mtls", want: "names mtls twice"},
		{id: "P06-session-alone", policy: "session", want: "no body is read of callers who have proved nothing"},
		{id: "P07-token-and-basic", policy: "idtoken+basic", want: "both come in the Authorization header"},
		{id: "P08-idtoken", policy: "idtoken"},
		{id: "P09-mtls", policy: "mtls"},
		{id: "P10-mtls+session", policy: "mtls+session"},
		{id: "P11-idtoken+session", policy: "idtoken+session"},
		{id: "P12-mtls+basic", policy: "mtls+basic"},
		{id: "P13-mtls+header", policy: "mtls+header"},
		{id: "P14-everything", policy: "mtls+idtoken+header+session"},
		{id: "P15-another-order", policy: "session+idtoken+mtls"},
		{id: "P16-header", policy: "header"},
		{id: "P17-basic", policy: "basic"},

		{id: "P20-mtls-for-every-tenant", policy: "mtls", edit: tenants, want: "every Dialogflow agent on earth"},
		{id: "P21-mtls-by-default-identities", policy: "mtls", edit: func(cfg *Config) { cfg.Certificate.Identities = nil }, want: "every Dialogflow agent on earth"},
		{id: "P22-mtls+session-for-every-tenant", policy: "mtls+session", edit: tenants, want: "every Dialogflow agent on earth"},
		{id: "P23-mtls+basic-for-every-tenant", policy: "mtls+basic", edit: tenants, want: "every Dialogflow agent on earth"},
		{id: "P24-google-under-another-name", policy: "mtls", edit: func(cfg *Config) {
			id := world().identities()[0]
			id.Name = "ours"
			cfg.Certificate.Identities = []Identity{id}
		}, want: "every Dialogflow agent on earth"},
		{id: "P25-legacy-beside-custom", policy: "mtls", edit: func(cfg *Config) {
			cfg.Certificate.Identities = append(cfg.Certificate.Identities, world().identities()[1])
		}, want: "every Dialogflow agent on earth"},
		{id: "P26-meant", policy: "mtls", edit: func(cfg *Config) { tenants(cfg); cfg.DangerAnyDialogflowTenant = true }},
		{id: "P27-with-the-token", policy: "mtls+idtoken", edit: tenants},
		{id: "P28-no-certificate-no-tenant", policy: "header", edit: tenants},
		{id: "P29-legacy-under-another-name", policy: "mtls", edit: func(cfg *Config) {
			id := world().identities()[1]
			id.Name = "ours"
			cfg.Certificate.Identities = []Identity{id}
		}, want: "every Dialogflow agent on earth"},
		{id: "P36-a-DNS-name-of-ones-own", policy: "mtls", edit: func(cfg *Config) {
			id := world().custom()
			id.CommonName, id.DNSName = "", "agent.shirts.example"
			cfg.Certificate.Identities = []Identity{id}
		}},

		{id: "P30-insecure-none", policy: PolicyInsecureNone, want: "DangerNotProduction"},
		{id: "P31-insecure-none-in-the-cloud", policy: PolicyInsecureNone, edit: func(cfg *Config) { cfg.DangerNotProduction = true }, cloud: true, want: "on Cloud Run"},
		{id: "P32-insecure-none-meant", policy: PolicyInsecureNone, edit: func(cfg *Config) { cfg.DangerNotProduction = true }},
		{id: "P33-insecure-none-and-more", policy: "insecure-none+mtls", edit: func(cfg *Config) { cfg.DangerNotProduction = true }, want: "is not a policy"},
		{id: "P34-the-cloud-with-proofs", policy: "idtoken", cloud: true},

		{id: "P40-no-edge-secret", policy: "mtls", edit: func(cfg *Config) { cfg.Edge = EdgeConfig{} }, want: "no edge secret"},
		{id: "P41-no-edge-secret-without-mtls", policy: "idtoken", edit: func(cfg *Config) { cfg.Edge = EdgeConfig{} }},
		{id: "P42-no-credentials", policy: "basic", edit: func(cfg *Config) { cfg.Basic = BasicConfig{} }, want: "no credentials"},
		{id: "P43-no-password", policy: "basic", edit: func(cfg *Config) { cfg.Basic.Credentials[0] = "user" }, want: "want user:password"},
		{id: "P44-a-short-password", policy: "basic", edit: func(cfg *Config) { cfg.Basic.Credentials[0] = "user:secret" }, want: "a password of 6 bytes"},
		{id: "P45-a-line-end", policy: "basic", edit: func(cfg *Config) { cfg.Basic.Credentials[0] = testBasic + "\n" }, want: "line end"},
		{id: "P46-no-header-name", policy: "header", edit: func(cfg *Config) { cfg.Header.Name = "" }, want: "is not the name"},
		{id: "P47-authorization-as-header", policy: "header", edit: func(cfg *Config) { cfg.Header.Name = "authorization" }, want: "is not the name"},
		{id: "P48-a-certificate-header", policy: "header", edit: func(cfg *Config) { cfg.Header.Name = "x-client-cert-leaf" }, want: "carries another proof"},
		{id: "P49-the-edge-header", policy: "header", edit: func(cfg *Config) { cfg.Header.Name = DefaultEdgeHeader }, want: "carries another proof"},
		{id: "P50-no-header-secret", policy: "header", edit: func(cfg *Config) { cfg.Header.Secrets = nil }, want: "no secret"},
		{id: "P51-a-short-header-secret", policy: "header", edit: func(cfg *Config) { cfg.Header.Secrets[0] = "short" }, want: "5 bytes"},
		{id: "P52-a-header-secret-with-a-comma", policy: "header", edit: func(cfg *Config) { cfg.Header.Secrets[0] = testHeader + "," }, want: "a comma"},
		{id: "P53-session-without-issuer", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.Issuer = "" }, want: "Session.Issuer: empty"},
		{id: "P54-session-without-audience", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.Audience = "" }, want: "Session.Audience: empty"},
		{id: "P55-session-without-keys", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.JWKS = nil }, want: "0 sources of keys"},
		{id: "P56-session-with-two-kinds-of-keys", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.HMACSecrets = []string{testHMACSecret} }, want: "2 sources of keys"},
		{id: "P57-a-short-shared-secret", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session = hmacConfig("short") }, want: "5 bytes; want at least 32"},
		{id: "P58-a-shared-secret", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session = hmacConfig(testHMACSecret) }},
		{id: "P59-a-token-of-days", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.MaxLifetime = 25 * time.Hour }, want: "want up to 24h"},
		{id: "P60-configured-and-not-asked-for", policy: "mtls", edit: func(cfg *Config) { cfg.Session = sessionConfig() }, want: "add +session"},
		{id: "P61-audience-and-no-token", policy: "mtls", edit: func(cfg *Config) { cfg.Token = configFor(proofIDToken).Token }, want: "add +idtoken"},
		{id: "P62-a-parameter-with-a-space", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.Parameter = " token" }, want: "is not a session parameter's name"},
		{id: "P63-issuer-and-no-session", policy: "mtls", edit: func(cfg *Config) { cfg.Session.Issuer = sessionIssuer }, want: "Session.Issuer: configured, but policy \"mtls\" does not ask for it"},
		{id: "P64-keys-and-no-session", policy: "mtls", edit: func(cfg *Config) { cfg.Session.JWKS = []byte(sessionJWKS()) }, want: "add +session"},
		{id: "P65-a-key-server-and-no-session", policy: "mtls", edit: func(cfg *Config) { cfg.Session.KeysURL = "https://auth.example.com/jwks" }, want: "add +session"},
		{id: "P66-shared-secrets-and-no-session", policy: "mtls", edit: func(cfg *Config) { cfg.Session.HMACSecrets = []string{testHMACSecret} }, want: "add +session"},

		{id: "P90-a-parameter-with-a-line-end", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.Parameter = "to\nken" }, want: "is not a session parameter's name"},
		{id: "P91-a-parameter-of-ones-own", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.Parameter = "token" }},
		{id: "P92-a-token-of-a-day", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.MaxLifetime = MaxSessionLifetime }},
		{id: "P93-a-token-of-a-day-and-a-bit", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.MaxLifetime = MaxSessionLifetime + 1 }, want: "want up to 24h"},
		{id: "P94-a-negative-lifetime", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session.MaxLifetime = -1 }, want: "want up to 24h"},
		{id: "P95-the-shortest-shared-secret", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session = hmacConfig(strings.Repeat("x", MinHMACSecretBytes)) }},
		{id: "P96-a-byte-too-short", policy: "mtls+session", edit: func(cfg *Config) { cfg.Session = hmacConfig(strings.Repeat("x", MinHMACSecretBytes-1)) }, want: "31 bytes; want at least 32"},

		{id: "P80-the-shortest-password", policy: "basic", edit: func(cfg *Config) { cfg.Basic.Credentials[0] = "u:" + strings.Repeat("x", MinBasicPasswordBytes) }},
		{id: "P81-a-password-a-byte-too-short", policy: "basic", edit: func(cfg *Config) { cfg.Basic.Credentials[0] = "u:" + strings.Repeat("x", MinBasicPasswordBytes-1) }, want: "a password of 15 bytes; want at least 16"},
		{id: "P82-a-password-with-spaces", policy: "basic", edit: func(cfg *Config) { cfg.Basic.Credentials[0] = "cx:password of the tests" }},
		{id: "P83-a-password-with-DEL", policy: "basic", edit: func(cfg *Config) { cfg.Basic.Credentials[0] = testBasic + "\x7f" }, want: "control character"},
		{id: "P84-a-password-without-a-user", policy: "basic", edit: func(cfg *Config) { cfg.Basic.Credentials[0] = ":password-of-the-tests" }, want: "want user:password"},
		{id: "P85-the-shortest-header-secret", policy: "header", edit: func(cfg *Config) { cfg.Header.Secrets[0] = strings.Repeat("~", MinHeaderSecretBytes) }}, // and the last character of ASCII
		{id: "P86-a-header-secret-a-byte-too-short", policy: "header", edit: func(cfg *Config) { cfg.Header.Secrets[0] = strings.Repeat("~", MinHeaderSecretBytes-1) }, want: "21 bytes; want at least 22"},
		{id: "P87-a-header-secret-with-a-space", policy: "header", edit: func(cfg *Config) { cfg.Header.Secrets[0] = "header secret-of-the-tests-1" }, want: "has a space"},
		{id: "P88-a-header-secret-beyond-ASCII", policy: "header", edit: func(cfg *Config) { cfg.Header.Secrets[0] = testHeader + "\x7f" }, want: "beyond ASCII"},

		{id: "P70-agent-of-a-foreign-project", policy: "idtoken", edit: func(cfg *Config) { cfg.Agents = []AllowedAgent{{"42", testAgent, nil}} }, want: `"42" is not among`},
		{id: "P71-agent-without-a-number", policy: "idtoken", edit: func(cfg *Config) { cfg.Agents = []AllowedAgent{{"", testAgent, nil}} }, want: `"" is not among`},
		{id: "P72-agent", policy: "idtoken", edit: func(cfg *Config) { cfg.Agents = []AllowedAgent{{tokenProject, testAgent, nil}} }},
		{id: "P73-a-number-nobody-proves", policy: "mtls", edit: func(cfg *Config) { cfg.Agents = []AllowedAgent{{tokenProject, testAgent, nil}} }, want: "nothing proves it"},
		{id: "P74-not-an-agent", policy: "mtls", edit: func(cfg *Config) { cfg.Agents = []AllowedAgent{{"", testAgent + "/sessions/s", nil}} }, want: "is not an agent's name"},
		{id: "P75-an-empty-environment", policy: "mtls", edit: func(cfg *Config) { cfg.Agents = []AllowedAgent{{"", testAgent, []string{""}}} }, want: "an environment is empty"},
	} {
		t.Run(row.id, func(t *testing.T) {
			if row.cloud {
				t.Setenv("K_SERVICE", "webhook")
			}
			cfg := configFor(row.policy)
			if row.policy == "" {
				cfg = configFor("mtls")
				cfg.Policy = ""
			}
			if row.edit != nil {
				row.edit(&cfg)
			}
			_, err := New(cfg)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Fatalf("got %v, want %q", err, row.want)
			}
			var field *ConfigError
			if err != nil && !errors.As(err, &field) {
				t.Errorf("%v is not a *ConfigError", err)
			}
			if err != nil && strings.Contains(err.Error(), "of-the-tests") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// The parts of a policy, for who shows or documents it.
func TestPolicyProofs(t *testing.T) {
	for policy, want := range map[Policy][]string{
		"": {"mtls", "idtoken"}, PolicyMTLSAndIDToken: {"mtls", "idtoken"}, "session+mtls": {"session", "mtls"}, "header": {"header"},
		PolicyInsecureNone: nil, "none": nil, "mtls+mtls": nil, "idtoken+basic": nil,
	} {
		if got := policy.Proofs(); !slices.Equal(got, want) {
			t.Errorf("%q asks for %q, want %q", policy, got, want)
		}
	}
}

// good makes a request that every policy of configFor lets in.
func goodRequest() *http.Request {
	w := world()
	agent := w.stranger.issueClient(dn(common("shirts-agent")))
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", nil)
	r.Header = balancer(agent.Certificate)
	r.Header.Set(DefaultEdgeHeader, testEdgeSecret)
	r.Header.Set(testSecretHeader, testHeader)
	r.Header.Set("Authorization", basic(testBasic))
	return r
}

// A policy asks for all of its proofs, and for nothing else; and nothing of them
// gets past it.
func TestAttackPolicyProofs(t *testing.T) {
	carriers := map[string][]string{proofMTLS: {"X-Client-Cert-Leaf", DefaultEdgeHeader}, proofBasic: {"Authorization"}, proofHeader: {testSecretHeader}}
	for i, policy := range []Policy{"mtls", "mtls+basic", "mtls+header", "mtls+basic+header", "basic", "header", "basic+header", PolicyInsecureNone} {
		cfg := configFor(policy)
		if cfg.DangerNotProduction = policy == PolicyInsecureNone; cfg.DangerNotProduction || !strings.Contains(string(policy), "mtls") {
			cfg.Edge = EdgeConfig{}
		}
		v, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		call := func(t *testing.T, without string) (status int, challenge string) {
			r := goodRequest()
			r.Header.Del(without)
			w := httptest.NewRecorder()
			v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for _, secret := range []string{"Authorization", DefaultEdgeHeader, "X-Client-Cert-Leaf", "X-Client-Cert-Present"} {
					gone(t, r.Header, secret)
				}
				if strings.Contains(string(policy), proofHeader) {
					gone(t, r.Header, testSecretHeader)
				}
			}), nil).ServeHTTP(w, r)
			return w.Code, w.Header().Get("WWW-Authenticate")
		}
		t.Run(fmt.Sprintf("Q%02d-%s", i+1, policy), func(t *testing.T) {
			if status, _ := call(t, "X-Nothing"); status != http.StatusOK {
				t.Fatalf("the good call: %d", status)
			}
			for proof, headers := range carriers {
				asked := proofSet(strings.Split(string(policy), "+")).has(proof)
				for _, header := range headers {
					status, challenge := call(t, header)
					if (status != http.StatusOK) != asked {
						t.Errorf("without %s: %d", header, status)
					}
					if (status == http.StatusUnauthorized) != strings.HasPrefix(challenge, "Basic ") {
						t.Errorf("without %s: %d with the challenge %q", header, status, challenge)
					}
				}
			}
		})
	}
	for _, code := range declaredCodes(t, "Policy") {
		rep := &Report{}
		if err := (openProof{}).verify(context.Background(), nil, rep, time.Now()); err != nil || rep.warnings()[0] != code {
			t.Errorf("got %v, %v, want the warning %s", err, rep.warnings(), code)
		}
	}
}

// TestEdgeSecretWithoutMTLS: where no header of a certificate can be forged, the edge
// secret is asked for if there is one, and else not spoken of. With mtls it always is.
func TestEdgeSecretWithoutMTLS(t *testing.T) {
	given, meant := EdgeConfig{Secrets: []string{testEdgeSecret}}, EdgeConfig{DangerNoEdgeSecret: true}
	for _, row := range []struct {
		id      string
		policy  Policy
		edge    EdgeConfig
		secret  string // of the call
		want    Code
		reached bool // the report speaks of it
		warn    []Code
	}{
		{"Q20-secret", "header", given, testEdgeSecret, "", true, nil},
		{"Q21-no-secret", "header", given, "", EdgeSecretMissing, true, nil},
		{"Q22-wrong-secret", "header", given, testOldEdgeSecret, EdgeSecretWrong, true, nil},
		{"Q23-none-configured", "header", EdgeConfig{}, "", "", false, nil},
		{"Q24-none-with-mtls", "mtls", meant, "", "", true, []Code{EdgeSecretUnchecked}},
	} {
		t.Run(row.id, func(t *testing.T) {
			cfg := configFor(row.policy)
			cfg.Edge = row.edge
			r := goodRequest()
			r.Header.Set(DefaultEdgeHeader, row.secret)
			rep, err := mustMake(New(cfg)).Verify(r)
			if got := refusal(t, rep, err); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if got := rep.warnings(); rep.Reached(StationEdge) != row.reached || !slices.Equal(got, row.warn) {
				t.Errorf("reached: %v, want %v; warnings %v, want %v", rep.Reached(StationEdge), row.reached, got, row.warn)
			}
		})
	}
}

const testAgent = "projects/shirts/locations/global/agents/a1"

// TestAttackAgent: pairs of a project that is proved and an agent that is said.
func TestAttackAgent(t *testing.T) {
	list := []AllowedAgent{{tokenProject, testAgent, nil}, {"42", "projects/hats/locations/eu/agents/h1", []string{"prod", DraftEnvironment}}}
	token := TokenConfig{Audiences: []string{tokenAudience}, ProjectNumbers: []string{tokenProject, "42"}}
	guard := mustMake(newAgentGuard(list, token, proofSet{proofIDToken}))
	ours := dialogflowAgent(tokenProject)
	hats := Session{Name: "x", Project: "hats", Location: "eu", Agent: "h1", Environment: "prod"}
	with := func(s Session, edit func(*Session)) Session { edit(&s); return s }
	reached := map[Code]bool{}
	for _, row := range []struct {
		id      string
		session Session
		caller  string
		want    Code
	}{
		{"L01-good", testSession, ours, ""},
		{"L02-any-environment", with(testSession, func(s *Session) { s.Environment = "e1" }), ours, ""},
		{"L03-another-agent", with(testSession, func(s *Session) { s.Agent = "a2" }), ours, AgentNotAllowed},
		{"L04-a-longer-agent", with(testSession, func(s *Session) { s.Agent = "a11" }), ours, AgentNotAllowed},
		{"L05-a-prefix", with(testSession, func(s *Session) { s.Agent = "a" }), ours, AgentNotAllowed},
		{"L06-another-location", with(testSession, func(s *Session) { s.Location = "eu" }), ours, AgentNotAllowed},
		{"L07-another-project-name", with(testSession, func(s *Session) { s.Project = "shirt" }), ours, AgentNotAllowed},
		{"L08-upper-case", with(testSession, func(s *Session) { s.Agent = "A1" }), ours, AgentNotAllowed},
		{"L09-another-projects-token", testSession, dialogflowAgent("42"), AgentNotAllowed},
		{"L10-nobodys-token", testSession, "", AgentNotAllowed},
		{"L11-environment", hats, dialogflowAgent("42"), ""},
		{"L12-another-environment", with(hats, func(s *Session) { s.Environment = "prod2" }), dialogflowAgent("42"), AgentNotAllowed},
		{"L13-draft", with(hats, func(s *Session) { s.Environment = "" }), dialogflowAgent("42"), ""},
		{"L14-hats-by-our-token", hats, ours, AgentNotAllowed},
		{"L15-malformed", Session{Name: "projects/shirts/agent/sessions/s1"}, ours, AgentMalformed},
	} {
		reached[row.want] = true
		t.Run(row.id, func(t *testing.T) {
			v, rep := &Verifier{agents: guard, now: time.Now}, &Report{Caller: row.caller}
			err := v.VerifySession(context.Background(), row.session, "", rep)
			if got := refusal(t, rep, err); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if err != nil && err.(*Error).Status() != http.StatusForbidden {
				t.Errorf("status %d, want 403", err.(*Error).Status())
			}
		})
	}
	for _, code := range declaredCodes(t, "Agent") {
		if !reached[code] {
			t.Errorf("no row reaches %s", code)
		}
	}
}
