package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// leafAttacks forge or break the leaf and chain headers below the level of X.509.
func leafAttacks() []attack {
	w := world()
	const name = "X-Client-Cert-Leaf"
	item := func(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }
	good := item(w.google.Raw)
	inner := strings.Trim(good, ":=")
	// The last base64 character of a leaf whose length is no multiple of 3 has
	// bits that decoders throw away.
	odd := oddLength()
	slack := strings.TrimRight(strings.Trim(item(odd.Raw), ":"), "=")
	slack = ":" + slack[:len(slack)-1] + string(slack[len(slack)-1]+1) + "==:"
	oddLeaf := func(*testWorld) *holder { return odd }
	return []attack{
		{id: "L01-leaf-and-fingerprint-disagree", do: sends("X-Client-Cert-Hash", balancer(w.mallory.Certificate).Get("X-Client-Cert-Hash")), code: CertFingerprintMismatch},
		{id: "L02-leaf-with-parameter", do: sends(name, good+";p=1"), code: CertLeafMalformed},
		{id: "L03-leaf-without-colons", do: sends(name, strings.Trim(good, ":")), code: CertLeafMalformed},
		{id: "L04-leaf-as-string", do: sends(name, `"`+inner+`"`), code: CertLeafMalformed},
		{id: "L05-leaf-as-inner-list", do: sends(name, "("+good+")"), code: CertLeafMalformed},
		{id: "L06-leaf-empty-sequence", do: sends(name, "::"), code: CertLeafMalformed},
		{id: "L07-leaf-other-base64-alphabet", do: sends(name, ":"+strings.Repeat("-_", 200)+":"), code: CertLeafMalformed},
		{id: "L08-leaf-with-slack-bits", do: both(presents(oddLeaf, r2), sends(name, slack)), code: CertLeafMalformed, twin: presents(oddLeaf, r2)},
		{id: "L09-leaf-padded-by-half", do: both(presents(oddLeaf, r2), sends(name, strings.Replace(item(odd.Raw), "==", "=", 1))), code: CertLeafMalformed,
			twin: both(presents(oddLeaf, r2), sends(name, strings.ReplaceAll(item(odd.Raw), "=", "")))},
		{id: "L10-leaf-not-a-certificate", do: sends(name, item([]byte("not DER"))), code: CertLeafMalformed},
		{id: "L11-leaf-with-bytes-after", do: sends(name, item(append(w.google.Raw[:len(w.google.Raw):len(w.google.Raw)], 0))), code: CertLeafMalformed},
		{id: "L12-leaf-as-pem", do: sends(name, "-----BEGIN CERTIFICATE-----"+inner), code: CertLeafMalformed},
		{id: "L13-subject-with-hidden-value", do: presents(func(w *testWorld) *holder { return w.r2.issueClient(hiddenValue()) }, r2), code: CertLeafMalformed},
		{id: "L14-chain-not-certificates", do: sends("X-Client-Cert-Chain", item([]byte("not DER"))), code: CertLeafMalformed, twin: omits("X-Client-Cert-Chain")},
		{id: "L15-chain-with-parameter", do: sends("X-Client-Cert-Chain", item(w.r2.Raw)+";p=1"), code: CertLeafMalformed},
		{id: "L16-chain-with-empty-member", do: sends("X-Client-Cert-Chain", item(w.r2.Raw)+", "), code: CertLeafMalformed, twin: sends("X-Client-Cert-Chain", item(w.r2.Raw)+", "+item(w.root.Raw))},
		{id: "L17-chain-inner-list", do: sends("X-Client-Cert-Chain", "("+item(w.r2.Raw)+")"), code: CertLeafMalformed, twin: sends("X-Client-Cert-Chain", item(w.r2.Raw)+","+item(w.root.Raw))},
		{id: "L18-denied", do: deny(w.google), code: CertDenied, twin: deny(w.mallory)},
	}
}

// oddLength makes a leaf of Google's name whose base64 ends with "==". ECDSA
// signatures vary in length, so one of a few tries does.
func oddLength() *holder {
	for {
		if h := world().r2.issueClient(dn(org("Google LLC"), common("Google LLC"))); len(h.Raw)%3 == 1 {
			return h
		}
	}
}

// hiddenValue is a name whose CN has a second value behind the first, where
// encoding/asn1 does not look.
func hiddenValue() []byte {
	text := func(s string) []byte { return tlv(asn1.TagUTF8String, []byte(s)) }
	return tlv(0x30, tlv(0x31, tlv(0x30, slices.Concat([]byte(typeCommonName), text("Google LLC"), text("Mallory Ltd")))))
}

func deny(h *holder) func(*certCall) {
	return func(call *certCall) { call.certificate.Denied = []string{strings.ToUpper(fingerprintOf(h))} }
}

// chainAttacks are refused by what X.509 says of the chain.
func chainAttacks() []attack {
	w := world()
	name := dn(org("Google LLC"), common("Google LLC"))
	// under gives the call of a client with Google's name, below a CA made for it.
	under := func(edits ...certEdit) func(*certCall) {
		ca := w.root.issueCA(dn(common("Test CA of one row")), edits...)
		return func(call *certCall) { call.client(ca.issueClient(name), ca) }
	}
	google := func(edits ...certEdit) func(*certCall) {
		return func(call *certCall) { call.client(w.r2.issueClient(name, edits...), w.r2) }
	}
	at := func(notBefore, notAfter time.Duration) certEdit {
		return func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = certNow.Add(notBefore), certNow.Add(notAfter)
		}
	}
	usage := func(usages ...x509.ExtKeyUsage) certEdit {
		return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
	}
	// belowFor presents a leaf for clients and servers, of a CA for these usages.
	belowFor := func(usages ...x509.ExtKeyUsage) func(*certCall) {
		ca := w.root.issueCA(dn(common("Test CA of one row")), usage(usages...))
		return func(call *certCall) {
			call.client(ca.issueClient(name, usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)), ca)
		}
	}
	permitted := func(domain string) func(*certCall) {
		ca := w.legacyRoot.issueCA(dn(common("Test constrained CA")), func(c *x509.Certificate) {
			c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{domain}, true
		})
		return func(call *certCall) {
			call.client(ca.issueClient(dn(common("*.dialogflow.com")), dnsNames("*.dialogflow.com")), ca)
		}
	}
	other := []Code{CertIntermediateUnknown} // these twins come from a CA that is not R2
	critical := func(critical bool) certEdit {
		return func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 2}, Critical: critical, Value: []byte{5, 0}}}
		}
	}
	// R2's key and name, certified by a stranger: a cross-signature.
	cross := issue(w.stranger, w.r2.key, w.r2.RawSubject, authority, func(c *x509.Certificate) { c.SubjectKeyId = w.r2.SubjectKeyId })
	unknownR2 := func(call *certCall) { call.certificate.Identities[0].Intermediates = nil }
	short := w.root.issueCA(dn(common("Test CA that may not have one below")), func(c *x509.Certificate) { c.MaxPathLenZero = true })
	below := short.issueCA(dn(common("Test CA too many")))
	long := w.root.issueCA(dn(common("Test CA that may have one below")), func(c *x509.Certificate) { c.MaxPathLen = 1 })
	within := long.issueCA(dn(common("Test CA within the length")))
	return []attack{
		{id: "X01-self-signed-right-name", do: func(call *certCall) { call.client(issue(nil, nil, name)) }, code: CertUntrusted},
		{id: "X02-own-ca-right-names", do: func(call *certCall) {
			fake := selfSigned(w.root.RawSubject)
			sub := fake.issueCA(w.r2.RawSubject)
			call.client(sub.issueClient(name), sub, fake)
		}, code: CertUntrusted},
		{id: "X03-stranger-chain", do: func(call *certCall) { call.client(w.strangerSub.issueClient(name), w.strangerSub, w.stranger) }, code: CertUntrusted},
		{id: "X04-intermediate-missing", do: both(unknownR2, omits("X-Client-Cert-Chain")), code: CertUntrusted, twin: omits("X-Client-Cert-Chain")},
		{id: "X05-cross-signed-by-stranger-alone", do: both(unknownR2, func(call *certCall) { call.client(w.google, cross) }), code: CertUntrusted, twin: func(call *certCall) { call.client(w.google, cross, w.r2) }},
		{id: "X06-leaf-expired", do: google(at(-time.Hour, -time.Second)), code: CertExpired, twin: google(at(-time.Hour, 0))},
		{id: "X07-leaf-not-yet-valid", do: google(at(time.Second, time.Hour)), code: CertNotYetValid, twin: google(at(0, time.Hour))},
		{id: "X08-intermediate-expired", do: under(at(-time.Hour, -time.Second)), code: CertExpired, twin: under(at(-time.Hour, 0)), warn: other},
		{id: "X09-intermediate-not-yet-valid", do: under(at(time.Second, time.Hour)), code: CertNotYetValid, twin: under(at(0, time.Hour)), warn: other},
		{id: "X10-root-expired", do: func(call *certCall) { call.now = w.root.NotAfter.Add(time.Second); freshLeaf(call) }, code: CertExpired, twin: func(call *certCall) { call.now = w.root.NotAfter; freshLeaf(call) }},
		{id: "X11-eku-server-only", do: google(usage(x509.ExtKeyUsageServerAuth)), code: CertEKUMissing, twin: google(usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth))},
		{id: "X12-eku-absent", do: google(usage()), code: CertEKUMissing},
		{id: "X13-eku-any", do: google(usage(x509.ExtKeyUsageAny)), code: CertEKUMissing},
		{id: "X14-eku-of-intermediate", do: under(usage(x509.ExtKeyUsageServerAuth)), code: CertEKUMissing, twin: under(usage()), warn: other},
		{id: "X15-ca-as-leaf", do: func(call *certCall) {
			call.client(w.root.issueCA(name, usage(x509.ExtKeyUsageClientAuth)))
		}, code: CertIsCA},
		{id: "X16-leaf-as-ca", do: func(call *certCall) { call.client(w.mallory.issueClient(name), w.mallory, w.r2) }, code: CertUntrusted},
		{id: "X17-intermediate-may-not-sign", do: under(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), code: CertUntrusted, twin: under(), warn: other},
		{id: "X18-path-length", do: func(call *certCall) { call.client(below.issueClient(name), below, short) }, code: CertUntrusted,
			twin: func(call *certCall) { call.client(within.issueClient(name), within, long) }, warn: other},
		{id: "X19-name-constraints", do: permitted("example.com"), code: CertUntrusted, twin: permitted("dialogflow.com")},
		{id: "X20-critical-extension-unknown", do: google(critical(true)), code: CertUntrusted, twin: google(critical(false))},
		{id: "X21-signature-broken", do: func(call *certCall) {
			der := append([]byte(nil), w.google.Raw...)
			der[len(der)-1] ^= 1
			call.client(&holder{Certificate: mustMake(x509.ParseCertificate(der))}, w.r2)
		}, code: CertUntrusted},
		{id: "X22-root-as-client", do: func(call *certCall) { call.client(w.root) }, code: CertIsCA},
		// The leaf is for servers too: its way up is not to be judged as a server's.
		{id: "X23-leaf-for-both-below-a-ca-for-servers", do: belowFor(x509.ExtKeyUsageServerAuth), code: CertEKUMissing, twin: belowFor(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth), warn: other},
	}
}

// freshLeaf presents a leaf straight from the root that is valid far beyond it.
func freshLeaf(call *certCall) {
	w := world()
	call.client(w.root.issueClient(dn(common("Google LLC")), func(c *x509.Certificate) { c.NotAfter = w.root.NotAfter.AddDate(1, 0, 0) }))
	call.certificate.Identities[0].Intermediates = nil
}
