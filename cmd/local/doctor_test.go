package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/rogpeppe/go-internal/testscript"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

var update = flag.Bool("update", false, "rewrite the golden transcripts in testdata/script")

const (
	doctorAudience = "https://webhook.example.com/cx"
	doctorSession  = "projects/shirts/locations/global/agents/a1/sessions/s1"
)

// doctorPKI is made once: no script changes it.
var doctorPKI = sync.OnceValues(func() (*emulator.PKI, error) { return emulator.NewPKI(time.Now()) })

// issuerScript serves a key set like Google's, writes a token of each kind into
// the folder token, and configures what the function would be: issuer.
func issuerScript(ts *testscript.TestScript, neg bool, args []string) {
	issuer, err := emulator.NewIssuer(time.Now)
	ts.Check(err)
	server := httptest.NewServer(issuer)
	ts.Defer(server.Close)
	ts.Setenv("CXHOOK_KEYS_URL", server.URL+emulator.KeysPath)
	ts.Setenv("CXHOOK_AUDIENCES", doctorAudience)
	ts.Setenv("CXHOOK_PROJECT_NUMBERS", projectNumber)
	tokens := map[string]string{"opaque": "ya29.a0AfH6SMC-not-a-token"}
	for _, kind := range emulator.Tokens {
		tokens[kind], err = issuer.Token(kind, doctorAudience, projectNumber)
		ts.Check(err)
	}
	tokens["slash"], err = issuer.Token("valid", doctorAudience+"/", projectNumber)
	ts.Check(err)
	valid := strings.Split(tokens["valid"], ".")
	tokens["stripped"] = valid[0] + "." + valid[1] + ".SIGNATURE_REMOVED_BY_GOOGLE"
	tokens["padded"] = tokens["valid"] + "=="
	tokens["altered"] = valid[0] + "." + valid[1] + "." + flip(valid[2])
	tokens["unknown-key"] = b64(`{"alg":"RS256","kid":"nobody","typ":"JWT"}`) + "." + valid[1] + "." + valid[2]
	tokens["twice"] = valid[0] + "." + b64(`{"aud":"a","aud":"b"}`) + "." + valid[2]
	tokens["jku"] = b64(`{"alg":"RS256","kid":"1","jku":"https://mallory.example/"}`) + "." + valid[1] + "." + valid[2]
	tokens["basic"] = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("user:password"))
	tokens["bearer"] = "Authorization: Bearer " + tokens["valid"]
	dir := ts.MkAbs("token")
	ts.Check(os.MkdirAll(dir, 0o700))
	for kind, token := range tokens {
		ts.Check(os.WriteFile(filepath.Join(dir, kind), []byte(token+"\n"), 0o600))
	}
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// flip changes a signature's first character.
func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

// pkiScript writes a client certificate of each kind into the folder cert, and
// configures the function to trust their roots: pki.
func pkiScript(ts *testscript.TestScript, neg bool, args []string) {
	pki, err := doctorPKI()
	ts.Check(err)
	dir := ts.MkAbs("cert")
	ts.Check(os.MkdirAll(dir, 0o700))
	for identity, variable := range map[string]string{"google": "CXHOOK_GOOGLE_CA_FILE", "google-legacy": "CXHOOK_GOOGLE_LEGACY_CA_FILE"} {
		file := filepath.Join(dir, identity+"-ca.pem")
		ts.Check(os.WriteFile(file, pki.Bundle(identity), 0o600))
		ts.Setenv(variable, file)
	}
	for _, kind := range emulator.ClientCertificates {
		cert, err := pki.ClientCertificate(kind)
		ts.Check(err)
		if cert == nil {
			continue
		}
		chain, _, err := emulator.EncodePEM(cert)
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, kind), chain, 0o600))
		header, err := emulator.ForgedHeaders(verify.DefaultGoogleLBHeaders(), cert)
		ts.Check(err)
		var dump strings.Builder
		fmt.Fprintf(&dump, "* Connected to webhook.example.com\n> POST /cx HTTP/1.1\n> Host: webhook.example.com\n")
		for name := range header {
			fmt.Fprintf(&dump, "> %s: %s\n", name, header.Get(name))
		}
		ts.Check(os.WriteFile(filepath.Join(dir, kind+".dump"), []byte(dump.String()), 0o600))
	}
	ca := filepath.Join(dir, "ca")
	ts.Check(os.WriteFile(ca, pki.Bundle("google"), 0o600))
}

// sessionScript writes session tokens into the folder session, and configures
// their keys: session.
func sessionScript(ts *testscript.TestScript, neg bool, args []string) {
	secret := strings.Repeat("s", verify.MinHMACSecretBytes)
	for name, value := range map[string]string{"HMAC_SECRET": secret, "ISSUER": "https://auth.example.com", "AUDIENCE": "shirts"} {
		ts.Setenv("CXHOOK_SESSION_"+name, value)
	}
	now := time.Now().Unix()
	good := func() map[string]any {
		return map[string]any{"iss": "https://auth.example.com", "aud": "shirts", "nbf": now, "exp": now + 600, "session": doctorSession}
	}
	dir := ts.MkAbs("session")
	ts.Check(os.MkdirAll(dir, 0o700))
	write := func(kind string, algorithm jose.SignatureAlgorithm, key any, change map[string]any) {
		claims := good()
		for name, value := range change {
			claims[name] = value
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
		ts.Check(err)
		token, err := jwt.Signed(signer).Claims(claims).Serialize()
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, kind), []byte(token), 0o600))
	}
	write("good", jose.HS256, []byte(secret), nil)
	write("other-session", jose.HS256, []byte(secret), map[string]any{"session": doctorSession + "2"})
	write("expired", jose.HS256, []byte(secret), map[string]any{"nbf": now - 700, "exp": now - 100})
	write("long", jose.HS256, []byte(secret), map[string]any{"exp": now + 7200})
	write("other-secret", jose.HS256, []byte(strings.Repeat("t", 32)), nil)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ts.Check(err)
	write("other-algorithm", jose.RS256, key, nil)
}

// balancerScript starts a load balancer in a mode, before nothing that verifies:
// balancer lenient|strict. BALANCER is its URL, and the file ca.pem has its root.
func balancerScript(ts *testscript.TestScript, neg bool, args []string) {
	pki, err := doctorPKI()
	ts.Check(err)
	status := 403
	if len(args) > 1 {
		_, err := fmt.Sscan(args[1], &status)
		ts.Check(err)
	}
	backend := httptest.NewServer(statusHandler(status))
	ts.Defer(backend.Close)
	target, err := url.Parse(backend.URL)
	ts.Check(err)
	certificate, err := pki.ServerCertificate("127.0.0.1")
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	balancer, err := emulator.NewLoadBalancer(emulator.LoadBalancerConfig{Certificate: certificate, TrustStore: pki.TrustStore("google"), Mode: emulator.Mode(args[0]), EdgeSecret: strings.Repeat("e", 32), Backend: target})
	ts.Check(err)
	go balancer.Serve(l)
	ts.Defer(func() { l.Close() })
	ts.Setenv("BALANCER", "https://"+l.Addr().String()+"/cx")
	ts.Setenv("BACKEND", backend.URL)
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), pki.ServerRootsPEM(), 0o600))
}

// statusHandler answers everything with a status.
func statusHandler(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// scrubs take out of a transcript what differs from run to run.
var scrubs = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "DATE"},
	{regexp.MustCompile(`\b[0-9a-f]{40}\b`), "KID"},
	{regexp.MustCompile(`(fingerprint +)\S+`), "${1}SHA256"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`:[A-Za-z0-9+/]{60,}[=A-Za-z0-9+/.]*:?`), "LEAF"},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

// scrubScript writes the last command's output into a file, so that it can be
// compared: scrub FILE. It also holds that no token is in it.
func scrubScript(ts *testscript.TestScript, neg bool, args []string) {
	out := ts.ReadFile("stdout")
	if strings.Contains(out, "eyJ") {
		ts.Fatalf("a piece of a token is in the transcript:\n%s", out)
	}
	for _, s := range scrubs {
		out = s.what.ReplaceAllString(out, s.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out), 0o600))
}
