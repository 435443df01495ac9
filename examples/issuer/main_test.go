package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"example.com/cxhook/cx"
	"example.com/cxhook/verify"
)

// What the issuer makes, the function accepts, for that session alone.
func TestIssuer(t *testing.T) {
	const session = "projects/shirts/locations/global/agents/a1/sessions/s1"
	i, err := newIssuer("https://auth.example.com", "shirts-webhook", func(bearer, s string) bool { return bearer == "client-1" && s == session })
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(i.handler())
	defer server.Close()
	ask := func(bearer, session string) (status int, token string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/session-token", strings.NewReader(`{"session":"`+session+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bearer)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct {
			Token string `json:"token"`
		}
		if resp.StatusCode == http.StatusOK {
			if err := json.UnmarshalRead(resp.Body, &answer); err != nil {
				t.Fatal(err)
			}
		}
		return resp.StatusCode, answer.Token
	}
	for _, row := range []struct {
		bearer, session string
		status          int
	}{{"client-1", session, 200}, {"client-2", session, 401}, {"", session, 401}, {"client-1", session + "2", 401}, {"client-1", "s1", 400}} {
		if status, _ := ask(row.bearer, row.session); status != row.status {
			t.Errorf("%s for %s: got %d, want %d", row.bearer, row.session, status, row.status)
		}
	}
	_, token := ask("client-1", session)
	v, err := verify.New(verify.Config{Policy: "header+session", Header: verify.HeaderConfig{Name: "X-Webhook-Secret", Secrets: []string{strings.Repeat("s", verify.MinHeaderSecretBytes)}},
		Session: verify.SessionConfig{Issuer: "https://auth.example.com", Audience: "shirts-webhook", KeysURL: server.URL + "/jwks.json"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{session: true, session + "2": false} {
		s, err := cx.ParseSession(name)
		if err != nil {
			t.Fatal(err)
		}
		err = v.VerifySession(t.Context(), verify.Session{Name: name, Project: s.Project, Location: s.Location, Agent: s.Agent}, token, &verify.Report{})
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
