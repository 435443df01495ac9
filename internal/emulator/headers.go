package emulator

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"example.com/cxhook/verify"
)

// Size limits of the variables, in bytes before base64 or hex. A value over its
// limit is left empty, and the error says so.
//
// Source: https://cloud.google.com/load-balancing/docs/https/custom-headers#mtls-variables
const (
	maxSerial      = 50
	maxSPIFFE      = 2048
	maxSANs        = 512
	maxName        = 512
	maxCertificate = 16 << 10 // the leaf alone, and with the chain
)

// rfc3339Offset is RFC 3339 as the load balancer writes it, with +00:00 for Z.
const rfc3339Offset = "2006-01-02T15:04:05-07:00"

// variables gives the values of the load balancer's 14 mutual TLS variables, by
// their names. None is absent: what cannot be said is empty.
func (v *verdict) variables() map[string]string {
	vars := map[string]string{}
	for _, pair := range verify.DefaultGoogleLBHeaders().Variables() {
		vars[pair[1]] = ""
	}
	vars["client_cert_present"] = strconv.FormatBool(v.leaf != nil)
	vars["client_cert_chain_verified"] = strconv.FormatBool(v.verified())
	vars["client_cert_error"] = v.problem
	if v.leaf == nil {
		return vars
	}
	sum := sha256.Sum256(v.leaf.Raw)
	vars["client_cert_sha256_fingerprint"] = base64.RawStdEncoding.EncodeToString(sum[:])
	if v.verified() || v.onlyDates { // see the package comment for onlyDates
		vars["client_cert_valid_not_before"] = v.leaf.NotBefore.UTC().Format(rfc3339Offset)
		vars["client_cert_valid_not_after"] = v.leaf.NotAfter.UTC().Format(rfc3339Offset)
	}
	if !v.verified() {
		return vars
	}

	var oversized []string
	limited := func(variable string, size, limit int, value, problem string) {
		if size > limit {
			oversized = append(oversized, problem+"_exceeded_size_limit")
			return
		}
		vars[variable] = value
	}
	field := func(variable string, size, limit int, value string) { limited(variable, size, limit, value, variable) }
	serial := derInteger(v.leaf.SerialNumber)
	field("client_cert_serial_number", len(serial), maxSerial, colonHex(serial))
	spiffe, uris := splitURIs(v.leaf.URIs)
	field("client_cert_spiffe_id", len(spiffe), maxSPIFFE, spiffe)
	field("client_cert_uri_sans", listSize(uris), maxSANs, base64List(uris))
	field("client_cert_dnsname_sans", listSize(v.leaf.DNSNames), maxSANs, base64List(v.leaf.DNSNames))
	field("client_cert_issuer_dn", len(v.leaf.RawIssuer), maxName, base64.StdEncoding.EncodeToString(v.leaf.RawIssuer))
	field("client_cert_subject_dn", len(v.leaf.RawSubject), maxName, base64.StdEncoding.EncodeToString(v.leaf.RawSubject))
	size := len(v.leaf.Raw)
	limited("client_cert_leaf", size, maxCertificate, byteSequence(v.leaf.Raw), "client_cert_validated_leaf")
	chain := make([]string, len(v.chain))
	for i, cert := range v.chain {
		size += len(cert.Raw)
		chain[i] = byteSequence(cert.Raw)
	}
	limited("client_cert_chain", size, maxCertificate, strings.Join(chain, ","), "client_cert_validated_chain")
	vars["client_cert_error"] = strings.Join(oversized, ",")
	return vars
}

// certificateHeaders gives the headers that the load balancer sets for a verdict.
// A name that is "" is not in the backend service's list.
func certificateHeaders(names verify.GoogleLBHeaders, v *verdict) http.Header {
	h, vars := http.Header{}, v.variables()
	for _, pair := range names.Variables() {
		if pair[0] != "" {
			h[textproto.CanonicalMIMEHeaderKey(pair[0])] = []string{vars[pair[1]]}
		}
	}
	return h
}

// ForgedHeaders gives what an attacker writes who has seen a certificate, but has
// not its key: the headers that the load balancer would set had it verified cert
// and what is sent with it. A certificate is public, so all 14 are perfect. What
// the attacker lacks is the edge secret and the token.
func ForgedHeaders(names verify.GoogleLBHeaders, cert *tls.Certificate) (http.Header, error) {
	if names == (verify.GoogleLBHeaders{}) {
		names = verify.DefaultGoogleLBHeaders()
	}
	if cert == nil || len(cert.Certificate) == 0 {
		return nil, errors.New("emulator: no certificate to forge the headers of")
	}
	var certs []*x509.Certificate
	for _, der := range cert.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("emulator: %w", err)
		}
		certs = append(certs, c)
	}
	return certificateHeaders(names, &verdict{leaf: certs[0], chain: certs[1:]}), nil
}

// byteSequence is RFC 9440's form of a certificate.
func byteSequence(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }

func base64List(items []string) string {
	encoded := make([]string, len(items))
	for i, item := range items {
		encoded[i] = base64.StdEncoding.EncodeToString([]byte(item))
	}
	return strings.Join(encoded, ",")
}

func listSize(items []string) int { return len(strings.Join(items, ",")) }

// derInteger gives the content of a positive integer in DER: a first bit that is
// set has a zero byte before it.
func derInteger(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return b
}

func colonHex(b []byte) string {
	pairs := make([]string, len(b))
	for i := range b {
		pairs[i] = hex.EncodeToString(b[i : i+1])
	}
	return strings.Join(pairs, ":")
}

// splitURIs takes the SPIFFE ID out of the URI SANs. There is one or none: with
// two, neither identifies anything.
//
// Source: https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md section 2
func splitURIs(uris []*url.URL) (spiffe string, others []string) {
	ids := 0
	for _, u := range uris {
		if u.Scheme != "spiffe" {
			others = append(others, u.String())
			continue
		}
		if ids++; u.Hostname() != "" && u.Host == u.Hostname() && u.User == nil && u.RawQuery == "" && u.Fragment == "" {
			spiffe = u.String()
		}
	}
	if ids > 1 {
		spiffe = ""
	}
	return spiffe, others
}

// trace is the value of X-Cloud-Trace-Context.
type trace struct{ id, span string }

// traceOf continues the client's trace, if it sent one that can be read, or
// begins one.
//
// Source: https://cloud.google.com/trace/docs/trace-context#legacy-http-header
func traceOf(in http.Header, random func() uint64) trace {
	t := trace{span: strconv.FormatUint(random()|1, 10)} // never 0, which is no span
	if id, _, ok := strings.Cut(in.Get("X-Cloud-Trace-Context"), "/"); ok && len(id) == 32 && strings.Trim(id, "0123456789abcdef") == "" && strings.Trim(id, "0") != "" {
		t.id = id
	} else {
		t.id = fmt.Sprintf("%016x%016x", random()|1, random())
	}
	return t
}

func (t trace) String() string { return t.id + "/" + t.span + ";o=1" }
