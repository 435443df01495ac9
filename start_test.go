package webhook

import (
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"example.com/cxhook/cx"
	"example.com/cxhook/internal/telemetry"
	"example.com/cxhook/verify"
)

// startOf gives what the line at the start says.
func startOf(t *testing.T, cfg Config) (text string, entry telemetry.Entry) {
	t.Helper()
	log := new(lockedBuffer)
	cfg.Log = log
	if cfg.Register == nil {
		cfg.Register = testAgent
	}
	if _, err := New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	text, _, _ = strings.Cut(log.String(), "\n")
	if err := json.Unmarshal([]byte(text), &entry); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return text, entry
}

// The line at the start shows what is configured, defaults filled in, and counts
// secrets; none of them is in it.
func TestStartLineHasNoSecrets(t *testing.T) {
	const secret = "0123456789-a-SECRET-0123456789-0123456789"
	text, e := startOf(t, Config{Verify: verify.Config{
		Policy:      "mtls+basic+header+session",
		Edge:        verify.EdgeConfig{Header: "X-Edge", Secrets: []string{secret, secret + "-previous"}},
		Certificate: verify.CertificateConfig{Source: verify.SourceXFCC, Denied: []string{strings.Repeat("ab", 32)}},
		Basic:       verify.BasicConfig{Credentials: []string{"user:" + secret}},
		Header:      verify.HeaderConfig{Name: "X-Secret", Secrets: []string{secret}},
		Session:     verify.SessionConfig{Issuer: "https://issuer.example.com", Audience: "shirts", HMACSecrets: []string{secret, secret + "2"}},
		Agents:      []verify.AllowedAgent{{Agent: "projects/p/locations/global/agents/a", Environments: []string{"draft"}}},

		DangerAnyDialogflowTenant: true,
	}})
	if strings.Contains(text, "SECRET") {
		t.Errorf("a secret is in %s", text)
	}
	s := e.Start
	if s.Policy != "mtls+basic+header+session" || *s.Edge != (telemetry.StartEdge{Name: "X-Edge", Secrets: 2}) || *s.Header != (telemetry.StartEdge{Name: "X-Secret", Secrets: 1}) || s.Basic != 1 {
		t.Errorf("got %s", text)
	}
	if *s.Session != (telemetry.StartSession{Parameter: verify.DefaultSessionParameter, Issuer: "https://issuer.example.com", Audience: "shirts", Keys: "2 shared secrets"}) {
		t.Errorf("session %+v", s.Session)
	}
	if c := s.Certificate; c.Source != "xfcc" || !slices.Equal(c.Headers, []string{"X-Forwarded-Client-Cert"}) || !slices.Equal(c.Identities, []string{"google", "google-legacy"}) || c.Denied != 1 || len(c.Pins) < 4 {
		t.Errorf("certificate %+v", c)
	}
	if !slices.Equal(s.Agents, []string{"projects/p/locations/global/agents/a/environments/draft"}) || !slices.Contains(s.Routes, "late") || s.Budget != "4s" || s.Log != "stdout" || s.Tracing != "off" {
		t.Errorf("got %s", text)
	}
	if e.Severity != telemetry.Warning || !slices.Contains(s.Warnings, "DANGER: every Dialogflow agent on earth may call") || !strings.Contains(e.Message, "DANGER") {
		t.Errorf("no warning in %s", text)
	}
	if len(s.Audiences) > 0 || s.KeysURL != "" {
		t.Errorf("audiences or keys of a policy without idtoken: %s", text)
	}
}

// What a policy does not ask for is not said of it, and nothing warns.
func TestStartLineOfOtherPolicies(t *testing.T) {
	text, e := startOf(t, Config{
		Verify: verify.Config{Policy: "idtoken", Token: verify.TokenConfig{Audiences: []string{directAudience}, ProjectNumbers: []string{testProject}, KeysURL: "http://127.0.0.1:9/keys?key=SECRET"}},
		Paths:  map[string]http.Handler{"/b": http.NotFoundHandler(), "/a": http.NotFoundHandler()},
		Register: func(_ context.Context, m *cx.Mux) (func(context.Context) error, error) {
			m.Fallback(cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) { return nil, nil }))
			return nil, nil
		},
	})
	s := e.Start
	if s.Certificate != nil || s.Edge != nil || s.Session != nil || s.KeysURL != "http://127.0.0.1:9/keys" || !slices.Equal(s.Audiences, []string{directAudience}) || !slices.Equal(s.Paths, []string{"/a", "/b"}) || !slices.Equal(s.Routes, []string{"fallback"}) {
		t.Errorf("got %s", text)
	}
	if e.Severity != telemetry.Warning || len(s.Warnings) != 1 { // the keys are not Google's
		t.Errorf("got %s", text)
	}
	text, e = startOf(t, Config{Verify: verify.Config{Policy: "header", Header: verify.HeaderConfig{Name: headerName, Secrets: []string{headerSecret}}}})
	if e.Severity != telemetry.Info || e.Start.Warnings != nil || e.Message != "cxhook started: policy header" {
		t.Errorf("got %s", text)
	}
}

// On Cloud Run, the project's id links lines to traces.
func TestStartLineWithoutProject(t *testing.T) {
	cfg := Config{Verify: verify.Config{Policy: "header", Header: verify.HeaderConfig{Name: headerName, Secrets: []string{headerSecret}}}}
	for _, row := range []struct {
		service, project string
		warned           bool
	}{{"webhook", "", true}, {"webhook", "shirts", false}, {"", "", false}} {
		t.Setenv("K_SERVICE", row.service)
		cfg.Project = row.project
		text, e := startOf(t, cfg)
		if got := slices.Contains(e.Start.Warnings, "GOOGLE_CLOUD_PROJECT is not set: lines are not linked to their traces"); got != row.warned {
			t.Errorf("%+v: got %s", row, text)
		}
	}
}

// Cloud Logging's client is not among what the function brings along.
func TestLogToWithoutClient(t *testing.T) {
	_, err := New(t.Context(), Config{LogTo: LogCloud, Register: testAgent, Verify: verify.Config{Policy: verify.PolicyInsecureNone, DangerNotProduction: true}})
	if err == nil || !strings.Contains(err.Error(), "no client for it") {
		t.Errorf("got %v", err)
	}
}

// The function is linked without Cloud Logging's client, which its starts would pay
// for.
func TestFunctionImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "example.com/cxhook/internal/telemetry/tracing") {
		t.Fatal("the imports are not found any more")
	}
	for _, dep := range deps {
		if strings.HasPrefix(dep, "cloud.google.com/go/logging") {
			t.Errorf("the function imports %s", dep)
		}
	}
}
