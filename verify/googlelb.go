package verify

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"
)

// GoogleLBHeaders names the custom request headers into which Google's
// Application Load Balancer puts what it saw of the client certificate: one for
// each of its mutual TLS variables. The names are the operator's choice, the
// values are Google's. All of them must be set on the backend service: a header
// that the balancer does not set passes through from the client.
//
// Source: https://cloud.google.com/load-balancing/docs/https/custom-headers
type GoogleLBHeaders struct {
	Present        string // {client_cert_present}: true or false
	ChainVerified  string // {client_cert_chain_verified}: true or false
	Error          string // {client_cert_error}: empty, or codes joined by commas
	Fingerprint    string // {client_cert_sha256_fingerprint}: base64, without padding
	SerialNumber   string // {client_cert_serial_number}: hex bytes joined by colons
	SPIFFEID       string // {client_cert_spiffe_id}
	URISANs        string // {client_cert_uri_sans}: base64, comma-separated
	DNSNameSANs    string // {client_cert_dnsname_sans}: base64, comma-separated
	ValidNotBefore string // {client_cert_valid_not_before}: RFC 3339
	ValidNotAfter  string // {client_cert_valid_not_after}: RFC 3339
	IssuerDN       string // {client_cert_issuer_dn}: base64 of the DER name
	SubjectDN      string // {client_cert_subject_dn}: base64 of the DER name
	Leaf           string // {client_cert_leaf}: RFC 9440 byte sequence; only where verified
	Chain          string // {client_cert_chain}: list of the same, without the leaf; only where verified
}

// DefaultGoogleLBHeaders gives the names that Google's documentation uses.
func DefaultGoogleLBHeaders() GoogleLBHeaders {
	return GoogleLBHeaders{
		Present: "X-Client-Cert-Present", ChainVerified: "X-Client-Cert-Chain-Verified", Error: "X-Client-Cert-Error",
		Fingerprint: "X-Client-Cert-Hash", SerialNumber: "X-Client-Cert-Serial-Number", SPIFFEID: "X-Client-Cert-SPIFFE",
		URISANs: "X-Client-Cert-URI-SANs", DNSNameSANs: "X-Client-Cert-DNSName-SANs",
		ValidNotBefore: "X-Client-Cert-Valid-Not-Before", ValidNotAfter: "X-Client-Cert-Valid-Not-After",
		IssuerDN: "X-Client-Cert-Issuer-Dn", SubjectDN: "X-Client-Cert-Subject-Dn",
		Leaf: "X-Client-Cert-Leaf", Chain: "X-Client-Cert-Chain",
	}
}

// Variables pairs each header name with the load balancer's variable, in a fixed
// order: what the backend service's header list must say.
func (h GoogleLBHeaders) Variables() [][2]string {
	return [][2]string{
		{h.Present, "client_cert_present"}, {h.ChainVerified, "client_cert_chain_verified"}, {h.Error, "client_cert_error"},
		{h.Fingerprint, "client_cert_sha256_fingerprint"}, {h.SerialNumber, "client_cert_serial_number"}, {h.SPIFFEID, "client_cert_spiffe_id"},
		{h.URISANs, "client_cert_uri_sans"}, {h.DNSNameSANs, "client_cert_dnsname_sans"},
		{h.ValidNotBefore, "client_cert_valid_not_before"}, {h.ValidNotAfter, "client_cert_valid_not_after"},
		{h.IssuerDN, "client_cert_issuer_dn"}, {h.SubjectDN, "client_cert_subject_dn"},
		{h.Leaf, "client_cert_leaf"}, {h.Chain, "client_cert_chain"},
	}
}

// ByVariable gives the fields by the variable that each is for, to be set.
func (h *GoogleLBHeaders) ByVariable() map[string]*string {
	fields := map[string]*string{}
	for i, name := range h.fields() {
		fields[h.Variables()[i][1]] = name
	}
	return fields
}

// fields are in the order of Variables.
func (h *GoogleLBHeaders) fields() []*string {
	return []*string{&h.Present, &h.ChainVerified, &h.Error, &h.Fingerprint, &h.SerialNumber, &h.SPIFFEID, &h.URISANs,
		&h.DNSNameSANs, &h.ValidNotBefore, &h.ValidNotAfter, &h.IssuerDN, &h.SubjectDN, &h.Leaf, &h.Chain}
}

func (h GoogleLBHeaders) canonical() GoogleLBHeaders {
	for _, name := range h.fields() {
		*name = textproto.CanonicalMIMEHeaderKey(*name)
	}
	return h
}

func (h GoogleLBHeaders) validate() error { return validateNames("Certificate.Headers", h.Variables()) }

// validHeaderName says whether a load balancer can be told to set the header and
// no other part of the path gives it a meaning of its own.
//
// Source: https://cloud.google.com/load-balancing/docs/https/custom-headers (header names)
func validHeaderName(name string) bool {
	name = strings.ToLower(name)
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { // RFC 9110 section 5.6.2: token
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c))
	}) {
		return false
	}
	for _, prefix := range []string{"x-google", "x-goog-", "x-gfe", "x-amz-", "x-forwarded-", "proxy-", "content-"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return !slices.Contains([]string{"authorization", "x-serverless-authorization", "host", "connection", "keep-alive", "te", "trailer",
		"transfer-encoding", "upgrade", "via", "forwarded", "x-user-ip", "cdn-loop",
		"traceparent", "tracestate", "x-cloud-trace-context", "user-agent", "cookie"}, name)
}

// MaxCertificateHeaderBytes bounds each header. Google's load balancer forwards
// leaf and chain up to 16 KB of DER together, 22 KB in base64; all else is shorter.
const MaxCertificateHeaderBytes = 24 << 10

const googleLBRule = "https://cloud.google.com/load-balancing/docs/https/custom-headers"

// toleratedLBErrors are the size errors of fields that no rule reads from the
// header, because the leaf is there: they may stand beside a verified chain.
var toleratedLBErrors = []string{
	"client_cert_serial_number_exceeded_size_limit",
	"client_cert_spiffe_id_exceeded_size_limit",
	"client_cert_uri_sans_exceeded_size_limit",
	"client_cert_dnsname_sans_exceeded_size_limit",
	"client_cert_issuer_dn_exceeded_size_limit",
	"client_cert_subject_dn_exceeded_size_limit",
}

// lbErrorHints say what an operator can do about the load balancer's own words.
// The set of words is open; those not listed get a general hint.
//
// Source: https://docs.cloud.google.com/cdn/docs/cdn-logging-monitoring (mTLS errors)
var lbErrorHints = map[string]string{
	"client_cert_not_provided":                        "the client sent no certificate: Dialogflow sends one to every webhook that asks for it, so this caller is not Dialogflow, or the TLS policy is not on this proxy",
	"client_cert_validation_failed":                   "no trusted chain: the TrustConfig lacks the root or an intermediate, or the certificate is not current (\"x509: certificate signed by unknown authority\" in Dialogflow)",
	"client_cert_validation_not_performed":            "the TLS policy has no TrustConfig: set clientValidationTrustConfig",
	"client_cert_chain_invalid_eku":                   "the leaf or its issuer lacks the clientAuth extended key usage; the balancer withholds such a leaf, so no setting of the function can accept it: put this leaf's issuer behind a custom client certificate",
	"client_cert_chain_exceeded_limit":                "the client sent more than 10 intermediates",
	"client_cert_invalid_rsa_key_size":                "RSA keys must have 2048 to 4096 bits",
	"client_cert_unsupported_elliptic_curve_key":      "only P-256 and P-384 are supported",
	"client_cert_unsupported_key_algorithm":           "only RSA and ECDSA are supported",
	"client_cert_validation_timed_out":                "the balancer ran out of time; the caller may try again",
	"client_cert_validation_search_limit_exceeded":    "the TrustConfig is too large or cross-signed too often for the balancer",
	"client_cert_pki_too_large":                       "the TrustConfig has more than 10 intermediates with one subject and key",
	"client_cert_chain_max_name_constraints_exceeded": "the chain has more than 10 name constraints",
	"client_cert_validated_leaf_exceeded_size_limit":  "the leaf is larger than the balancer forwards (16 KB)",
	"client_cert_validated_chain_exceeded_size_limit": "leaf and chain are larger than the balancer forwards (16 KB)",
}

// googleLB reads the evidence of Google's load balancer.
type googleLB struct {
	h      GoogleLBHeaders // canonical names
	names  []string        // all 14
	single []string        // present and verified, and the others that decide and hold no list

	withoutLeaf bool // believe the other headers where there is no leaf
}

func newGoogleLB(h GoogleLBHeaders) *googleLB {
	g := &googleLB{h: h.canonical()}
	for _, v := range g.h.Variables() {
		g.names = append(g.names, v[0])
	}
	g.single = []string{g.h.Present, g.h.ChainVerified, g.h.Fingerprint, g.h.Leaf}
	return g
}

func (g *googleLB) name() string      { return "google-lb" }
func (g *googleLB) headers() []string { return g.names }

// get gives the one value of a header; read has refused requests with more. A
// variable without a value arrives as an empty header or as none: both are "".
func get(r *http.Request, name string) string {
	if v := r.Header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (g *googleLB) read(r *http.Request, rep *Report, now time.Time) (evidence, error) {
	if c := g.malformed(r); c != nil {
		return evidence{}, rep.fail(*c, nil)
	}
	rep.pass(StationCertificate, "headers", "one value each", "one value each")
	rep.Claimed.Fingerprint = get(r, g.h.Fingerprint)
	if c := g.unverified(r, now); c != nil {
		return evidence{}, rep.fail(*c, nil)
	}
	rep.pass(StationCertificate, "present", "true", "true")
	rep.pass(StationCertificate, "verified", "true", "true")
	if problem := get(r, g.h.Error); problem != "" {
		if c := intolerable(problem); c != nil {
			return evidence{}, rep.fail(*c, nil)
		}
		rep.warn(Check{Station: StationCertificate, Name: "error", Code: CertSizeErrorTolerated, Presented: shown(problem), Expected: "no error",
			Rule: googleLBRule, Hint: "a field was too large to be forwarded; the leaf has it"})
	}
	leaf := get(r, g.h.Leaf)
	if leaf == "" && g.withoutLeaf {
		claim, c := g.claim(r)
		if c != nil {
			return evidence{}, rep.fail(*c, nil)
		}
		return evidence{claim: claim}, nil
	}
	if leaf == "" {
		return evidence{}, rep.fail(Check{Station: StationCertificate, Name: "leaf", Code: CertLeafMissing, Presented: "no leaf", Expected: "the leaf in " + g.h.Leaf, Rule: googleLBRule,
			Hint: "add {client_cert_leaf} to the headers of the backend service (regional and internal balancers: of the URL map); the balancer also withholds the leaf of certificates on its allow-list"}, nil)
	}
	return evidence{key: chainKey{leaf: leaf, intermediates: get(r, g.h.Chain)}, fingerprint: get(r, g.h.Fingerprint), hash: hashBase64}, nil
}

// malformed gives the check that fails if the headers are not the balancer's 14,
// once each.
func (g *googleLB) malformed(r *http.Request) *Check {
	refuse := func(code Code, presented, expected, hint string) *Check {
		return &Check{Station: StationCertificate, Name: "headers", Code: code, Presented: shown(presented), Unverified: true, Expected: expected, Rule: googleLBRule, Hint: hint}
	}
	const added = "somebody before the function adds to this header instead of replacing it; the balancer must set all 14 names"
	empty := true
	for _, name := range g.names {
		switch values := r.Header[name]; {
		case len(values) > 1:
			return refuse(CertHeaderDuplicate, fmt.Sprintf("%d values of %s", len(values), name), "one value", added)
		case len(values) == 0 || values[0] == "":
		case len(values[0]) > MaxCertificateHeaderBytes:
			return refuse(CertHeaderTooLarge, fmt.Sprintf("%d bytes of %s", len(values[0]), name), fmt.Sprintf("at most %d bytes", MaxCertificateHeaderBytes), "the balancer forwards no more than 16 KB of certificates: it did not write this header")
		default:
			empty = false
		}
	}
	if empty {
		return refuse(CertHeadersMissing, "none of the 14 headers", g.h.Present+" and 13 others",
			"the call came round the load balancer, or the backend service does not set the headers, or no TLS policy is attached to the proxy")
	}
	for _, name := range g.single {
		// A hop may join two headers of one name to one with a comma. None of
		// these values can have a comma of its own.
		if value := get(r, name); strings.Contains(value, ",") {
			return refuse(CertHeaderDuplicate, name+": "+value, "one value, not a list", added)
		}
	}
	for _, name := range g.single[:2] {
		switch value := get(r, name); value {
		case "true", "false":
		case "":
			return refuse(CertHeadersIncomplete, "no "+name, name+" and 13 others", "the header list of the backend service is incomplete: a partial update replaces the whole list")
		default:
			return refuse(CertHeaderMalformed, name+": "+value, "true or false", "the balancer writes nothing else: another header or variable stands under this name")
		}
	}
	return nil
}

// unverified gives the check that fails if the balancer saw no certificate, or
// did not verify it.
func (g *googleLB) unverified(r *http.Request, now time.Time) *Check {
	present, verified, problem := get(r, g.h.Present), get(r, g.h.ChainVerified), get(r, g.h.Error)
	switch {
	case present == "true" && verified == "true":
		return nil
	case present == "false":
		hint := lbErrorHints["client_cert_not_provided"]
		if verified == "true" {
			hint = "not present and yet verified: not all headers are the balancer's"
		}
		return &Check{Station: StationCertificate, Name: "present", Code: CertMissing, Presented: "no certificate", Expected: "a client certificate", Rule: googleLBRule, Hint: hint}
	}
	c := &Check{Station: StationCertificate, Name: "verified", Code: CertNotVerified, Presented: "verified by the balancer: false, error: " + shown(problem), Unverified: true,
		Expected: "verified by the balancer: true", Rule: googleLBRule, Hint: "not verified, and no reason that is known: see the balancer's own log"}
	for _, word := range errorWords(problem) {
		if hint := lbErrorHints[word]; hint != "" {
			c.Hint = hint
			break
		}
	}
	// The balancer has one word for "not trusted" and "not current". Where it
	// forwards the dates all the same, they tell which; the start of 1970 is its
	// way to say that it has none.
	if problem == "client_cert_validation_failed" {
		if t, err := time.Parse(time.RFC3339, get(r, g.h.ValidNotAfter)); err == nil && t.Unix() != 0 && now.After(t) {
			c.Code, c.Hint = CertExpired, "the certificate ended at "+t.UTC().Format(time.RFC3339)
		}
		if t, err := time.Parse(time.RFC3339, get(r, g.h.ValidNotBefore)); err == nil && now.Before(t) {
			c.Code, c.Hint = CertNotYetValid, "the certificate begins at "+t.UTC().Format(time.RFC3339)
		}
	}
	return c
}

// errorWords splits what the balancer reports. Commas are observed between
// words; the documentation names no separator.
func errorWords(problem string) []string {
	return strings.FieldsFunc(problem, func(c rune) bool { return c == ',' || c == ' ' || c == ';' })
}

// intolerable gives the check that fails if an error beside a verified chain is
// anything but size errors of fields that the leaf has too.
func intolerable(problem string) *Check {
	words := errorWords(problem)
	i := slices.IndexFunc(words, func(w string) bool { return !slices.Contains(toleratedLBErrors, w) })
	if i < 0 && len(words) > 0 {
		return nil
	}
	hint := "an error word that the function does not know is never tolerated"
	if i >= 0 && lbErrorHints[words[i]] != "" {
		hint = lbErrorHints[words[i]]
	}
	return &Check{Station: StationCertificate, Name: "error", Code: CertFrontError, Presented: shown(problem), Unverified: true, Expected: "no error", Rule: googleLBRule, Hint: hint}
}

func (g *googleLB) words() sourceWords {
	return sourceWords{leaf: "a DER certificate as an RFC 9440 byte sequence", chain: "a list of DER certificates as RFC 9440 byte sequences", rule: "RFC 9440 section 2",
		noHash: "add {client_cert_sha256_fingerprint} to the backend service's headers"}
}

func (g *googleLB) decodeLeaf(key chainKey) ([]byte, error) { return parseByteSequence(key.leaf) }

func (g *googleLB) decodeChain(key chainKey) ([][]byte, error) {
	return parseByteSequenceList(key.intermediates)
}
