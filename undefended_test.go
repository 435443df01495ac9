package webhook

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/cxhook/cx"
	"example.com/cxhook/verify"
)

// What docs/security.md lists as accepted and not defended: here it is accepted,
// and here is what closes it.
func TestNotDefended(t *testing.T) {
	const name = "projects/shirts/locations/global/agents/a1/sessions/"
	body := func(session string) string {
		return `{"fulfillmentInfo":{"tag":"x"},"sessionInfo":{"session":"` + session + `","parameters":{"balance":1000}}}`
	}
	var seen string
	fallback := func(cfg *Config) {
		cfg.Register = func(_ context.Context, m *cx.Mux) (func(context.Context) error, error) {
			m.Fallback(cx.HandlerFunc(func(_ context.Context, req *cx.Request) (*cx.Response, error) {
				seen = req.SessionInfo.Session
				return cx.Say("hello"), nil
			}))
			return nil, nil
		}
	}
	accepts := func(t *testing.T, p *path, c caller) {
		t.Helper()
		if x := p.call(c); x.Status != http.StatusOK {
			t.Errorf("got %d, want 200: what is not defended is defended; say so in docs/security.md", x.Status)
		}
	}
	t.Run("U01-flexible-webhook-forges-a-session", func(t *testing.T) {
		// Certificate and token are the project's own; the body is its editor's.
		p := newPath(t, fallback)
		accepts(t, p, caller{body: body(name + "somebody-elses")})
		if seen != name+"somebody-elses" {
			t.Errorf("the handler saw %q", seen)
		}
		closed := newPath(t, func(cfg *Config) { // by a session token, for as long as that stays secret
			fallback(cfg)
			cfg.Verify.Policy = "mtls+idtoken+session"
			cfg.Verify.Session = verify.SessionConfig{Issuer: sessionIssuer, Audience: "shirts", HMACSecrets: []string{hmacSecret}}
		})
		if x := closed.call(caller{body: body(name + "somebody-elses")}); x.Status != http.StatusForbidden {
			t.Errorf("with a session token: got %d, want 403", x.Status)
		}
	})
	t.Run("U02-openapi-tool", func(t *testing.T) {
		// A tool calls with the same certificate and token, and any JSON. What it
		// sends is a webhook call where its editor makes it look like one.
		p := newPath(t, func(cfg *Config) {
			fallback(cfg)
			cfg.Paths = map[string]http.Handler{"/tool": cx.Flexible(func(_ context.Context, in struct{ X int }) (string, error) { return fmt.Sprint(in.X), nil })}
		})
		accepts(t, p, caller{body: body(name + "made-by-a-tool")})
	})
	t.Run("U03-es-agent-of-the-same-project", func(t *testing.T) {
		p := newPath(t, fallback)
		es := strings.Replace(body("projects/shirts/agent/sessions/s1"), `"parameters"`, `"contexts":[],"parameters"`, 1)
		accepts(t, p, caller{body: es})
		closed := newPath(t, func(cfg *Config) { // by the list of agents: a guard against accidents alone
			fallback(cfg)
			cfg.Verify.Agents = []verify.AllowedAgent{{ProjectNumber: testProject, Agent: "projects/shirts/locations/global/agents/a1"}}
		})
		if x := closed.call(caller{body: es}); x.Status != http.StatusForbidden {
			t.Errorf("with a list of agents: got %d, want 403", x.Status)
		}
		accepts(t, closed, caller{body: body(name + "the-es-agent-lies")})
	})
	t.Run("U04-stolen-token-through-another-tenants-agent", func(t *testing.T) {
		// The other tenant's agent presents the same certificate; only the token is
		// stolen.
		p := newPath(t, fallback)
		accepts(t, p, caller{body: body(name + "s1")})
		closed := newPath(t, func(cfg *Config) { // by a client certificate of one's own
			fallback(cfg)
			ours := verify.Identity{Name: "custom", CommonName: "shirts-agent"}
			pki, _ := keyMaterial()
			var err error
			if ours.Roots, ours.Intermediates, err = verify.ParseCABundle(pki.Bundle("custom")); err != nil {
				t.Fatal(err)
			}
			cfg.Verify.Certificate.Identities = []verify.Identity{ours}
		})
		if x := closed.call(caller{body: body(name + "s1")}); x.Status != http.StatusForbidden {
			t.Errorf("with a custom certificate: got %d, want 403", x.Status)
		}
		accepts(t, closed, caller{certificate: "custom", body: body(name + "s1")})
	})
}
