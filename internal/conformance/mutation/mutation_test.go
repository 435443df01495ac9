package mutation

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestScore breaks verify and cx in every place, runs their tests, and holds the
// share of mutants that a test notices. cx takes some minutes and verify half an hour,
// so it runs with CXHOOK_TEST_MUTATION alone, a list of packages and files of them,
// as "cx verify/edge.go" (.ci/run full: both).
func TestScore(t *testing.T) {
	if os.Getenv("CXHOOK_TEST_MUTATION") == "" {
		t.Skip("SKIPPED: CXHOOK_TEST_MUTATION is not set; it lists the packages and files that are broken, as in: cx verify/edge.go")
	}
	least := map[string]float64{"verify": 95, "cx": 85} // docs/reliability.md
	for what := range strings.FieldsSeq(os.Getenv("CXHOOK_TEST_MUTATION")) {
		t.Run(what, func(t *testing.T) {
			name, only, _ := strings.Cut(what, "/")
			if only != "" {
				least[name] = 0 // a file alone is looked at, not judged
			}
			score(t, name, only, least[name])
		})
	}
}

func score(t *testing.T, name, only string, least float64) {
	dir, err := filepath.Abs(filepath.Join("../../..", name))
	if err != nil {
		t.Fatal(err)
	}
	files, mutants, err := Mutate(dir)
	if err != nil {
		t.Fatal(err)
	}
	program := build(t, dir, files)
	seen := filepath.Join(t.TempDir(), "seen")
	if out, err := run(t, program, dir, time.Minute, "MUTANTS_SEEN="+seen); err != nil {
		t.Fatalf("with no mutant on: %v\n%s", err, out)
	}
	start := time.Now()
	if out, err := run(t, program, dir, time.Minute, "MUTANT=-1"); err != nil {
		t.Fatalf("with no mutant on: %v\n%s", err, out)
	}
	patience := 10*time.Second + 5*time.Since(start)
	reached := map[int]bool{}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.FieldsSeq(string(text)) {
		id, _ := strconv.Atoi(line)
		reached[id] = true
	}

	var killed, late, survive, unreached int
	var mu sync.Mutex
	var wg sync.WaitGroup
	work := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for id := range work {
				_, err := run(t, program, dir, patience, "MUTANT="+strconv.Itoa(id))
				mu.Lock()
				switch {
				case err == nil:
					survive++
					t.Logf("survives: %s: %s", mutants[id-1].Place, mutants[id-1].What)
				case errors.Is(err, errLate):
					late++
				default:
					killed++
				}
				mu.Unlock()
			}
		})
	}
	for i, m := range mutants {
		switch {
		case only != "" && !strings.HasPrefix(m.Place, only+":"):
		case !reached[i+1]:
			unreached++
			t.Logf("not reached: %s: %s", m.Place, m.What)
		default:
			work <- i + 1
		}
	}
	close(work)
	wg.Wait()
	all := killed + late + survive
	if all == 0 {
		t.Fatal("no mutants")
	}
	percent := 100 * float64(killed+late) / float64(all)
	t.Logf("%s: %d mutants, %.1f %% noticed: %d killed, %d ran too long, %d survive; %d more are in code that the package's own tests do not reach", name, all, percent, killed, late, survive, unreached)
	if percent < least {
		t.Errorf("%.1f %% of the mutants are noticed, want %.0f %%", percent, least)
	}
}

// build makes the test program with all mutants in it; the tree stays as it is.
func build(t *testing.T, dir string, files map[string]string) string {
	tmp := t.TempDir()
	replace := map[string]string{}
	for name, text := range files {
		changed := filepath.Join(tmp, filepath.Base(name))
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[name] = changed
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(tmp, "mutants.test")
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay", file, "-o", program, ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

var errLate = errors.New("ran too long")

// run runs the package's tests, for so long and no longer. Those that count
// allocations are left out: what switches the mutants makes some.
func run(t *testing.T, program, dir string, patience time.Duration, env string) (string, error) {
	cmd := exec.CommandContext(t.Context(), program, "-test.short", "-test.failfast", "-test.skip=Allocat", "-test.timeout="+patience.String())
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil && time.Since(start) >= patience {
		err = errLate
	}
	return string(out), err
}
