package verify

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// identityAttacks have a genuine chain, and are somebody else, or look like it.
func identityAttacks() []attack {
	w := world()
	google := func(subject []byte, edits ...certEdit) func(*certCall) {
		return func(call *certCall) { call.client(w.r2.issueClient(subject, edits...), w.r2) }
	}
	dialogflow := func(subject []byte, edits ...certEdit) func(*certCall) {
		return func(call *certCall) { call.client(w.legacySub.issueClient(subject, edits...), w.legacySub) }
	}
	pin := func(edit func(*Identity)) func(*certCall) {
		return func(call *certCall) { edit(&call.certificate.Identities[0]) }
	}
	orgID := func(value string) attribute { return attribute{typeOrganizationID, asn1.TagUTF8String, value} }
	bmp := func(s string) string { return "\x00" + strings.Join(strings.Split(s, ""), "\x00") }
	anyO := google(dn(common("Google LLC")))
	full := google(dn(country("US"), org("Google LLC"), orgID("NTRUS+CA-201727810678"), common("Google LLC")))
	otherSub := presents(func(w *testWorld) *holder {
		return w.r3.issueClient(dn(org("Google LLC"), common("Google LLC")))
	}, r3)
	wildcard := dialogflow(dn(), dnsNames("*.dialogflow.com"))
	return []attack{
		{id: "I01-same-ca-somebody-else", do: presents(mallory, r2), code: CertIdentityUnknown},
		{id: "I02-legacy-ca-somebody-else", do: dialogflow(dn(common("mallory.example")), dnsNames("mallory.example")), code: CertIdentityUnknown, twin: presents(legacy, legacySub)},
		{id: "I03-google-name-under-legacy-root", do: dialogflow(dn(org("Google LLC"), common("Google LLC"))), code: CertIdentityUnknown, twin: anyO},
		{id: "I04-legacy-name-under-google-root", do: google(dn(common("*.dialogflow.com")), dnsNames("*.dialogflow.com")), code: CertIdentityUnknown, twin: wildcard},

		// google: the CN.
		{id: "I10-two-common-names", do: google(dn(common("Mallory Ltd"), common("Google LLC"))), code: CertIdentityUnknown, twin: anyO},
		{id: "I11-two-common-names-reversed", do: google(dn(common("Google LLC"), common("Mallory Ltd"))), code: CertIdentityUnknown, twin: anyO},
		{id: "I12-same-common-name-twice", do: google(dn(common("Google LLC"), common("Google LLC"))), code: CertIdentityUnknown, twin: anyO},
		{id: "I13-multi-valued-rdn", do: google(dnOf([]attribute{common("Google LLC"), org("Google LLC")})), code: CertIdentityUnknown, twin: google(dn(common("Google LLC"), org("Google LLC")))},
		{id: "I14-multi-valued-rdn-two-common-names", do: google(dnOf([]attribute{common("Google LLC"), common("Mallory Ltd")})), code: CertIdentityUnknown, twin: anyO},
		{id: "I15-nul-after", do: google(dn(common("Google LLC\x00.mallory.example"))), code: CertIdentityUnknown, twin: anyO},
		{id: "I16-trailing-space", do: google(dn(common("Google LLC "))), code: CertIdentityUnknown, twin: anyO},
		{id: "I17-case", do: google(dn(common("GOOGLE LLC"))), code: CertIdentityUnknown, twin: anyO},
		{id: "I18-look-alike-letters", do: google(dn(common("G\u043e\u043egle LLC"))), code: CertIdentityUnknown, twin: anyO},
		{id: "I19-bmpstring", do: google(dn(common(bmp("Google LLC")).as(tagBMP))), code: CertIdentityUnknown, twin: google(dn(common("Google LLC").as(asn1.TagPrintableString)))},
		{id: "I20-t61string", do: google(dn(common("Google LLC").as(tagT61))), code: CertIdentityUnknown, twin: google(dn(common("Google LLC").as(asn1.TagUTF8String)))},
		{id: "I21-ia5string", do: google(dn(common("Google LLC").as(asn1.TagIA5String))), code: CertIdentityUnknown, twin: anyO},
		{id: "I22-common-name-in-san-only", do: google(dn(org("Google LLC")), dnsNames("Google LLC")), code: CertIdentityUnknown, twin: google(dn(org("Google LLC"), common("Google LLC")), dnsNames("anything.example"))},
		{id: "I23-empty-subject", do: google(dn()), code: CertIdentityUnknown, twin: anyO},
		{id: "I24-other-organization", do: google(dn(org("Mallory Ltd"), common("Google LLC"))), code: CertIdentityUnknown, twin: anyO},
		{id: "I25-two-organizations", do: google(dn(org("Google LLC"), org("Mallory Ltd"), common("Google LLC"))), code: CertIdentityUnknown, twin: google(dn(org("Google LLC"), org("Google LLC"), common("Google LLC")))},
		{id: "I26-organization-t61string", do: google(dn(org("Google LLC").as(tagT61), common("Google LLC"))), code: CertIdentityUnknown, twin: google(dn(org("Google LLC").as(asn1.TagPrintableString), common("Google LLC")))},

		// google-legacy: the DNS SAN.
		{id: "I30-name-in-cn-that-only-the-san-may-carry", do: dialogflow(dn(common("*.dialogflow.com"))), code: CertIdentityUnknown, twin: wildcard},
		{id: "I31-sibling-host", do: dialogflow(dn(common("*.dialogflow.com")), dnsNames("es.dialogflow.com")), code: CertIdentityUnknown, twin: wildcard},
		{id: "I32-parent-domain", do: dialogflow(dn(), dnsNames("dialogflow.com")), code: CertIdentityUnknown, twin: dialogflow(dn(), dnsNames("dialogflow.com", "*.dialogflow.com"))},
		{id: "I33-wider-wildcard", do: dialogflow(dn(), dnsNames("*.com")), code: CertIdentityUnknown, twin: wildcard},
		{id: "I34-longer-name", do: dialogflow(dn(), dnsNames("*.dialogflow.com.mallory.example")), code: CertIdentityUnknown, twin: wildcard},
		{id: "I35-nul-in-san", do: dialogflow(dn(), dnsNames("*.dialogflow.com\x00.mallory.example")), code: CertIdentityUnknown, twin: wildcard},
		{id: "I36-case-in-san", do: dialogflow(dn(), dnsNames("*.DIALOGFLOW.com")), code: CertIdentityUnknown, twin: wildcard},
		{id: "I37-in-another-kind-of-san", do: dialogflow(dn(), func(c *x509.Certificate) {
			c.EmailAddresses, c.URIs = []string{"*.dialogflow.com"}, []*url.URL{{Scheme: "https", Host: "*.dialogflow.com"}}
		}), code: CertIdentityUnknown, twin: wildcard},
		{id: "I38-identity-not-accepted", do: both(presents(legacy, legacySub), func(call *certCall) { call.certificate.Identities = call.certificate.Identities[:1] }), code: CertUntrusted, twin: presents(legacy, legacySub)},

		// Pins, which are opt-in; without one, another CA of the same root passes.
		{id: "I40-other-intermediate-pinned", do: both(pin(func(id *Identity) { id.IntermediateSPKI = []string{spkiOf(w.r2.Certificate)} }), otherSub), code: CertPinMismatch, twin: otherSub, warn: []Code{CertIntermediateUnknown}},
		{id: "I41-country-pinned", do: both(pin(func(id *Identity) { id.Country = "US" }), anyO), code: CertPinMismatch, twin: both(pin(func(id *Identity) { id.Country = "US" }), full)},
		{id: "I42-organization-identifier-pinned", do: pin(func(id *Identity) { id.OrganizationIdentifier = "NTRUS+CA-201727810678" }), code: CertPinMismatch, twin: both(pin(func(id *Identity) { id.OrganizationIdentifier = "NTRUS+CA-201727810678" }), full)},
		{id: "I43-leaf-key-pinned", do: both(pin(func(id *Identity) { id.LeafSPKI = []string{spkiOf(w.google.Certificate)} }), anyO), code: CertPinMismatch, twin: pin(func(id *Identity) { id.LeafSPKI = []string{colons(spkiOf(w.google.Certificate))} })},
	}
}

// colons writes hex as openssl does.
func colons(s string) string {
	var parts []string
	for pair := range slices.Chunk([]byte(strings.ToUpper(s)), 2) {
		parts = append(parts, string(pair))
	}
	return strings.Join(parts, ":")
}

func fingerprintOf(h *holder) string {
	leaf := mustMake(parseLeaf(h.Raw))
	return hex.EncodeToString(leaf.fingerprint[:])
}
