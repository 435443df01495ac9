package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// assertion is what a front says of a certificate that it does not forward. Nothing
// of it can be checked here: it is believed only where
// CertificateConfig.DangerTrustFrontWithoutLeaf says so.
type assertion struct {
	fingerprint         [sha256.Size]byte
	subject             subjectNames
	dnsNames, uris      []string
	issuer              []byte // DER of the issuer's name
	hasIssuer, hasDates bool   // whether the front's form can say these at all
	notBefore, notAfter time.Time
}

// claim reads the headers other than the leaf. Those that decide here must all be
// there: what the header list lacks is the client's to write.
func (g *googleLB) claim(r *http.Request) (*assertion, *Check) {
	refuse := func(code Code, name, expected string) (*assertion, *Check) {
		return nil, &Check{Station: StationCertificate, Name: "leaf", Code: code, Presented: shown(name + ": " + get(r, name)), Unverified: true, Expected: expected, Rule: googleLBRule,
			Hint: "without the leaf, every header that the identity is read from must be the balancer's: set all 14, and {client_cert_leaf} makes this setting needless"}
	}
	c := &assertion{hasIssuer: true, hasDates: true}
	sum, err := decodeBase64(get(r, g.h.Fingerprint))
	if err != nil || len(sum) != sha256.Size {
		return refuse(CertFingerprintMissing, g.h.Fingerprint, "SHA-256 of the leaf in base64")
	}
	c.fingerprint = [sha256.Size]byte(sum)
	for _, d := range []struct {
		name string
		to   *time.Time
	}{{g.h.ValidNotBefore, &c.notBefore}, {g.h.ValidNotAfter, &c.notAfter}} {
		if *d.to, err = time.Parse(time.RFC3339, get(r, d.name)); err != nil {
			return refuse(CertHeadersIncomplete, d.name, "a date as RFC 3339 writes it")
		}
	}
	subject, err := decodeBase64(get(r, g.h.SubjectDN))
	if err == nil {
		c.subject, err = parseSubject(subject)
	}
	if err != nil {
		return refuse(CertHeadersIncomplete, g.h.SubjectDN, "the subject as base64 of its DER")
	}
	if c.issuer, err = decodeBase64(get(r, g.h.IssuerDN)); err != nil || len(c.issuer) == 0 {
		return refuse(CertHeadersIncomplete, g.h.IssuerDN, "the issuer as base64 of its DER")
	}
	if c.dnsNames, err = parseSANList(get(r, g.h.DNSNameSANs), true); err != nil {
		return refuse(CertHeaderMalformed, g.h.DNSNameSANs, "base64 of names")
	}
	if c.uris, err = parseSANList(get(r, g.h.URISANs), false); err != nil {
		return refuse(CertHeaderMalformed, g.h.URISANs, "base64 of URIs")
	}
	if id := get(r, g.h.SPIFFEID); id != "" {
		c.uris = append(c.uris, id)
	}
	return c, nil
}

// decodeBase64 takes both paddings, and nothing else that is not canonical.
func decodeBase64(s string) ([]byte, error) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	if err == nil && !slices.Contains(base64Spellings(b), s) { // the decoder steps over line ends, among others
		err = errors.New("not canonical base64")
	}
	return b, err
}

// parseSANList reads Google's "comma-separated Base64-encoded list" in both
// senses: a list of encoded names, or an encoded list of names. No DNS name has a
// comma; a URI may, so URIs are not taken apart once decoded, and several in the
// second sense are one that nobody has.
func parseSANList(value string, splitDecoded bool) (names []string, err error) {
	if value == "" {
		return nil, nil
	}
	for item := range strings.SplitSeq(value, ",") {
		b, err := decodeBase64(strings.TrimSpace(item))
		if err != nil {
			return nil, err
		}
		if splitDecoded {
			names = append(names, strings.Split(string(b), ",")...)
		} else {
			names = append(names, string(b))
		}
	}
	return names, nil
}

// believe judges a claim as far as it can be judged: dates, denied list, names.
func (p *certificateProof) believe(c *assertion, rep *Report, now time.Time) error {
	check := Check{Station: StationCertificate, Name: "leaf", Unverified: true, Rule: identityRule, Hint: "the front's word alone: nothing was verified here, so compare the front's own log"}
	sum := hex.EncodeToString(c.fingerprint[:])
	if p.denied[c.fingerprint] {
		check.Code, check.Presented, check.Expected = CertDenied, sum, "not on the denied list"
		return rep.fail(check, nil)
	}
	if c.hasDates && (now.Before(c.notBefore) || now.After(c.notAfter)) {
		check.Code, check.Expected = CertExpired, "valid now, "+now.UTC().Format(time.RFC3339)
		if now.Before(c.notBefore) {
			check.Code = CertNotYetValid
		}
		check.Presented = "valid from " + c.notBefore.UTC().Format(time.RFC3339) + " until " + c.notAfter.UTC().Format(time.RFC3339)
		return rep.fail(check, nil)
	}
	for i := range p.identities {
		id := &p.identities[i]
		if !id.names(&c.subject, c.dnsNames, c.uris) || !id.mayClaim(c) {
			continue
		}
		check.Code, check.Presented, check.Expected = CertLeafUnchecked, "certificate "+sum+", not forwarded", "a leaf, to be verified here"
		rep.warn(check)
		rep.pass(StationCertificate, "identity", id.Name, p.expected)
		rep.Identity, rep.Fingerprint, rep.Claimed.Fingerprint = id.Name, sum, ""
		return nil
	}
	check.Code, check.Expected = CertIdentityUnknown, p.expected
	check.Presented = shown("CN " + strings.Join(c.subject.commonNames, ", ") + "; DNS SANs " + strings.Join(c.dnsNames, " ") + "; URI SANs " + strings.Join(c.uris, " "))
	return rep.fail(check, nil)
}

// mayClaim says whether the identity can be believed without a leaf: not if a pin
// asks for what only the leaf has, and only with a known issuer's name where the
// front can say it and intermediates are known.
func (id *Identity) mayClaim(c *assertion) bool {
	if len(id.IntermediateSPKI) > 0 || len(id.LeafSPKI) > 0 || id.Country != "" && !isOnly(c.subject.countries, id.Country) ||
		id.OrganizationIdentifier != "" && !isOnly(c.subject.organizationIDs, id.OrganizationIdentifier) {
		return false
	}
	if !c.hasIssuer || len(id.Intermediates) == 0 {
		return true
	}
	for _, ca := range slices.Concat(id.Intermediates, id.Roots) {
		if bytes.Equal(ca.RawSubject, c.issuer) {
			return true
		}
	}
	return false
}
