package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Instructions is what a call takes of the processor's instructions: user space alone,
// the kernel's are not counted. It hardly varies, where time does.
type Instructions struct {
	Tool    string             `json:"tool"`
	Perf    string             `json:"perf"` // what perf stat says here
	PerCall map[string]float64 `json:"instructionsPerCall,omitempty"`
	LeftOut []string           `json:"leftOut,omitempty"` // and why
}

// instructions counts under valgrind's cachegrind, without its simulation of a cache:
// perf needs counters that virtual machines seldom have. Each Go contestant is run
// twice, with few calls and with more, one connection; the difference is what the
// further calls took, garbage collection included.
func (s *stage) instructions(ctx context.Context) error {
	r := &Instructions{Tool: "valgrind --tool=cachegrind --cache-sim=no", PerCall: map[string]float64{}, Perf: perfSays(ctx)}
	s.report.Instructions = r
	if _, err := exec.LookPath("valgrind"); err != nil {
		r.LeftOut = []string{"all: valgrind is not installed"}
		progress("LEFT OUT: instructions: valgrind is not installed")
		return nil
	}
	few, more := 300, 1300
	if s.opts.quick {
		few, more = 50, 150
	}
	for _, c := range s.list {
		if c.program == "n" || // a JIT under valgrind is another program
			s.opts.quick && c.name != "a0" && c.name != "e" {
			continue
		}
		progress("instructions: %s", c.name)
		var counts [2]float64
		var problem error
		for i, calls := range []int{few, more} {
			for range valgrindTries {
				if counts[i], problem = s.counted(ctx, c, calls); problem == nil || ctx.Err() != nil {
					break
				}
				progress("instructions: %s, once more: %v", c.name, problem)
			}
			if problem != nil {
				break
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if problem != nil {
			first, _, _ := strings.Cut(problem.Error(), "\n")
			r.LeftOut = append(r.LeftOut, c.name+": "+first)
			progress("LEFT OUT: instructions of %s", c.name)
			continue
		}
		r.PerCall[c.name] = round4((counts[1] - counts[0]) / float64(more-few))
	}
	return nil
}

// valgrindTries is how often a count is begun: now and then valgrind 3.19 breaks off
// a Go program, and on a busy machine a key is not fetched in time.
const valgrindTries = 3

var countLine = regexp.MustCompile(`I\s+refs:\s+([\d,]+)`)

// counted runs a contestant under valgrind for so many calls.
func (s *stage) counted(ctx context.Context, c contestant, calls int) (float64, error) {
	dir, err := os.MkdirTemp("", "cxhook-bench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	b := s.binaries[c.program]
	b.argv = append([]string{"valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=" + filepath.Join(dir, "out"), "--log-file=" + filepath.Join(dir, "log")}, b.argv...)
	p, err := start(c, b, s.settings(c))
	if err != nil {
		return 0, err
	}
	defer p.stop()
	if _, err := p.ready(ctx); err != nil {
		return 0, err
	}
	t, err := s.aim(p)
	if err != nil {
		return 0, err
	}
	if _, err := exactly(t, 1, calls); err != nil {
		return 0, err
	}
	if err := p.cmd.Process.Signal(unix.SIGTERM); err != nil { // valgrind then writes what it has
		return 0, err
	}
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		return 0, errors.New("it does not end")
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		return 0, err
	}
	return parseCount(log)
}

func parseCount(log []byte) (float64, error) {
	m := countLine.FindSubmatch(log)
	if m == nil {
		return 0, fmt.Errorf("valgrind's log has no count:\n%s", log)
	}
	return strconv.ParseFloat(strings.ReplaceAll(string(m[1]), ",", ""), 64)
}

// perfSays is the line of perf stat on instructions.
func perfSays(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "perf", "stat", "-e", "instructions:u", "true").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "instructions") {
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return fmt.Sprint("no answer: ", err)
}
