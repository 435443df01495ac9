package verify

import (
	"crypto/x509"
	"net/http"
	"testing"
	"time"
)

// edgeAttacks go round the load balancer, or guess.
func edgeAttacks() []attack {
	edge := func(values ...string) func(*certCall) { return sends(DefaultEdgeHeader, values...) }
	return []attack{
		{id: "E01-missing", do: omits(DefaultEdgeHeader), code: EdgeSecretMissing},
		{id: "E02-empty", do: edge(""), code: EdgeSecretMissing},
		{id: "E03-duplicate", do: edge(testEdgeSecret, testEdgeSecret), code: EdgeSecretDuplicate},
		{id: "E04-duplicate-empty", do: edge("", testEdgeSecret), code: EdgeSecretDuplicate},
		{id: "E05-duplicate-http2", do: overHTTP2(http.Header{"X-CXHOOK-EDGE": {testEdgeSecret}}), code: EdgeSecretDuplicate, twin: overHTTP2(nil)},
		{id: "E06-wrong", do: edge("edge-secret-of-the-tests-0002"), code: EdgeSecretWrong, twin: edge(testOldEdgeSecret), warn: []Code{EdgeSecretPrevious}},
		{id: "E07-joined", do: edge(testEdgeSecret + ", " + testEdgeSecret), code: EdgeSecretWrong},
		{id: "E08-prefix", do: edge(testEdgeSecret[:len(testEdgeSecret)-1]), code: EdgeSecretWrong},
		{id: "E09-case", do: edge("EDGE-SECRET-OF-THE-TESTS-0001"), code: EdgeSecretWrong},
		{id: "E10-longer", do: edge(testEdgeSecret + "0"), code: EdgeSecretWrong},
		{id: "E11-previous-after-rotation", do: both(edge(testOldEdgeSecret), func(call *certCall) { call.edge.Secrets = []string{testEdgeSecret} }), code: EdgeSecretWrong, twin: edge(testOldEdgeSecret), warn: []Code{EdgeSecretPrevious}},
		{id: "E12-another-header", do: rename(DefaultEdgeHeader, "X_cxhook_edge"), code: EdgeSecretMissing},
		// The balancer that sets half the list sets no secret.
		{id: "E13-forged-inside-the-network", do: omits(DefaultEdgeHeader), code: EdgeSecretMissing,
			twin: func(call *certCall) {
				call.edge = EdgeConfig{DangerNoEdgeSecret: true}
				call.header.Del(DefaultEdgeHeader)
			}, warn: []Code{EdgeSecretUnchecked}},
	}
}

// cacheAttacks come after a good call whose chain is remembered, and change one
// thing: everything but the chain's cryptography is judged anew.
func cacheAttacks() []attack {
	w := world()
	after := func(d time.Duration) func(*certCall) { return func(call *certCall) { call.now = certNow.Add(d) } }
	then := func(change func(*certificateProof)) func(*certCall) {
		return func(call *certCall) { call.warmed = change }
	}
	differs := []Code{CertHeaderDiffers}
	// One CA with two certificates: its way to Google's root ends in a minute, the
	// one to another root that is trusted, but not for Google's name, does not.
	brief := w.root.issueCA(dn(common("Test cross-signed CA")), func(c *x509.Certificate) { c.NotAfter = certNow.Add(time.Minute) })
	lasting := issue(w.legacyRoot, brief.key, brief.RawSubject, authority, func(c *x509.Certificate) { c.SubjectKeyId = brief.SubjectKeyId })
	leaf := brief.issueClient(dn(common("Google LLC")))
	cross := func(call *certCall) {
		call.client(leaf, brief, lasting)
		call.first = call.header
	}
	alone := func(call *certCall) {
		call.client(leaf, brief)
		call.first = call.header
	}
	return []attack{
		{id: "W01-edge", do: warm(sends(DefaultEdgeHeader, "edge-secret-of-the-tests-0002")), code: EdgeSecretWrong, twin: warm()},
		{id: "W02-present", do: warm(sends("X-Client-Cert-Present", "false")), code: CertMissing, twin: warm()},
		{id: "W03-verified", do: warm(sends("X-Client-Cert-Chain-Verified", "false")), code: CertNotVerified, twin: warm()},
		{id: "W04-error", do: warm(sends("X-Client-Cert-Error", "client_cert_validation_failed")), code: CertFrontError, twin: warm(sends("X-Client-Cert-Error", "client_cert_serial_number_exceeded_size_limit")), warn: []Code{CertSizeErrorTolerated}},
		{id: "W05-fingerprint", do: warm(sends("X-Client-Cert-Hash", balancer(w.mallory.Certificate).Get("X-Client-Cert-Hash"))), code: CertFingerprintMismatch, twin: warm()},
		{id: "W06-fingerprint-missing", do: warm(omits("X-Client-Cert-Hash")), code: CertFingerprintMissing, twin: warm()},
		{id: "W07-leaf", do: warm(sends("X-Client-Cert-Leaf", balancer(w.mallory.Certificate).Get("X-Client-Cert-Leaf"))), code: CertFingerprintMismatch, twin: warm()},
		{id: "W08-leaf-and-fingerprint", do: warm(presents(mallory, r2)), code: CertIdentityUnknown, twin: warm()},
		{id: "W09-leaf-missing", do: warm(omits("X-Client-Cert-Leaf")), code: CertLeafMissing, twin: warm(omits("X-Client-Cert-Chain"))},
		{id: "W10-chain", do: warm(sends("X-Client-Cert-Chain", "x")), code: CertLeafMalformed, twin: warm(sends("X-Client-Cert-Chain", balancer(w.r3.Certificate).Get("X-Client-Cert-Leaf")))},
		{id: "W11-serial-malformed-twice", do: warm(sends("X-Client-Cert-Serial-Number", "00", "00")), code: CertHeaderDuplicate, twin: warm(sends("X-Client-Cert-Serial-Number", "00")), warn: differs},
		{id: "W12-subject", do: warm(sends("X-Client-Cert-Subject-Dn", "x", "x")), code: CertHeaderDuplicate, twin: warm(sends("X-Client-Cert-Subject-Dn", "x")), warn: differs},
		{id: "W13-issuer", do: warm(sends("X-Client-Cert-Issuer-Dn", "x", "x")), code: CertHeaderDuplicate, twin: warm(sends("X-Client-Cert-Issuer-Dn", "x")), warn: differs},
		{id: "W14-not-before", do: warm(sends("X-Client-Cert-Valid-Not-Before", "x", "x")), code: CertHeaderDuplicate, twin: warm(sends("X-Client-Cert-Valid-Not-Before", "x")), warn: differs},
		{id: "W15-not-after", do: warm(sends("X-Client-Cert-Valid-Not-After", "x", "x")), code: CertHeaderDuplicate, twin: warm(sends("X-Client-Cert-Valid-Not-After", "1970-01-01T00:00:00Z")), warn: differs},
		{id: "W16-dns-sans", do: warm(sends("X-Client-Cert-Dnsname-Sans", "x", "x")), code: CertHeaderDuplicate, twin: warm(sends("X-Client-Cert-Dnsname-Sans", "Ki5kaWFsb2dmbG93LmNvbQ==")), warn: differs},
		{id: "W17-uri-sans", do: warm(sends("X-Client-Cert-Uri-Sans", "x", "x")), code: CertHeaderDuplicate, twin: warm(sends("X-Client-Cert-Uri-Sans", "x")), warn: differs},
		{id: "W18-spiffe-id", do: warm(sends("X-Client-Cert-Spiffe", "x", "x")), code: CertHeaderDuplicate, twin: warm(sends("X-Client-Cert-Spiffe", "spiffe://x/y")), warn: differs},

		{id: "W20-denied-beats-the-cache", do: warm(then(func(p *certificateProof) {
			p.denied[mustMake(parseFingerprint(fingerprintOf(w.google)))] = true
		})), code: CertDenied, twin: warm()},
		{id: "W21-identity-withdrawn", do: warm(then(func(p *certificateProof) { p.identities = p.identities[1:] })), code: CertIdentityUnknown, twin: warm()},
		{id: "W22-root-withdrawn", do: warm(then(func(p *certificateProof) { p.identities[0].Roots = []*x509.Certificate{w.stranger.Certificate} })), code: CertIdentityUnknown, twin: warm()},
		{id: "W23-leaf-expires", do: warm(after(w.google.NotAfter.Sub(certNow) + time.Second)), code: CertExpired, twin: warm(after(w.google.NotAfter.Sub(certNow)))},
		{id: "W24-clock-turned-back", do: warm(after(w.google.NotBefore.Sub(certNow) - time.Second)), code: CertNotYetValid, twin: warm(after(-time.Second))},
		{id: "W25-remembered-path-to-its-root-ends", do: warm(cross, after(time.Minute+time.Second)), code: CertIdentityUnknown, twin: warm(cross, after(time.Minute)), warn: []Code{CertIntermediateUnknown}},
		{id: "W26-remembered-intermediate-ends", do: warm(alone, after(time.Minute+time.Second)), code: CertExpired, twin: warm(alone, after(time.Minute)), warn: []Code{CertIntermediateUnknown}},
	}
}

// TestCertificateCache holds when a chain is verified again: the table cannot
// see that.
func TestCertificateCache(t *testing.T) {
	w := world()
	// An intermediate that ends in a minute, below which everything else lasts.
	brief := w.root.issueCA(dn(common("Test CA that ends soon")), func(c *x509.Certificate) { c.NotAfter = certNow.Add(time.Minute) })
	soon := brief.issueClient(dn(common("Google LLC")))
	for _, tt := range []struct {
		name   string
		leaf   *holder
		chain  []*holder
		later  time.Duration
		cached bool
		code   Code
	}{
		{name: "at the same moment", leaf: w.google, chain: []*holder{w.r2}, later: 0, cached: true},
		{name: "again", leaf: w.google, chain: []*holder{w.r2}, later: time.Second, cached: true},
		{name: "at the maximum age", leaf: w.google, chain: []*holder{w.r2}, later: chainCacheAge, cached: true},
		{name: "after the maximum age", leaf: w.google, chain: []*holder{w.r2}, later: chainCacheAge + 1, cached: false},
		{name: "the clock went back", leaf: w.google, chain: []*holder{w.r2}, later: -time.Second, cached: false},
		{name: "intermediate about to end", leaf: soon, chain: []*holder{brief}, later: time.Minute, cached: true},
		{name: "intermediate ended", leaf: soon, chain: []*holder{brief}, later: time.Minute + time.Second, code: CertExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := certNow
			proof := mustMake(newCertificateProof(CertificateConfig{Identities: w.identities()}))
			call := goodCall()
			call.client(tt.leaf, tt.chain...)
			r := &http.Request{Header: call.header}
			first := &Report{}
			if err := proof.verify(t.Context(), r, first, now); err != nil || first.CertificateCached {
				t.Fatalf("first call: cached %v, error %v", first.CertificateCached, err)
			}
			now = now.Add(tt.later)
			rep := &Report{}
			err, _ := proof.verify(t.Context(), r, rep, now).(*Error)
			if rep.CertificateCached != tt.cached {
				t.Errorf("remembered: %v, want %v", rep.CertificateCached, tt.cached)
			}
			if (err == nil) != (tt.code == "") || err != nil && err.Code != tt.code {
				t.Errorf("error %v, want code %q", err, tt.code)
			}
		})
	}

	t.Run("refused chains are not remembered", func(t *testing.T) {
		proof := mustMake(newCertificateProof(CertificateConfig{Identities: w.identities()}))
		call := goodCall()
		call.client(w.strangerSub.issueClient(dn(common("Google LLC"))), w.strangerSub, w.stranger)
		if err := proof.verify(t.Context(), &http.Request{Header: call.header}, &Report{}, certNow); err == nil {
			t.Fatal("let in")
		}
		if n := proof.chains.cache.Len(); n != 0 {
			t.Errorf("%d remembered", n)
		}
	})
}

// TestVerifiedPath: a remembered path is valid while every certificate of it is,
// whichever begins last and ends first.
func TestVerifiedPath(t *testing.T) {
	begin, end := certNow.Add(-time.Minute), certNow.Add(time.Minute)
	for i, short := range []string{"root", "intermediate", "leaf"} {
		t.Run(short, func(t *testing.T) {
			period := func(n int) certEdit {
				return func(c *x509.Certificate) {
					if n == i {
						c.NotBefore, c.NotAfter = begin, end
					}
				}
			}
			root := selfSigned(dn(common("Test root")), period(0))
			sub := root.issueCA(dn(common("Test CA")), period(1))
			leaf := sub.issueClient(dn(common("a")), period(2))
			chains := newChainVerifier([]Identity{{Roots: []*x509.Certificate{root.Certificate}}}, false)
			v, err := chains.verify(chainKey{}, mustMake(newLeaf(leaf.Certificate)), []*x509.Certificate{sub.Certificate}, certNow)
			if err != nil {
				t.Fatal(err)
			}
			if len(v.paths) != 1 {
				t.Fatalf("%d paths, want 1", len(v.paths))
			}
			for at, want := range map[time.Time]bool{begin.Add(-1): false, begin: true, certNow: true, end: true, end.Add(1): false} {
				if got := v.paths[0].validAt(at); got != want {
					t.Errorf("valid at %v: %v, want %v", at, got, want)
				}
			}
		})
	}
}

// TestLeafAsRoot: of a leaf that is a trust anchor itself nobody says who issued
// it. The configuration refuses such a root; this would hold without that.
func TestLeafAsRoot(t *testing.T) {
	w := world()
	leaf := mustMake(newLeaf(w.google.Certificate))
	chains := newChainVerifier([]Identity{{Roots: []*x509.Certificate{w.google.Certificate}}}, false)
	if v, err := chains.verify(chainKey{}, leaf, nil, certNow); err == nil || err.Error() != "the leaf is a trust anchor itself" || chains.cache.Len() != 0 {
		t.Errorf("verified %+v, error %v, %d remembered", v, err, chains.cache.Len())
	}
	chains = newChainVerifier(w.identities(), false)
	if v, err := chains.verify(chainKey{}, leaf, nil, certNow); err != nil || len(v.paths) != 1 || chains.cache.Len() != 1 {
		t.Errorf("below its root: %+v, error %v, %d remembered", v, err, chains.cache.Len())
	}
}
