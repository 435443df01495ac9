package webhook

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"example.com/cxhook/cx"
	"example.com/cxhook/verify"
)

const (
	hmacSecret    = "0123456789abcdef0123456789abcdef"
	sessionName   = "projects/shirts/locations/global/agents/a1/sessions/s1"
	sessionParam  = "proof"
	sessionIssuer = "https://auth.example.com"
)

// sessionToken is what an authentication server makes for a session.
func sessionToken(t *testing.T, session string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(hmacSecret)}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	token, err := jwt.Signed(signer).Claims(map[string]any{"iss": sessionIssuer, "aud": "shirts", "nbf": now, "exp": now + 600, "session": session}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// newSessionPath is a path that asks for the session token and an allowed agent;
// its agent notes what it sees.
func newSessionPath(t *testing.T, seen *[]*cx.Request) *path {
	return newPath(t, func(cfg *Config) {
		cfg.Verify.Policy = "mtls+idtoken+session"
		cfg.Verify.Session = verify.SessionConfig{Parameter: sessionParam, Issuer: sessionIssuer, Audience: "shirts", HMACSecrets: []string{hmacSecret}}
		cfg.Verify.Agents = []verify.AllowedAgent{{ProjectNumber: testProject, Agent: "projects/shirts/locations/global/agents/a1"}}
		cfg.Register = func(_ context.Context, m *cx.Mux) (func(context.Context) error, error) {
			m.KeepRaw = true
			m.Fallback(cx.HandlerFunc(func(_ context.Context, req *cx.Request) (*cx.Response, error) {
				*seen = append(*seen, req)
				return cx.Say("hello"), nil
			}))
			return nil, nil
		}
	})
}

// The session token stands before the router, and nobody behind it sees it.
func TestAttackSession(t *testing.T) {
	token := sessionToken(t, sessionName)
	body := func(session, parameters string) string {
		return `{"fulfillmentInfo":{"tag":"x"},"sessionInfo":{"session":"` + session + `","parameters":{` + parameters + `}}}`
	}
	member := func(name, token string) string { return `"` + name + `": "` + token + `"` }
	for _, row := range []struct {
		id, body string
		status   int
		reason   string
	}{
		{"M01-good", body(sessionName, `"color":"red",`+member(sessionParam, token)), 200, ""},
		{"M02-none", body(sessionName, `"color":"red"`), 403, "session_token_missing"},
		{"M03-null", body(sessionName, `"`+sessionParam+`":null`), 403, "session_token_missing"},
		{"M04-wrong-parameter", body(sessionName, member("cxhook_token", token)), 403, "session_token_missing"},
		{"M05-parameter-in-another-case", body(sessionName, member("Proof", token)), 403, "session_token_missing"},
		{"M06-an-object", body(sessionName, `"`+sessionParam+`":{"token":"`+token+`"}`), 403, "session_token_malformed"},
		{"M07-a-list", body(sessionName, `"`+sessionParam+`":["`+token+`"]`), 403, "session_token_malformed"},
		{"M08-another-session", body(strings.TrimSuffix(sessionName, "1")+"2", member(sessionParam, token)), 403, "session_token_wrong_session"},
		{"M09-session-twice", `{"sessionInfo":{"session":"` + sessionName + `","session":"x","parameters":{` + member(sessionParam, token) + `}}}`, 400, "body_malformed"},
		{"M10-parameter-twice", body(sessionName, member(sessionParam, token)+","+member(sessionParam, "x")), 400, "body_malformed"},
		{"M11-another-agent", body("projects/shirts/locations/global/agents/a2/sessions/s1", member(sessionParam, token)), 403, "agent_not_allowed"},
		{"M12-no-session", body("", member(sessionParam, token)), 403, "agent_malformed"},
		{"M13-session-in-another-case", `{"sessionInfo":{"Session":"` + sessionName + `","parameters":{` + member(sessionParam, token) + `}}}`, 403, "agent_malformed"},
		{"M14-escaped", body(sessionName, `"pr\u006fof": "`+strings.Replace(token, "e", `\u0065`, 1)+`"`), 200, ""},
	} {
		t.Run(row.id, func(t *testing.T) {
			var seen []*cx.Request
			p := newSessionPath(t, &seen)
			x := p.call(caller{body: row.body})
			l := p.oneLine()
			if x.Status != row.status || l.Labels.Reason != row.reason {
				t.Fatalf("got %d %q, want %d %q", x.Status, l.Labels.Reason, row.status, row.reason)
			}
			if strings.Contains(p.log.String(), token[20:40]) {
				t.Errorf("the log has the token:\n%s", p.log)
			}
			if (len(seen) == 1) != (row.status == 200) {
				t.Fatalf("the handler saw %d calls", len(seen))
			}
			for _, req := range seen {
				if _, ok := req.SessionInfo.Parameters[sessionParam]; ok || bytes.Contains(req.Raw, []byte(token[20:40])) {
					t.Errorf("the handler sees the token: %s", req.Raw)
				}
				if again, err := cx.DecodeRequest(req.Raw); err != nil || again.SessionInfo.Session != sessionName {
					t.Errorf("what is left of the body: %s: %v", req.Raw, err)
				}
			}
		})
	}
}

// Whoever is not proved does not get as far as the session token.
func TestSessionOrder(t *testing.T) {
	var seen []*cx.Request
	p := newSessionPath(t, &seen)
	if x := p.call(caller{token: "none", body: "{"}); x.Status != http.StatusUnauthorized {
		t.Errorf("got %d, want 401", x.Status)
	}
}

// Neither a path of the configuration nor one that the agent registers gets round
// the session token.
func TestSessionPaths(t *testing.T) {
	for name, cfg := range map[string]Config{
		"configured": {Paths: map[string]http.Handler{"/flexible": http.NotFoundHandler()}},
		"registered": {Register: func(_ context.Context, m *cx.Mux) (func(context.Context) error, error) {
			m.Path("/flexible", http.NotFoundHandler())
			return nil, nil
		}},
	} {
		cfg.Verify = verify.Config{Policy: "header+session", Header: verify.HeaderConfig{Name: "X-Secret", Secrets: []string{testSecret}},
			Session: verify.SessionConfig{Issuer: "i", Audience: "a", HMACSecrets: []string{hmacSecret}}}
		if _, err := New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "brings no session parameters") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestConfigPolicies(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const basic, agent = "cx:0123456789abcdef", "projects/p/locations/l/agents/a"
	secret := strings.Repeat("h", verify.MinHeaderSecretBytes)
	noToken := map[string]string{envAudiences: unsetValue, envProjectNumbers: unsetValue}
	for _, row := range []struct {
		name string
		env  map[string]string
		want string // "" is accepted
	}{
		{"mtls", map[string]string{envPolicy: "mtls"}, envPolicy + `: "mtls" without idtoken: every Dialogflow agent`},
		{"mtls, meant", map[string]string{envPolicy: "mtls", envAnyTenant: "true"}, ""},
		{"basic", map[string]string{envPolicy: "basic", envBasic: basic}, ""},
		{"basic rotated", map[string]string{envPolicy: "basic", envBasic: basic, envBasicPrevious: basic + "0"}, ""},
		{"basic from files", map[string]string{envPolicy: "basic", envBasicFiles: write("b1", basic+"\n") + "," + write("b2", basic+"0\r\n")}, ""},
		{"basic from an empty file", map[string]string{envPolicy: "basic", envBasicFiles: write("b3", "\n")}, envBasicFiles + ": " + filepath.Join(dir, "b3") + ": empty"},
		{"basic from no file", map[string]string{envPolicy: "basic", envBasicFiles: "/nowhere"}, envBasicFiles + ": open /nowhere"},
		{"basic from both", map[string]string{envPolicy: "basic", envBasic: basic, envBasicFiles: write("b4", basic)}, envBasicFiles + ": " + envBasic + " is set too"},
		{"basic of none", map[string]string{envPolicy: "basic"}, envBasic + ": no credentials"},
		{"basic not asked for", map[string]string{envPolicy: "header", envBasic: basic, envHeaderName: "X-S", envHeaderSecret: secret}, envBasic + ": configured, but"},
		{"header", map[string]string{envPolicy: "header", envHeaderName: "X-S", envHeaderSecret: secret}, ""},
		{"header without a name", map[string]string{envPolicy: "header", envHeaderSecret: secret}, envHeaderName + `: "" is not the name`},
		{"session", map[string]string{envPolicy: "basic+session", envBasic: basic, envSessionIssuer: "i", envSessionAudience: "a", envSessionHMAC: hmacSecret, envSessionLifetime: "30m"}, ""},
		{"session without issuer", map[string]string{envPolicy: "basic+session", envBasic: basic, envSessionAudience: "a", envSessionHMAC: hmacSecret}, envSessionIssuer + ": empty"},
		{"session with a URL", map[string]string{envPolicy: "basic+session", envBasic: basic, envSessionIssuer: "i", envSessionAudience: "a", envSessionKeysURL: "https://auth.example/jwks"}, ""},
		{"session with a bad URL", map[string]string{envPolicy: "basic+session", envBasic: basic, envSessionIssuer: "i", envSessionAudience: "a", envSessionKeysURL: "auth.example"}, envSessionKeysURL + ": want an absolute"},
		{"session with no file", map[string]string{envPolicy: "basic+session", envBasic: basic, envSessionIssuer: "i", envSessionAudience: "a", envSessionKeysFile: "/nowhere"}, envSessionKeysFile + ": open /nowhere"},
		{"session with a bad file", map[string]string{envPolicy: "basic+session", envBasic: basic, envSessionIssuer: "i", envSessionAudience: "a", envSessionKeysFile: write("k", `{"keys":[]}`)}, envSessionKeysFile + ": no key"},
		{"session of days", map[string]string{envPolicy: "basic+session", envBasic: basic, envSessionIssuer: "i", envSessionAudience: "a", envSessionHMAC: hmacSecret, envSessionLifetime: "48h"}, envSessionLifetime + ": 48h0m0s; want up to"},
		{"agents", map[string]string{envPolicy: "basic", envBasic: basic, envAgents: agent + "," + agent + "/environments/draft"}, ""},
		{"agents with a number", map[string]string{envPolicy: "basic", envBasic: basic, envAgents: "1=" + agent}, envAgents + ": a project number under a policy without"},
		{"insecure", map[string]string{envPolicy: "insecure-none"}, envPolicy + `: "insecure-none" lets everybody in`},
		{"insecure, meant", map[string]string{envPolicy: "insecure-none", envNotProduction: "true"}, ""},
		{"insecure in the cloud", map[string]string{envPolicy: "insecure-none", envNotProduction: "true", "K_SERVICE": "webhook"}, envPolicy + `: "insecure-none" on Cloud Run`},
	} {
		t.Run(row.name, func(t *testing.T) {
			environment(t, noToken)
			for name, value := range row.env {
				t.Setenv(name, value)
			}
			_, err := ConfigFromEnv()
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), "\n"+row.want) {
				t.Errorf("got %v\nwant a line that begins with %q", err, row.want)
			}
		})
	}
	environment(t, map[string]string{envAgents: fmt.Sprintf("123456789012=%s/environments/prod", agent)})
	cfg, err := ConfigFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	if a := cfg.Verify.Agents; len(a) != 1 || a[0].ProjectNumber != "123456789012" || a[0].Agent != agent || len(a[0].Environments) != 1 || a[0].Environments[0] != "prod" {
		t.Errorf("agents %+v", a)
	}
}

// insecure-none lets everybody in, and says so at the start and on every call.
func TestInsecureNone(t *testing.T) {
	p := newPath(t, func(cfg *Config) {
		cfg.LogChecks = false
		cfg.Verify = verify.Config{Policy: verify.PolicyInsecureNone, DangerNotProduction: true}
	})
	if x := p.call(caller{certificate: "none", token: "none"}); x.Status != http.StatusOK {
		t.Errorf("got %d", x.Status)
	}
	for _, want := range []string{"anybody can call this function", "policy_unprotected"} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("no %s in the log:\n%s", want, p.log)
		}
	}
}
