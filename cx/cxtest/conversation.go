package cxtest

import (
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
	"example.com/cxhook/internal/conversation"
)

// Run plays conversations that are kept in files (txtar), one subtest each:
//
//	What the conversation is about, and which bug it guards against.
//
//	-- request --
//	{"fulfillmentInfo": {"tag": "confirm"}, "sessionInfo": {"parameters": {"size": "large"}}}
//	-- response 200 --
//	{"sessionInfo": {"parameters": {"order": 1}}}
//	-- request --
//	{"fulfillmentInfo": {"tag": "status"}}
//	-- response 200 --
//	…
//
// As Dialogflow does, it keeps the session: a request gets the session's name and
// the parameters of the requests and responses before it, unless it brings its own.
// The body of a failure is not compared, since callers are told nothing. With
// update the responses are written as they come. pattern is a filepath.Glob.
func Run(t *testing.T, h http.Handler, pattern string, update bool) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversation matches %q (%v)", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			play(t, h, file, update)
		})
	}
}

func play(t *testing.T, h http.Handler, file string, update bool) {
	c, err := conversation.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	session := cx.SessionInfo{Session: SessionName, Parameters: cx.Parameters{}}
	for i := range c.Turns {
		want := c.Turns[i]
		body, err := enter(want.Request, &session)
		if err != nil {
			t.Fatalf("%s: request %d: %v", file, i+1, err)
		}
		res := Post(t, h, body)
		leave(res.Response, &session)
		switch {
		case update:
			c.Turns[i].Status, c.Turns[i].Response = res.Status, res.Body
		case want.Status == 0:
			t.Errorf("%s: request %d has no response after it; -update writes it", file, i+1)
		case want.Status != res.Status:
			t.Errorf("%s: request %d: got %d (%s: %v), want %d", file, i+1, res.Status, res.Call.Code, res.Call.Err, want.Status)
		case res.Status == http.StatusOK:
			if diff := Diff(want.Response, res.Body); diff != "" {
				t.Errorf("%s: request %d (-want +got):\n%s", file, i+1, diff)
			}
		}
	}
	if update && !t.Failed() {
		if err := c.WriteFile(file); err != nil {
			t.Fatal(err)
		}
	}
}

// enter adds the session to a request, and the request's parameters to the session.
func enter(body []byte, session *cx.SessionInfo) ([]byte, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	var info cx.SessionInfo
	if raw := members["sessionInfo"]; raw != nil {
		if err := json.Unmarshal(raw, &info); err != nil {
			return nil, err
		}
	}
	if info.Session != "" {
		session.Session = info.Session
	}
	maps.Copy(session.Parameters, info.Parameters)
	if members == nil {
		members = map[string]jsontext.Value{}
	}
	var err error
	if members["sessionInfo"], err = json.Marshal(session, json.Deterministic(true)); err != nil {
		return nil, err
	}
	return json.Marshal(members, json.Deterministic(true))
}

// leave adds what a response sets to the session; null deletes.
func leave(resp *cx.Response, session *cx.SessionInfo) {
	if resp == nil {
		return
	}
	for name, v := range resp.SessionInfo.Parameters {
		if v.Kind() == 'n' {
			delete(session.Parameters, name)
			continue
		}
		session.Parameters[name] = v
	}
}
