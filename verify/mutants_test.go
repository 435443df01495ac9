package verify

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutant is a check taken out of the code: in file, old becomes new, and the row
// of TestAttackCertificate whose number is given must notice.
type mutant struct {
	file, old, new string
	row            string
	always         bool // run with every test, not with CXHOOK_TEST_MUTANTS=all alone
}

// TestMutants plants each mutant and expects its row to fail: a row that passes
// without the check that it is for proves nothing. Building the tests anew for each
// takes minutes, so all of them run where CXHOOK_TEST_MUTANTS=all says so
// (.ci/run full), and a few always.
func TestMutants(t *testing.T) {
	all := os.Getenv("CXHOOK_TEST_MUTANTS") == "all"
	rows := map[string]attack{}
	for _, row := range certificateAttacks() {
		number, _, _ := strings.Cut(row.id, "-")
		rows[number] = row
	}
	killed := map[Code]bool{}
	for _, m := range certificateMutants {
		row, ok := rows[m.row]
		if !ok {
			t.Fatalf("no row %s", m.row)
		}
		killed[row.code] = true
		source, err := os.ReadFile(m.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: %q is there %d times, want once", m.file, m.old, n)
			continue
		}
		if !all && (!m.always || testing.Short()) {
			continue
		}
		t.Run(row.id+"/"+m.file, func(t *testing.T) {
			if all {
				t.Parallel()
			}
			plant(t, m, strings.Replace(string(source), m.old, m.new, 1), row.id)
		})
	}
	for _, code := range declaredCodes(t, "Edge", "Cert") {
		if row := slices.IndexFunc(certificateAttacks(), func(a attack) bool { return a.code == code }); row >= 0 && !killed[code] {
			t.Errorf("no mutant takes out a check that refuses with %s", code)
		}
	}
	if !all {
		t.Logf("%d mutants, most of them not planted: CXHOOK_TEST_MUTANTS=all plants all", len(certificateMutants))
	}
}

// plant runs the row's test over the changed source, which is never written into
// the tree.
func plant(t *testing.T, m mutant, source, row string) {
	dir := t.TempDir()
	original, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	changed, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{changed: source, overlay: string(replace)} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-ldflags=-s -w", "-overlay="+overlay, "-run=^TestAttackCertificate$/^"+row+"$", ".")
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		t.Errorf("survives: the row passes without the check\n-%s\n+%s", m.old, m.new)
	case !strings.Contains(string(out), "--- FAIL: TestAttackCertificate/"+row):
		t.Errorf("the row did not fail, something else did:\n%s", out)
	}
}
