package scaffold

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/internal/agent"
)

const (
	root = "../.." // this module
	// ours is its path, put together so that a copy of this file would keep it.
	ours = "example.com" + "/cxhook"
	// allAgents is the variable that asks for the long run: every agent of the corpus,
	// and the layout of the cloud's build.
	allAgents = "CXHOOK_TEST_AGENTS"
	small     = "../agent/testdata/export"
)

// workspace is where modules are made, one after another in the same folder: packages
// that are the same in all of them are compiled once, since go build's cache goes by
// their folder too.
var workspace string

func TestMain(m *testing.M) {
	var err error
	if workspace, err = os.MkdirTemp("", "scaffold"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(workspace)
	os.Exit(code)
}

// command runs a program in dir and gives what it printed.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%.3000s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// answers makes a module for an agent and holds it to what is promised: it is
// formatted, builds, passes its tests, and answers each tag through the whole stack.
// Flexible webhooks are called by the module's own tests.
func answers(t *testing.T, a *agent.Agent, path string) string {
	t.Helper()
	dir := filepath.Join(workspace, "made")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	generated, settings, err := New(root, dir, path, a)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range contents(t, dir) {
		if bytes.Contains(content, []byte(ours)) {
			t.Errorf("%s still names %s", name, ours)
		}
		if strings.HasSuffix(name, ".go") {
			if formatted, err := format.Source(content); err != nil || !bytes.Equal(formatted, content) {
				t.Errorf("%s is not formatted: %v", name, err)
			}
		}
	}
	command(t, dir, "go", "build", "./...")
	tests := command(t, dir, "go", "test", "-v", "./handlers/...")
	if n := strings.Count(tests, "--- PASS: TestConversations/"); n != len(generated.Tags) {
		t.Errorf("%d conversations were played for %d tags", n, len(generated.Tags))
	}
	if len(settings.Tags) != len(generated.Tags) {
		t.Errorf("settings have %d tags, want %d", len(settings.Tags), len(generated.Tags))
	}
	local := filepath.Join(t.TempDir(), "local")
	command(t, dir, "go", "build", "-o", local, "./cmd/local")
	for _, tag := range generated.Tags {
		args := []string{"call", "--json", tag}
		for name, value := range parametersOf(t, filepath.Join(dir, "handlers", "testdata"), tag) {
			args = append(args, name+"="+string(value))
		}
		var report struct {
			Status int `json:"status"`
		}
		if out := command(t, dir, local, args...); json.Unmarshal([]byte(out), &report) != nil || report.Status != 200 {
			t.Errorf("tag %q: %.500s", tag, out)
		}
	}
	t.Logf("%d tags and %d paths answer", len(generated.Tags), len(generated.Paths))
	return dir
}

// parametersOf gives the session parameters with which a conversation calls a tag.
func parametersOf(t *testing.T, dir, tag string) map[string]json.RawMessage {
	t.Helper()
	for name, content := range contents(t, dir) {
		_, rest, _ := strings.Cut(string(content), "-- request --\n")
		request, _, _ := strings.Cut(rest, "-- response")
		var r struct {
			FulfillmentInfo struct{ Tag string }
			SessionInfo     struct{ Parameters map[string]json.RawMessage }
		}
		if err := json.Unmarshal([]byte(request), &r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.FulfillmentInfo.Tag == tag {
			return r.SessionInfo.Parameters
		}
	}
	t.Fatalf("no conversation calls %q", tag)
	return nil
}

// contents gives all files below dir.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files[name], err = os.ReadFile(filepath.Join(dir, name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestNew: a module for the small agent is whole, filled in, and answers.
func TestNew(t *testing.T) {
	a, err := agent.Open(small)
	if err != nil {
		t.Fatal(err)
	}
	dir := answers(t, a, "example.org/parcel/desk")
	files := contents(t, dir)
	for name, wants := range map[string][]string{
		"go.mod": {"module example.org/parcel/desk\n"},
		"cloudbuild.yaml": {"  _SERVICE: 'desk'", "  _PROJECT_NUMBERS: '123456789012'", "  _AUDIENCES: 'https://webhook.example.com/desk,https://webhook.example.com/rates'",
			"  _REGION: europe-west1"},
		"deploy/config.env":           {"\nWEBHOOK_URL=https://webhook.example.com/desk ", "\nNAME=desk ", "\nAGENT= ", "\nPROJECT= ", "\n#REGION=europe-west1 "},
		"README.md":                   {`the Dialogflow CX agent "Parcel Desk"`, "`deliver-again`, `note.size`, `track`", "`/rates`"},
		"handlers/agent_gen.go":       {`"example.org/parcel/desk/cx"`},
		"internal/conformance/go.mod": {"module example.org/parcel/desk/internal/conformance\n", "replace example.org/parcel/desk => ../..\n"},
	} {
		for _, want := range wants {
			if !bytes.Contains(files[name], []byte(want)) {
				t.Errorf("%s has no %q", name, want)
			}
		}
	}
	for name := range files {
		if stays(name) && !strings.HasPrefix(name, "handlers/") && name != "README.md" && name != manifestName {
			t.Errorf("%s was copied", name)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, ".ci", "run")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf(".ci/run: %v, %v", info, err)
	}
	if os.Getenv(allAgents) != "all" {
		t.Logf("SKIPPED: the layout of the cloud's build; %s=all tries it", allAgents)
		return
	}
	command(t, dir, "git", "init", "--quiet")
	command(t, dir, "git", "add", "--all")
	t.Log(command(t, dir, ".ci/buildpack-layout"))
}

// TestNewHello: without an agent there is one that says hello.
func TestNewHello(t *testing.T) {
	dir := answers(t, nil, "example.com/made")
	if out := command(t, dir, "go", "run", "./cmd/local", "call", "hello", "name=Ada"); !strings.Contains(out, "the agent says: Hello, Ada!") {
		t.Errorf("got %s", out)
	}
}

// TestNewCorpus: modules for other people's agents answer. Those that call no webhook
// are given one of each kind.
func TestNewCorpus(t *testing.T) {
	dir := os.Getenv("CX_CORPUS")
	if dir == "" {
		dir = filepath.Join(root, "..", "shared", "corpus")
	}
	index, err := os.ReadFile(filepath.Join(dir, "agents", "INDEX.tsv"))
	if err != nil {
		t.Skipf("SKIPPED: no corpus: CX_CORPUS is %q, and ../shared/corpus is not beside the repository", os.Getenv("CX_CORPUS"))
	}
	r := csv.NewReader(bytes.NewReader(index))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	uses := slices.Index(rows[0], "webhook_uses")
	if rows = rows[1:]; os.Getenv(allAgents) != "all" {
		t.Logf("SKIPPED: %d of %d agents; %s=all tries them", len(rows)-2, len(rows), allAgents)
		// The one with most calls, and one without any.
		slices.SortStableFunc(rows, func(a, b []string) int { return len(b[uses]) - len(a[uses]) })
		rows = append(rows[:1:1], rows[len(rows)-1])
	}
	for i, row := range rows {
		t.Run(fmt.Sprintf("%d-%.4x", i+1, sha256.Sum256([]byte(row[0]))), func(t *testing.T) {
			export := filepath.Join(dir, "agents", row[0])
			if row[uses] == "0" {
				copied := t.TempDir()
				if err := os.CopyFS(copied, os.DirFS(export)); err != nil {
					t.Fatal(err)
				}
				invent(t, copied)
				export = copied
			}
			a, err := agent.Open(export)
			if err != nil {
				t.Fatal(err)
			}
			answers(t, a, "example.com/made")
		})
	}
}

// invent gives an agent a page that calls a webhook of each kind.
func invent(t *testing.T, export string) {
	t.Helper()
	for name, content := range map[string]string{
		"webhooks/invented.json":       `{"displayName":"invented","genericWebService":{"uri":"https://webhook.example.com/invented"}}`,
		"webhooks/flexible.json":       `{"displayName":"flexible","genericWebService":{"uri":"https://webhook.example.com/flexible","webhookType":"FLEXIBLE","requestBody":"{\"a\":\"$session.params.invented\"}","parameterMapping":[{"key":"b","value":"$.b"}]}}`,
		"flows/Invented/Invented.json": `{"displayName":"Invented"}`,
		"flows/Invented/pages/Invented.json": `{"displayName":"Invented","form":{"parameters":[{"displayName":"invented","required":true,"entityType":"@sys.date"}]},"transitionRoutes":[
			{"condition":"$page.params.status = \"FINAL\"","triggerFulfillment":{"webhook":"invented","tag":"invented"}},{"condition":"true","triggerFulfillment":{"webhook":"flexible","tag":"flexible"}}]}`,
	} {
		at := filepath.Join(export, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNewRefuses: what cannot be made is said, and nothing is left behind.
func TestNewRefuses(t *testing.T) {
	full := t.TempDir()
	os.WriteFile(filepath.Join(full, "x"), nil, 0o600)
	nowhere := t.TempDir()
	for _, tt := range []struct{ name, root, dir, module, want string }{
		{"no dot", root, filepath.Join(nowhere, "a"), "agent/x", "missing dot in first path element; want one as example.com/my-agent"},
		{"no path", root, filepath.Join(nowhere, "a"), "example.com/a b", "invalid char ' '; want one as example.com/my-agent"},
		{"a version", root, filepath.Join(nowhere, "a"), "example.com/a/v2", `module path "example.com/a/v2": want one without a version at its end, as example.com/my-agent`},
		{"not empty", root, full, "example.com/a", full + " is not empty; want a folder that is, or a new one"},
		{"no module", nowhere, filepath.Join(nowhere, "a"), "example.com/a", "go.mod: no such file or directory"},
	} {
		_, _, err := New(tt.root, tt.dir, tt.module, nil)
		if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	if left := contents(t, nowhere); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if entries, _ := os.ReadDir(nowhere); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestSettings: what an export says goes where it belongs, and what is no good there
// does not.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		at := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(at), 0o755)
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("agent.json", `{"name":"projects/p-1/locations/europe-west2/agents/11111111-0000-0000-0000-000000000001","displayName":"A","projectNumber":42}`)
	calls := ""
	for i, uri := range []string{"https://a.example.com/x", "https://a.example.com/x", "https://<YOUR-URL>", "http://a.example.com/", "https://a.example.com/'$(x)',y", "https://addressvalidation.googleapis.com/v1", "https://b.example.com"} {
		write(fmt.Sprintf("webhooks/%d.json", i), fmt.Sprintf(`{"displayName":"w%d","genericWebService":{"uri":%q}}`, i, uri))
		calls += fmt.Sprintf(`{"triggerFulfillment":{"webhook":"w%d","tag":"t"}},`, i)
	}
	write("webhooks/unused.json", `{"displayName":"unused","genericWebService":{"uri":"https://c.example.com"}}`)
	write("flows/F/F.json", `{"displayName":"F","transitionRoutes":[`+strings.TrimSuffix(calls, ",")+`]}`)
	a, err := agent.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := SettingsOf("example.com/My_Agent", a)
	want := &Settings{Module: "example.com/My_Agent", Service: "my-agent", Agent: "A", AgentName: "projects/p-1/locations/europe-west2/agents/11111111-0000-0000-0000-000000000001",
		ProjectNumbers: []string{"42"}, Region: "europe-west2", Audiences: []string{"https://a.example.com/x", "https://b.example.com"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	filled := string(got.fillBuild([]byte("  _SERVICE: cxhook\n  _REGION: europe-west1\n  _AUDIENCES: '' # the URLs\n  _SETTINGS: '' # more\n  _SERVICE_ACCOUNT: x\n")))
	const build = "  _SERVICE: 'my-agent'\n  _REGION: 'europe-west2'\n  _AUDIENCES: 'https://a.example.com/x,https://b.example.com' # the URLs\n" +
		"  _SETTINGS: 'CXHOOK_AGENTS=42=projects/p-1/locations/europe-west2/agents/11111111-0000-0000-0000-000000000001' # more\n  _SERVICE_ACCOUNT: x\n"
	if filled != build {
		t.Errorf("got\n%s\nwant\n%s", filled, build)
	}
	config := string(got.fillConfig([]byte("PROJECT=   # id\nWEBHOOK_URL=  # url\nAGENT= # a\n#NAME=cxhook  # of\n#REGION=europe-west1\n#RENAME=x\n")))
	if want := "PROJECT=p-1   # id\nWEBHOOK_URL=https://a.example.com/x  # url\nAGENT=" + got.AgentName + " # a\nNAME=my-agent  # of\nREGION=europe-west2\n#RENAME=x\n"; config != want {
		t.Errorf("got\n%s\nwant\n%s", config, want)
	}
	for path, name := range map[string]string{"example.com/9lives": "agent-9lives", "example.com/" + strings.Repeat("a", 60): strings.Repeat("a", 49), "example.com/x-": "x"} {
		if got := serviceName(path); got != name {
			t.Errorf("%s: got %s, want %s", path, got, name)
		}
	}
}

// TestRewrite: a module path is another one wherever it stands by itself.
func TestRewrite(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"x.md", "See a.example/m, a.example/m/cx and a.example/m. a.example/mm a.example/m-x b.a.example/m a.example/m.git", "See b.example/longer, b.example/longer/cx and b.example/longer. a.example/mm a.example/m-x b.a.example/m a.example/m.git"},
		{"go.mod", "module a.example/m\n", "module b.example/longer\n"},
		{"x.go", "package x\n\nimport (\n\t\"a.example/m/cx\"\n\t\"a.example/z\"\n)\n", "package x\n\nimport (\n\t\"a.example/z\"\n\t\"b.example/longer/cx\"\n)\n"},
		{"broken.go", "package x import \"a.example/m\"", "package x import \"b.example/longer\""},
		{"image.png", "a.example/m\x00", "a.example/m\x00"},
	} {
		if got := string(rewrite(tt.name, []byte(tt.in), "a.example/m", "b.example/longer")); got != tt.want {
			t.Errorf("%s: got  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
