package webhook

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// direct is a hook and calls as the load balancer would hand them to it; there is
// no network.
type direct struct {
	t      testing.TB
	hook   *Hook
	log    *lockedBuffer
	issuer *emulator.Issuer
	header http.Header // of a good call
}

const directAudience = "https://webhook.example.com/shirts"

// newDirect makes the hook; adjust may change its configuration.
func newDirect(t testing.TB, adjust func(*Config)) *direct {
	t.Helper()
	pki, issuer := keyMaterial()
	d := &direct{t: t, log: new(lockedBuffer), issuer: issuer}
	identity := verify.GoogleIdentity()
	var err error
	if identity.Roots, identity.Intermediates, err = verify.ParseCABundle(pki.Bundle("google")); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Log: d.log, Project: "shirts", Verify: verify.Config{
		Edge:        verify.EdgeConfig{Secrets: []string{testSecret}},
		Certificate: verify.CertificateConfig{Identities: []verify.Identity{identity}},
		Token:       verify.TokenConfig{Audiences: []string{directAudience}, ProjectNumbers: []string{testProject}, KeysURL: newKeyServer(t, issuer)},
	}}
	if adjust != nil {
		adjust(&cfg)
	}
	if d.hook, err = New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	certificate, err := pki.ClientCertificate("google")
	if err != nil {
		t.Fatal(err)
	}
	if d.header, err = emulator.ForgedHeaders(verify.DefaultGoogleLBHeaders(), certificate); err != nil { // what the balancer sets
		t.Fatal(err)
	}
	d.header.Set(verify.DefaultEdgeHeader, testSecret)
	d.header.Set("Content-Type", "application/json")
	d.header.Set("Authorization", "Bearer "+d.token("valid"))
	return d
}

func (d *direct) token(kind string) string {
	d.t.Helper()
	token, err := d.issuer.Token(kind, directAudience, testProject)
	if err != nil {
		d.t.Fatal(err)
	}
	return token
}

// request makes a good call, with headers of its own, as the server makes them.
func (d *direct) request(body string) *http.Request {
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, "/shirts", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header = maps.Clone(d.header)
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return r
}

// serve answers the call and gives its line, of which there must be one alone.
func (d *direct) serve(r *http.Request) (*httptest.ResponseRecorder, string) {
	d.t.Helper()
	before := len(d.log.String())
	w := httptest.NewRecorder()
	d.hook.ServeHTTP(w, r)
	added := d.log.String()[before:]
	if strings.Count(added, "\n") != 1 {
		d.t.Errorf("%d lines of one call:\n%s", strings.Count(added, "\n"), added)
	}
	return w, strings.TrimSuffix(added, "\n")
}

func sampleBody(t testing.TB) string {
	t.Helper()
	body, err := emulator.SampleCall(emulator.Sample{})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
