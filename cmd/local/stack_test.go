package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// running is a command that stays, as a user has it in a terminal of its own.
type running struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // once ended is closed
	stderr output

	mu      sync.Mutex
	printed strings.Builder
	read    int           // how much of it next has passed; the test's own
	more    chan struct{} // closed when more is printed
}

// output is a buffer for several goroutines.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// patience is how long a test waits for a process before it is said to hang.
const patience = time.Minute

// start starts a command; what it prints can be waited for.
func start(program, dir string, env []string, args ...string) (*running, error) {
	r := &running{cmd: exec.Command(program, args...), ended: make(chan struct{}), more: make(chan struct{})}
	r.cmd.Dir, r.cmd.Env, r.cmd.Stderr = dir, env, &r.stderr
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		lines := bufio.NewReader(stdout)
		for {
			line, err := lines.ReadString('\n')
			r.mu.Lock()
			r.printed.WriteString(line)
			close(r.more)
			r.more = make(chan struct{})
			r.mu.Unlock()
			if err != nil {
				break
			}
		}
		r.err = r.cmd.Wait()
		close(r.ended)
	}()
	return r, nil
}

func (r *running) output() (string, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.printed.String(), r.more
}

// next gives the next line that matches, after the one before.
func (r *running) next(pattern string) (string, error) {
	re := regexp.MustCompile(pattern)
	timeout := time.After(patience)
	for {
		printed, more := r.output()
		for {
			line, rest, whole := strings.Cut(printed[r.read:], "\n")
			if !whole {
				break
			}
			r.read = len(printed) - len(rest)
			if re.MatchString(line) {
				return line + "\n", nil
			}
		}
		select {
		case <-more:
			continue
		case <-r.ended:
			if now, _ := r.output(); len(now) > len(printed) {
				continue
			}
			return "", fmt.Errorf("it ended without %s (%v)\n%s\n%s", pattern, r.err, printed, r.stderr.String())
		case <-timeout:
			return "", fmt.Errorf("it hangs without %s\n%s\n%s", pattern, printed, r.stderr.String())
		}
	}
}

// interrupt is ctrl-C; it returns how the process ended.
func (r *running) interrupt() error {
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-r.ended:
		return r.err
	case <-time.After(patience):
		r.cmd.Process.Kill()
		<-r.ended
		return errors.New("ctrl-C did not end it")
	}
}

// scriptEnv is the environment of a script's own processes.
func scriptEnv(ts *testscript.TestScript) []string {
	env := os.Environ()
	for _, name := range []string{"TMPDIR", "HOME", "XDG_CACHE_HOME"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// local is the path of the command; testscript puts its folder first.
func local(ts *testscript.TestScript) string {
	return filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], "local")
}

// terminals are the commands that stay, of all scripts.
type terminals struct{ open sync.Map }

// start is the script's `start NAME ARG…`: local with these arguments, under a name.
func (t *terminals) start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME ARG…")
	}
	r, err := start(local(ts), ts.MkAbs("."), scriptEnv(ts), args[1:]...)
	ts.Check(err)
	t.open.Store(ts.Getenv("WORK")+" "+args[0], r)
	ts.Defer(func() { r.interrupt() })
}

// stack is `stack FLAG…`: start stack serve, on free ports, up to where it waits for
// calls.
func (t *terminals) stack(ts *testscript.TestScript, neg bool, args []string) {
	t.start(ts, neg, append([]string{"stack", "serve", "--port=0", "--function-port=0", "--console-port=0"}, args...))
	t.printed(ts, neg, []string{"stack", "Calls as they come:$"})
}

func (t *terminals) get(ts *testscript.TestScript, name string) *running {
	r, ok := t.open.Load(ts.Getenv("WORK") + " " + name)
	if !ok {
		ts.Fatalf("nothing was started as %s", name)
	}
	return r.(*running)
}

// printed is `printed NAME PATTERN`: waits for a line that matches, after the one
// before.
func (t *terminals) printed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: printed NAME PATTERN")
	}
	_, err := t.get(ts, args[0]).next(args[1])
	ts.Check(err)
}

// outside is `outside NAME`: somebody runs the curl line that NAME has printed.
func (t *terminals) outside(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: outside NAME")
	}
	printed, _ := t.get(ts, args[0]).output()
	_, line, _ := strings.Cut(printed, "\n  curl ")
	line, _, _ = strings.Cut(line, "\n\n")
	curl(ts, strings.Fields("curl "+strings.ReplaceAll(line, "\\", "")))
}

// interrupt is `interrupt NAME`: ctrl-C, which every command takes as its end. What
// it printed is in NAME.out and NAME.err then.
func (t *terminals) interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: interrupt NAME")
	}
	r := t.get(ts, args[0])
	ts.Check(r.interrupt())
	printed, _ := r.output()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(printed), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(r.stderr.String()), 0o600))
}
