package chaos

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// The log cannot be written. A call must not fail because its log does.
func TestLogFails(t *testing.T) {
	const n = 200
	answered := func(t *testing.T, scenario string, p *process) {
		t.Helper()
		c := p.caller(callers)
		results := c.calls(n, callers)
		c.client.CloseIdleConnections()
		tl := tally{sent: n}
		for _, r := range results {
			if r.outcome == right {
				tl.right++
			} else {
				tl.lost++
				t.Logf("%s %s", r.outcome, r.detail)
			}
		}
		if tl.right != n {
			t.Errorf("%d of %d calls answered rightly", tl.right, n)
		}
		report(scenario, tl)
		p.signal(syscall.SIGTERM)
		if code := p.exit(); code != 0 {
			t.Errorf("it ended with %v\n%s", p.cmd.ProcessState, &p.stderr)
		}
	}
	t.Run("disk full", func(t *testing.T) {
		noLeaks(t)
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skipf("no /dev/full here: %v", err)
		}
		defer full.Close()
		answered(t, "log: disk full", startStandalone(t, full))
	})
	for name, start := range map[string]func(*testing.T, io.Writer) *process{"standalone": startStandalone, "functions-framework": startFramework} {
		t.Run("reader gone, "+name, func(t *testing.T) {
			noLeaks(t)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			p := start(t, w)
			w.Close()
			r.Close()
			answered(t, "log: its reader is gone, "+name, p)
		})
	}
	t.Run("closed at start", func(t *testing.T) {
		noLeaks(t)
		program, err := standalone()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", `exec "$0" function --port=0 >&-`, program)
		cmd.Env = headerPolicy()
		answered(t, "log: standard output closed at start", start(t, cmd))
	})
}
