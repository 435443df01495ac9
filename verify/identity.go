package verify

import (
	"bytes"
	"crypto/x509"
	_ "embed" // the pinned roots
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Identity is a holder of a client certificate that may call. A chain to one of
// the roots is not enough: the public CAs below sell to anybody, so the leaf must
// name the holder too.
//
// All rules that are set must hold; at least one of CommonName, DNSName and URIName
// is.
type Identity struct {
	// Name is what logs and reports call it.
	Name string
	// Roots are the only trust anchors for this identity.
	Roots []*x509.Certificate
	// Intermediates are those known to issue this identity. They complete chains
	// that come without them (as some proxies forward resumed sessions). A leaf
	// from another intermediate below the same roots is accepted with a warning:
	// a CA replaces its intermediates without asking.
	Intermediates []*x509.Certificate
	// CommonName is the one CN that the leaf's whole subject has.
	CommonName string
	// Organization is what every O of the subject is; a subject without O passes.
	Organization string
	// DNSName is literally one of the leaf's DNS SANs. Nothing is matched as a
	// pattern: "*.example.com" means these thirteen bytes.
	DNSName string
	// URIName is literally one of the leaf's URI SANs, as a SPIFFE ID.
	URIName string

	// The pins are opt-in, and narrow what the rules above let in; each breaks on
	// the day on which the CA changes what it issues. Empty asks for nothing.
	//
	// Country is the one C that the subject has; OrganizationIdentifier its one
	// organizationIdentifier (OID 2.5.4.97), as "NTRUS+CA-201727810678".
	Country, OrganizationIdentifier string
	// IntermediateSPKI and LeafSPKI are SHA-256 sums, in hex, of the public key
	// (SubjectPublicKeyInfo) of the certificate above the leaf, and of the leaf;
	// any one of a list.
	IntermediateSPKI, LeafSPKI []string
}

//go:embed roots/google.pem
var googlePEM []byte

//go:embed roots/google-legacy.pem
var googleLegacyPEM []byte

var googleIdentities = sync.OnceValue(func() [2]Identity {
	return [2]Identity{
		mustIdentity("google", googlePEM, func(id *Identity) { id.CommonName, id.Organization = "Google LLC", "Google LLC" }),
		mustIdentity("google-legacy", googleLegacyPEM, func(id *Identity) { id.DNSName = "*.dialogflow.com" }),
	}
})

func mustIdentity(name string, bundle []byte, set func(*Identity)) Identity {
	roots, intermediates, err := ParseCABundle(bundle)
	if err != nil {
		panic("verify: embedded roots of " + name + ": " + err.Error()) // a test parses them
	}
	// Clipped, so that nobody who appends to a copy writes into another's.
	id := Identity{Name: name, Roots: slices.Clip(roots), Intermediates: slices.Clip(intermediates)}
	set(&id)
	return id
}

// GoogleIdentity is the certificate that Dialogflow presents by default:
// CN=Google LLC, issued by SSL.com. Every Dialogflow agent on earth presents the
// same one.
//
// Source: https://docs.cloud.google.com/dialogflow/es/docs/fulfillment-mtls
func GoogleIdentity() Identity { return googleIdentities()[0] }

// GoogleLegacyIdentity is the certificate that Dialogflow falls back to where
// the other is rejected: DNS SAN *.dialogflow.com, issued by Google Trust
// Services. Google announces its end for 2026-12-01; no date is built in here.
//
// Source: https://docs.cloud.google.com/dialogflow/es/docs/fulfillment-mtls
func GoogleLegacyIdentity() Identity { return googleIdentities()[1] }

// ParseCABundle reads a PEM file of CA certificates. Those that are self-issued
// are roots, the others intermediates. Text before a certificate is a comment. A
// bundle without a root, with a block that cannot be read, or with anything after
// the last one, is an error.
func ParseCABundle(bundle []byte) (roots, intermediates []*x509.Certificate, err error) {
	begun := bytes.Count(bundle, []byte("-----BEGIN "))
	for n := 1; ; n++ {
		block, rest := pem.Decode(bundle)
		if block == nil {
			if len(bytes.TrimSpace(bundle)) > 0 {
				return nil, nil, fmt.Errorf("after certificate %d: not PEM", n-1)
			}
			if begun != n-1 { // pem.Decode steps over what it cannot read
				return nil, nil, fmt.Errorf("%d PEM blocks begin, only %d of them can be read", begun, n-1)
			}
			break
		}
		bundle = rest
		if block.Type != "CERTIFICATE" {
			return nil, nil, fmt.Errorf("PEM block %d is a %s, want CERTIFICATE", n, block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("certificate %d: %w", n, err)
		case !cert.IsCA:
			return nil, nil, fmt.Errorf("certificate %d (%s) is not a CA", n, cert.Subject)
		case bytes.Equal(cert.RawSubject, cert.RawIssuer):
			roots = append(roots, cert)
		default:
			intermediates = append(intermediates, cert)
		}
	}
	if len(roots) == 0 {
		return nil, nil, errors.New("no root (self-issued CA certificate) in it")
	}
	return roots, intermediates, nil
}

// normalise gives what is wrong with the identity, and writes its pins in one way.
func (id *Identity) normalise() (problems []string) {
	say := func(format string, a ...any) {
		problems = append(problems, fmt.Sprintf("%q ", id.Name)+fmt.Sprintf(format, a...))
	}
	if id.Name == "" {
		say("has no Name")
	}
	if len(id.Roots) == 0 {
		say("has no Roots")
	}
	for _, cert := range slices.Concat(id.Roots, id.Intermediates) {
		if cert == nil || !cert.IsCA {
			say("has something other than a CA certificate in Roots or Intermediates")
			break
		}
	}
	if id.CommonName == "" && id.DNSName == "" && id.URIName == "" {
		say("has neither CommonName nor DNSName nor URIName: every customer of its CA would be let in")
	}
	for _, list := range []*[]string{&id.IntermediateSPKI, &id.LeafSPKI} {
		pins := make([]string, len(*list))
		for i, pin := range *list {
			sum, err := parseFingerprint(pin)
			if err != nil {
				say("pins a public key: %v", err)
			}
			pins[i] = hex.EncodeToString(sum[:])
		}
		*list = pins
	}
	return problems
}

// expected says in words what the identity asks of a leaf.
func (id *Identity) expected() string {
	var rules []string
	if id.CommonName != "" {
		rules = append(rules, "CN="+id.CommonName)
	}
	if id.Organization != "" {
		rules = append(rules, "O="+id.Organization+" where there is one")
	}
	if id.DNSName != "" {
		rules = append(rules, "DNS SAN "+id.DNSName)
	}
	if id.URIName != "" {
		rules = append(rules, "URI SAN "+id.URIName)
	}
	return id.Name + " (" + strings.Join(rules, ", ") + ")"
}

// names says whether a leaf's names are this identity's.
func (id *Identity) names(subject *subjectNames, dnsNames, uris []string) bool {
	switch {
	case id.CommonName != "" && !isOnly(subject.commonNames, id.CommonName),
		id.Organization != "" && slices.ContainsFunc(subject.organizations, func(o string) bool { return o != id.Organization }),
		id.DNSName != "" && !slices.Contains(dnsNames, id.DNSName),
		id.URIName != "" && !slices.Contains(uris, id.URIName):
		return false
	}
	return true
}

func isOnly(values []string, want string) bool { return len(values) == 1 && values[0] == want }

// bestPath gives a path that is valid now and ends at one of the identity's
// roots, rather one from a known intermediate. It is nil if there is none. All
// paths begin with the same key: the one that signed the leaf.
func (id *Identity) bestPath(paths []certPath, now time.Time) (best *certPath) {
	for i := range paths {
		p := &paths[i]
		if p.validAt(now) && contains(id.Roots, p.root) && (best == nil || contains(id.Intermediates, p.issuer)) {
			best = p
		}
	}
	return best
}

// brokenPin gives the check that fails if a pin asks for something else.
func (id *Identity) brokenPin(leaf *parsedLeaf, path *certPath) *Check {
	refuse := func(name, presented, expected string) *Check {
		if presented == "" {
			presented = "none"
		}
		return &Check{Station: StationCertificate, Name: name, Code: CertPinMismatch, Presented: shown(presented), Expected: expected, Rule: identityRule,
			Hint: "the name is " + id.Name + "'s, but not what is pinned: if the CA has changed what it issues, change or remove the pin"}
	}
	switch {
	case id.Country != "" && !isOnly(leaf.subject.countries, id.Country):
		return refuse("country", strings.Join(leaf.subject.countries, ", "), id.Country)
	case id.OrganizationIdentifier != "" && !isOnly(leaf.subject.organizationIDs, id.OrganizationIdentifier):
		return refuse("organization identifier", strings.Join(leaf.subject.organizationIDs, ", "), id.OrganizationIdentifier)
	case len(id.IntermediateSPKI) > 0 && !slices.Contains(id.IntermediateSPKI, path.issuerSPKI):
		return refuse("intermediate key", path.issuerSPKI+" of "+path.issuer.Subject.String(), strings.Join(id.IntermediateSPKI, " or "))
	case len(id.LeafSPKI) > 0 && !slices.Contains(id.LeafSPKI, leaf.spki):
		return refuse("leaf key", leaf.spki, strings.Join(id.LeafSPKI, " or "))
	}
	return nil
}

// subjectNames are the values of a subject that identities look at, in order.
type subjectNames struct{ commonNames, organizations, countries, organizationIDs []string }

// unreadableName stands for a value that no identity may equal.
const unreadableName = "\x00"

// The types of the values that are looked at, as DER: OBJECT IDENTIFIER 2.5.4.n.
const (
	typeCommonName     = "\x06\x03\x55\x04\x03"
	typeCountry        = "\x06\x03\x55\x04\x06"
	typeOrganization   = "\x06\x03\x55\x04\x0a"
	typeOrganizationID = "\x06\x03\x55\x04\x61"
)

// relativeNameSET is one RDN: a set of pairs of type and value. The suffix is
// encoding/asn1's word for SET OF. The pairs are no struct, because encoding/asn1
// steps over what follows a struct's last field.
type relativeNameSET [][]asn1.RawValue

// parseName reads an RDNSequence, down to the pairs.
func parseName(raw []byte) ([]relativeNameSET, error) {
	var rdns []relativeNameSET
	rest, err := asn1.Unmarshal(raw, &rdns)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errors.New("bytes after the name")
	}
	for _, rdn := range rdns {
		for _, pair := range rdn {
			if len(pair) != 2 {
				return nil, fmt.Errorf("%d elements where a type and a value belong", len(pair))
			}
		}
	}
	return rdns, nil
}

// parseSubject reads the whole RDNSequence, not the last value of each kind as
// x509.Certificate.Subject does. Only PrintableString and UTF8String count
// (RFC 5280 section 4.1.2.4): an older string type, or a value that shares its
// RDN with others, becomes unreadableName.
func parseSubject(raw []byte) (subjectNames, error) {
	rdns, err := parseName(raw)
	if err != nil {
		return subjectNames{}, err
	}
	var names subjectNames
	for _, rdn := range rdns {
		for _, pair := range rdn {
			text := unreadableName
			if v := pair[1]; len(rdn) == 1 && v.Class == asn1.ClassUniversal && (v.Tag == asn1.TagPrintableString || v.Tag == asn1.TagUTF8String) {
				text = string(v.Bytes)
			}
			switch string(pair[0].FullBytes) {
			case typeCommonName:
				names.commonNames = append(names.commonNames, text)
			case typeCountry:
				names.countries = append(names.countries, text)
			case typeOrganization:
				names.organizations = append(names.organizations, text)
			case typeOrganizationID:
				names.organizationIDs = append(names.organizationIDs, text)
			}
		}
	}
	return names, nil
}
