package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// standalone builds cmd/local once, and gives the program.
var standalone = sync.OnceValues(func() (string, error) {
	program := filepath.Join(programs, "local")
	build := exec.Command("go", "build", "-o", program, "./cmd/local")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/local: %w\n%s", err, out)
	}
	return program, nil
})

// programs is a directory that TestMain makes and removes.
var programs string

const headerName, headerSecret = "X-Webhook-Secret", "a-secret-of-the-agents-settings"

// headerPolicy needs no load balancer: what is looked at here is the process.
func headerPolicy() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "CXHOOK_POLICY=header", "CXHOOK_HEADER_NAME=" + headerName, "CXHOOK_HEADER_SECRET=" + headerSecret}
}

// process is the function as a process of its own.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string
	stderr  bytes.Buffer // to be read when it has ended
	ended   chan struct{}
}

// start runs a command that serves on 127.0.0.1, and waits until it does.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, ended: make(chan struct{})}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-p.ended })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if port := listensOn(cmd.Process.Pid); port != "" {
			p.address = net.JoinHostPort("127.0.0.1", port)
			return p
		}
		select {
		case <-p.ended:
			t.Fatalf("it did not start: %v\n%s", cmd.ProcessState, &p.stderr)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not listen after 20 s")
		}
	}
}

// startStandalone serves the function with cmd/local, its log on stdout.
func startStandalone(t *testing.T, stdout io.Writer) *process {
	t.Helper()
	return startStandaloneAs(t, stdout, headerPolicy())
}

func startStandaloneAs(t *testing.T, stdout io.Writer, env []string, flags ...string) *process {
	t.Helper()
	program, err := standalone()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"function", "--port=0"}, flags...)...)
	cmd.Env, cmd.Stdout = env, stdout
	return start(t, cmd)
}

// startFramework serves the function under functions-framework.
func startFramework(t *testing.T, stdout io.Writer) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stdout = append(headerPolicy(), envFramework+"=0", "FUNCTION_TARGET=Webhook", "K_SERVICE=webhook", "K_REVISION=webhook-00007-xyz"), stdout
	return start(t, cmd)
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the end and gives the exit code, -1 if a signal ended it.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(10 * time.Second): // Cloud Run's
		p.t.Fatal("still there 10 s after it was told to end")
		return 0
	}
}

// What becomes of a call without a load balancer, besides a status.
const (
	refusedConnection outcome = "connection refused"
	closedConnection  outcome = "connection closed"
)

// caller calls a process as a load balancer does that keeps connections.
type caller struct {
	t      *testing.T
	url    string
	header http.Header // that proves it
	client *http.Client
	http2  bool
}

// caller calls by headerPolicy.
func (p *process) caller(connections int) *caller {
	transport := &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}
	p.t.Cleanup(transport.CloseIdleConnections) // at the latest
	return &caller{p.t, "http://" + p.address + "/shirts", http.Header{headerName: {headerSecret}}, &http.Client{Transport: transport, Timeout: 10 * time.Second}, false}
}

// call makes one call, whose session no other has.
func (c *caller) call() result {
	r := result{trace: newTrace()}
	body, answer := sample(c.t, r.trace)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return r
	}
	if !c.http2 {
		// Or the client would try again where it cannot know, and hide what happened.
		// Over HTTP/2 it knows: the server's GOAWAY says what was not taken.
		req.GetBody = nil
	}
	req.Header = traceHeader(r.trace)
	req.Header.Set("Content-Type", "application/json")
	maps.Copy(req.Header, c.header)
	resp, err := c.client.Do(req)
	var got []byte
	if err == nil {
		got, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	r.judge(resp, got, answer, err)
	return r
}

// judge says what became of a call: err is the connection's, answer what the handler
// says to such a call.
func (r *result) judge(resp *http.Response, got, answer []byte, err error) {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		r.outcome = refusedConnection
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		r.outcome, r.detail = timeout, err.Error()
	case err != nil:
		r.outcome, r.detail = closedConnection, err.Error()
	case resp.StatusCode == http.StatusOK && !bytes.Equal(got, answer):
		r.outcome, r.detail = "wrong answer", string(got)
	default:
		r.outcome = outcome(strconv.Itoa(resp.StatusCode))
	}
}

// calls makes n calls, some at a time.
func (c *caller) calls(n, concurrent int) []result {
	results := make([]result, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range concurrent {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				results[i] = c.call()
			}
		})
	}
	wg.Wait()
	return results
}
