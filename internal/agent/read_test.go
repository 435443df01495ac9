package agent

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// corpus gives the index of the corpus, a line for each agent by its column. Agents
// are called by their number and the start of a SHA-256: their names are of people's
// accounts.
func corpus(t *testing.T) (dir string, agents map[string]map[string]string) {
	t.Helper()
	dir = os.Getenv("CX_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	dir = filepath.Join(dir, "agents")
	index, err := os.Open(filepath.Join(dir, "INDEX.tsv"))
	if err != nil {
		t.Skipf("SKIPPED: no corpus: CX_CORPUS is %q, and ../shared/corpus is not beside the repository", os.Getenv("CX_CORPUS"))
	}
	defer index.Close()
	r := csv.NewReader(index)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	agents = map[string]map[string]string{}
	for i, row := range rows[1:] {
		line := map[string]string{}
		for c, name := range rows[0] {
			if c < len(row) {
				line[name] = row[c]
			}
		}
		agents[fmt.Sprintf("%d-%.4x", i+1, sha256.Sum256([]byte(row[0])))] = line
	}
	return dir, agents
}

// counts are those of INDEX.tsv.
func counts(a *Agent) map[string]int {
	n := map[string]int{"flows": len(a.Flows), "intents": len(a.Intents), "entityTypes": len(a.EntityTypes), "webhooks": len(a.Webhooks), "testCases": len(a.TestCases), "routeGroups": len(a.Groups)}
	tags := map[string]bool{}
	for step := range a.Steps() {
		if step.Calls() {
			n["webhook_uses"]++
			tags[step.Fulfillment.Tag] = true
		}
	}
	n["distinct_tags"] = len(tags)
	for _, g := range a.Groups {
		n["routes"] += len(g.Routes)
	}
	for _, f := range a.Flows {
		n["pages"] += len(f.Pages)
		n["routes"] += len(f.Routes)
		n["eventHandlers"] += len(f.EventHandlers)
		n["routeGroups"] += len(f.Groups)
		for _, g := range f.Groups {
			n["routes"] += len(g.Routes)
		}
		for _, p := range f.Pages {
			n["routes"] += len(p.Routes)
			n["eventHandlers"] += len(p.EventHandlers)
			n["formParams"] += len(p.Form.Parameters)
			for _, param := range p.Form.Parameters {
				n["eventHandlers"] += len(param.FillBehavior.Reprompts)
			}
		}
	}
	for _, c := range a.TestCases {
		n["testTurns"] += len(c.Turns)
	}
	return n
}

// TestCorpus: the agents of other people are read, and have what their index says.
func TestCorpus(t *testing.T) {
	dir, agents := corpus(t)
	if len(agents) != 7 {
		t.Fatalf("%d agents in the index, want 7", len(agents))
	}
	for name, line := range agents {
		t.Run(name, func(t *testing.T) {
			a, err := Open(filepath.Join(dir, line["agent_dir"]))
			if err != nil {
				t.Fatal(err)
			}
			got := counts(a)
			for _, column := range []string{"flows", "pages", "intents", "entityTypes", "webhooks", "webhook_uses", "distinct_tags", "routes", "eventHandlers", "routeGroups", "formParams", "testCases", "testTurns"} {
				if want, err := strconv.Atoi(line[column]); err != nil || got[column] != want {
					t.Errorf("%s: got %d, want %s", column, got[column], line[column])
				}
			}
			t.Logf("unknown keys: %v; files not read: %v", a.Unknown, a.Other)
			for step := range a.Steps() {
				if a.Line(step.Location) == 0 {
					t.Fatalf("%s has no line", step.Location)
				}
				break
			}
		})
	}
}

const small = "testdata/export"

// TestForms: a folder, a zip file, and a checkout with the package below a folder
// are the same agent.
func TestForms(t *testing.T) {
	want, err := Open(small)
	if err != nil {
		t.Fatal(err)
	}
	zipped := filepath.Join(t.TempDir(), "agent.zip")
	if err := os.WriteFile(zipped, pack(t, os.DirFS(small), ""), 0o600); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(t.TempDir(), "below.zip")
	if err := os.WriteFile(below, pack(t, os.DirFS(small), "my agent/"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkout := t.TempDir()
	if err := os.CopyFS(filepath.Join(checkout, "dialogflow", "agent"), os.DirFS(small)); err != nil {
		t.Fatal(err)
	}
	os.MkdirAll(filepath.Join(checkout, ".git"), 0o700)
	os.WriteFile(filepath.Join(checkout, ".git", "agent.json"), []byte("{"), 0o600)
	os.WriteFile(filepath.Join(checkout, "package.json"), []byte("{"), 0o600)
	for _, name := range []string{zipped, below, checkout} {
		got, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(counts(got)) != fmt.Sprint(counts(want)) || got.Flows[0].DisplayName != want.Flows[0].DisplayName {
			t.Errorf("%s: got %v, want %v", filepath.Base(name), counts(got), counts(want))
		}
		if n := len(got.EntityTypes[0].Entities); n != len(want.EntityTypes[0].Entities) || n == 0 {
			t.Errorf("%s: %d entities", filepath.Base(name), n)
		}
	}
}

func pack(t *testing.T, fsys fs.FS, below string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		f, err := w.Create(below + name)
		if err != nil {
			return err
		}
		_, err = f.Write(b)
		return err
	})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestBroken: what cannot be read is named, with where in it, all of it at once.
func TestBroken(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing", map[string]string{"a.txt": ""}, "no agent.json; want an agent exported as a JSON package: a folder, a zip file, or a checkout with one"},
		{"two", map[string]string{"a/agent.json": "{}", "b/agent.json": "{}"}, "2 agents; name the folder of one of them: a/, b/"},
		{"one inside another", map[string]string{"agent.json": "{}", "examples/agent.json": "{"}, ""},
		{"syntax", map[string]string{"agent.json": "{}", "webhooks/a.json": `{"displayName": x}`, "intents/i/i.json": `{"displayName"`},
			"intents/i/i.json: at byte 14: jsontext: unexpected EOF within \"/displayName\" after offset 14\nwebhooks/a.json: at byte 16: jsontext: invalid character 'x' at start of value within \"/displayName\" after offset 16"},
		{"another type", map[string]string{"agent.json": "{}", "flows/F/F.json": `{"transitionRoutes": [{"intent": 7}]}`},
			"flows/F/F.json: at byte 33: json: unable to unmarshal JSON number into Go string within \"/transitionRoutes/0/intent\""},
		{"a duplicate", map[string]string{"agent.json": `{"startFlow":"a","startFlow":"b"}`}, "agent.json: at byte 17: jsontext: duplicate object member name \"startFlow\""},
		{"a list", map[string]string{"agent.json": "[]"}, "agent.json: want a JSON object"},
		{"nothing in it", map[string]string{"agent.json": ""}, "agent.json: want a JSON object"},
		{"without its flow", map[string]string{"agent.json": "{}", "flows/F/pages/P.json": "{}"}, "flows/F: the folder has no F.json; is the export whole?"},
		{"deep", map[string]string{"agent.json": `{"x":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`}, ""},
		{"too deep", map[string]string{"agent.json": `{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`}, "agent.json: at byte 104: more than 100 brackets deep: over the limit"},
		{"brackets in a text", map[string]string{"agent.json": `{"x":"\"` + strings.Repeat("[", 200) + `"}`}, ""},
		{"with a byte order mark", map[string]string{"agent.json": "\ufeff{}"}, ""},
		{"numbers as texts", map[string]string{"agent.json": `{"projectNumber":"12"}`, "webhooks/a.json": `{"timeout":"7s"}`}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for name, text := range tt.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			_, err := Read(fsys)
			got := ""
			if err != nil { // the decoder has two words for one thing, at random
				got = strings.ReplaceAll(err.Error(), "cannot unmarshal", "unable to unmarshal")
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestUnknown: keys that nobody knows are kept and counted.
func TestUnknown(t *testing.T) {
	a, err := Read(fstest.MapFS{
		"agent.json":      {Data: []byte(`{"displayName":"a","brandNew":{"x":1}}`)},
		"flows/F/F.json":  {Data: []byte(`{"displayName":"F","transitionRoutes":[{"newer":1},{"newer":2,"triggerFulfillment":{"newest":[]}}]}`)},
		"newFolder/x/y/z": {Data: []byte(`?`)}, "newFolder/a.json": {Data: []byte(`?`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"agent.brandNew": 1, "flow.transitionRoutes.newer": 2, "flow.transitionRoutes.triggerFulfillment.newest": 1}
	if fmt.Sprint(a.Unknown) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", a.Unknown, want)
	}
	if kept := string(a.Settings.Unknown.Members); kept != `{"brandNew":{"x":1}}` {
		t.Errorf("kept %s", kept)
	}
	if a.Other["newFolder"] != 1 {
		t.Errorf("not read: %v", a.Other)
	}
}

// TestZipBomb: what a zip says of its sizes is not believed, and what it unpacks to
// is bounded.
func TestZipBomb(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files int
		bytes int
		want  string
	}{
		{"at the limit", 1, MaxFileBytes, ""},
		{"a file over it", 1, MaxFileBytes + 1, "intents/00/00.json: more than 8388608 bytes: over the limit"},
		{"many files", MaxTotalBytes/MaxFileBytes + 1, MaxFileBytes, "more than 134217728 bytes in all: over the limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := fstest.MapFS{"agent.json": {Data: []byte("{}")}}
			blanks := append([]byte("{}"), bytes.Repeat([]byte(" "), tt.bytes-2)...)
			for i := range tt.files {
				m[fmt.Sprintf("intents/%02d/%02d.json", i, i)] = &fstest.MapFile{Data: blanks}
			}
			b := pack(t, m, "")
			if len(b) > MaxFileBytes {
				t.Fatalf("no bomb: %d bytes", len(b))
			}
			_, err := ReadZip(bytes.NewReader(b), int64(len(b)))
			if got := fmt.Sprint(err); err == nil && tt.want != "" || err != nil && (got != tt.want || !errors.Is(err, ErrLimit)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := ReadZip(strings.NewReader("PK?"), 3); err == nil || !strings.Contains(err.Error(), "export the agent as a JSON package, not as a blob") {
		t.Errorf("not a zip: got %v", err)
	}
}

// TestLinks: a link that leads out of the folder is not followed.
func TestLinks(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "webhook.json")
	os.WriteFile(outside, []byte(`{"displayName":"outside"}`), 0o600)
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "agent.json"), []byte("{}"), 0o600)
	os.Mkdir(filepath.Join(dir, "webhooks"), 0o700)
	os.WriteFile(filepath.Join(dir, "webhooks", "inside.json"), []byte(`{"displayName":"inside"}`), 0o600)
	if err := os.Symlink(outside, filepath.Join(dir, "webhooks", "outside.json")); err != nil {
		t.Skipf("SKIPPED: no links here: %v", err)
	}
	a, err := Open(dir)
	if err != nil || len(a.Webhooks) != 1 || a.Webhooks[0].DisplayName != "inside" {
		t.Errorf("got %v, %v", a, err)
	}
}

// FuzzRead: whatever a zip file holds, the reader ends, within its bounds, with an
// agent or an error that names the file.
func FuzzRead(f *testing.F) {
	f.Add("flows/F/F.json", []byte(`{"displayName":"F","transitionRoutes":[{"triggerFulfillment":{"webhook":"w","tag":"t"}}]}`))
	f.Add("flows/F/pages/P.json", []byte(`{"form":{"parameters":[null,{"fillBehavior":{"repromptEventHandlers":[null]}}]},"transitionRoutes":[null]}`))
	f.Add("webhooks/w.json", []byte(`{"timeout":{"seconds":1e300}}`))
	f.Add("entityTypes/e/entities/en.json", []byte(`{"entities":[{"value":7}]}`))
	f.Add("testCases/../agent.json", []byte(`[[[`))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		for file, text := range map[string][]byte{"agent.json": []byte("{}"), name: content} {
			if e, err := w.Create(file); err == nil {
				e.Write(text)
			}
		}
		w.Close()
		a, err := ReadZip(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
		if (a == nil) == (err == nil) {
			t.Fatalf("agent %v, error %v", a, err)
		}
		if err != nil {
			return
		}
		for step := range a.Steps() {
			if step.Fulfillment == nil || step.Where() == "" || a.Line(step.Location) == 0 {
				t.Errorf("step at %s: line %d", step.Location, a.Line(step.Location))
			}
		}
	})
}
