package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
)

// How the other fronts write a certificate. Each is written here by hand: a test
// must not ask the code that it judges.

func clientCert(leaf *x509.Certificate, chain ...*x509.Certificate) http.Header {
	h := balancer(leaf, chain...)
	return http.Header{"Client-Cert": h["X-Client-Cert-Leaf"], "Client-Cert-Chain": h["X-Client-Cert-Chain"]}
}

func nginxHeaders(leaf *x509.Certificate) http.Header {
	return http.Header{"X-Ssl-Client-Cert": {escaped(leaf)}, "X-Ssl-Client-Verify": {"SUCCESS"}}
}

// escaped escapes everything that a URL reserves.
func escaped(certs ...*x509.Certificate) string {
	var b bytes.Buffer
	for _, c := range certs {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return strings.ReplaceAll(url.QueryEscape(b.String()), "+", "%20")
}

func envoy(leaf *x509.Certificate, chain ...*x509.Certificate) string {
	return "Hash=" + hexOf(leaf) + `;Cert="` + escaped(leaf) + `";Chain="` + escaped(append([]*x509.Certificate{leaf}, chain...)...) + `";Subject="` + leaf.Subject.String() + `";URI=`
}

func hexOf(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// via makes the good call come from another source.
func via(source Source) func(*certCall) {
	return func(call *certCall) {
		call.certificate.Source = source
		call.client(world().google, world().r2)
		call.first = call.header.Clone()
	}
}

// on gives rows that begin with the good call of another source.
func on(source Source, rows ...attack) []attack {
	for i := range rows {
		row := &rows[i]
		row.do = both(via(source), row.do)
		if row.twin == nil {
			row.twin = via(source)
		} else {
			row.twin = both(via(source), row.twin)
		}
	}
	return rows
}

// The certificates that every source meets.

func stranger(w *testWorld) *holder {
	return w.strangerSub.issueClient(dn(org("Google LLC"), common("Google LLC")))
}
func strangerSub(w *testWorld) *holder { return w.strangerSub }
func google(w *testWorld) *holder      { return w.google }
func serverOnly(w *testWorld) *holder {
	return w.r2NoUsage().issueClient(dn(common("Google LLC")), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
}
func mailOnly(w *testWorld) *holder {
	return w.r2NoUsage().issueClient(dn(common("Google LLC")), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} })
}
func ended(w *testWorld) *holder {
	return w.r2.issueClient(dn(common("Google LLC")), func(c *x509.Certificate) { c.NotAfter = certNow.AddDate(0, 0, -1) })
}

// r2NoUsage is the root: it issues for any usage, where R2 is for clients alone.
func (w *testWorld) r2NoUsage() *holder { return w.root }

func serverCertificates(call *certCall) { call.certificate.DangerServerCertificates = true }

func withoutR2(call *certCall) { call.certificate.Identities[0].Intermediates = nil }

// forgesOthers sends the perfect headers of every front but the one configured.
func forgesOthers(sources ...Source) func(*certCall) {
	return func(call *certCall) {
		for _, source := range sources {
			forged := &certCall{certificate: CertificateConfig{Source: source}}
			forged.client(world().google, world().r2)
			for name, values := range forged.header {
				if name != DefaultEdgeHeader {
					call.header[name] = values
				}
			}
		}
	}
}

// urlMapAttacks: the regional and internal balancers set their headers in the URL
// map, where they may be added instead of replaced, and where it is not known
// whether an empty value replaces anything.
func urlMapAttacks() []attack {
	w := world()
	leaf := balancer(w.google.Certificate).Get("X-Client-Cert-Leaf")
	return []attack{
		{id: "G01-added-not-replaced", do: sends("X-Client-Cert-Leaf", leaf, leaf), code: CertHeaderDuplicate},
		// The balancer's leaf is empty for a certificate on its allow-list.
		{id: "G02-clients-leaf-where-the-balancers-is-empty", do: both(presents(mallory, r2), sends("X-Client-Cert-Leaf", leaf)), code: CertFingerprintMismatch},
		{id: "G03-clients-error-where-there-is-none", do: sends("X-Client-Cert-Error", "client_cert_validation_failed"), code: CertFrontError},
		{id: "G04-clients-leaf-without-certificate", do: both(noCertificate("client_cert_not_provided"), sends("X-Client-Cert-Leaf", leaf), sends("X-Client-Cert-Hash", balancer(w.google.Certificate).Get("X-Client-Cert-Hash"))), code: CertMissing,
			twin: sends("X-Client-Cert-Spiffe", "spiffe://clients.example/own"), warn: []Code{CertHeaderDiffers}},
		{id: "G05-empty-values-are-left-out", do: both(noCertificate("client_cert_not_provided"), omits("X-Client-Cert-Leaf", "X-Client-Cert-Chain", "X-Client-Cert-Hash")), code: CertMissing,
			twin: omits("X-Client-Cert-Error", "X-Client-Cert-Spiffe", "X-Client-Cert-Uri-Sans", "X-Client-Cert-Dnsname-Sans")},
	}
}

func rfc9440Attacks() []attack {
	w := world()
	leaf := clientCert(w.google.Certificate).Get("Client-Cert")
	sub := clientCert(w.r2.Certificate).Get("Client-Cert")
	other := clientCert(w.root.Certificate).Get("Client-Cert")
	repeat := func(n int) string { return strings.TrimSuffix(strings.Repeat(sub+", ", n), ", ") }
	return on(SourceRFC9440, []attack{
		{id: "R01-absent", do: omits("Client-Cert", "Client-Cert-Chain"), code: CertMissing},
		{id: "R02-empty", do: sends("Client-Cert", ""), code: CertMissing},
		{id: "R03-twice", do: sends("Client-Cert", leaf, leaf), code: CertHeaderDuplicate},
		{id: "R04-joined", do: sends("Client-Cert", leaf+", "+leaf), code: CertHeaderDuplicate},
		{id: "R05-twice-http2", do: overHTTP2(http.Header{"CLIENT-CERT": {leaf}}), code: CertHeaderDuplicate, twin: overHTTP2(nil)},
		{id: "R06-parameter", do: sends("Client-Cert", leaf+";p=1"), code: CertLeafMalformed, twin: sends("Client-Cert", strings.ReplaceAll(leaf, "=", ""))},
		{id: "R07-as-string", do: sends("Client-Cert", `"`+strings.Trim(leaf, ":")+`"`), code: CertLeafMalformed},
		{id: "R08-as-escaped-pem", do: sends("Client-Cert", escaped(w.google.Certificate)), code: CertLeafMalformed},
		{id: "R09-not-a-certificate", do: sends("Client-Cert", ":AAAA:"), code: CertLeafMalformed},
		{id: "R10-too-large", do: sends("Client-Cert", ":"+strings.Repeat("A", MaxCertificateHeaderBytes)+":"), code: CertHeaderTooLarge},
		{id: "R11-chain-in-lines-too-many", do: sends("Client-Cert-Chain", repeat(6), repeat(5)), code: CertLeafMalformed, twin: sends("Client-Cert-Chain", repeat(6), repeat(4))},
		{id: "R12-chain-in-lines-malformed", do: sends("Client-Cert-Chain", sub, other+";p=1"), code: CertLeafMalformed, twin: sends("Client-Cert-Chain", other, sub)},
		{id: "R13-chain-too-large", do: sends("Client-Cert-Chain", strings.Repeat("A", MaxCertificateHeaderBytes), "A"), code: CertHeaderTooLarge},
		{id: "R14-chain-not-certificates", do: sends("Client-Cert-Chain", ":AAAA:"), code: CertLeafMalformed, twin: sends("Client-Cert-Chain", "")},
		// Some proxies forward no chain on a resumed session.
		{id: "R15-chain-absent-intermediate-unknown", do: both(withoutR2, omits("Client-Cert-Chain")), code: CertUntrusted, twin: omits("Client-Cert-Chain")},
		{id: "R16-somebody-else", do: presents(mallory, r2), code: CertIdentityUnknown},
		{id: "R17-stranger", do: presents(stranger, strangerSub), code: CertUntrusted},
		{id: "R18-expired", do: presents(ended, r2), code: CertExpired},
		{id: "R19-denied", do: deny(w.google), code: CertDenied, twin: deny(w.mallory)},
		{id: "R20-no-client-usage", do: both(withoutR2, presents(serverOnly)), code: CertEKUMissing, twin: both(withoutR2, serverCertificates, presents(serverOnly)), warn: []Code{CertUsageUnchecked}},
		{id: "R21-neither-client-nor-server", do: both(withoutR2, serverCertificates, presents(mailOnly)), code: CertEKUMissing, twin: serverCertificates},
		{id: "R22-ca-as-leaf", do: presents(r2), code: CertIsCA},
		{id: "R23-edge-secret-missing", do: omits(DefaultEdgeHeader), code: EdgeSecretMissing},
		{id: "R24-other-fronts", do: both(omits("Client-Cert", "Client-Cert-Chain"), forgesOthers(SourceGoogleLB, SourceXFCC, SourceNginx)), code: CertMissing, twin: forgesOthers(SourceGoogleLB, SourceXFCC, SourceNginx)},
		{id: "R25-underscores", do: both(omits("Client-Cert"), overHTTP1("Client_Cert: "+leaf)), code: CertMissing, twin: overHTTP1("Client_Cert: " + sub)},
		{id: "R26-trailer", do: both(omits("Client-Cert"), trailerOverHTTP1("Client-Cert", leaf)), code: CertMissing, twin: trailerOverHTTP1("Client-Cert", sub)},
		{id: "R27-hop-by-hop", do: throughProxy(withDirector, "Client-Cert"), code: CertMissing, twin: throughProxy(withRewrite, "Client-Cert")},
		{id: "R28-undeclared-name", do: func(call *certCall) { call.certificate.RFC9440 = RFC9440Headers{"X-Leaf", "X-Chain"} }, code: CertMissing,
			twin: both(func(call *certCall) { call.certificate.RFC9440 = RFC9440Headers{"x-leaf", "x-chain"} }, rename("Client-Cert", "X-Leaf"), rename("Client-Cert-Chain", "X-Chain"))},
		{id: "R29-another-leaf-when-warm", do: warm(presents(mallory, r2)), code: CertIdentityUnknown, twin: warm()},
		// Of the largest that is read it is said what is wrong with it.
		{id: "R30-chain-as-large-as-may-be", do: sends("Client-Cert-Chain", strings.Repeat("A", MaxCertificateHeaderBytes)), code: CertLeafMalformed},
		{id: "R31-chain-a-byte-too-large", do: sends("Client-Cert-Chain", strings.Repeat("A", MaxCertificateHeaderBytes+1)), code: CertHeaderTooLarge},
	}...)
}

func nginxAttacks() []attack {
	w := world()
	const leaf, verify = "X-SSL-Client-Cert", "X-SSL-Client-Verify"
	good := escaped(w.google.Certificate)
	failed := func(reason string) func(*certCall) { return sends(verify, "FAILED:"+reason) }
	plus := plusInside()
	bare := strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=")
	plusLeaf := func(*testWorld) *holder { return plus }
	block := func(kind string) string {
		return strings.ReplaceAll(good, "CERTIFICATE", kind)
	}
	return on(SourceNginx, []attack{
		{id: "N01-neither-header", do: omits(leaf, verify), code: CertHeadersMissing},
		{id: "N02-none", do: both(omits(leaf), sends(verify, "NONE")), code: CertMissing},
		{id: "N03-none-and-a-leaf", do: sends(verify, "NONE"), code: CertMissing},
		{id: "N04-leaf-alone", do: omits(verify), code: CertHeadersIncomplete},
		{id: "N05-verify-alone", do: omits(leaf), code: CertLeafMissing},
		{id: "N06-failed", do: failed("self-signed certificate"), code: CertNotVerified},
		{id: "N07-failed-without-reason", do: sends(verify, "FAILED"), code: CertNotVerified},
		{id: "N08-failed-expired", do: failed("certificate has expired"), code: CertExpired},
		{id: "N09-failed-not-yet-valid", do: failed("certificate is not yet valid"), code: CertNotYetValid},
		{id: "N10-failed-purpose", do: failed("unsuitable certificate purpose"), code: CertEKUMissing,
			twin: both(withoutR2, serverCertificates, presents(serverOnly), failed("unsupported certificate purpose")), warn: []Code{CertUsageUnchecked}},
		{id: "N11-opt-out-forgives-nothing-else", do: both(serverCertificates, failed("unable to get local issuer certificate")), code: CertNotVerified, twin: serverCertificates},
		{id: "N12-verify-twice", do: sends(verify, "SUCCESS", "SUCCESS"), code: CertHeaderDuplicate},
		{id: "N13-verify-joined", do: sends(verify, "SUCCESS, SUCCESS"), code: CertHeaderMalformed},
		{id: "N14-verify-in-another-case", do: sends(verify, "success"), code: CertHeaderMalformed},
		{id: "N15-leaf-twice", do: sends(leaf, good, good), code: CertHeaderDuplicate},
		{id: "N16-leaf-as-byte-sequence", do: sends(leaf, clientCert(w.google.Certificate).Get("Client-Cert")), code: CertLeafMalformed},
		{id: "N17-plus-became-space", do: both(presents(plusLeaf), sends(leaf, strings.ReplaceAll(escaped(plus.Certificate), "%2B", "%20"))), code: CertLeafMalformed,
			twin: both(presents(plusLeaf), sends(leaf, bare.Replace(escaped(plus.Certificate))))},
		{id: "N18-escapes-in-lower-case", do: sends(leaf, strings.ReplaceAll(good, "%0A", "%0a")), code: CertLeafMalformed, twin: sends(leaf, strings.TrimSuffix(good, "%0A"))},
		{id: "N19-needless-escape", do: sends(leaf, strings.Replace(good, "BEGIN", "%42EGIN", 1)), code: CertLeafMalformed},
		{id: "N20-two-certificates", do: sends(leaf, good+escaped(w.mallory.Certificate)), code: CertLeafMalformed},
		{id: "N21-another-block", do: sends(leaf, block("X509 CRL")), code: CertLeafMalformed},
		{id: "N22-text-before", do: sends(leaf, "subject%3DGoogle%0A"+good), code: CertLeafMalformed},
		{id: "N23-text-after", do: sends(leaf, good+"x"), code: CertLeafMalformed},
		{id: "N24-pem-headers", do: sends(leaf, strings.Replace(good, "CERTIFICATE-----%0A", "CERTIFICATE-----%0AProc-Type%3A%204%0A%0A", 1)), code: CertLeafMalformed},
		{id: "N25-not-a-certificate", do: sends(leaf, "-----BEGIN%20CERTIFICATE-----%0AAAAA%0A-----END%20CERTIFICATE-----%0A"), code: CertLeafMalformed},
		{id: "N26-broken-escape", do: sends(leaf, good+"%"), code: CertLeafMalformed},
		{id: "N27-too-large", do: sends(leaf, strings.Repeat("A", MaxCertificateHeaderBytes+1)), code: CertHeaderTooLarge},
		{id: "N28-somebody-else", do: presents(mallory), code: CertIdentityUnknown},
		{id: "N29-stranger", do: presents(stranger), code: CertUntrusted},
		{id: "N30-expired-and-passed-by-nginx", do: presents(ended), code: CertExpired},
		{id: "N31-denied", do: deny(w.google), code: CertDenied, twin: deny(w.mallory)},
		{id: "N32-intermediate-unknown", do: withoutR2, code: CertUntrusted},
		{id: "N33-edge-secret-missing", do: omits(DefaultEdgeHeader), code: EdgeSecretMissing},
		{id: "N34-other-fronts", do: both(omits(leaf, verify), forgesOthers(SourceGoogleLB, SourceXFCC, SourceRFC9440)), code: CertHeadersMissing, twin: forgesOthers(SourceGoogleLB, SourceXFCC, SourceRFC9440)},
		{id: "N35-verify-too-large", do: sends(verify, "FAILED:"+strings.Repeat("a", MaxCertificateHeaderBytes)), code: CertHeaderTooLarge},
		{id: "N36-verify-when-warm", do: warm(failed("certificate revoked")), code: CertNotVerified, twin: warm()},
	}...)
}

// plusInside makes a leaf of Google's name with a + in its base64.
func plusInside() *holder {
	for {
		if h := world().r2.issueClient(dn(org("Google LLC"), common("Google LLC"))); strings.Contains(escaped(h.Certificate), "%2B") {
			return h
		}
	}
}

func xfccAttacks() []attack {
	w := world()
	const name = "X-Forwarded-Client-Cert"
	good := envoy(w.google.Certificate, w.r2.Certificate)
	xfcc := func(values ...string) func(*certCall) { return sends(name, values...) }
	replace := func(old, with string) func(*certCall) {
		if !strings.Contains(good, old) {
			panic("not in the good element: " + old)
		}
		return xfcc(strings.Replace(good, old, with, 1))
	}
	padded := func(n int) string { return good + ";By=" + strings.Repeat("a", n-len(good)-len(";By=")) }
	hops := func(n int) func(*certCall) {
		return func(call *certCall) { call.certificate.XFCC.Elements = n }
	}
	mesh := ",By=spiffe://mesh.example/ns/a/sa/b;Hash=" + strings.Repeat("0", 64) + `;Subject="";URI=spiffe://mesh.example/ns/c/sa/d`
	hash, cert, chain := "Hash="+hexOf(w.google.Certificate), `Cert="`+escaped(w.google.Certificate)+`"`, `Chain="`+escaped(w.google.Certificate, w.r2.Certificate)+`"`
	subject := `Subject="` + w.google.Subject.String() + `"`
	long := make([]*x509.Certificate, MaxForwardedCertificates+2)
	for i := range long {
		long[i] = w.r2.Certificate
	}
	long[0] = w.google.Certificate
	bare := strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=")
	return on(SourceXFCC, []attack{
		{id: "V01-absent", do: omits(name), code: CertMissing},
		{id: "V02-empty", do: xfcc(""), code: CertMissing},
		{id: "V03-two-lines", do: xfcc(good, good), code: CertHeaderDuplicate},
		{id: "V04-clients-element-before", do: xfcc(good + "," + good), code: CertHeaderDuplicate, twin: both(hops(2), xfcc(good+mesh))},
		{id: "V05-too-few-elements", do: hops(2), code: CertHeadersIncomplete, twin: both(hops(2), xfcc(good+mesh))},
		{id: "V06-first-element-counts", do: both(hops(2), xfcc(envoy(w.mallory.Certificate, w.r2.Certificate)+","+good)), code: CertIdentityUnknown, twin: both(hops(2), xfcc(good+","+envoy(w.mallory.Certificate, w.r2.Certificate)))},
		{id: "V07-unknown-key", do: xfcc("Verified=true;" + good), code: CertHeaderMalformed},
		{id: "V08-cert-twice", do: xfcc(good + ";" + `cert="` + escaped(w.mallory.Certificate) + `"`), code: CertHeaderMalformed, twin: xfcc(good + ";URI=spiffe://a.example/b;DNS=a.example;DNS=b.example")},
		{id: "V09-hash-twice-in-two-cases", do: xfcc(good + ";hash=" + hexOf(w.mallory.Certificate)), code: CertHeaderMalformed, twin: replace("Hash=", "hash=")},
		{id: "V10-key-without-value", do: xfcc(good + ";By"), code: CertHeaderMalformed, twin: xfcc(good + ";By=")},
		{id: "V11-quote-without-end", do: xfcc(good + `;By="x`), code: CertHeaderMalformed, twin: xfcc(good + `;By="x"`)},
		{id: "V12-quote-that-is-escaped", do: xfcc(good + `;By="x\"`), code: CertHeaderMalformed, twin: xfcc(good + `;By="x\""`)},
		{id: "V13-text-after-a-quote", do: xfcc(good + `;By="x"yURI=`), code: CertHeaderMalformed, twin: xfcc(good + `;By="x";URI=`)},
		{id: "V14-bare-equals", do: xfcc(good + ";By=subject=x"), code: CertHeaderMalformed, twin: xfcc(good + `;By="subject=x"`)},
		{id: "V15-comma-in-quotes-is-none", do: xfcc(good + ",By=a"), code: CertHeaderDuplicate, twin: xfcc(good + `;By="a,b;c"`)},
		{id: "V16-space-after-comma", do: both(hops(2), xfcc(good+", "+mesh[1:])), code: CertHeaderMalformed, twin: both(hops(2), xfcc(good+mesh))},
		{id: "V17-nothing-after-comma", do: xfcc(good + ","), code: CertHeaderMalformed},
		{id: "V18-nothing-after-semicolon", do: xfcc(good + ";"), code: CertHeaderMalformed},
		{id: "V19-hash-of-another", do: replace(hash, "Hash="+hexOf(w.mallory.Certificate)), code: CertFingerprintMismatch},
		{id: "V20-no-hash", do: replace(hash+";", ""), code: CertFingerprintMissing},
		{id: "V21-hash-in-base64", do: replace(hash, "Hash="+strings.Repeat("A", 43)), code: CertHeaderMalformed},
		{id: "V22-hash-empty", do: replace(hash, "Hash="), code: CertHeaderMalformed},
		{id: "V23-neither-cert-nor-chain", do: xfcc(hash + ";" + subject), code: CertLeafMissing, twin: xfcc(hash + ";" + chain)},
		{id: "V24-chain-of-another-without-cert", do: xfcc(hash + `;Chain="` + escaped(w.mallory.Certificate, w.r2.Certificate) + `"`), code: CertFingerprintMismatch, twin: xfcc(hash + ";" + cert)},
		{id: "V25-cert-malformed", do: replace(cert, `Cert="AAAA"`), code: CertLeafMalformed},
		{id: "V26-two-certificates-in-cert", do: replace(cert, `Cert="`+escaped(w.google.Certificate, w.mallory.Certificate)+`"`), code: CertLeafMalformed},
		{id: "V27-chain-malformed", do: replace(chain, "Chain=AAAA"), code: CertLeafMalformed, twin: replace(";"+chain, "")},
		{id: "V28-chain-too-long", do: replace(chain, `Chain="`+escaped(long...)+`"`), code: CertLeafMalformed, twin: replace(chain, `Chain="`+escaped(long[:MaxForwardedCertificates+1]...)+`"`)},
		{id: "V29-subject-says-google", do: xfcc(strings.Replace(envoy(w.mallory.Certificate, w.r2.Certificate), w.mallory.Subject.String(), "CN=Google LLC", 1)), code: CertIdentityUnknown, twin: replace(subject, `Subject="CN=Mallory"`)},
		{id: "V30-subject-malformed", do: replace(subject, `Subject="random=hello"`), code: CertHeaderMalformed, twin: replace(subject, `Subject="/CN=hello"`)},
		{id: "V31-too-large", do: xfcc(strings.Repeat("a", MaxXFCCBytes+1)), code: CertHeaderTooLarge},
		{id: "V32-too-many-elements", do: both(hops(maxXFCCElements), xfcc(good+strings.Repeat(mesh, maxXFCCElements))), code: CertHeaderMalformed, twin: both(hops(maxXFCCElements), xfcc(good+strings.Repeat(mesh, maxXFCCElements-1)))},
		{id: "V33-too-many-keys", do: xfcc(good + strings.Repeat(";By=a", maxXFCCPairs)), code: CertHeaderMalformed, twin: xfcc(good + strings.Repeat(";By=a", maxXFCCPairs-5))},
		{id: "V34-somebody-else", do: presents(mallory, r2), code: CertIdentityUnknown},
		{id: "V35-stranger", do: presents(stranger, strangerSub), code: CertUntrusted},
		{id: "V36-denied", do: deny(w.google), code: CertDenied, twin: deny(w.mallory)},
		{id: "V37-edge-secret-missing", do: omits(DefaultEdgeHeader), code: EdgeSecretMissing},
		{id: "V38-other-fronts", do: both(omits(name), forgesOthers(SourceGoogleLB, SourceRFC9440, SourceNginx)), code: CertMissing, twin: forgesOthers(SourceGoogleLB, SourceRFC9440, SourceNginx)},
		{id: "V39-hash-when-warm", do: warm(replace(hash, "Hash="+hexOf(w.mallory.Certificate))), code: CertFingerprintMismatch, twin: warm()},
		{id: "V40-one-byte-too-large", do: xfcc(padded(MaxXFCCBytes + 1)), code: CertHeaderTooLarge, twin: xfcc(padded(MaxXFCCBytes))},
		{id: "V41-chain-too-long-without-cert", do: xfcc(hash + `;Chain="` + escaped(long...) + `"`), code: CertLeafMalformed, twin: xfcc(hash + `;Chain="` + escaped(long[:MaxForwardedCertificates+1]...) + `"`)},
		{id: "V42-chain-too-long-in-another-spelling", do: replace(chain, `Chain="`+bare.Replace(escaped(long...))+`"`), code: CertLeafMalformed, twin: both(withoutR2, replace(chain, `Chain="`+bare.Replace(escaped(long[:MaxForwardedCertificates+1]...))+`"`))},
		{id: "V43-chain-without-its-leaf", do: both(withoutR2, replace(chain, `Chain="`+escaped(w.r2.Certificate)+`"`)), code: CertUntrusted, twin: both(withoutR2, xfcc(good))}, // the first is taken for the leaf
	}...)
}

func connectionAttacks() []attack {
	w := world()
	peers := func(certs ...*holder) func(*certCall) {
		return func(call *certCall) {
			call.tls = &tls.ConnectionState{HandshakeComplete: true}
			for _, c := range certs {
				call.tls.PeerCertificates = append(call.tls.PeerCertificates, c.Certificate)
			}
		}
	}
	many := []*holder{w.google}
	for range MaxForwardedCertificates + 1 {
		many = append(many, w.r2)
	}
	forged := forgesOthers(SourceGoogleLB, SourceRFC9440, SourceXFCC, SourceNginx)
	return on(SourceTLS, []attack{
		{id: "S01-no-tls", do: func(call *certCall) { call.tls = nil }, code: CertConnectionPlain},
		{id: "S02-no-tls-perfect-headers", do: both(forged, func(call *certCall) { call.tls = nil }), code: CertConnectionPlain, twin: forged},
		{id: "S03-no-certificate", do: peers(), code: CertMissing},
		{id: "S04-no-certificate-perfect-headers", do: both(forged, peers()), code: CertMissing, twin: forged},
		{id: "S05-somebody-else", do: presents(mallory, r2), code: CertIdentityUnknown},
		{id: "S06-stranger", do: presents(stranger, strangerSub), code: CertUntrusted},
		{id: "S07-expired", do: presents(ended, r2), code: CertExpired},
		{id: "S08-no-client-usage", do: both(withoutR2, presents(serverOnly)), code: CertEKUMissing, twin: both(withoutR2, serverCertificates, presents(serverOnly)), warn: []Code{CertUsageUnchecked}},
		{id: "S09-ca-as-leaf", do: presents(r2), code: CertIsCA},
		{id: "S10-intermediate-unknown", do: both(withoutR2, presents(google)), code: CertUntrusted, twin: presents(google)},
		{id: "S11-too-many-certificates", do: peers(many...), code: CertLeafMalformed, twin: peers(many[:MaxForwardedCertificates+1]...)},
		{id: "S12-denied", do: deny(w.google), code: CertDenied, twin: deny(w.mallory)},
		{id: "S13-subject-with-hidden-value", do: presents(func(w *testWorld) *holder { return w.r2.issueClient(hiddenValue()) }, r2), code: CertLeafMalformed},
		// A secret that is configured is asked for, here too.
		{id: "S14-edge-secret-wrong", do: both(func(call *certCall) { call.edge.Secrets = []string{testEdgeSecret} }, sends(DefaultEdgeHeader, testOldEdgeSecret)), code: EdgeSecretWrong,
			twin: both(func(call *certCall) { call.edge.Secrets = []string{testEdgeSecret} }, sends(DefaultEdgeHeader, testEdgeSecret))},
	}...)
}
