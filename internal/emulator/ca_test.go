package emulator

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/cxhook/verify"
)

func TestBundle(t *testing.T) {
	for identity, want := range map[string][2]int{"google": {1, 1}, "google-legacy": {1, 1}, "custom": {1, 0}} {
		roots, intermediates, err := verify.ParseCABundle(pki().Bundle(identity))
		if err != nil || len(roots) != want[0] || len(intermediates) != want[1] {
			t.Errorf("%s: %d roots, %d intermediates, error %v; want %v", identity, len(roots), len(intermediates), err, want)
		}
		if trust := pki().TrustStore(identity); len(trust.Roots) != want[0] || len(trust.Intermediates) != want[1] {
			t.Errorf("%s: trust store of %d roots, %d intermediates; want %v", identity, len(trust.Roots), len(trust.Intermediates), want)
		}
	}
	if b := pki().Bundle("rogue"); b != nil {
		t.Errorf("Bundle(rogue): %d bytes; nobody trusts it", len(b))
	}
	if trust := pki().TrustStore("rogue"); len(trust.Roots) != 0 {
		t.Error("TrustStore(rogue): has a root")
	}
}

func TestClientCertificate(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		kind, cn string
		trusted  string // the identity whose authority verifies it now
		sent     int    // certificates in the handshake
	}{
		{"google", "Google LLC", "google", 2},
		{"legacy", "*.dialogflow.com", "google-legacy", 2},
		{"custom", "shirts-agent", "custom", 1},
		{"mallory", "Mallory", "google", 2},
		{"rogue", "Google LLC", "", 2},
		{"expired", "Google LLC", "", 2},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			cert := clientCertificate(t, tt.kind)
			if cert.Leaf.Subject.CommonName != tt.cn || len(cert.Certificate) != tt.sent {
				t.Errorf("CN %q, %d certificates; want %q, %d", cert.Leaf.Subject.CommonName, len(cert.Certificate), tt.cn, tt.sent)
			}
			certs := parse(t, cert)
			for _, identity := range []string{"google", "google-legacy", "custom"} {
				trust := pki().TrustStore(identity)
				if v := trust.judge(certs, now); v.verified() != (identity == tt.trusted) {
					t.Errorf("judged by %s: %q", identity, v.problem)
				}
			}
		})
	}
	if cert, err := pki().ClientCertificate("none"); cert != nil || err != nil {
		t.Errorf("none: %v, %v", cert, err)
	}
	for _, kind := range ClientCertificates {
		if _, err := pki().ClientCertificate(kind); err != nil {
			t.Errorf("listed, but: %v", err)
		}
	}
	const want = `emulator: no client certificate "Google"; have google, legacy, custom, mallory, rogue, expired, none`
	if _, err := pki().ClientCertificate("Google"); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func parse(t *testing.T, cert *tls.Certificate) []*x509.Certificate {
	t.Helper()
	var certs []*x509.Certificate
	for _, der := range cert.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		certs = append(certs, c)
	}
	return certs
}

func TestServerCertificate(t *testing.T) {
	cert, err := pki().ServerCertificate("webhook.example", "127.0.0.1", "::1")
	if err != nil {
		t.Fatal(err)
	}
	above := x509.NewCertPool()
	above.AddCert(parse(t, &cert)[1])
	for host, want := range map[string]bool{"webhook.example": true, "127.0.0.1": true, "::1": true, "other.example": false} {
		_, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: pki().ServerRoots(), Intermediates: above})
		if (err == nil) != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	self, err := pki().SelfMadeServerCertificate("webhook.example", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	own := x509.NewCertPool()
	own.AddCert(self.Leaf)
	for host, want := range map[string]bool{"webhook.example": true, "127.0.0.1": true, "other.example": false} {
		if _, err := self.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: own}); (err == nil) != want {
			t.Errorf("self-made, %s: %v", host, err)
		}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pki().ServerRootsPEM()) || !pool.Equal(pki().ServerRoots()) {
		t.Error("ServerRootsPEM is not ServerRoots")
	}
	if _, err := pki().ServerCertificate(); err == nil {
		t.Error("a certificate for no host")
	}
}

func TestEncodePEM(t *testing.T) {
	cert := clientCertificate(t, "google")
	chain, key, err := EncodePEM(cert)
	if err != nil {
		t.Fatal(err)
	}
	back, err := tls.X509KeyPair(chain, key)
	if err != nil || !slices.EqualFunc(back.Certificate, cert.Certificate, slices.Equal) {
		t.Errorf("read back: %v", err)
	}
	if _, _, err := EncodePEM(&tls.Certificate{PrivateKey: "no key"}); err == nil || !strings.HasPrefix(err.Error(), "emulator: ") {
		t.Errorf("no key: error %v", err)
	}
}
