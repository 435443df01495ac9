package verify

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// TestClock: validity is judged by the clock of the configuration.
func TestClock(t *testing.T) {
	for _, tt := range []struct {
		now  time.Time
		want Code
	}{{certNow, ""}, {certNow.AddDate(0, 2, 0), CertExpired}, {certNow.AddDate(0, -2, 0), CertNotYetValid}} {
		cfg := configFor("mtls")
		cfg.Now = func() time.Time { return tt.now }
		rep, err := mustMake(New(cfg)).Verify(goodRequest())
		if got := refusal(t, rep, err); got != tt.want {
			t.Errorf("at %v: got %q, want %q", tt.now, got, tt.want)
		}
	}
	cfg := configFor("header")
	cfg.Now = nil
	if _, err := mustMake(New(cfg)).Verify(goodRequest()); err != nil {
		t.Errorf("without a clock: %v", err)
	}
}

// foreign is a proof with an error that is no *Error.
type foreign struct{ err error }

func (foreign) station() Station { return StationHeader }

func (p foreign) verify(context.Context, *http.Request, *Report, time.Time) error { return p.err }

// TestForeignError: an error that says nothing of a refusal is a fault of ours, and
// lets nobody in.
func TestForeignError(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
	}{{errors.New("broken"), http.StatusServiceUnavailable}, {nil, http.StatusOK}} {
		v := &Verifier{proofs: []proof{foreign{tt.err}}, now: time.Now}
		w, reached := httptest.NewRecorder(), false
		v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }), nil).ServeHTTP(w, goodRequest())
		if w.Code != tt.status || reached != (tt.err == nil) {
			t.Errorf("%v: status %d, want %d; let in: %v", tt.err, w.Code, tt.status, reached)
		}
	}
}

// TestJudgesSession: a list of agents or a session token is something to judge a
// session by, and the token alone has a parameter.
func TestJudgesSession(t *testing.T) {
	for _, tt := range []struct {
		name      string
		policy    Policy
		agents    []AllowedAgent
		parameter string
		want      bool
	}{
		{"neither", "mtls", nil, "", false},
		{"agents", "mtls", []AllowedAgent{{"", testAgent, nil}}, "", true},
		{"token", "mtls+session", nil, "cxhook_token", true},
		{"both", "mtls+session", []AllowedAgent{{"", testAgent, nil}}, "cxhook_token", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configFor(tt.policy)
			cfg.Agents = tt.agents
			v := mustMake(New(cfg))
			if got := v.SessionParameter(); got != tt.parameter || v.JudgesSession() != tt.want {
				t.Errorf("parameter %q, judges %v; want %q, %v", got, v.JudgesSession(), tt.parameter, tt.want)
			}
		})
	}
}

// TestAgentAndSessionToken: an agent on the list needs the session token all the
// same, and no token puts an agent on the list. The time of each is reported.
func TestAgentAndSessionToken(t *testing.T) {
	cfg := configFor("mtls+session")
	cfg.Agents = []AllowedAgent{{"", testAgent, nil}}
	now := certNow
	cfg.Now = func() time.Time { now = now.Add(time.Second); return now }
	v := mustMake(New(cfg))
	other := testSession
	other.Agent = "a2"
	token := newSessionForgery().token()
	agent, session := StationTime{StationAgent, time.Second}, StationTime{StationSession, time.Second}
	for _, tt := range []struct {
		name    string
		session Session
		token   string
		want    Code
		took    []StationTime
	}{
		{"both", testSession, token, "", []StationTime{agent, session}},
		{"no token", testSession, "", SessionMissing, []StationTime{agent, session}},
		{"another agent", other, token, AgentNotAllowed, []StationTime{agent}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rep := &Report{}
			if got := refusal(t, rep, v.VerifySession(t.Context(), tt.session, tt.token, rep)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if !slices.Equal(rep.Took, tt.took) {
				t.Errorf("took %v, want %v", rep.Took, tt.took)
			}
		})
	}
}
