package verify

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkCertificateRemembered is the steady state: one known chain, every rule
// judged anew. The report is the caller's, and so not counted.
func BenchmarkCertificateRemembered(b *testing.B) {
	for _, source := range Sources {
		b.Run(string(source), func(b *testing.B) {
			call := goodCall()
			via(source)(call)
			proof := mustMake(newCertificateProof(CertificateConfig{Source: source, Identities: world().identities()}))
			r := &http.Request{Header: call.header, TLS: call.tls}
			checks := make([]Check, 0, 24)
			b.ReportAllocs()
			for b.Loop() {
				rep := &Report{Checks: checks[:0]}
				if err := proof.verify(context.Background(), r, rep, certNow); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCertificateVerify is a chain that is not remembered; its twin is the
// X.509 work alone, which it must not exceed by more than a tenth.
func BenchmarkCertificateVerify(b *testing.B) {
	w := world()
	header := goodCall().header
	for _, source := range Sources {
		b.Run("proof/"+string(source), func(b *testing.B) {
			call := goodCall()
			via(source)(call)
			proof := mustMake(newCertificateProof(CertificateConfig{Source: source, Identities: w.identities()}))
			r := &http.Request{Header: call.header, TLS: call.tls}
			checks := make([]Check, 0, 24)
			b.ReportAllocs()
			for b.Loop() {
				proof.chains.cache.Purge()
				if err := proof.verify(context.Background(), r, &Report{Checks: checks[:0]}, certNow); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("x509", func(b *testing.B) { bareX509(b, header, w.root.Certificate) })
}

// BenchmarkCertificateVerifyRSA is the chain that Dialogflow presents: a leaf of
// RSA 2048 below an intermediate and a root of RSA 4096, as SSL.com's are.
func BenchmarkCertificateVerifyRSA(b *testing.B) {
	var certs []*x509.Certificate // root first
	var signer *rsa.PrivateKey
	for i, bits := range []int{4096, 4096, 2048} {
		key := mustMake(rsa.GenerateKey(rand.Reader, bits))
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 1), RawSubject: dn(org("Google LLC"), common("Google LLC")), NotBefore: certNow, NotAfter: certNow.AddDate(1, 0, 0),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if i < 2 {
			template.RawSubject = dn(common([]string{"RSA root", "RSA intermediate"}[i]))
			authority(template)
		}
		parent := template
		if i > 0 {
			parent = certs[i-1]
		} else {
			signer = key
		}
		certs = append(certs, mustMake(x509.ParseCertificate(mustMake(x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)))))
		signer = key
	}
	id := GoogleIdentity()
	id.Roots, id.Intermediates = certs[:1], certs[1:2]
	header := balancer(certs[2], certs[1])
	b.Run("proof", func(b *testing.B) {
		proof := mustMake(newCertificateProof(CertificateConfig{Identities: []Identity{id}}))
		r := &http.Request{Header: header}
		checks := make([]Check, 0, 24)
		b.ReportAllocs()
		for b.Loop() {
			proof.chains.cache.Purge()
			if err := proof.verify(context.Background(), r, &Report{Checks: checks[:0]}, certNow); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("x509", func(b *testing.B) { bareX509(b, header, certs[0]) })
}

// bareX509 is what cannot be left out: decode, parse, verify.
func bareX509(b *testing.B, header http.Header, root *x509.Certificate) {
	roots := x509.NewCertPool()
	roots.AddCert(root)
	parse := func(name string) *x509.Certificate {
		return mustMake(x509.ParseCertificate(mustMake(base64.StdEncoding.DecodeString(strings.Trim(header.Get(name), ":")))))
	}
	b.ReportAllocs()
	for b.Loop() {
		leaf, above := parse("X-Client-Cert-Leaf"), x509.NewCertPool()
		above.AddCert(parse("X-Client-Cert-Chain"))
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: above, CurrentTime: certNow, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			b.Fatal(err)
		}
	}
}
