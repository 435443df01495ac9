// Package browser looks at the console as its users do: with a real Chromium, and
// a stack that runs. It is a module of its own so that nobody who deploys the
// function downloads a browser's driver.
package browser

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// repository is the root of the module whose command is run, seen from here.
const repository = "../.."

// Build builds the command of the repository at root into dir.
func Build(root, dir string) (program string, err error) {
	program = filepath.Join(dir, "local")
	out, err := exec.Command("go", "-C", root, "build", "-o", program, "./cmd/local").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build ./cmd/local: %w\n%s", err, out)
	}
	return program, nil
}

// Stack is a local stack that runs.
type Stack struct {
	URL string // of its console

	program, cache string
	cmd            *exec.Cmd
	ended          chan struct{}

	mu     sync.Mutex
	output bytes.Buffer
}

const startTimeout = 60 * time.Second

// Start starts a stack, and returns when its console is served and its first call
// is made. What it leaves word of itself in is below dir. Args come after
// "serve"; without a port among them, all ports are free ones.
func Start(program, dir string, args ...string) (*Stack, error) {
	ports := []string{"--port=0", "--function-port=0", "--console-port=0"}
	s := &Stack{program: program, cache: dir, ended: make(chan struct{})}
	s.cmd = exec.Command(program, append(append([]string{"serve"}, ports...), args...)...)
	s.cmd.Env = s.env()
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stderr = writer{s}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	go func() {
		defer close(s.ended)
		lines := bufio.NewScanner(stdout)
		url := ""
		for lines.Scan() {
			line := lines.Text()
			fmt.Fprintln(writer{s}, line)
			if rest, ok := strings.CutPrefix(line, "console "); ok {
				url = strings.TrimSpace(rest)
			}
			if strings.Contains(line, "Calls as they come") {
				ready <- url
			}
		}
		io.Copy(io.Discard, stdout)
		s.cmd.Wait()
	}()
	select {
	case s.URL = <-ready:
		return s, nil
	case <-s.ended:
		return nil, fmt.Errorf("the stack ended: %s", s.Output())
	case <-time.After(startTimeout):
		return nil, errors.Join(fmt.Errorf("the stack did not start: %s", s.Output()), s.Stop())
	}
}

func (s *Stack) env() []string {
	return append(os.Environ(), "XDG_CACHE_HOME="+s.cache, "HOME="+s.cache)
}

// Run runs another command of the program beside the stack. One that ends with an
// exit code of its own is no error: a call that is refused does.
func (s *Stack) Run(args ...string) (string, error) {
	cmd := exec.Command(s.program, args...)
	cmd.Env = s.env()
	out, err := cmd.CombinedOutput()
	var code *exec.ExitError
	if errors.As(err, &code) {
		err = nil
	}
	return string(out), err
}

// Output is what it has said so far.
func (s *Stack) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.String()
}

type writer struct{ s *Stack }

func (w writer) Write(p []byte) (int, error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.output.Write(p)
}

// Stop ends the stack as ctrl-C does.
func (s *Stack) Stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("the stack did not stop"), s.cmd.Process.Kill())
	}
}
