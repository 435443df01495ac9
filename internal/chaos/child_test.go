package chaos

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	webhook "example.com/cxhook"
)

// envChild makes the test's program the function, configured by the environment,
// with the timeouts of cmd/local's, that says how many goroutines it has: a line of
// standard input is a question, its end is the end.
const envChild = "TEST_CHILD"

func child() int {
	cfg, err := webhook.ConfigFromEnv()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	hook, err := webhook.New(context.Background(), cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	server := newServer(hook)
	go server.Serve(l)
	for questions := bufio.NewScanner(os.Stdin); questions.Scan(); {
		fmt.Fprintln(os.Stderr, runtime.NumGoroutine())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// newServer has the timeouts of cmd/local's function.
func newServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 35 * time.Second, WriteTimeout: 40 * time.Second, IdleTimeout: 2 * time.Minute}
}

// watched is such a process.
type watched struct {
	*process
	questions io.WriteCloser
	answers   *bufio.Scanner
}

func startWatched(t *testing.T, stdout io.Writer, env []string) *watched {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stdout = append(env, envChild+"=1", "PATH="+os.Getenv("PATH")), stdout
	questions, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answers.Close() })
	cmd.Stderr = w
	p := start(t, cmd)
	w.Close()
	return &watched{p, questions, bufio.NewScanner(answers)}
}

// usage is what a process uses at one moment.
type usage struct {
	at          time.Duration // since the beginning
	rss         int           // bytes
	goroutines  int
	descriptors int
}

func (w *watched) usage(t *testing.T) (u usage) {
	t.Helper()
	fmt.Fprintln(w.questions)
	if !w.answers.Scan() {
		t.Fatal("the function says nothing; it has ended")
	}
	var err error
	if u.goroutines, err = strconv.Atoi(w.answers.Text()); err != nil {
		t.Fatalf("the function says %q", w.answers.Text())
	}
	pid := w.cmd.Process.Pid
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(statm))
	if err != nil || len(fields) < 2 {
		t.Fatalf("/proc/%d/statm: %v %q", pid, err, statm)
	}
	pages, _ := strconv.Atoi(fields[1]) // proc_pid_statm(5): resident
	u.rss, u.descriptors = pages*os.Getpagesize(), len(descriptors(t, pid))
	return u
}

// cpu is the processor time that the process has used.
//
// Source: proc_pid_stat(5), utime and stime, in ticks of 10 ms
func (w *watched) cpu(t *testing.T) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatalf("/proc/%d/stat: %q", w.cmd.Process.Pid, stat)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
