package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/rogpeppe/go-internal/testscript"

	"example.com/cxhook/internal/console"
)

// again is `again ID STATUS`: somebody runs the curl line that the console gives for
// a call. STATUS may be a word of the console's refusal instead.
func again(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: again ID STATUS")
	}
	var where struct{ URL, Token string }
	word, err := os.ReadFile(filepath.Join(ts.Getenv("XDG_CACHE_HOME"), "cxhook", "console.json"))
	ts.Check(err)
	ts.Check(json.Unmarshal(word, &where, json.MatchCaseInsensitiveNames(true)))
	req, err := http.NewRequest(http.MethodPost, where.URL+"/api/calls/"+args[0]+"/curl", nil)
	ts.Check(err)
	req.Header.Set(console.TokenHeader, where.Token)
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	var answer struct {
		Line  string `json:"line"`
		Note  string `json:"note"`
		Error string `json:"error"`
	}
	ts.Check(json.UnmarshalRead(resp.Body, &answer))
	if resp.StatusCode != http.StatusOK {
		if !strings.Contains(answer.Error, args[1]) {
			ts.Fatalf("%s: want %s", answer.Error, args[1])
		}
		return
	}
	out, err := exec.Command("sh", "-c", answer.Line+" --silent --show-error --write-out ' %{http_code}'").CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), " "+args[1]) {
		ts.Fatalf("%s\n%v: %s: want %s", answer.Line, err, out, args[1])
	}
}
