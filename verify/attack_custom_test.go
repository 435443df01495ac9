package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// customAttacks are made on an agent's own certificate, beside Google's two: the
// names of one identity do not count under the roots of another.
func customAttacks() []attack {
	w := world()
	ca := selfSigned(dn(org("Shirts Ltd"), common("Shirts agent CA")))
	next := selfSigned(dn(org("Shirts Ltd"), common("Shirts agent CA 2")))
	uris := func(list ...string) certEdit {
		return func(c *x509.Certificate) {
			for _, s := range list {
				c.URIs = append(c.URIs, mustMake(url.Parse(s)))
			}
		}
	}
	// custom accepts the identity, made of the one that has every rule.
	custom := func(edit func(*Identity)) func(*certCall) {
		return func(call *certCall) {
			id := Identity{Name: "custom", Roots: []*x509.Certificate{ca.Certificate}}
			edit(&id)
			call.certificate.Identities = append(call.certificate.Identities, id)
		}
	}
	cn := custom(func(id *Identity) { id.CommonName = "shirts" })
	dns := custom(func(id *Identity) { id.DNSName = "shirts.example" })
	uri := custom(func(id *Identity) { id.URIName = "spiffe://shirts.example/agent" })
	all := custom(func(id *Identity) {
		id.CommonName, id.DNSName, id.URIName = "shirts", "shirts.example", "spiffe://shirts.example/agent"
	})
	two := custom(func(id *Identity) {
		id.CommonName, id.Roots = "shirts", []*x509.Certificate{ca.Certificate, next.Certificate}
	})
	from := func(by *holder, subject []byte, edits ...certEdit) func(*certCall) {
		return func(call *certCall) { call.client(by.issueClient(subject, edits...)) }
	}
	shirts := dn(common("shirts"))
	return []attack{
		{id: "A01-other-cn", do: both(cn, from(ca, dn(common("trousers")))), code: CertIdentityUnknown, twin: both(cn, from(ca, shirts))},
		{id: "A02-cn-under-googles-root", do: both(cn, from(w.root, shirts)), code: CertIdentityUnknown, twin: both(cn, from(ca, shirts))},
		{id: "A03-googles-name-under-own-root", do: both(cn, from(ca, dn(common("Google LLC")))), code: CertIdentityUnknown, twin: cn},
		{id: "A04-other-dns-san", do: both(dns, from(ca, dn(), dnsNames("sub.shirts.example"))), code: CertIdentityUnknown, twin: both(dns, from(ca, dn(), dnsNames("x.example", "shirts.example")))},
		{id: "A05-dns-name-in-cn", do: both(dns, from(ca, dn(common("shirts.example")))), code: CertIdentityUnknown, twin: both(dns, from(ca, dn(), dnsNames("shirts.example")))},
		{id: "A06-other-uri-san", do: both(uri, from(ca, dn(), uris("spiffe://shirts.example/agent/2"))), code: CertIdentityUnknown, twin: both(uri, from(ca, dn(), uris("https://x.example/", "spiffe://shirts.example/agent")))},
		{id: "A07-uri-in-another-case", do: both(uri, from(ca, dn(), uris("spiffe://SHIRTS.example/agent"))), code: CertIdentityUnknown, twin: both(uri, from(ca, dn(), uris("spiffe://shirts.example/agent")))},
		// Package url reads these two as the URI that is configured.
		{id: "A08-uri-scheme-in-capitals", do: both(uri, from(ca, dn(), rawURI("SPIFFE://shirts.example/agent"))), code: CertIdentityUnknown, twin: both(uri, from(ca, dn(), rawURI("spiffe://shirts.example/agent")))},
		{id: "A09-uri-with-empty-fragment", do: both(uri, from(ca, dn(), rawURI("spiffe://shirts.example/agent#"))), code: CertIdentityUnknown, twin: both(uri, from(ca, dn(), rawURI("spiffe://shirts.example/agent")))},
		{id: "A10-uri-in-dns-san", do: both(uri, from(ca, dn(), dnsNames("spiffe://shirts.example/agent"))), code: CertIdentityUnknown, twin: both(uri, from(ca, dn(), uris("spiffe://shirts.example/agent")))},
		{id: "A11-all-rules-must-hold", do: both(all, from(ca, shirts, dnsNames("shirts.example"))), code: CertIdentityUnknown, twin: both(all, from(ca, shirts, dnsNames("shirts.example"), uris("spiffe://shirts.example/agent")))},
		{id: "A12-root-of-the-next-rotation", do: both(cn, from(next, shirts)), code: CertUntrusted, twin: both(two, from(next, shirts))},
	}
}

// rawURI puts a URI into the certificate that package url would write another way.
func rawURI(s string) certEdit {
	return func(c *x509.Certificate) {
		san := tlv(0x30, tlv(0x86, []byte(s)))
		c.ExtraExtensions = append(c.ExtraExtensions, extension(san))
	}
}

// assertionAttacks: fronts that forward no leaf, and are believed all the same.
func assertionAttacks() []attack {
	w := world()
	trust := func(call *certCall) { call.certificate.DangerTrustFrontWithoutLeaf = true }
	unchecked := []Code{CertLeafUnchecked}
	encode := base64.StdEncoding.EncodeToString
	without := both(trust, omits("X-Client-Cert-Leaf", "X-Client-Cert-Chain"))
	row := func(id string, code Code, edits ...func(*certCall)) attack {
		return attack{id: id, code: code, do: both(without, both(edits...)), twin: without, warn: unchecked}
	}
	subject := func(raw []byte) func(*certCall) { return sends("X-Client-Cert-Subject-Dn", encode(raw)) }
	noLeaf := func(leaf *holder) func(*certCall) {
		return both(trust, func(call *certCall) { call.client(leaf) }, omits("X-Client-Cert-Leaf", "X-Client-Cert-Chain"))
	}
	pinned := func(call *certCall) { call.certificate.Identities[0].LeafSPKI = []string{spkiOf(w.google.Certificate)} }
	spiffe := func(call *certCall) {
		call.certificate.Identities = []Identity{{Name: "mesh", Roots: []*x509.Certificate{w.root.Certificate}, URIName: "spiffe://a.example/b"}}
	}
	rows := []attack{
		{id: "D01-leaf-missing-not-trusted", do: omits("X-Client-Cert-Leaf"), code: CertLeafMissing, twin: without, warn: unchecked},
		row("D02-no-fingerprint", CertFingerprintMissing, omits("X-Client-Cert-Hash")),
		row("D03-no-end", CertHeadersIncomplete, omits("X-Client-Cert-Valid-Not-After")),
		row("D04-no-beginning", CertHeadersIncomplete, sends("X-Client-Cert-Valid-Not-Before", "yesterday")),
		row("D05-expired", CertExpired, sends("X-Client-Cert-Valid-Not-After", "2026-11-25T11:59:59+00:00")),
		row("D06-not-yet-valid", CertNotYetValid, sends("X-Client-Cert-Valid-Not-Before", "2026-11-25T12:00:01+00:00")),
		row("D07-no-subject", CertIdentityUnknown, subject(dn())),
		row("D08-subject-malformed", CertHeadersIncomplete, omits("X-Client-Cert-Subject-Dn")),
		row("D09-somebody-else", CertIdentityUnknown, subject(dn(common("Mallory Ltd")))),
		row("D10-two-common-names", CertIdentityUnknown, subject(dn(common("Google LLC"), common("Mallory Ltd")))),
		row("D11-no-issuer", CertHeadersIncomplete, omits("X-Client-Cert-Issuer-Dn")),
		row("D12-issuer-unknown", CertIdentityUnknown, sends("X-Client-Cert-Issuer-Dn", encode(w.r3.RawSubject))),
		row("D13-denied", CertDenied, deny(w.google)),
		row("D14-dns-sans-malformed", CertHeaderMalformed, sends("X-Client-Cert-Dnsname-Sans", "*.dialogflow.com")),
		row("D15-uri-sans-malformed", CertHeaderMalformed, sends("X-Client-Cert-Uri-Sans", "%")),
		row("D16-pins-need-the-leaf", CertIdentityUnknown, pinned),
		row("D17-not-verified", CertNotVerified, sends("X-Client-Cert-Chain-Verified", "false")),
		{id: "D18-dns-san-of-somebody-else", do: both(noLeaf(w.legacy), sends("X-Client-Cert-Dnsname-Sans", encode([]byte("es.dialogflow.com")))), code: CertIdentityUnknown,
			twin: both(noLeaf(w.legacy), sends("X-Client-Cert-Dnsname-Sans", encode([]byte("x.example,*.dialogflow.com")))), warn: unchecked},
		{id: "D19-dns-sans-in-the-other-reading", do: both(noLeaf(w.legacy), sends("X-Client-Cert-Dnsname-Sans", "")), code: CertIdentityUnknown,
			twin: both(noLeaf(w.legacy), sends("X-Client-Cert-Dnsname-Sans", strings.TrimRight(encode([]byte("x.example")), "=")+","+encode([]byte("*.dialogflow.com")))), warn: unchecked},
		row("D20-subject-with-padding-too-much", CertHeadersIncomplete, sends("X-Client-Cert-Subject-Dn", encode(w.google.RawSubject)+"==")),
		row("D21-subject-with-bytes-after", CertHeadersIncomplete, subject(slices.Concat(w.google.RawSubject, []byte{0}))),
		{id: "D22-other-spiffe-id", do: both(without, spiffe, sends("X-Client-Cert-Spiffe", "spiffe://a.example/c")), code: CertIdentityUnknown,
			twin: both(without, spiffe, sends("X-Client-Cert-Spiffe", "spiffe://a.example/b")), warn: unchecked},
		{id: "D23-no-spiffe-id", do: both(without, spiffe), code: CertIdentityUnknown,
			twin: both(without, spiffe, sends("X-Client-Cert-Spiffe", "spiffe://a.example/b"), sends("X-Client-Cert-Uri-Sans", encode([]byte("https://x.example/")))), warn: unchecked},
	}

	hash := "Hash=" + hexOf(w.google.Certificate)
	envoySays := func(value string) func(*certCall) { return both(trust, sends("X-Forwarded-Client-Cert", value)) }
	good := envoySays(hash + `;Subject="CN=Google LLC,O=Google LLC,C=US";URI=`)
	lie := "Hash=" + hexOf(w.mallory.Certificate) + `;Subject="CN=Google LLC,O=Google LLC,C=US"`
	x := func(id string, code Code, value string) attack {
		return attack{id: id, code: code, do: envoySays(value), twin: good, warn: unchecked}
	}
	return slices.Concat(rows, on(SourceXFCC, []attack{
		x("D30-xfcc-no-hash", CertFingerprintMissing, `Subject="CN=Google LLC"`),
		x("D31-xfcc-somebody-else", CertIdentityUnknown, hash+`;Subject="CN=Mallory Ltd"`),
		x("D32-xfcc-two-common-names", CertIdentityUnknown, hash+`;Subject="CN=Google LLC,CN=Mallory"`),
		x("D33-xfcc-multi-valued-rdn", CertIdentityUnknown, hash+`;Subject="CN=Google LLC+UID=x"`),
		x("D34-xfcc-comma-escaped-into-cn", CertIdentityUnknown, hash+`;Subject="CN=Mallory\,CN=Google LLC"`),
		x("D35-xfcc-slashes", CertIdentityUnknown, hash+`;Subject="/CN=Google LLC"`),
		x("D36-xfcc-other-string-type", CertIdentityUnknown, hash+`;Subject="CN=#0C0A476F6F676C65204C4C43"`),
		x("D37-xfcc-nul", CertIdentityUnknown, hash+`;Subject="CN=Google LLC\00"`),
		x("D38-xfcc-other-organization", CertIdentityUnknown, hash+`;Subject="CN=Google LLC,O=Mallory Ltd"`),
		{id: "D39-xfcc-other-uri", do: both(spiffe, envoySays(hash+`;Subject="";URI=spiffe://a.example/c`)), code: CertIdentityUnknown, twin: both(spiffe, envoySays(hash+`;Subject="";URI=spiffe://a.example/b`)), warn: unchecked},
		{id: "D40-xfcc-denied", do: both(deny(w.google), envoySays(hash+`;Subject="CN=Google LLC"`)), code: CertDenied, twin: both(deny(w.mallory), envoySays(hash+`;Subject="CN=\47oogle LLC"`)), warn: unchecked},
		// Where there is a leaf, it counts, and not the front's word.
		{id: "D41-xfcc-cert-of-somebody-else", do: envoySays(lie + `;Cert="` + escaped(w.mallory.Certificate) + `"`), code: CertIdentityUnknown, twin: envoySays(hash + `;Cert="` + escaped(w.google.Certificate) + `"`)},
		{id: "D42-xfcc-chain-of-somebody-else", do: envoySays(lie + `;Chain="` + escaped(w.mallory.Certificate, w.r2.Certificate) + `"`), code: CertIdentityUnknown, twin: envoySays(hash + `;Chain="` + escaped(w.google.Certificate, w.r2.Certificate) + `"`)},
	}...))
}

func extension(san []byte) pkix.Extension { return pkix.Extension{Id: oidSubjectAltName, Value: san} }
