package emulator

import (
	"context"
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
)

// Where a session goes: targets, and those that are no pages. Each row goes on from
// the page where the one before led.
func TestTransitions(t *testing.T) {
	const f, g = "projects/p/flows/f", "projects/p/flows/g"
	target := func(name string) string { return `{"targetPage":"` + name + `"}` }
	for _, tt := range []struct {
		name    string
		answers []string
		want    string // the page; "" is a session that has ended
	}{
		{"none", []string{`{}`}, f + "/pages/one"},
		{"a page", []string{target(f + "/pages/two")}, f + "/pages/two"},
		{"a flow", []string{`{"targetFlow":"` + g + `"}`}, g + "/pages/START_PAGE"},
		{"the start page of this flow", []string{target("START_PAGE")}, f + "/pages/START_PAGE"},
		{"the start page, in full", []string{target(g + "/pages/START_PAGE")}, g + "/pages/START_PAGE"},
		{"this page", []string{target(f + "/pages/CURRENT_PAGE")}, f + "/pages/one"},
		{"back", []string{target(f + "/pages/two"), target(f + "/pages/PREVIOUS_PAGE")}, f + "/pages/one"},
		{"back twice", []string{target(f + "/pages/two"), target(f + "/pages/three"), target("PREVIOUS_PAGE"), target("PREVIOUS_PAGE")}, f + "/pages/one"},
		{"back from the first page", []string{target("PREVIOUS_PAGE")}, f + "/pages/one"},
		{"back to the flow before", []string{`{"targetFlow":"` + g + `"}`, target(g + "/pages/x"), target(g + "/pages/END_FLOW")}, f + "/pages/one"},
		{"back to the flow before, and say why", []string{`{"targetFlow":"` + g + `"}`, target(g + "/pages/END_FLOW_WITH_FAILURE")}, f + "/pages/one"},
		{"the end of the first flow", []string{target(f + "/pages/two"), target("END_FLOW")}, ""},
		{"the end", []string{target(f + "/pages/END_SESSION")}, ""},
		{"the end, in short", []string{target("END_SESSION")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newConversation(t)
			body := onPage(f+"/pages/one", "")
			for _, answer := range tt.answers {
				c.say(t, body, answer)
			}
			if state, ok := c.SessionState(testSession); !ok || state.Page != tt.want || state.Ended != (tt.want == "") || len(state.Turns) != len(tt.answers) || state.Turns[len(tt.answers)-1].Ended != state.Ended {
				t.Errorf("on %q: %+v", state.Page, state)
			}
			got := c.say(t, body, `{}`)
			if tt.want == "" || tt.want == f+"/pages/one" && len(tt.answers) == 1 {
				if got != body {
					t.Errorf("the next request was changed: %s", got)
				}
			} else if !strings.Contains(got, `"currentPage":"`+tt.want+`"`) {
				t.Errorf("the next request: %s", got)
			}
		})
	}
}

// A page that a session goes back to has the form that it had.
func TestPageAsItWasLeft(t *testing.T) {
	for _, way := range [][2]string{
		{`{"targetPage":"projects/p/flows/f/pages/two"}`, `{"targetPage":"PREVIOUS_PAGE"}`},
		{`{"targetFlow":"projects/p/flows/g"}`, `{"targetPage":"END_FLOW"}`},
	} {
		c := newConversation(t)
		body := onPage("projects/p/flows/f/pages/one", `[{"displayName":"size","state":"INVALID"}]`)
		c.say(t, body, way[0])
		if state, _ := c.SessionState(testSession); len(state.Form) != 0 {
			t.Errorf("%s: the next page has the form of this one", way[0])
		}
		c.say(t, body, way[1])
		got := c.say(t, fmt.Sprintf(`{"sessionInfo":{"session":%q}}`, testSession), `{}`)
		wantJSON(t, got, strings.Replace(body, `"session":`, `"parameters":{},"session":`, 1))
	}
}

// CX forgets the outermost flow where more than 25 are active.
func TestFlowStackLimit(t *testing.T) {
	s := &session{page: object{"currentPage": jsontext.Value(`"projects/p/flows/first/pages/one"`)}}
	flow := func(i int) string { return fmt.Sprintf("projects/p/flows/%d/pages/START_PAGE", i) }
	for i := range maxTrail + 2 {
		s.move(flow(i))
	}
	for i := maxTrail; i > 0; i-- {
		if !s.move("END_FLOW") || s.current() != flow(i) {
			t.Fatalf("flow %d: on %s", i, s.current())
		}
	}
	if s.move("END_FLOW") {
		t.Errorf("more than %d flows were active: on %s", maxTrail, s.current())
	}
}

// What the end user said stays said, though the webhook failed; what the webhook
// said does not count.
func TestFailureKeepsWhatWasSaid(t *testing.T) {
	c := newConversation(t)
	body := strings.Replace(onPage("one", `[{"displayName":"size","state":"FILLED","value":"huge","justCollected":true}]`), `"session":`, `"parameters":{"size":"huge"},"session":`, 1)
	c.say(t, body, `{"sessionInfo":{"parameters":{"n":1}}`)
	state, _ := c.SessionState(testSession)
	if len(state.Parameters) != 1 || string(state.Parameters["size"]) != `"huge"` || state.Page != "one" || len(state.Form) != 1 || state.Form[0]["justCollected"] != nil || state.Turns[0].Event != "webhook.error" {
		t.Errorf("%+v", state)
	}
}

// The answer to a slow call does not take back where the session went meanwhile.
func TestSlowAnswer(t *testing.T) {
	c := newConversation(t)
	one := onPage("one", "")
	c.say(t, one, `{"targetPage":"two"}`)
	if _, err := c.sessions.response(testSession, []byte(one), []byte(`{"sessionInfo":{"parameters":{"late":true}}}`)); err != nil {
		t.Fatal(err)
	}
	if state, _ := c.SessionState(testSession); state.Page != "two" || string(state.Parameters["late"]) != "true" {
		t.Errorf("%+v", state)
	}
}

// What the user hears: the agent's messages and the webhook's, or those alone.
func TestHeard(t *testing.T) {
	message := func(text string) string { return `{"text":{"text":["` + text + `"]}}` }
	body := fmt.Sprintf(`{"text":"hello","fulfillmentInfo":{"tag":"greet"},"messages":[%s],"sessionInfo":{"session":%q}}`, message("agent"), testSession)
	for answer, want := range map[string]string{
		`{}`: "[" + message("agent") + "]",
		`{"fulfillmentResponse":{"messages":[` + message("webhook") + `]}}`:                           "[" + message("agent") + "," + message("webhook") + "]",
		`{"fulfillmentResponse":{"mergeBehavior":"APPEND","messages":[` + message("webhook") + `]}}`:  "[" + message("agent") + "," + message("webhook") + "]",
		`{"fulfillmentResponse":{"mergeBehavior":"REPLACE","messages":[` + message("webhook") + `]}}`: "[" + message("webhook") + "]",
		`{"fulfillmentResponse":{"mergeBehavior":"REPLACE"}}`:                                         "null",
		`broken`: "[" + message("agent") + "]",
	} {
		c := newConversation(t)
		c.answer.Store(answer)
		x, err := c.Call(t.Context(), Call{Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		state, _ := c.SessionState(testSession)
		for _, heard := range [][]jsontext.Value{x.Heard, state.Turns[0].Heard} {
			got, err := json.Marshal(heard, json.FormatNilSliceAsNull(true))
			if err != nil || string(got) != want {
				t.Errorf("%s: %s, want %s", answer, got, want)
			}
		}
		if turn := state.Turns[0]; turn.Tag != "greet" || turn.Said != "hello" || turn.Time.IsZero() || (turn.Event != "") != (answer == "broken") {
			t.Errorf("%s: %+v", answer, turn)
		}
	}
}

// Sessions are listed, read and forgotten; the turns that are kept are bounded.
func TestSessions(t *testing.T) {
	c := newConversation(t)
	call := func(session string) {
		c.say(t, fmt.Sprintf(`{"sessionInfo":{"session":%q,"parameters":{"a":1}}}`, testSession+session), `{}`)
		c.clock.advance(time.Second)
	}
	for _, s := range []string{"1", "2", "3", "1"} {
		call(s)
	}
	if got := fmt.Sprint(c.Sessions()); got != fmt.Sprint([]string{testSession + "1", testSession + "3", testSession + "2"}) {
		t.Error(got)
	}
	c.SessionState(testSession + "2") // a look changes nothing
	if c.Sessions()[2] != testSession+"2" {
		t.Error(c.Sessions())
	}
	if !c.Reset(testSession+"3") || c.Reset(testSession+"3") || len(c.Sessions()) != 2 {
		t.Error(c.Sessions())
	}
	for range maxTurns + 3 {
		call("2")
	}
	if state, ok := c.SessionState(testSession + "2"); !ok || len(state.Turns) != maxTurns || string(state.Parameters["a"]) != "1" || state.Name != testSession+"2" {
		t.Errorf("%+v", state)
	}
	c.clock.advance(sessionLife + time.Second)
	if got := c.Sessions(); len(got) != 0 {
		t.Error(got)
	}
	if _, ok := c.SessionState(testSession + "2"); ok {
		t.Error("a session that has ended is kept")
	}
}

// A call that may succeed another time is made again, each attempt with its own
// headers and timeout; a refusal is not.
func TestRetries(t *testing.T) {
	var calls atomic.Int32
	script := atomic.Value{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the server does not notice that the client is gone
		n := calls.Add(1)
		do := strings.Split(script.Load().(string), " ")[n-1]
		if r.Header.Get("X-Attempt") != fmt.Sprint(n) {
			t.Errorf("attempt %d has header %q", n, r.Header.Get("X-Attempt"))
		}
		switch do {
		case "hang":
			<-r.Context().Done()
		case "drop":
			panic(http.ErrAbortHandler)
		case "503":
			w.WriteHeader(503)
		default:
			fmt.Fprint(w, `{}`)
		}
	}))
	defer server.Close()
	for _, tt := range []struct {
		script  string
		retries int
		calls   int32
		event   string
		befores string
	}{
		{"ok", 1, 1, "", ""},
		{"hang ok", 1, 2, "", "timeout"},
		{"drop ok", 1, 2, "", "answer"},
		{"drop drop ok", 2, 3, "", "answer answer"},
		{"hang hang ok", 1, 2, "webhook.error.timeout", "timeout"},
		{"hang ok", 0, 1, "webhook.error.timeout", ""},
		{"503 ok", 1, 1, "webhook.error.unavailable", ""},
	} {
		t.Run(fmt.Sprint(tt.script, tt.retries), func(t *testing.T) {
			calls.Store(0)
			script.Store(tt.script)
			d, err := NewDialogflow(DialogflowConfig{WebhookURL: server.URL, Timeout: 300 * time.Millisecond, Retries: tt.retries})
			if err != nil {
				t.Fatal(err)
			}
			defer d.CloseIdleConnections()
			n := 0
			x, err := d.Call(t.Context(), Call{Body: []byte(request(`{}`)), Attempt: func(before *Exchange) http.Header {
				if n++; (before == nil) != (n == 1) {
					t.Errorf("attempt %d, before it %v", n, before)
				}
				return http.Header{"x-attempt": {fmt.Sprint(n)}}
			}})
			if err != nil {
				t.Fatal(err)
			}
			var befores []string
			for b := x.Before; b != nil; b = b.Before {
				befores = append(befores, string(b.Failed))
				if b.Event() != "" || !b.Retried {
					t.Errorf("an attempt that was made again has event %q", b.Event())
				}
			}
			if calls.Load() != tt.calls || x.Event() != tt.event || strings.Join(befores, " ") != tt.befores {
				t.Errorf("%d calls, event %q, before %q", calls.Load(), x.Event(), befores)
			}
		})
	}
	if _, err := NewDialogflow(DialogflowConfig{WebhookURL: server.URL, Retries: -1}); err == nil {
		t.Error("less than no retries")
	}
}

// Where the route has a target, a failure is silent; a success is none.
func TestSilent(t *testing.T) {
	for status, event := range map[int]string{200: "", 403: "webhook.error.rejected"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprint(w, "{}") }))
		defer server.Close()
		d, err := NewDialogflow(DialogflowConfig{WebhookURL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		defer d.CloseIdleConnections()
		for _, target := range []bool{false, true} {
			x, err := d.Call(context.Background(), Call{Body: []byte(request(`{}`)), RouteTarget: target})
			if err != nil {
				t.Fatal(err)
			}
			silent := target && event != ""
			if x.Silent() != silent || (x.Event() == "") != (silent || event == "") {
				t.Errorf("%d, target %t: silent %t, event %q", status, target, x.Silent(), x.Event())
			}
			state, _ := d.SessionState(testSession)
			if turn := state.Turns[len(state.Turns)-1]; turn.Event != event || turn.Silent != silent {
				t.Errorf("%+v", turn)
			}
		}
	}
}

func TestInput(t *testing.T) {
	for _, tt := range []struct {
		in   Input
		want string
	}{
		{Input{Session: testSession, Tag: "confirm", Text: "yes"}, `{"languageCode":"en","text":"yes","fulfillmentInfo":{"tag":"confirm"},"sessionInfo":{"session":"` + testSession + `","parameters":{}}}`},
		{Input{Session: testSession, Event: "sys.no-input-default"}, `{"languageCode":"en","triggerEvent":"sys.no-input-default","fulfillmentInfo":{"tag":""},"sessionInfo":{"session":"` + testSession + `","parameters":{}}}`},
		{Input{Session: testSession, Digits: "12#", Parameters: map[string]jsontext.Value{"a": jsontext.Value("1.0")}}, `{"languageCode":"en","dtmfDigits":"12#","fulfillmentInfo":{"tag":""},"sessionInfo":{"session":"` + testSession + `","parameters":{"a":1}}}`},
	} {
		got, err := tt.in.Request()
		if err != nil {
			t.Fatal(err)
		}
		wantJSON(t, string(got), tt.want)
	}
	for want, in := range map[string]Input{
		"alternatives; want one":     {Session: testSession, Text: "a", Event: "b"},
		`"s" is no session name`:     {Session: "s"},
		`parameter "a": { is not`:    {Session: testSession, Parameters: map[string]jsontext.Value{"a": jsontext.Value("{")}},
		`parameter "": 1 is not JSO`: {Session: testSession, Form: map[string]jsontext.Value{"": jsontext.Value("1")}},
		"text: ":                     {Session: testSession, Text: "\xff"},
	} {
		if _, err := in.Request(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
