package emulator

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The server of Google's page, openssl s_server -Verify, accepts Dialogflow with
// each of its certificates, and no other: an implementation of TLS that is not
// Go's judges the handshake, as a user's might.
func TestOpenSSLServer(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skipf("openssl is not installed: %v", err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	server, err := pki().ServerCertificate("webhook.example")
	if err != nil {
		t.Fatal(err)
	}
	chain, key, err := EncodePEM(&server)
	if err != nil {
		t.Fatal(err)
	}
	chainFile, keyFile := write("server.pem", chain), write("server-key.pem", key)
	trust := write("trust.pem", append(pki().Bundle("google"), pki().Bundle("google-legacy")...))

	for _, tt := range []struct {
		kind, subject string // "" where it is refused
	}{{"google", "CN *= *Google LLC"}, {"legacy", `CN *= *\*\.dialogflow\.com`}, {"rogue", ""}, {"expired", ""}, {"none", ""}} {
		t.Run(tt.kind, func(t *testing.T) {
			cmd := exec.Command("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", chainFile, "-cert_chain", chainFile, "-key", keyFile, "-CAfile", trust, "-Verify", "2", "-verify_return_error", "-naccept", "1")
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = cmd.Stdout
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			watchdog := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
			var said strings.Builder
			address, done := make(chan string, 1), make(chan struct{})
			go func() {
				defer close(done)
				lines := bufio.NewScanner(io.TeeReader(stdout, &said))
				lines.Buffer(nil, 1<<20)
				lines.Split(scanLineOrBrace)
				for lines.Scan() {
					if a, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
						address <- a
					}
					if lines.Text() == "}" { // the request's last byte
						io.WriteString(stdin, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
						stdin.Close()
					}
				}
				close(address)
			}()
			at, ok := <-address
			if !ok {
				t.Fatalf("s_server did not start: %s", &said)
			}
			s := &stack{address: at}
			d := s.dialogflow(t, func(cfg *DialogflowConfig) { cfg.ClientCertificate = clientCertificate(t, tt.kind) })
			x := send(t, d, nil)
			stdin.Close()
			d.CloseIdleConnections()
			<-done
			cmd.Wait()
			watchdog.Stop()
			if tt.subject == "" {
				if x.Failed != StageHandshake {
					t.Errorf("failed at %q with %v; want the handshake\n%s", x.Failed, x.Err, &said)
				}
				return
			}
			if x.Status != 200 {
				t.Fatalf("status %d, error %v\n%s", x.Status, x.Err, &said)
			}
			for _, want := range []string{"verify return:1", "subject=.*" + tt.subject, "POST /shirts HTTP/1.1", "User-Agent: Google-Dialogflow"} {
				if !regexp.MustCompile(want).MatchString(said.String()) {
					t.Errorf("s_server does not say %q:\n%s", want, &said)
				}
			}
		})
	}
}

// scanLineOrBrace gives lines, and the closing brace that ends a request without a
// line's end.
func scanLineOrBrace(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if string(data) == "}" {
		return 1, data, nil
	}
	advance, token, err = bufio.ScanLines(data, atEOF)
	if err == nil && token == nil && strings.HasSuffix(string(data), "}") {
		return len(data), []byte("}"), nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("s_server's output: %w", err)
	}
	return advance, token, nil
}
