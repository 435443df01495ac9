package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// xfcc reads Envoy's X-Forwarded-Client-Cert.
type xfcc struct {
	header      string // canonical
	elements    int
	withoutLeaf bool // believe the other keys where there is no leaf
}

const xfccRule = "https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert"

// MaxXFCCBytes bounds the header: leaf and chain, twice the leaf, stand in one.
const MaxXFCCBytes = 64 << 10

func (s *xfcc) name() string      { return string(SourceXFCC) }
func (s *xfcc) headers() []string { return []string{s.header} }

func (s *xfcc) read(r *http.Request, rep *Report, _ time.Time) (evidence, error) {
	value, c := single(r, s.header, MaxXFCCBytes, xfccRule)
	if c != nil {
		return evidence{}, rep.fail(*c, nil)
	}
	refuse := func(name string, code Code, presented, expected, hint string, cause error) (evidence, error) {
		return evidence{}, rep.fail(Check{Station: StationCertificate, Name: name, Code: code, Presented: shown(presented), Unverified: true, Expected: expected, Rule: xfccRule, Hint: hint}, cause)
	}
	if value == "" {
		return refuse("present", CertMissing, "no "+s.header, "a client certificate in "+s.header, "the client sent no certificate, or Envoy does not ask for one, or forward_client_cert_details is not SANITIZE_SET", nil)
	}
	elements, err := parseXFCC(value)
	if err != nil {
		return refuse("headers", CertHeaderMalformed, s.header+": "+value, "key=value pairs, as Envoy writes them", "another header stands under this name, or something rewrites it", shownError{err})
	}
	switch n := len(elements); {
	case n > s.elements:
		return refuse("headers", CertHeaderDuplicate, fmt.Sprintf("%d elements", n), fmt.Sprintf("%d, one for each proxy", s.elements), "the outermost Envoy must have SANITIZE_SET, or a client's own element passes through; if there are more proxies, say so in XFCC.Elements", nil)
	case n < s.elements:
		return refuse("headers", CertHeadersIncomplete, fmt.Sprintf("%d elements", n), fmt.Sprintf("%d, one for each proxy", s.elements), "the call came round one of the proxies, or XFCC.Elements is too large", nil)
	}
	element := elements[0]
	rep.pass(StationCertificate, "present", s.header, "a client certificate")
	cert, chain := element.get("cert"), element.get("chain")
	switch {
	case cert == "" && chain == "" && s.withoutLeaf:
		return s.claim(element, rep)
	case cert == "" && chain == "":
		return refuse("leaf", CertLeafMissing, "no leaf", "Cert in "+s.header, "set_current_client_cert_details: cert: true (and chain: true)", nil)
	}
	return evidence{key: chainKey{leaf: cert, intermediates: chain}, fingerprint: element.get("hash"), hash: hashHex}, nil
}

// claim takes the element at its word. Envoy tells neither issuer nor dates.
func (s *xfcc) claim(element xfccElement, rep *Report) (evidence, error) {
	hash := element.get("hash")
	sum, err := hex.DecodeString(hash)
	if err != nil || len(sum) != sha256.Size {
		return evidence{}, rep.fail(Check{Station: StationCertificate, Name: "fingerprint", Code: CertFingerprintMissing, Presented: shown("Hash=" + hash), Unverified: true, Expected: "SHA-256 of the leaf in hex", Rule: xfccRule,
			Hint: s.words().noHash}, nil)
	}
	subject, err := parseDistinguishedName(element.get("subject"))
	if err != nil {
		return evidence{}, err // parseXFCC has read it
	}
	return evidence{claim: &assertion{fingerprint: [sha256.Size]byte(sum), subject: subject, dnsNames: element.all("dns"), uris: append(element.all("uri"), element.all("san")...)}}, nil
}

func (s *xfcc) decodeLeaf(key chainKey) ([]byte, error) {
	value, limit := key.leaf, 1
	if value == "" { // Chain begins with the leaf
		value, limit = key.intermediates, MaxForwardedCertificates+1
	}
	ders, err := parseEscapedPEM(value, limit)
	if err != nil {
		return nil, err
	}
	return ders[0], nil
}

func (s *xfcc) decodeChain(key chainKey) ([][]byte, error) {
	// The leaf comes first; where it stands in Cert too, it is not read again.
	chain, repeated := strings.CutPrefix(key.intermediates, key.leaf)
	if chain == "" {
		return nil, nil
	}
	if key.leaf != "" && repeated {
		return parseEscapedPEM(chain, MaxForwardedCertificates)
	}
	ders, err := parseEscapedPEM(chain, MaxForwardedCertificates+1)
	if err != nil {
		return nil, err
	}
	return ders[1:], nil
}

func (s *xfcc) compare(*http.Request, *parsedLeaf, *Report) {} // what differs counts for nothing

func (s *xfcc) words() sourceWords {
	return sourceWords{leaf: "a certificate as URL-encoded PEM", chain: "certificates as URL-encoded PEM, the leaf first", rule: xfccRule, noHash: "Envoy always sends Hash: something rewrites the header"}
}
