package webhook

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/internal/freeport"
)

// envFramework makes the test's program the function under functions-framework, as
// the generated main in the cloud is; it holds the port.
const envFramework = "TEST_FRAMEWORK_PORT"

func TestMain(m *testing.M) {
	if port := os.Getenv(envFramework); port != "" {
		fmt.Fprintln(os.Stderr, funcframework.StartHostPort("127.0.0.1", port))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// framework is a real process of the function under functions-framework.
type framework struct {
	t              *testing.T
	cmd            *exec.Cmd
	address        string
	stdout, stderr lockedBuffer
	ended          chan error
}

const headerName, headerSecret = "X-Webhook-Secret", "a-secret-of-the-agents-settings"

// startFramework starts it with a policy that needs no load balancer, and waits
// until it serves.
func startFramework(t *testing.T, env ...string) *framework {
	t.Helper()
	f := launchFramework(t, env...)
	f.await("it serves", func() bool { return f.get("/live") == http.StatusOK })
	return f
}

func launchFramework(t *testing.T, env ...string) *framework {
	t.Helper()
	port, err := freeport.Pick()
	if err != nil {
		t.Fatal(err)
	}
	f := &framework{t: t, address: "127.0.0.1:" + port, ended: make(chan error, 1)}
	f.cmd = exec.Command(os.Args[0])
	f.cmd.Env = append([]string{envFramework + "=" + port, "FUNCTION_TARGET=Webhook", "K_SERVICE=webhook", "K_REVISION=webhook-00007-xyz", envPolicy + "=header",
		envHeaderName + "=" + headerName, envHeaderSecret + "=" + headerSecret, envProject + "=shirts"}, env...)
	f.cmd.Stdout, f.cmd.Stderr = &f.stdout, &f.stderr
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { f.ended <- f.cmd.Wait() }()
	t.Cleanup(func() { f.cmd.Process.Kill() })
	return f
}

// await polls: another process is waited for.
func (f *framework) await(what string, is func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("waited in vain until %s\n%s\n%s", what, &f.stdout, &f.stderr)
		}
	}
}

func (f *framework) get(path string) int {
	resp, err := http.Get("http://" + f.address + path)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (f *framework) post(body []byte, header http.Header) int {
	r, err := http.NewRequest(http.MethodPost, "http://"+f.address+"/shirts", bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header = header
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(headerName, headerSecret)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// exit gives the exit code, which comes in time.
func (f *framework) exit() int {
	f.t.Helper()
	select {
	case <-f.ended:
		return f.cmd.ProcessState.ExitCode()
	case <-time.After(10 * time.Second): // Cloud Run's
		f.t.Fatalf("still there after 10 s\n%s\n%s", &f.stdout, &f.stderr)
		return -1
	}
}

// SIGTERM under functions-framework: the call in flight is answered, later ones get
// 503 until the end, and the process ends well within Cloud Run's 10 s.
func TestSIGTERM(t *testing.T) {
	f := startFramework(t)
	body, err := emulator.SampleCall(emulator.Sample{})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.post(body, http.Header{}); got != http.StatusOK {
		t.Fatalf("before: got %d\n%s", got, &f.stdout)
	}

	// A call whose body has not come yet. The server answers 100 when the function
	// has let the caller in and waits for it.
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /shirts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		headerName, headerSecret, len(body))
	answers := bufio.NewReader(conn)
	first, err := answers.ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "HTTP/1.1 100 ") {
		t.Fatalf("got %q, %v", first, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}

	if err := f.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	f.await("it says that it is not ready", func() bool { return f.get("/ready") == http.StatusServiceUnavailable })
	if live := f.get("/live"); live != http.StatusOK {
		t.Errorf("/live: got %d", live)
	}
	if got := f.post(body, http.Header{}); got != http.StatusServiceUnavailable {
		t.Errorf("a later call: got %d, want 503", got)
	}
	if _, err := conn.Write(body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("the call in flight was not answered: %v", err)
	}
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(answer.String(), "on its way") {
		t.Errorf("the call in flight: got %d %q, %v", resp.StatusCode, &answer, err)
	}
	if code := f.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}

	// One line each: start, three calls, the end.
	var got []string
	for text := range strings.Lines(f.stdout.String()) {
		if strings.TrimSpace(text) == "" { // functions-framework's own
			continue
		}
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		message, _, _ := strings.Cut(l.Message, " after ")
		message, _, _ = strings.Cut(message, ": policy ")
		got = append(got, message)
	}
	want := []string{"cxhook started", "confirm: answered", "call: unavailable: stopping", "confirm: answered", "cxhook stopped: all calls answered"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if s := f.stderr.String(); strings.TrimSpace(s) != "" {
		t.Errorf("stderr: %s", s)
	}
}

// Without a call, SIGTERM ends the process as well.
func TestSIGTERMWhenIdle(t *testing.T) {
	f := startFramework(t)
	if err := f.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := f.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A configuration that is refused ends the process at the start, in one line that
// an alert looks for.
func TestStartRefused(t *testing.T) {
	f := launchFramework(t, envBudget+"=soon", "CXHOOK_POLICE=x", "OTEL_TRACES_EXPORTER=console", envLog+"="+LogCloud)
	if code := f.exit(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	text := f.stdout.String()
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, `{"severity":"CRITICAL",`) || !strings.Contains(text, `"logging.googleapis.com/labels":{"cxhook":"start","revision":"webhook-00007-xyz"}`) {
		t.Errorf("got\n%s", text)
	}
	for _, want := range []string{envBudget + `: \"soon\"; want`, "CXHOOK_POLICE: no such setting", `OTEL_TRACES_EXPORTER: \"console\"; want otlp or none`, envLog + ": cloud-logging: Cloud Run collects"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}
