package verify

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"
)

// BenchmarkCertificateRemembered is the steady state: one known chain, every rule
// judged anew. The report is the caller's, and so not counted.
func BenchmarkCertificateRemembered(b *testing.B) {
	for _, source := range Sources {
		b.Run(string(source), func(b *testing.B) {
			call := goodCall()
			via(source)(call)
			proof := mustMake(newCertificateProof(CertificateConfig{Source: source, Identities: world().identities()}, func() time.Time { return certNow }))
			r := &http.Request{Header: call.header, TLS: call.tls}
			checks := make([]Check, 0, 24)
			b.ReportAllocs()
			for b.Loop() {
				rep := &Report{Checks: checks[:0]}
				if err := proof.verify(context.Background(), r, rep); err != nil {
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
			proof := mustMake(newCertificateProof(CertificateConfig{Source: source, Identities: w.identities()}, func() time.Time { return certNow }))
			r := &http.Request{Header: call.header, TLS: call.tls}
			checks := make([]Check, 0, 24)
			b.ReportAllocs()
			for b.Loop() {
				proof.chains.cache.Purge()
				if err := proof.verify(context.Background(), r, &Report{Checks: checks[:0]}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("x509", func(b *testing.B) {
		roots := x509.NewCertPool()
		roots.AddCert(w.root.Certificate)
		b.ReportAllocs()
		for b.Loop() {
			leaf := mustMake(x509.ParseCertificate(mustMake(base64.StdEncoding.DecodeString(strings.Trim(header.Get("X-Client-Cert-Leaf"), ":")))))
			above := x509.NewCertPool()
			above.AddCert(mustMake(x509.ParseCertificate(mustMake(base64.StdEncoding.DecodeString(strings.Trim(header.Get("X-Client-Cert-Chain"), ":"))))))
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: above, CurrentTime: certNow, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
