package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzTurn lets a session begin with any request, and the webhook answer anything,
// twice. The emulator ends, keeps no more than its bounds, and what it sends next is
// JSON of the same session.
func FuzzTurn(f *testing.F) {
	const name = "projects/p/locations/l/agents/a/sessions/s"
	request := `{"sessionInfo":{"session":"` + name + `","parameters":{"a":1,"A":2}},"pageInfo":{"currentPage":"f/pages/p","formInfo":{"parameterInfo":[{"displayName":"a","state":"EMPTY"}]}}}`
	for _, answer := range []string{
		"", "{}", "null", `{"sessionInfo":{"parameters":{"a":null,"b":[1]}}}`, `{"targetPage":"f/pages/END_SESSION"}`, `{"targetFlow":"g"}`, `{"targetPage":"PREVIOUS_PAGE"}`, `{"targetPage":"END_FLOW_WITH_X"}`, `{"targetPage":"a","targetFlow":"b"}`,
		`{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"A","state":"INVALID"},{"displayName":"a","value":2}]}}}`, `{"fulfillmentResponse":{"messages":[{}],"mergeBehavior":"REPLACE"}}`, `{"pageInfo":[]}`,
	} {
		f.Add([]byte(request), []byte(answer))
	}
	f.Add([]byte(`{"sessionInfo":{"session":"x"}}`), []byte("{}"))
	f.Fuzz(func(t *testing.T, body, answer []byte) {
		s := newSessions(time.Now)
		for range 2 {
			sent, session, err := s.request(body)
			if err != nil {
				return
			}
			if !json.Valid(sent) {
				t.Fatalf("sent, and not JSON: %s", sent)
			}
			heard, err := s.response(session, sent, answer)
			if err != nil && heard != nil {
				t.Error("heard, and an error")
			}
			if err != nil {
				s.failed(session, sent, &Exchange{Response: answer, Status: http.StatusOK})
			}
			kept := s.get(session)
			if kept.parameters.fits() != nil || len(kept.trail) > maxTrail || len(kept.turns) > maxTurns || s.kept.Len() != 1 {
				t.Errorf("kept: %d parameters, %d pages, %d turns, %d sessions", len(kept.parameters), len(kept.trail), len(kept.turns), s.kept.Len())
			}
		}
	})
}

// FuzzTraceHeader holds that the function is sent a trace that it can read, whatever
// the client sent.
func FuzzTraceHeader(f *testing.F) {
	for _, seed := range []string{"", "0af7651916cd43dd8448eb211c80319c/1;o=1", "0AF7651916cd43dd8448eb211c80319c/1", "00000000000000000000000000000000/1", "a/b/c", "/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		got := traceOf(http.Header{"X-Cloud-Trace-Context": {sent}}, func() uint64 { return 0 })
		if id, rest, ok := strings.Cut(got.String(), "/"); !ok || len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" || strings.Trim(id, "0") == "" || rest != "1;o=1" {
			t.Errorf("%q becomes %q", sent, got)
		}
	})
}
