package emulator

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

const testSession = "projects/p/locations/l/agents/a/sessions/s"

// conversation is a Dialogflow whose webhook answers what the test says next.
type conversation struct {
	*Dialogflow
	answer atomic.Value // a string
	clock  *clock
}

func newConversation(t *testing.T) *conversation {
	c := &conversation{clock: newClock()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, c.answer.Load().(string)) }))
	t.Cleanup(server.Close)
	var err error
	if c.Dialogflow, err = NewDialogflow(DialogflowConfig{WebhookURL: server.URL, Now: c.clock.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// say sends a request and gives what the webhook got.
func (c *conversation) say(t *testing.T, body, answer string) string {
	t.Helper()
	c.answer.Store(answer)
	x, err := c.Call(t.Context(), Call{Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return string(x.Request)
}

func wantJSON(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func request(parameters string) string {
	return fmt.Sprintf(`{"text": "hi", "unknown": [1.50], "pageInfo": {"currentPage": "mine", "displayName": "Mine"}, "sessionInfo": {"parameters": %s, "session": %q}}`, parameters, testSession)
}

func TestSession(t *testing.T) {
	c := newConversation(t)
	first := request(`{"color": "red", "n": 1.0}`)
	if got := c.say(t, first, `{"sessionInfo":{"parameters":{"order":{"id":7},"n":2,"color":null}}}`); got != first {
		t.Errorf("the first request was changed:\n%s", got)
	}
	// What the webhook set is there, what it deleted is not, the page is the same.
	wantJSON(t, c.say(t, request(`{"size":"large"}`), `{"targetPage":"projects/p/pages/two"}`),
		`{"text":"hi","unknown":[1.5],"pageInfo":{"currentPage":"mine","displayName":"Mine"},"sessionInfo":{"session":"`+testSession+`","parameters":{"order":{"id":7},"n":2,"size":"large"}}}`)
	// It went to another page; what the request says itself wins over what is kept.
	wantJSON(t, c.say(t, request(`{"n":3}`), `{"targetFlow":"projects/p/flows/f"}`),
		`{"text":"hi","unknown":[1.5],"pageInfo":{"currentPage":"projects/p/pages/two"},"sessionInfo":{"session":"`+testSession+`","parameters":{"order":{"id":7},"n":3,"size":"large"}}}`)
	parameters, page := c.Session(testSession)
	if page != "projects/p/flows/f/pages/START_PAGE" || string(parameters["n"]) != "3" || len(parameters) != 3 {
		t.Errorf("page %q, parameters %v", page, parameters)
	}
	// Another session knows nothing of it.
	if parameters, page := c.Session(testSession + "2"); len(parameters) != 0 || page != "" {
		t.Errorf("another session: page %q, parameters %v", page, parameters)
	}
	// The end of the session is the end of what is kept.
	c.say(t, request(`{}`), `{"targetPage":"projects/p/pages/END_SESSION"}`)
	if got := c.say(t, first, `{}`); got != first {
		t.Errorf("after the end of the session the request was changed:\n%s", got)
	}
}

// Numbers and unknown fields go through as they came.
func TestSessionKeepsSpelling(t *testing.T) {
	c := newConversation(t)
	c.say(t, request(`{"a": 1.0}`), `{"sessionInfo":{"parameters":{"b": 12345678901234567890}}}`)
	if got := c.say(t, request(`{"c":1e2}`), `{}`); !bytes.Contains([]byte(got), []byte(`{"a":1.0,"b":12345678901234567890,"c":1e2}`)) || !bytes.Contains([]byte(got), []byte(`"unknown":[1.50]`)) {
		t.Error(got)
	}
}

// A webhook that failed has changed nothing; nor has a replay.
func TestSessionUnchanged(t *testing.T) {
	c := newConversation(t)
	before := func() map[string]jsontext.Value { p, _ := c.Session(testSession); return p }
	c.say(t, request(`{}`), `{"sessionInfo":{"parameters":{"a":1}}}`)
	want := before()
	c.say(t, request(`{}`), `{"sessionInfo":{"parameters":{"a":2}}`)                                    // broken
	c.say(t, request(`{}`), `{"sessionInfo":{"parameters":{"a":3}},"targetPage":"p","targetFlow":"f"}`) // refused
	c.answer.Store(`{"sessionInfo":{"parameters":{"a":4}}}`)
	if x, err := c.Call(t.Context(), Call{Body: []byte(request(`{}`)), Verbatim: true}); err != nil || string(x.Request) != request(`{}`) {
		t.Errorf("%s, %v", x.Request, err)
	}
	if diff := cmp.Diff(want, before()); diff != "" || string(want["a"]) != "1" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSessionLife(t *testing.T) {
	c := newConversation(t)
	c.say(t, request(`{}`), `{"sessionInfo":{"parameters":{"a":1}}}`)
	c.clock.advance(sessionLife)
	if p, _ := c.Session(testSession); len(p) != 1 {
		t.Error("a session of 30 minutes is gone")
	}
	c.clock.advance(time.Second)
	if p, _ := c.Session(testSession); len(p) != 0 {
		t.Error("a session of more than 30 minutes is kept")
	}
	for i := range maxSessions + 10 {
		if _, err := c.sessions.response(fmt.Sprint(i), []byte(`{}`), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.sessions.kept.Len(); n != maxSessions {
		t.Errorf("%d sessions are kept", n)
	}
}

// Names that differ in case alone are one parameter.
func TestParameterNames(t *testing.T) {
	c := newConversation(t)
	c.say(t, request(`{"Color":"red","n":1}`), `{"sessionInfo":{"parameters":{"color":"blue","N":null,"Size":"large"}}}`)
	got := c.say(t, request(`{"COLOR":"green"}`), `{}`)
	wantJSON(t, got, request(`{"Color":"green","Size":"large"}`))
	p, _ := c.Session(testSession)
	if len(p) != 2 || string(p["Color"]) != `"green"` || string(p["Size"]) != `"large"` {
		t.Errorf("%v", p)
	}
}

// What is kept of a session is bounded: turns are forgotten, the oldest first, and
// parameters refused.
func TestSessionBytes(t *testing.T) {
	c := newConversation(t)
	long := strings.Repeat("x", 60<<10)
	for i := range 6 {
		c.say(t, strings.Replace(request(`{}`), "hi", fmt.Sprint(i), 1), `{"fulfillmentResponse":{"messages":[{"text":{"text":["`+long+`"]}}]}}`)
	}
	if state, _ := c.SessionState(testSession); len(state.Turns) != 4 || state.Turns[0].Said != "2" {
		t.Errorf("%d long turns are kept", len(state.Turns))
	}
	for i := range 5 {
		c.answer.Store(fmt.Sprintf(`{"sessionInfo":{"parameters":{"%d":%q}}}`, i, long))
		x, err := c.Call(t.Context(), Call{Body: []byte(request(`{}`))})
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if i == 4 {
			want = "the session's parameters would take 307215 bytes; the emulator keeps 262144"
		}
		if errorText(x.Err) != want {
			t.Errorf("answer %d: %v, want %q", i, x.Err, want)
		}
	}
	if p, _ := c.Session(testSession); len(p) != 4 {
		t.Errorf("%d parameters", len(p))
	}
	for _, session := range []string{testSession, testSession + "2"} {
		body := strings.Replace(request(`{"big":"`+strings.Repeat(long, 5)+`"}`), testSession, session, 1)
		if _, err := c.Call(t.Context(), Call{Body: []byte(body)}); !strings.HasSuffix(errorText(err), "bytes; the emulator keeps 262144") {
			t.Errorf("%s: %v", session, err)
		}
	}
}
