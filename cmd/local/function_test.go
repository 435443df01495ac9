package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/cxhook/internal/console"
	"example.com/cxhook/internal/emulator"
)

// startStandalone starts the function as a server of its own, behind a policy that
// needs no load balancer, and gives what it writes after the line that says where
// it listens.
func startStandalone(t *testing.T, env ...string) (cmd *exec.Cmd, address string, log *bufio.Scanner) {
	t.Helper()
	cmd = exec.Command("local", "function", "--port=0")
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CXHOOK_POLICY=header", "CXHOOK_HEADER_NAME=X-Webhook-Secret", "CXHOOK_HEADER_SECRET=" + standaloneSecret}, env...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	log = bufio.NewScanner(stdout)
	for log.Scan() {
		line, err := console.ParseLine(log.Bytes())
		if err != nil {
			t.Fatalf("%v in %s", err, log.Text())
		}
		if line.Msg == listening {
			return cmd, line.Address, log
		}
	}
	t.Fatal("it did not start")
	return nil, "", nil
}

const standaloneSecret = "a-secret-of-the-agents-settings"

// SIGTERM to the standalone server: nobody new is let in, the call in flight is
// answered, what it says is written, and it ends within 10 s.
func TestStandaloneSIGTERM(t *testing.T) {
	cmd, address, log := startStandalone(t)
	body, err := emulator.SampleCall(emulator.Sample{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /shirts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Webhook-Secret: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", standaloneSecret, len(body))
	answers := bufio.NewReader(conn)
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} { // the function has let the caller in
		if got, err := answers.ReadString('\n'); err != nil || got != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for { // until nobody new gets in
		other, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		other.Close()
		if time.Since(start) > 5*time.Second {
			t.Fatal("it still listens")
		}
	}
	if _, err := conn.Write(body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("the call in flight was not answered: %v", err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(answer), "on its way") {
		t.Errorf("the call in flight: got %d %s, %v", resp.StatusCode, answer, err)
	}
	var last *console.Line
	for log.Scan() {
		if last, err = console.ParseLine(log.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	if last.Message != "confirm: answered" {
		t.Errorf("the last line is %+v", last)
	}
	if err := cmd.Wait(); err != nil || time.Since(start) > 10*time.Second {
		t.Errorf("it ended after %v: %v", time.Since(start), err)
	}
}

// Without credentials for Cloud Logging it does not start, and says so.
func TestStandaloneWithoutCredentials(t *testing.T) {
	for _, row := range []struct{ env, want string }{
		{"GOOGLE_CLOUD_PROJECT=shirts", "cloud logging: "},
		{"GOOGLE_CLOUD_PROJECT=", "GOOGLE_CLOUD_PROJECT: not set"},
	} {
		cmd := exec.Command("local", "function", "--port=0")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CXHOOK_POLICY=header", "CXHOOK_HEADER_NAME=X-Webhook-Secret",
			"CXHOOK_HEADER_SECRET=" + standaloneSecret, "CXHOOK_LOG=cloud-logging", "GOOGLE_APPLICATION_CREDENTIALS=/nowhere.json", row.env}
		out, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), row.want) {
			t.Errorf("%s: exit code %d, %v, %s", row.env, code, err, out)
		}
	}
}
