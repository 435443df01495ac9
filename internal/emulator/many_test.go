package emulator

import (
	"crypto/x509"
	"testing"
	"time"
)

// Renewed certificates and distinct tokens are as good as the first ones, and no two
// are alike.
func TestMany(t *testing.T) {
	pki, err := NewPKI(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := NewIssuer(nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := pki.ClientCertificate("google")
	if err != nil {
		t.Fatal(err)
	}
	certificates, tokens := map[string]bool{string(first.Leaf.Raw): true}, map[string]bool{}
	const n = 3
	for i := range uint64(n) {
		cert, err := pki.RenewedGoogleCertificate()
		if err != nil {
			t.Fatal(err)
		}
		certificates[string(cert.Leaf.Raw)] = true
		store := pki.TrustStore("google")
		if v := store.judge([]*x509.Certificate{cert.Leaf, store.Intermediates[0]}, time.Now()); !v.verified() || cert.Leaf.Subject.String() != first.Leaf.Subject.String() {
			t.Errorf("the balancer finds %q with %s", v.problem, cert.Leaf.Subject)
		}
		token, err := issuer.DistinctToken(i, "https://webhook.example.com/", "123456789012")
		if err != nil {
			t.Fatal(err)
		}
		tokens[token] = true
	}
	if len(certificates) != n+1 || len(tokens) != n {
		t.Errorf("%d certificates and %d tokens, want %d and %d", len(certificates), len(tokens), n+1, n)
	}
}
