package webhook

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// BenchmarkHook is one call in the steady state: everything proved, certificate and
// token remembered, routed, answered, and its line written. The network is left out.
func BenchmarkHook(b *testing.B) {
	pki, issuer := keyMaterial()
	const audience = "https://webhook.example.com/shirts"
	keys := newKeyServer(b, issuer)
	identity := verify.GoogleIdentity()
	var err error
	if identity.Roots, identity.Intermediates, err = verify.ParseCABundle(pki.Bundle("google")); err != nil {
		b.Fatal(err)
	}
	hook, err := New(b.Context(), Config{Log: io.Discard, Project: "shirts", Verify: verify.Config{
		Edge:        verify.EdgeConfig{Secrets: []string{testSecret}},
		Certificate: verify.CertificateConfig{Identities: []verify.Identity{identity}},
		Token:       verify.TokenConfig{Audiences: []string{audience}, ProjectNumbers: []string{testProject}, KeysURL: keys},
	}})
	if err != nil {
		b.Fatal(err)
	}
	certificate, err := pki.ClientCertificate("google")
	if err != nil {
		b.Fatal(err)
	}
	header, err := emulator.ForgedHeaders(verify.DefaultGoogleLBHeaders(), certificate) // what the balancer sets
	if err != nil {
		b.Fatal(err)
	}
	token, err := issuer.Token("valid", audience, testProject)
	if err != nil {
		b.Fatal(err)
	}
	header.Set(verify.DefaultEdgeHeader, testSecret)
	header.Set("Content-Type", "application/json")
	header.Set("Authorization", "Bearer "+token)
	body, err := emulator.SampleCall(emulator.Sample{})
	if err != nil {
		b.Fatal(err)
	}
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/shirts", nil)
	if err != nil {
		b.Fatal(err)
	}
	w := &discardWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		r.Header = make(http.Header, len(header)) // as the server makes one for each request
		for name, values := range header {
			r.Header[name] = values
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		w.status = 0
		hook.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("got %d", w.status)
		}
	}
}

// discardWriter is a ResponseWriter that keeps the status alone.
type discardWriter struct {
	header http.Header
	status int
}

func (w *discardWriter) Header() http.Header             { return w.header }
func (w *discardWriter) WriteHeader(status int)          { w.status = status }
func (w *discardWriter) Write(b []byte) (int, error)     { return len(b), nil }
func (w *discardWriter) SetReadDeadline(time.Time) error { return nil }
