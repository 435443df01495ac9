package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"example.com/cxhook/internal/emulator"
)

// handshakes calls the standalone server with curl and openssl, rightly and
// wrongly: words are of the curl line that serve printed. Each wrong one is refused
// in the handshake, and has a line that says why.
func handshakes(ts *testscript.TestScript, words []string, next func(string) string) {
	after := func(flag string) string { return words[slices.Index(words, flag)+1] }
	target, err := url.Parse(words[len(words)-1])
	ts.Check(err)
	others, err := emulator.NewPKI(time.Now()) // the same names from other authorities
	ts.Check(err)
	rogue, err := others.ClientCertificate("google")
	ts.Check(err)
	chain, key, err := emulator.EncodePEM(rogue)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("rogue.pem"), chain, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("rogue-key.pem"), key, 0o600))

	curl := func(args ...string) string {
		out, err := exec.Command("curl", append([]string{"--silent", "--show-error", "--cacert", after("--cacert"), "--data", "{}", target.String()}, args...)...).CombinedOutput()
		if err == nil {
			ts.Fatalf("curl %q was answered: %s", args, out)
		}
		return string(out)
	}
	// With TLS 1.2 the client waits for the server's judgement. With TLS 1.3 it has
	// sent its request by then, and the connection may be reset before it has read
	// the alert.
	wrong := []string{"--cert", ts.MkAbs("rogue.pem"), "--key", ts.MkAbs("rogue-key.pem")}
	curl(wrong...)
	next(`client certificate refused: .*cert_untrusted`)
	if said := curl(append(wrong, "--tls-max", "1.2")...); !strings.Contains(said, "alert") {
		ts.Fatalf("curl with another's certificate was not refused in the handshake: %s", said)
	}
	next(`client certificate refused: .*cert_untrusted.*x509: certificate signed by unknown authority`)
	if said := curl("--tls-max", "1.2"); !strings.Contains(said, "alert") {
		ts.Fatalf("curl without a certificate was not refused in the handshake: %s", said)
	}
	next(`client didn't provide a certificate`)

	if _, err := exec.LookPath("openssl"); err != nil {
		ts.Logf("SKIPPED: openssl s_client: %v", err)
		return
	}
	authorization, err := os.ReadFile(filepath.Join(filepath.Dir(after("--cacert")), "authorization"))
	ts.Check(err)
	body, err := os.ReadFile(filepath.Join(filepath.Dir(after("--cacert")), "request.json"))
	ts.Check(err)
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n\r\n%s", target.Path, target.Host, len(body), strings.TrimSpace(string(authorization)), body)
	client := func(cert, key string, args ...string) string {
		cmd := exec.Command("openssl", "s_client", "-connect", target.Host, "-CAfile", after("--cacert"), "-verify_return_error", "-verify_ip", target.Hostname(), "-quiet", "-cert", cert, "-cert_chain", cert, "-key", key)
		cmd.Args = append(cmd.Args, args...)
		cmd.Stdin = strings.NewReader(request)
		out, _ := cmd.CombinedOutput() // the exit code differs between versions
		return string(out)
	}
	if said := client(after("--cert"), after("--key")); !strings.Contains(said, "HTTP/1.1 200 OK") || !strings.Contains(said, "large, red shirt") {
		ts.Fatalf("openssl s_client: %s", said)
	}
	next(`200 .* confirm: answered`)
	if said := client(ts.MkAbs("rogue.pem"), ts.MkAbs("rogue-key.pem"), "-tls1_2"); !strings.Contains(said, "alert") || strings.Contains(said, "HTTP/1.1") {
		ts.Fatalf("openssl s_client with another's certificate was not refused in the handshake: %s", said)
	}
	next(`client certificate refused: .*cert_untrusted`)
}
