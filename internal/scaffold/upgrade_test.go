package scaffold

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lay writes files below dir; a nil content takes one away.
func lay(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if content == gone {
			if err := os.Remove(at); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const gone = "\x00gone"

// text gives the files as texts, without the manifest.
func text(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name, content := range contents(t, dir) {
		if name != manifestName {
			files[name] = string(content)
		}
	}
	return files
}

// framework is a small one.
var framework = map[string]string{
	"go.mod":               "module a.example/m\n\ngo 1.26.0\n\nrequire (\n\tc.example/one v1.1.0\n\tc.example/two v1.0.0\n)\n",
	"go.sum":               "c.example/one v1.1.0 h1:a\nc.example/two v1.0.0 h1:b\n",
	"cx/cx.go":             "package cx\n\n// From a.example/m.\n",
	"cx/old.go":            "package cx\n",
	"cx/mine.go":           "package cx\n",
	"cx/left.go":           "package cx\n",
	"verify/v.go":          "package verify\n",
	"verify/deleted.go":    "package verify\n",
	"cloudbuild.yaml":      "  _SERVICE: cxhook\n",
	"handlers/handlers.go": "package handlers // the example\n",
	"README.md":            "the example\n",
}

// TestUpgrade: the framework is brought up to date; handlers, and what was changed by
// hand, stay; what was added to go.mod stays too.
func TestUpgrade(t *testing.T) {
	source, dir := t.TempDir(), filepath.Join(t.TempDir(), "made")
	lay(t, source, framework)
	if _, _, err := New(source, dir, "b.example/agent", nil); err != nil {
		t.Fatal(err)
	}
	if u, err := Upgrade(source, dir); err != nil || cmp.Diff(&Upgraded{}, u) != "" {
		t.Errorf("nothing is newer: got %+v, %v", u, err)
	}
	lay(t, dir, map[string]string{
		"go.mod":               "module b.example/agent\n\ngo 1.26.0\n\nrequire (\n\tc.example/one v1.1.0\n\tc.example/two v1.5.0\n\td.example/own v1.0.0\n)\n",
		"go.sum":               "c.example/one v1.1.0 h1:a\nc.example/two v1.5.0 h1:c\nd.example/own v1.0.0 h1:d\n",
		"cx/mine.go":           "package cx // changed by hand\n",
		"cx/left.go":           "package cx // changed by hand too\n",
		"cx/own.go":            "package cx // my own\n",
		"verify/deleted.go":    gone,
		"handlers/handlers.go": "package handlers // mine\n",
		"README.md":            "mine\n",
	})
	lay(t, source, map[string]string{
		"go.mod":               "module a.example/m\n\ngo 1.27.0\n\nrequire (\n\tc.example/one v1.2.0\n\tc.example/three v1.0.0\n\tc.example/two v1.1.0\n)\n",
		"go.sum":               "c.example/one v1.2.0 h1:e\nc.example/three v1.0.0 h1:f\n",
		"cx/cx.go":             "package cx\n\n// Newer, from a.example/m.\n",
		"cx/new.go":            "package cx\n",
		"cx/old.go":            gone,
		"cx/mine.go":           "package cx // newer\n",
		"cx/left.go":           gone,
		"cloudbuild.yaml":      "  _SERVICE: cxhook # newer\n",
		"handlers/handlers.go": "package handlers // the newer example\n",
	})
	u, err := Upgrade(source, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := &Upgraded{Written: []string{"cloudbuild.yaml", "cx/cx.go", "cx/new.go", "go.mod", "go.sum"}, Deleted: []string{"cx/old.go"},
		Conflicts: []string{"cx/mine.go"}, Kept: []string{"verify/deleted.go", "cx/left.go"}}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := text(t, dir)
	for name, content := range map[string]string{
		"go.mod":               "module b.example/agent\n\ngo 1.27.0\n\nrequire (\n\tc.example/one v1.2.0\n\tc.example/two v1.5.0\n\td.example/own v1.0.0\n\tc.example/three v1.0.0\n)\n",
		"go.sum":               "c.example/one v1.1.0 h1:a\nc.example/two v1.5.0 h1:c\nd.example/own v1.0.0 h1:d\nc.example/one v1.2.0 h1:e\nc.example/three v1.0.0 h1:f\n",
		"cx/cx.go":             "package cx\n\n// Newer, from b.example/agent.\n",
		"cx/new.go":            "package cx\n",
		"cx/mine.go":           "package cx // changed by hand\n",
		"cx/mine.go.new":       "package cx // newer\n",
		"cx/left.go":           "package cx // changed by hand too\n",
		"cx/own.go":            "package cx // my own\n",
		"verify/v.go":          "package verify\n",
		"cloudbuild.yaml":      "  _SERVICE: 'agent' # newer\n",
		"handlers/handlers.go": "package handlers // mine\n",
		"README.md":            "mine\n",
	} {
		if got[name] != content {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got[name], content)
		}
	}
	for name := range got {
		if name == "cx/old.go" || name == "verify/deleted.go" {
			t.Errorf("%s is there", name)
		}
	}

	// What was offered once is not offered again.
	lay(t, dir, map[string]string{"cx/mine.go.new": gone})
	if u, err := Upgrade(source, dir); err != nil || cmp.Diff(&Upgraded{Kept: []string{"verify/deleted.go"}}, u) != "" {
		t.Errorf("the second time: got %+v, %v", u, err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(text(t, dir)))); !strings.Contains(diff, "mine.go.new") {
		t.Errorf("files (-first +second):\n%s", diff)
	}
}

// TestUpgradeRefuses: what new has not made, or what says of files that they are the
// framework's which cannot be, is left alone.
func TestUpgradeRefuses(t *testing.T) {
	source := t.TempDir()
	lay(t, source, framework)
	for name, tt := range map[string]struct{ manifest, want string }{
		"none":              {"", "was not made by new, or the file was deleted"},
		"broken":            {"{", "unexpected EOF"},
		"empty":             {"{}", "want settings and files"},
		"outside":           {`{"settings":{"module":"b.example/agent"},"files":{"../x":"00"}}`, `"../x" is no file of the framework`},
		"the user's":        {`{"settings":{"module":"b.example/agent"},"files":{"handlers/x.go":"00"}}`, `"handlers/x.go" is no file of the framework`},
		"another framework": {`{"settings":{"module":"b.example/agent"},"files":{}}`, "go.mod: no such file or directory"},
	} {
		dir := t.TempDir()
		if tt.manifest != "" {
			lay(t, dir, map[string]string{manifestName: tt.manifest})
		}
		if _, err := Upgrade(source, dir); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
		if left := text(t, dir); len(left) > 0 {
			t.Errorf("%s: wrote %v", name, left)
		}
	}
}
