package verify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CertificateConfig says whose client certificate is accepted, and where it is
// read from.
type CertificateConfig struct {
	// Source is what the certificate is read from; "" is SourceGoogleLB.
	Source Source
	// Headers, RFC9440, XFCC and Nginx name the headers of these sources; zero
	// values are the default names. Only the names of the configured source are
	// ever read; those of another source must not be set.
	Headers GoogleLBHeaders
	RFC9440 RFC9440Headers
	XFCC    XFCCHeader
	Nginx   NginxHeaders
	// Identities are accepted, any of them; nil is GoogleIdentity and
	// GoogleLegacyIdentity.
	Identities []Identity
	// Denied lists leaves that are refused whatever else holds, as SHA-256
	// fingerprints in hex (colons and either case are fine).
	Denied []string
	// ReportOnly lets in who would be refused for the certificate, with a warning
	// that says why (Report.WouldRefuse): to roll out on a live agent. The token
	// and the edge secret decide as ever, so it needs a policy with a token.
	ReportOnly bool
	// DangerServerCertificates accepts leaves that were not issued for TLS
	// clients, but for servers or for nothing in particular: every web server's
	// certificate is one. For sources that forward such leaves.
	DangerServerCertificates bool
	// DangerTrustFrontWithoutLeaf believes the subject and SANs that the front
	// names where it forwards no leaf. Nothing of that is verified here.
	DangerTrustFrontWithoutLeaf bool
}

type certificateProof struct {
	source             certSource
	identities         []Identity
	expected           string // all identities, in words
	denied             map[[sha256.Size]byte]bool
	chains             *chainVerifier
	reportOnly         bool
	serverCertificates bool
}

func newCertificateProof(cfg CertificateConfig) (*certificateProof, error) {
	if cfg.Source == "" {
		cfg.Source = SourceGoogleLB
	}
	if cfg.Identities == nil {
		cfg.Identities = []Identity{GoogleIdentity(), GoogleLegacyIdentity()}
	}
	source, err := newSource(cfg)
	problems := []error{err}
	if len(cfg.Identities) == 0 {
		problems = append(problems, &ConfigError{"Certificate.Identities", "empty: nobody would be let in"})
	}
	p := &certificateProof{source: source, identities: slices.Clone(cfg.Identities), denied: map[[sha256.Size]byte]bool{},
		reportOnly: cfg.ReportOnly, serverCertificates: cfg.DangerServerCertificates}
	var expected []string
	for i := range p.identities {
		id := &p.identities[i]
		for _, problem := range id.normalise() {
			problems = append(problems, &ConfigError{fmt.Sprintf("Certificate.Identities[%d]", i), problem})
		}
		expected = append(expected, id.expected())
	}
	p.expected = strings.Join(expected, " or ")
	for i, s := range cfg.Denied {
		sum, err := parseFingerprint(s)
		if err != nil {
			problems = append(problems, &ConfigError{fmt.Sprintf("Certificate.Denied[%d]", i), err.Error()})
			continue
		}
		p.denied[sum] = true
	}
	err = errors.Join(problems...)
	if err == nil {
		p.chains = newChainVerifier(p.identities, cfg.DangerServerCertificates)
	}
	return p, err
}

// parseFingerprint reads a SHA-256 as people write it: hex of either case, with
// colons or without.
func parseFingerprint(s string) ([sha256.Size]byte, error) {
	sum, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(sum) != sha256.Size {
		return [sha256.Size]byte{}, fmt.Errorf("%q is not a SHA-256 fingerprint in hex", s)
	}
	return [sha256.Size]byte(sum), nil
}

func (p *certificateProof) station() Station { return StationCertificate }

// headers are those that must not get past the proof: the source's, and those by
// which other fronts forward certificates, which nobody has checked here.
func (p *certificateProof) headers() []string {
	return append(slices.Clone(foreignHeaders), p.source.headers()...)
}

func (p *certificateProof) verify(_ context.Context, r *http.Request, rep *Report, now time.Time) error {
	rep.Source = p.source.name()
	ev, err := p.source.read(r, rep, now)
	if err == nil {
		err = p.judge(ev, r, rep, now)
	}
	if err != nil {
		rep.Claimed.Fingerprint = claimedFingerprint(rep.Claimed.Fingerprint)
	}
	var refused *Error
	if p.reportOnly && errors.As(err, &refused) {
		rep.Checks[len(rep.Checks)-1].Outcome = Warn
		rep.WouldRefuse = refused.Code
		return nil
	}
	return err
}

// judge decides over the evidence; r is what else the source compares it with.
func (p *certificateProof) judge(ev evidence, r *http.Request, rep *Report, now time.Time) error {
	if ev.claim != nil {
		return p.believe(ev.claim, rep, now)
	}
	leaf, err := p.verifiedLeaf(ev, rep, now)
	if err != nil {
		return err
	}
	if p.serverCertificates && !forClients(leaf.cert) {
		rep.warn(Check{Station: StationCertificate, Name: "usage", Code: CertUsageUnchecked, Presented: "no extended key usage clientAuth", Expected: "extended key usage clientAuth", Rule: ekuRule, Hint: "let in by DangerServerCertificates"})
	}
	p.source.compare(r, leaf.parsedLeaf, rep)
	return p.identify(leaf, rep, now)
}

// verifiedLeaf gives the leaf once everything about it holds but who it is.
func (p *certificateProof) verifiedLeaf(ev evidence, rep *Report, now time.Time) (*verifiedLeaf, error) {
	if known := p.chains.remembered(ev.key, now); known != nil {
		rep.CertificateCached = true
		rep.Claimed.Fingerprint = known.hex
		if err := p.checkFingerprint(ev, known.parsedLeaf, rep); err != nil {
			return nil, err
		}
		rep.pass(StationCertificate, "chain", "verified a short while ago", "a chain to a pinned root")
		return known, nil
	}
	leaf, c, cause := p.forwardedLeaf(ev)
	if c != nil {
		return nil, rep.fail(*c, cause)
	}
	rep.Claimed.Fingerprint = leaf.hex
	if err := p.checkFingerprint(ev, leaf, rep); err != nil {
		return nil, err
	}
	if c := p.unusable(leaf.cert); c != nil {
		return nil, rep.fail(*c, nil)
	}
	rep.pass(StationCertificate, "usage", "of a client", "clientAuth")
	forwarded, c, cause := p.forwardedChain(ev)
	if c != nil {
		return nil, rep.fail(*c, cause)
	}
	verified, err := p.chains.verify(ev.key, leaf, forwarded, now)
	if err != nil {
		return nil, rep.fail(p.broken(err, leaf.cert, forwarded, now), shownError{err})
	}
	rep.pass(StationCertificate, "dates", "valid until "+leaf.cert.NotAfter.UTC().Format(time.RFC3339), "valid now")
	rep.pass(StationCertificate, "chain", "issued by "+shown(verified.paths[0].issuer.Subject.String()), "a chain to a pinned root")
	return verified, nil
}

const rewrittenHint = "something between the front and the function rewrites the header, or it is not the front's"

func (p *certificateProof) forwardedLeaf(ev evidence) (*parsedLeaf, *Check, error) {
	words := p.source.words()
	malformed := &Check{Station: StationCertificate, Name: "leaf", Code: CertLeafMalformed, Presented: shown(cmp.Or(ev.key.leaf, ev.key.intermediates)), Unverified: true, Expected: words.leaf,
		Rule: words.rule, Hint: rewrittenHint}
	var leaf *parsedLeaf
	var err error
	if len(ev.peers) > 0 {
		malformed.Presented = "the certificate of the connection"
		leaf, err = newLeaf(ev.peers[0])
	} else {
		var der []byte
		if der, err = p.source.decodeLeaf(ev.key); err != nil {
			return nil, malformed, shownError{err}
		}
		leaf, err = parseLeaf(der)
	}
	if err != nil {
		malformed.Rule = "RFC 5280 section 4"
		return nil, malformed, shownError{err}
	}
	return leaf, nil, nil
}

func (p *certificateProof) forwardedChain(ev evidence) ([]*x509.Certificate, *Check, error) {
	if len(ev.peers) > 0 {
		return ev.peers[1:], nil, nil
	}
	words := p.source.words()
	malformed := &Check{Station: StationCertificate, Name: "chain", Code: CertLeafMalformed, Presented: shown(ev.key.intermediates), Unverified: true, Expected: words.chain,
		Rule: words.rule, Hint: rewrittenHint}
	ders, err := p.source.decodeChain(ev.key)
	if err != nil {
		return nil, malformed, shownError{err}
	}
	var certs []*x509.Certificate
	for i, der := range ders {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			malformed.Rule = "RFC 5280 section 4"
			return nil, malformed, shownError{fmt.Errorf("certificate %d: %w", i+1, err)}
		}
		certs = append(certs, cert)
	}
	return certs, nil, nil
}

const (
	ekuRule = "RFC 5280 section 4.2.1.12"
	ekuHint = "the certificate was not issued for TLS clients. Dialogflow's legacy one may be so: give the agent a custom client certificate, or, where the front forwards such leaves, see DangerServerCertificates"
)

// forClients asks for the usage by name: a leaf without any usage, or for any, is
// what a web server has.
func forClients(leaf *x509.Certificate) bool {
	return slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
}

// unusable gives the check that fails if the leaf cannot identify a client,
// whoever issued it. x509 lets both pass: a CA, and a leaf without any usage.
func (p *certificateProof) unusable(leaf *x509.Certificate) *Check {
	c := &Check{Station: StationCertificate, Unverified: true}
	switch {
	case leaf.IsCA:
		c.Name, c.Code, c.Rule = "leaf", CertIsCA, "RFC 5280 section 4.2.1.9"
		c.Expected, c.Hint = "a leaf, not a CA", "a CA certificate cannot identify a client"
	case !p.serverCertificates && !forClients(leaf):
		c.Name, c.Code, c.Rule = "usage", CertEKUMissing, ekuRule
		c.Expected, c.Hint = "extended key usage clientAuth", ekuHint
	default:
		return nil
	}
	c.Presented = shown(holderOf(leaf))
	return c
}

// checkFingerprint compares the leaf with what the front says its SHA-256 is,
// where it says so at all. It is the one difference between header and leaf that
// refuses.
func (p *certificateProof) checkFingerprint(ev evidence, leaf *parsedLeaf, rep *Report) error {
	presented, expected := ev.fingerprint, leaf.hex
	switch ev.hash {
	case hashNone:
		presented = leaf.hex
	case hashBase64:
		presented, expected = strings.TrimSuffix(ev.fingerprint, "="), leaf.hash
	}
	if presented == expected {
		if p.denied[leaf.fingerprint] {
			return rep.fail(Check{Station: StationCertificate, Name: "fingerprint", Code: CertDenied, Presented: leaf.hex, Expected: "not on the denied list",
				Rule: "docs/security.md: denied list", Hint: "remove it from the list if this was a mistake"}, nil)
		}
		rep.pass(StationCertificate, "fingerprint", expected, expected)
		return nil
	}
	c := Check{Station: StationCertificate, Name: "fingerprint", Code: CertFingerprintMismatch, Presented: shown(ev.fingerprint), Unverified: true, Expected: expected,
		Rule: "SHA-256 of the leaf", Hint: "leaf and fingerprint are of two certificates: one of them is forged, or not set by the front"}
	decode := base64.RawStdEncoding.DecodeString
	if ev.hash == hashHex {
		decode = hex.DecodeString
	}
	if ev.fingerprint == "" {
		c.Code, c.Presented, c.Hint = CertFingerprintMissing, "none", p.source.words().noHash
	} else if sum, err := decode(presented); err != nil || len(sum) != sha256.Size {
		c.Code, c.Hint = CertHeaderMalformed, "not the 32 bytes of a SHA-256: another header or variable stands under this name"
	}
	return rep.fail(c, nil)
}

// identify finds the identity that the leaf and one of its valid paths belong to.
func (p *certificateProof) identify(leaf *verifiedLeaf, rep *Report, now time.Time) error {
	var pin *Check // the first that refused an identity which else would do
	for i := range p.identities {
		id := &p.identities[i]
		if !id.names(&leaf.subject, leaf.cert.DNSNames, leaf.uris) {
			continue
		}
		path := id.bestPath(leaf.paths, now)
		if path == nil {
			continue
		}
		if c := id.brokenPin(leaf.parsedLeaf, path); c != nil {
			if pin == nil {
				pin = c
			}
			continue
		}
		if len(id.Intermediates) > 0 && !contains(id.Intermediates, path.issuer) {
			rep.warn(Check{Station: StationCertificate, Name: "intermediate", Code: CertIntermediateUnknown, Presented: shown(path.issuer.Subject.String()), Expected: "a known intermediate of " + id.Name,
				Rule: identityRule, Hint: "the CA issues from another intermediate now; if Google announced it, add it to the bundle"})
		}
		rep.pass(StationCertificate, "identity", id.Name, p.expected)
		rep.Identity, rep.Fingerprint, rep.NotAfter, rep.Claimed.Fingerprint = id.Name, leaf.hex, leaf.cert.NotAfter, ""
		return nil
	}
	if pin != nil {
		return rep.fail(*pin, nil)
	}
	return rep.fail(Check{Station: StationCertificate, Name: "identity", Code: CertIdentityUnknown, Presented: shown(holderOf(leaf.cert)), Expected: p.expected,
		Rule: identityRule, Hint: "a good certificate, but somebody else's: the CA sells to anybody. If it is your agent's custom client certificate, configure its identity"}, nil)
}

// holderOf says in words whom a leaf names.
func holderOf(leaf *x509.Certificate) string {
	name := leaf.Subject.String()
	if name == "" {
		name = "an empty subject"
	}
	if len(leaf.DNSNames) > 0 {
		name += ", DNS SANs " + strings.Join(leaf.DNSNames, " ")
	}
	for _, uri := range leaf.URIs {
		name += ", URI SAN " + uri.String()
	}
	return name
}

const identityRule = "docs/security.md: identities"

func contains(certs []*x509.Certificate, cert *x509.Certificate) bool {
	return slices.ContainsFunc(certs, cert.Equal)
}

// broken turns x509's verdict on a chain into the check that fails.
func (p *certificateProof) broken(err error, leaf *x509.Certificate, forwarded []*x509.Certificate, now time.Time) Check {
	c := Check{Station: StationCertificate, Name: "chain", Code: CertUntrusted, Presented: shown(holderOf(leaf)), Unverified: true,
		Expected: "a chain to a pinned root, for clientAuth", Rule: "RFC 5280 section 6", Hint: "the chain breaks a rule of X.509; the cause names it"}
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		c.Name, c.Code, c.Rule, c.Expected = "dates", CertExpired, "RFC 5280 section 4.1.2.5", "valid now, "+now.UTC().Format(time.RFC3339)
		c.Presented = fmt.Sprintf("%s, valid from %s until %s", shown(holderOf(invalid.Cert)), invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
		c.Hint = "the client must renew it; if the balancer lets it pass, compare the clocks"
		if now.Before(invalid.Cert.NotBefore) {
			c.Code, c.Hint = CertNotYetValid, "if the balancer lets it pass, compare the clocks"
		}
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		c.Code, c.Hint = CertEKUMissing, "a certificate above the leaf is not for clientAuth"
	case errors.As(err, &unknown):
		c.Hint = "x509: certificate signed by unknown authority: " + shown(missingIssuer(leaf, forwarded, p.identities)) + " is not among the pinned roots; add it to the identity's CA file if the caller is meant to pass"
	}
	return c
}

// missingIssuer climbs from the leaf by name, and gives the name of the first
// issuer that is not there.
func missingIssuer(leaf *x509.Certificate, forwarded []*x509.Certificate, identities []Identity) string {
	known := slices.Clone(forwarded)
	for i := range identities {
		known = append(known, identities[i].Intermediates...)
	}
	top := leaf
	for range known { // no chain is longer; a circle ends
		i := slices.IndexFunc(known, func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, top.RawIssuer) })
		if i < 0 {
			break
		}
		top = known[i]
	}
	return top.Issuer.String()
}

// maxShown bounds what a caller can write into our logs.
const maxShown = 200

// shown makes a presented value fit for a log: short, and printable ASCII. A
// value that has a backslash in it afterwards is Go's quoted form.
func shown(s string) string {
	cut := len(s) > maxShown
	if cut {
		s = s[:maxShown]
	}
	if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '\\' }) {
		s = strconv.QuoteToASCII(s)
		s = s[1 : len(s)-1]
	}
	if cut {
		s += "..."
	}
	return s
}

// shownError is an error whose text, which may repeat names out of a caller's
// certificate, is fit for a log.
type shownError struct{ error }

func (e shownError) Error() string { return shown(e.error.Error()) }
func (e shownError) Unwrap() error { return e.error }
