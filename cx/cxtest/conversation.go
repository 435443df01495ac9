package cxtest

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/rogpeppe/go-internal/txtar"

	"example.com/cxhook/cx"
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
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) == 0 {
		t.Fatalf("%s: no request", file)
	}
	session := cx.SessionInfo{Session: SessionName, Parameters: cx.Parameters{}}
	var played []txtar.File
	for i := 0; i < len(archive.Files); i++ {
		request := archive.Files[i]
		if request.Name != "request" {
			t.Fatalf("%s: section %q; want request", file, request.Name)
		}
		body, err := enter(request.Data, &session)
		if err != nil {
			t.Fatalf("%s: request %d: %v", file, len(played)/2+1, err)
		}
		res := Post(t, h, body)
		leave(res.Response, &session)
		got := txtar.File{Name: fmt.Sprintf("response %d", res.Status), Data: []byte("\n")}
		if res.Status == http.StatusOK {
			v := jsontext.Value(res.Body).Clone()
			if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
				t.Fatalf("%s: response %d: %v", file, len(played)/2+1, err)
			}
			got.Data = append(v, '\n')
		}
		played = append(played, request, got)
		if i+1 < len(archive.Files) && strings.HasPrefix(archive.Files[i+1].Name, "response ") {
			i++
			compare(t, file, archive.Files[i], got, res, update)
		} else if !update {
			t.Errorf("%s: request %d has no response after it; -update writes it", file, len(played)/2)
		}
	}
	if update && !t.Failed() {
		archive.Files = played
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func compare(t *testing.T, file string, want, got txtar.File, res *Result, update bool) {
	if update {
		return
	}
	status, err := strconv.Atoi(strings.TrimPrefix(want.Name, "response "))
	if err != nil || status != res.Status {
		t.Errorf("%s: got %q (%s: %v), want %q", file, got.Name, res.Call.Code, res.Call.Err, want.Name)
		return
	}
	if status != http.StatusOK {
		return
	}
	if diff := Diff(want.Data, got.Data); diff != "" {
		t.Errorf("%s: %s (-want +got):\n%s", file, want.Name, diff)
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
