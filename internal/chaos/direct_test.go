package chaos

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// environment configures a process for the default policy, but for where the client
// certificate comes from.
func (p *path) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "CXHOOK_AUDIENCES=" + p.url, "CXHOOK_PROJECT_NUMBERS=" + project, "CXHOOK_KEYS_URL=http://" + p.keys.address() + emulator.KeysPath,
		"CXHOOK_GOOGLE_CA_FILE=" + file(p.t, p.pki.Bundle(verify.GoogleIdentity().Name)), "CXHOOK_GOOGLE_LEGACY_CA_FILE=" + file(p.t, p.pki.Bundle(verify.GoogleLegacyIdentity().Name))}
}

// file gives the name of a new file.
func file(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// directPolicy has the standalone server terminate TLS itself.
func (p *path) directPolicy() (env, flags []string) {
	p.t.Helper()
	certificate, err := p.pki.ServerCertificate("127.0.0.1")
	if err != nil {
		p.t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		p.t.Fatal(err)
	}
	var chain []byte
	for _, der := range certificate.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return append(p.environment(), "CXHOOK_CERTIFICATE_SOURCE=tls"),
		[]string{"--tls-cert=" + file(p.t, chain), "--tls-key=" + file(p.t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))}
}

// directCaller is an agent that calls such a server.
func (p *path) directCaller(server *process, connections int, http2 bool) *caller {
	p.t.Helper()
	certificate, err := p.pki.ClientCertificate("google")
	if err != nil {
		p.t.Fatal(err)
	}
	token, err := p.issuer.Token("valid", p.url, project)
	if err != nil {
		p.t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true, ForceAttemptHTTP2: http2,
		TLSClientConfig: &tls.Config{RootCAs: p.pki.ServerRoots(), Certificates: []tls.Certificate{*certificate}}}
	p.t.Cleanup(transport.CloseIdleConnections) // at the latest
	return &caller{p.t, "https://" + server.address + "/shirts", http.Header{"Authorization": {"Bearer " + token}}, &http.Client{Transport: transport, Timeout: 10 * time.Second}, http2}
}
