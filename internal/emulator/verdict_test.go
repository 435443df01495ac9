package emulator

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"
)

// lab is an authority with a chain as long as a test wants it.
func lab(t *testing.T, intermediates int, edit func(*x509.Certificate)) *authority {
	t.Helper()
	now := time.Now()
	a, err := newAuthority(now, "Lab root", "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range intermediates {
		ca := &x509.Certificate{Subject: pkix.Name{CommonName: fmt.Sprintf("Lab intermediate %d", i+1)}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
		if edit != nil {
			edit(ca)
		}
		if err := a.add(ca); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// leafFor issues a leaf for a public key of which nobody needs the other half.
func (a *authority) leafFor(t *testing.T, public any, edit func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "Leaf"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true}
	if edit != nil {
		edit(template)
	}
	if public == nil {
		public = ecKey(t, elliptic.P256())
	}
	leaf, err := sign(template, a.certs[len(a.certs)-1], public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}

// rsaKey is a public key of that size.
func rsaKey(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(3)), E: 65537}
}

// above gives what a client sends besides its leaf: the issuing one first.
func (a *authority) above() []*x509.Certificate {
	sent := slices.Clone(a.certs[1:])
	slices.Reverse(sent)
	return sent
}

func TestJudge(t *testing.T) {
	plain, two := lab(t, 0, nil), lab(t, 1, nil)
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	usage := func(u ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = u }
	}
	dates := func(from, to time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
	}
	constrained := func(n int) *authority {
		return lab(t, 1, func(c *x509.Certificate) {
			for i := range n {
				c.ExcludedDNSDomains = append(c.ExcludedDNSDomains, fmt.Sprintf("x%d.example", i))
			}
		})
	}
	stale := lab(t, 1, dates(-2*time.Hour, -time.Minute))
	type row struct {
		name      string
		by        *authority
		public    any
		edit      func(*x509.Certificate)
		also      []*x509.Certificate // sent beside the chain
		problem   string
		onlyDates bool
	}
	rows := []row{
		{name: "below a root", by: plain},
		{name: "below an intermediate", by: two},
		{name: "for servers too", by: two, edit: usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)},
		{name: "for servers only", by: two, edit: usage(x509.ExtKeyUsageServerAuth), problem: problemEKU},
		{name: "for anything", by: two, edit: usage(x509.ExtKeyUsageAny), problem: problemEKU},
		{name: "no usages", by: two, edit: usage(), problem: problemEKU},
		{name: "issuer for clients", by: lab(t, 1, usage(x509.ExtKeyUsageClientAuth))},
		{name: "issuer for servers", by: lab(t, 1, usage(x509.ExtKeyUsageServerAuth)), problem: problemEKU},
		{name: "a CA", by: plain, edit: func(c *x509.Certificate) { c.IsCA = true }, problem: problemFailed},
		{name: "expired", by: two, edit: dates(-2*time.Hour, -time.Minute), problem: problemFailed, onlyDates: true},
		{name: "not yet valid", by: two, edit: dates(time.Minute, time.Hour), problem: problemFailed, onlyDates: true},
		{name: "expired, for servers", by: two, edit: func(c *x509.Certificate) { dates(-2*time.Hour, -time.Minute)(c); usage(x509.ExtKeyUsageServerAuth)(c) }, problem: problemFailed},
		{name: "expired, no usages", by: two, edit: func(c *x509.Certificate) { dates(-2*time.Hour, -time.Minute)(c); usage()(c) }, problem: problemFailed},
		{name: "issuer expired", by: stale, problem: problemFailed},
		{name: "RSA 2047", by: plain, public: rsaKey(2047), problem: problemRSASize},
		{name: "RSA 2048", by: plain, public: rsaKey(2048)},
		{name: "RSA 4096", by: plain, public: rsaKey(4096)},
		{name: "RSA 4097", by: plain, public: rsaKey(4097), problem: problemRSASize},
		{name: "P-384", by: plain, public: ecKey(t, elliptic.P384())},
		{name: "P-521", by: plain, public: ecKey(t, elliptic.P521()), problem: problemCurve},
		{name: "P-224", by: plain, public: ecKey(t, elliptic.P224()), problem: problemCurve},
		{name: "Ed25519", by: plain, public: edKey, problem: problemKeyAlgorithm},
		{name: "a bad key beside the chain", by: plain, also: []*x509.Certificate{plain.leafFor(t, rsaKey(1024), nil)}, problem: problemRSASize},
		{name: "10 certificates beside", by: plain, also: slices.Repeat(two.certs, 5)},
		{name: "11 certificates beside", by: plain, also: append(slices.Repeat(two.certs, 5), two.certs[0]), problem: problemChainLimit},
		{name: "10 above the leaf", by: lab(t, 9, nil)},
		{name: "11 above the leaf", by: lab(t, 10, nil), problem: problemSearchLimit},
		{name: "10 name constraints", by: constrained(10)},
		{name: "11 name constraints", by: constrained(11), problem: problemNameConstraints},
	}
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			trust := TrustStore{Roots: tt.by.certs[:1]}
			sent := append(append([]*x509.Certificate{tt.by.leafFor(t, tt.public, tt.edit)}, tt.by.above()...), tt.also...)
			v := trust.judge(sent, time.Now())
			if v.problem != tt.problem || v.onlyDates != tt.onlyDates || v.leaf != sent[0] || v.verified() != (tt.problem == "") {
				t.Errorf("%q, only dates %t; want %q, %t", v.problem, v.onlyDates, tt.problem, tt.onlyDates)
			}
		})
	}

	leaf := two.leafFor(t, nil, nil)
	sent := append([]*x509.Certificate{leaf}, two.above()...)
	for _, tt := range []struct {
		name    string
		trust   TrustStore
		sent    []*x509.Certificate
		problem string
	}{
		{"nothing sent", TrustStore{Roots: two.certs[:1]}, nil, problemNotProvided},
		{"no trust store", TrustStore{}, sent, problemNotPerformed},
		{"no trust store, nothing sent", TrustStore{}, nil, problemNotProvided},
		{"another root", TrustStore{Roots: plain.certs[:1]}, sent, problemFailed},
		{"intermediate neither sent nor known", TrustStore{Roots: two.certs[:1]}, sent[:1], problemFailed},
		{"intermediate known", TrustStore{Roots: two.certs[:1], Intermediates: two.certs[1:]}, sent[:1], ""},
		{"10 intermediates alike", TrustStore{Roots: two.certs[:1], Intermediates: slices.Repeat(two.certs[1:], 10)}, sent[:1], ""},
		{"11 intermediates alike", TrustStore{Roots: two.certs[:1], Intermediates: slices.Repeat(two.certs[1:], 10)}, sent, problemPKITooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if v := tt.trust.judge(tt.sent, time.Now()); v.problem != tt.problem || v.onlyDates {
				t.Errorf("%q, want %q", v.problem, tt.problem)
			}
		})
	}
}
