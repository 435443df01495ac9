package webhook

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"example.com/cxhook/verify"
)

// A custom client certificate beside Google's two: its names count under its own
// CA alone.
func TestCustomIdentity(t *testing.T) {
	p := newPath(t, func(cfg *Config) {
		pki, _ := keyMaterial()
		roots, _, err := verify.ParseCABundle(pki.Bundle("custom"))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Verify.Certificate.Identities = append(cfg.Verify.Certificate.Identities, verify.Identity{Name: "custom", Roots: roots, CommonName: "shirts-agent"})
	})
	for _, kind := range []string{"google", "custom"} {
		if x := p.call(caller{certificate: kind}); x.Status != http.StatusOK {
			t.Errorf("%s: got %d", kind, x.Status)
		}
		lines := p.lines()
		if got := lines[len(lines)-1].Labels.Identity; got != kind {
			t.Errorf("identity %q in the log, want %q", got, kind)
		}
	}
}

// Report only: the log says what the certificate would have refused; the token
// refuses as ever.
func TestReportOnly(t *testing.T) {
	p := newPath(t, func(cfg *Config) { cfg.Verify.Certificate.ReportOnly, cfg.LogChecks = true, false })
	for _, row := range []struct {
		certificate, token string
		status             int
		message            string
		checks             int // that the line has
	}{
		{"google", "valid", 200, "confirm: answered", 0},
		{"mallory", "valid", 200, "confirm: answered; report only: the certificate would be refused: cert_identity_unknown", 1},
		{"none", "valid", 200, "confirm: answered; report only: the certificate would be refused: cert_missing", 1},
		{"mallory", "expired", 401, "call: refused: token_expired; report only: the certificate would be refused: cert_identity_unknown", 1},
	} {
		if x := p.call(caller{certificate: row.certificate, token: row.token}); x.Status != row.status {
			t.Errorf("%+v: got %d", row, x.Status)
		}
		lines := p.lines()
		last := lines[len(lines)-1]
		if last.Message != row.message || (last.Severity == "INFO") != (row.checks == 0) {
			t.Errorf("%+v: line %+v", row, last)
		}
		if text := p.log.String(); row.checks > 0 && !strings.Contains(text[strings.LastIndex(text[:len(text)-1], "\n")+1:], `"outcome":"warn"`) {
			t.Errorf("%+v: the line does not say what would have been refused", row)
		}
	}
}

// The line at the start: source, identities, and when which root ends.
func TestStartLine(t *testing.T) {
	p := newPath(t, func(cfg *Config) { cfg.Verify.Certificate.ReportOnly = true })
	var first line
	text, _, _ := strings.Cut(p.log.String(), "\n")
	if err := json.Unmarshal([]byte(text), &first); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"certificate from google-lb", "identities google, google-legacy", "google: Local stand-in for SSL.com Root Certification Authority RSA: 36", "report only"} {
		if !strings.Contains(first.Message, want) {
			t.Errorf("%q lacks %q", first.Message, want)
		}
	}
	if first.Severity != "WARNING" {
		t.Errorf("severity %s with a certificate that is not enforced", first.Severity)
	}
}
