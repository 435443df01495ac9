package agent

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "example.com/cxhook"

// generate writes code for an agent into dir and gives the report.
func generate(t *testing.T, a *Agent, dir string, registered ...string) *Generated {
	t.Helper()
	g, err := Generate(a, Target{dir, module, registered})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// files gives all that a folder holds.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// runs compiles a folder as a package of this module, and runs its tests.
func runs(t *testing.T, dir string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	probe := filepath.Join(root, "internal", "probe")
	for name := range files(t, dir) {
		if strings.HasSuffix(name, ".go") {
			replace[filepath.Join(probe, name)] = filepath.Join(dir, name)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "probe.test")
	build := exec.Command("go", "test", "-overlay", file, "-vet=off", "-c", "-o", program, "./internal/probe")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
		return
	}
	run := exec.Command(program)
	run.Dir = dir // where testdata is
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestGenerate: what is generated for the small export is as it was, is Go, and stays
// as it is when it is generated again.
func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	first := generate(t, smallWith(t), dir)
	got := files(t, dir)
	want := []string{"agent_gen.go", "deliveragain.go", "handlers.go", "handlers_test.go", "notesize.go", "ratesparcel.go", "ratesparcel_test.go",
		"testdata/deliveragain.txtar", "testdata/notesize.txtar", "testdata/track.txtar", "track.go"}
	if diff := cmp.Diff(want, first.Written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if len(first.Notes)+len(first.Removed) > 0 {
		t.Errorf("notes %q, removed %q", first.Notes, first.Removed)
	}
	for name, text := range got {
		golden(t, filepath.Join("gen", name), []byte(text))
	}
	runs(t, dir)

	again := generate(t, smallWith(t), dir, "track", "deliver-again", "note.size", "/rates")
	if len(again.Written) > 0 || again.Unchanged != 1 {
		t.Errorf("the second time it wrote %v", again.Written)
	}
	if diff := cmp.Diff(got, files(t, dir)); diff != "" {
		t.Errorf("the second time (-first +second):\n%s", diff)
	}
}

// TestGenerateKeeps: what a person wrote stays byte for byte, wherever it is, and so
// does what the agent no longer calls; what is new comes to it.
func TestGenerateKeeps(t *testing.T) {
	dir := t.TempDir()
	generate(t, smallWith(t), dir)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	by := files(t, dir)
	moved := strings.Replace(by["track.go"], "return &cx.Response{}, nil", "return cx.Say(string(p.Parcel)), nil", 1)
	if moved == by["track.go"] {
		t.Fatal("the stub has changed")
	}
	write("elsewhere.go", moved)
	os.Remove(filepath.Join(dir, "track.go"))
	write("testdata/track.txtar", "-- request --\n{}\n-- response 400 --\n\n")
	write("deliveragain.go", by["deliveragain.go"]+"\n// Validate is mine.\nfunc (p DeliverAgainParameters) Validate() error { return nil }\n")
	before := files(t, dir)

	// The agent changes: a tag goes, one comes, a flexible webhook goes.
	changed := smallWith(t, againFile, `"tag": "deliver-again"`, `"tag": "deliver"`, ratesFile, `"FLEXIBLE"`, `"STANDARD"`)
	g := generate(t, changed, dir, "track", "deliver-again", "note.size", "/rates")
	if diff := cmp.Diff([]string{"agent_gen.go", "deliver.go", "price.go", "testdata/deliver.txtar", "testdata/price.txtar"}, g.Written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	want := []string{
		`the agent calls the tag "deliver-again" no more; deliverAgain in deliveragain.go still answers it. When no version in use calls it, delete the method and its conversations in testdata, and run gen again`,
		`no flexible webhook calls /rates any more; ratesParcel in ratesparcel.go still answers it. When no version in use calls it, delete the method and its test, and run gen again`}
	if diff := cmp.Diff(want, g.Removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	after := files(t, dir)
	for name, text := range before {
		if name != generated && after[name] != text {
			t.Errorf("%s has changed", name)
		}
	}
	for _, want := range []string{`TagDeliverAgain = "deliver-again" // no longer in the agent`, "cx.Bind(a.deliverAgain)", "type DeliverAgainParameters struct", "type RatesParcelResponse struct", "m.Path(PathRatesParcel, cx.Flexible(a.ratesParcel))"} {
		if !strings.Contains(strings.Join(strings.Fields(after[generated]), " "), want) {
			t.Errorf("%s has no %s", generated, want)
		}
	}
	runs(t, dir)
	if again := generate(t, changed, dir, "track", "deliver-again", "note.size", "/rates"); len(again.Written) > 0 {
		t.Errorf("the second time it wrote %v", again.Written)
	}

	// The method goes, and with it what was kept for it.
	os.Remove(filepath.Join(dir, "deliveragain.go"))
	os.Remove(filepath.Join(dir, "testdata", "deliveragain.txtar"))
	g = generate(t, changed, dir)
	if text := files(t, dir)[generated]; strings.Contains(text, "DeliverAgain") || len(g.Removed) != 1 {
		t.Errorf("it is kept: %q", g.Removed)
	}
	runs(t, dir)
}

// TestGenerateBeside: a package that was written by hand is told what to add, and a
// tag that it answers is left alone.
func TestGenerateBeside(t *testing.T) {
	dir := t.TempDir()
	const own = "package handlers\n\nimport (\n\t\"context\"\n\n\t\"example.com/cxhook/cx\"\n)\n\nfunc Register(context.Context, *cx.Mux) (func(context.Context) error, error) { return nil, nil }\n"
	if err := os.WriteFile(filepath.Join(dir, "mine.go"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mine_test.go"), []byte("package handlers\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := generate(t, smallWith(t), dir, "track", "/rates")
	if diff := cmp.Diff([]string{"agent.go", "agent_gen.go", "deliveragain.go", "notesize.go", "testdata/deliveragain.txtar", "testdata/notesize.txtar"}, g.Written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Register does not call agent.routes: no generated handler is registered. Add: for _, r := range new(agent).routes() { m.Route(r) }"}, g.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	runs(t, dir)
}

// TestGenerateRefuses: a file of the generated name that is not generated is not
// overwritten, nor is anything written beside code that does not parse.
func TestGenerateRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ file, text, want string }{
		"not marked": {generated, "package handlers\n", "it is not marked as generated; move what you wrote into another file"},
		"no Go":      {"x.go", "package handlers\nfunc {", "expected 'IDENT', found '{'"},
	} {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o600)
		if _, err := Generate(smallWith(t), Target{Dir: dir, Module: module}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
		if diff := cmp.Diff(map[string]string{tt.file: tt.text}, files(t, dir)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestNames: whatever tags are called, their names are Go and different.
func TestNames(t *testing.T) {
	want := map[string]string{"booking-new": "BookingNew", "booking_new": "BookingNew", "getAccount": "GetAccount", "set-pref_slot_time": "SetPrefSlotTime", "verify-pesel-5": "VerifyPesel5",
		"user id": "UserID", "5": "X5", "": "X", "a:b/c": "ABC", "größe": "Größe", "名前": "X名前", "__": "X"}
	for s, name := range want {
		if got := goName(s); got != name {
			t.Errorf("goName(%q): got %s, want %s", s, got, name)
		}
	}
	for s, name := range map[string]string{"BookingNew": "bookingNew", "IDCheck": "idCheck", "ID": "id", "X5": "x5", "Select": "selectTag", "Größe": "größe"} {
		if got := localName(s); got != name {
			t.Errorf("localName(%q): got %s, want %s", s, got, name)
		}
	}
	n := names{}
	if got := n.take("A") + " " + n.take("A") + " " + n.take("A"); got != "A A2 A3" {
		t.Errorf("got %s", got)
	}
}

// TestGenerateOdd: an agent with every oddity that names can have becomes Go.
func TestGenerateOdd(t *testing.T) {
	odd := "\"`',\\ \u2028\ufeff*/ // 名前 é\n"
	q, err := json.Marshal(odd)
	if err != nil {
		t.Fatal(err)
	}
	s := string(q)
	a := smallWith(t, "flows/Odd/Odd.json", "", `{"displayName":`+s+`}`, "flows/Odd/pages/P.json", "", `{"displayName":`+s+`,"form":{"parameters":[{"displayName":`+s+`,"entityType":"@odd"},{"displayName":"kind","entityType":"@odd"},{"displayName":"Kind","entityType":"@missing"}]},
		"transitionRoutes":[{"condition":`+s+`,"triggerFulfillment":{"webhook":"Desk","tag":`+s+`}},{"intent":`+s+`,"triggerFulfillment":{"webhook":"Desk","tag":"select"}},{"condition":"true","triggerFulfillment":{"webhook":"Desk","tag":"sel-ect"}},
		{"condition":"true","triggerFulfillment":{"webhook":"Desk","tag":"handlers"}},{"condition":"true","triggerFulfillment":{"webhook":"Desk","tag":"foo_linux_test"}}]}`,
		"entityTypes/odd/odd.json", "", `{"displayName":"odd","kind":"KIND_LIST"}`, "entityTypes/odd/entities/en.json", "", `{"entities":[{"value":`+s+`},{"value":"type"},{"value":"Type"}]}`,
		"webhooks/odd.json", "", `{"displayName":`+s+`,"genericWebService":{"uri":"https://webhook.example.com","webhookType":"FLEXIBLE","requestBody":"{\"a b\": [1, $flow.x], \"deep\": {\"q`+"`"+`\": 1, \"p\": $sys.func.ADD(1, $session.params.weight)}, \"w\": $session.params.weight, \"v\": \"$session.params.weight\"}","parameterMapping":[{"key":`+s+`,"value":"$"},{"key":"y","value":"$.a.b"}]}}`,
		"webhooks/get.json", "", `{"displayName":"get","genericWebService":{"uri":"https://webhook.example.com/get","webhookType":"FLEXIBLE","httpMethod":"GET"}}`)
	dir := t.TempDir()
	g := generate(t, a, dir)
	runs(t, dir)
	if want := 8; len(g.Tags) != want {
		t.Errorf("%d tags, want %d: %q", len(g.Tags), want, g.Tags)
	}
	if want := []string{"/rates", "/get"}; !slices.Contains(g.Paths, want[1]) || len(g.Paths) != 3 {
		t.Errorf("paths %q", g.Paths)
	}
}

// TestGenerateCorpus: code for other people's agents is Go, and stays the same.
func TestGenerateCorpus(t *testing.T) {
	dir, agents := corpus(t)
	greeted := false // agents without a webhook all get the same handler
	for _, name := range slices.Sorted(maps.Keys(agents)) {
		t.Run(name, func(t *testing.T) {
			a, err := Open(filepath.Join(dir, agents[name]["agent_dir"]))
			if err != nil {
				t.Fatal(err)
			}
			out := t.TempDir()
			g := generate(t, a, out)
			if hello := slices.Equal(g.Tags, []string{"hello"}); !hello || !greeted {
				runs(t, out)
				greeted = greeted || hello
			}
			if again := generate(t, a, out, append(g.Tags, g.Paths...)...); len(again.Written) > 0 {
				t.Errorf("the second time it wrote %v", again.Written)
			}
			t.Logf("%d tags, %d paths, %d files", len(g.Tags), len(g.Paths), len(g.Written))
		})
	}
}
