package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"example.com/cxhook/internal/console"
)

// process is the function as a child process.
type process struct {
	program string
	cmd     *exec.Cmd
	stdin   io.WriteCloser // takes orders; the child ends when this does, whatever becomes of us
	address string
	routes  []console.Route
	paths   []string
	obeyed  chan struct{} // an order was carried out
	stopped atomic.Bool   // by us
	ended   chan struct{}
	err     error // how it ended; to be read once ended is closed
}

// greeting is the child's first line: where it listens, and what it answers.
type greeting struct {
	Msg     string          `json:"msg"`
	Address string          `json:"address"`
	Routes  []console.Route `json:"routes"`
	Paths   []string        `json:"paths"`
}

const (
	startTimeout = 30 * time.Second // for the function to serve
	orderTimeout = 5 * time.Second  // for an order to be carried out
)

// startProcess starts the function: this program's own, or another that was built
// since.
func (s *stack) startProcess(ctx context.Context, program string, port int) (*process, error) {
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	p := &process{program: program, cmd: exec.Command(program, append([]string{"function", "--child", fmt.Sprintf("--port=%d", port)}, s.args...)...),
		obeyed: make(chan struct{}, 1), ended: make(chan struct{})}
	p.cmd.Env = childEnv(s.env)
	p.cmd.Stderr = s.cfg.stderr // what it says if it cannot start, too
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	greeted := make(chan greeting, 1)
	go func() {
		s.readLog(p, stdout, greeted)
		p.err = p.cmd.Wait() // after the last line was read
		close(p.ended)
	}()
	select {
	case g := <-greeted:
		p.address, p.routes, p.paths = g.Address, g.Routes, g.Paths
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("the function did not start: %w", p.err)
	case <-time.After(startTimeout):
		err = fmt.Errorf("the function did not serve within %v", startTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	stopping, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return nil, errors.Join(err, p.stop(stopping))
}

// readLog passes on the lines of the function's log.
func (s *stack) readLog(p *process, r io.Reader, greeted chan<- greeting) {
	lines := bufio.NewReader(r)
	for {
		b, err := lines.ReadBytes('\n')
		if len(b) > 0 {
			line, err := console.ParseLine(b)
			switch {
			case err != nil:
				s.cfg.stderr.Write(b) // a handler printed it
			case line.Msg == listening:
				var g greeting
				if err := json.Unmarshal(b, &g); err == nil {
					greeted <- g
				}
			case line.Msg == obeyed:
				p.obeyed <- struct{}{}
			case line.Request != nil:
				s.ring.Logged(line)
			default:
				s.cfg.onNote(line)
			}
		}
		if err != nil {
			return
		}
	}
}

// order tells the function to break or mend something, and returns when it has.
func (p *process) order(text string) error {
	if _, err := fmt.Fprintln(p.stdin, text); err != nil {
		return fmt.Errorf("the function: %w", err)
	}
	select {
	case <-p.obeyed:
		return nil
	case <-p.ended:
		return fmt.Errorf("the function ended: %w", p.err)
	case <-time.After(orderTimeout):
		return fmt.Errorf("the function did not obey %q within %v", text, orderTimeout)
	}
}

// childEnv is our environment without what would configure the function another
// way than the stack does.
func childEnv(set map[string]string) []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		_, ours := set[name]
		if !ours && !strings.HasPrefix(name, "CXHOOK_") && name != "K_SERVICE" {
			env = append(env, kv)
		}
	}
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}

// stop ends the process: in order, or if it takes too long, at once.
func (p *process) stop(ctx context.Context) error {
	p.stopped.Store(true)
	p.stdin.Close()
	select {
	case <-p.ended:
	case <-ctx.Done():
		p.cmd.Process.Kill()
		<-p.ended
	}
	if p.err != nil {
		return fmt.Errorf("the function: %w", p.err)
	}
	return nil
}
