package verify

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// MaxForwardedCertificates bounds the chain that a front may forward besides
	// the leaf; Google's load balancer accepts no more.
	MaxForwardedCertificates = 10
	// chainCacheSize bounds the verified chains that are remembered. Dialogflow
	// presents one or two; only chains to our own roots get here.
	chainCacheSize = 256
	// chainCacheAge is for how long a verified chain is believed, at most.
	chainCacheAge = 10 * time.Minute
)

// chainKey is a leaf and the intermediates that came with it, as they were
// forwarded. Two strings, so that no pair of them can be mistaken for another.
type chainKey struct{ leaf, intermediates string }

// verifiedLeaf is a leaf for which at least one chain to a root was verified.
// Only cryptography is remembered in it: who it is, and whether that is still
// accepted, is judged anew on every call.
type verifiedLeaf struct {
	*parsedLeaf
	paths    []certPath
	verified time.Time
}

// certPath is one verified way from the leaf to a root.
type certPath struct {
	issuer, root        *x509.Certificate // issuer is the certificate above the leaf
	issuerSPKI          string            // SHA-256 of the issuer's public key, in lower-case hex
	notBefore, notAfter time.Time         // when every certificate of it is valid
}

// parsedLeaf is a leaf and what is compared with it on each call.
type parsedLeaf struct {
	cert        *x509.Certificate
	subject     subjectNames
	fingerprint [sha256.Size]byte
	hash        string   // fingerprint as Google's load balancer writes it: unpadded base64
	hex         string   // fingerprint in lower-case hex
	spki        string   // SHA-256 of the public key, in lower-case hex
	uris        []string // URI SANs, byte for byte
	spellings   lbSpellings
}

func parseLeaf(der []byte) (*parsedLeaf, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return newLeaf(cert)
}

func newLeaf(cert *x509.Certificate) (*parsedLeaf, error) {
	subject, err := parseSubject(cert.RawSubject)
	if err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	sum := sha256.Sum256(cert.Raw)
	return &parsedLeaf{cert: cert, subject: subject, uris: uriSANs(cert), fingerprint: sum, spki: spkiOf(cert), spellings: spellingsOf(cert),
		hash: base64.RawStdEncoding.EncodeToString(sum[:]), hex: hex.EncodeToString(sum[:])}, nil
}

// uriSANs gives the URIs as they stand in the certificate. Those of x509 have been
// through package url, which writes some of them another way.
func uriSANs(cert *x509.Certificate) (uris []string) {
	if len(cert.URIs) == 0 {
		return nil
	}
	for _, ext := range cert.Extensions {
		var names []asn1.RawValue
		if !ext.Id.Equal(oidSubjectAltName) {
			continue
		}
		if _, err := asn1.Unmarshal(ext.Value, &names); err != nil {
			return nil // x509 has read it, so this does not happen; a leaf without URIs has no such identity
		}
		for _, n := range names {
			if n.Class == asn1.ClassContextSpecific && n.Tag == tagURI {
				uris = append(uris, string(n.Bytes))
			}
		}
	}
	return uris
}

// RFC 5280 section 4.2.1.6.
var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

const tagURI = 6

func spkiOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// chainVerifier verifies chains to the roots of all identities, and remembers
// those that it verified. It is safe for use by several goroutines.
type chainVerifier struct {
	roots, intermediates *x509.CertPool
	usages               []x509.ExtKeyUsage // any of them
	cache                *lru.Cache[chainKey, *verifiedLeaf]
}

func newChainVerifier(identities []Identity, servers bool) *chainVerifier {
	c := &chainVerifier{roots: x509.NewCertPool(), intermediates: x509.NewCertPool(), usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}} // x509's default is serverAuth
	if servers {
		c.usages = append(c.usages, x509.ExtKeyUsageServerAuth)
	}
	for _, id := range identities {
		for _, cert := range id.Roots {
			c.roots.AddCert(cert)
		}
		for _, cert := range id.Intermediates {
			c.intermediates.AddCert(cert)
		}
	}
	c.cache, _ = lru.New[chainKey, *verifiedLeaf](chainCacheSize) // errs on sizes below 1 only
	return c
}

// remembered gives a leaf that was verified a short while ago, if all of one of
// its paths is still valid.
func (c *chainVerifier) remembered(key chainKey, now time.Time) *verifiedLeaf {
	v, ok := c.cache.Get(key)
	if !ok {
		return nil
	}
	age := now.Sub(v.verified)
	if age < 0 || age > chainCacheAge || !slices.ContainsFunc(v.paths, func(p certPath) bool { return p.validAt(now) }) {
		c.cache.Remove(key)
		return nil
	}
	return v
}

// verify builds every chain from the leaf to a pinned root and remembers the
// leaf if there is one. Errors are those of x509.
func (c *chainVerifier) verify(key chainKey, leaf *parsedLeaf, forwarded []*x509.Certificate, now time.Time) (*verifiedLeaf, error) {
	intermediates := c.intermediates
	if len(forwarded) > 0 {
		intermediates = intermediates.Clone()
		for _, cert := range forwarded {
			intermediates.AddCert(cert)
		}
	}
	chains, err := leaf.cert.Verify(x509.VerifyOptions{
		Roots: c.roots, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: c.usages,
	})
	if err != nil {
		return nil, err
	}
	v := &verifiedLeaf{parsedLeaf: leaf, verified: now}
	for _, chain := range chains {
		if len(chain) < 2 { // the leaf is itself a root
			continue
		}
		p := certPath{issuer: chain[1], issuerSPKI: spkiOf(chain[1]), root: chain[len(chain)-1], notBefore: chain[0].NotBefore, notAfter: chain[0].NotAfter}
		for _, cert := range chain[1:] {
			if cert.NotBefore.After(p.notBefore) {
				p.notBefore = cert.NotBefore
			}
			if cert.NotAfter.Before(p.notAfter) {
				p.notAfter = cert.NotAfter
			}
		}
		v.paths = append(v.paths, p)
	}
	if len(v.paths) == 0 {
		return nil, errors.New("the leaf is a trust anchor itself")
	}
	c.cache.Add(key, v)
	return v, nil
}

func (p *certPath) validAt(now time.Time) bool {
	return !now.Before(p.notBefore) && !now.After(p.notAfter)
}
