package verify

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"time"
)

// Source names what stands before the function and terminates TLS, and so the
// form in which the client certificate is read. Each has one parser, and all of
// them give the same evidence.
type Source string

const (
	// SourceGoogleLB is Google's Application Load Balancer. The global external
	// and the classic one set their headers on the backend service; the regional,
	// internal and cross-region ones in the URL map (requestHeadersToAdd, with
	// replace: true, or a client's header stands beside the balancer's).
	SourceGoogleLB Source = "google-lb"
	// SourceRFC9440 is a proxy that sets Client-Cert and Client-Cert-Chain, as
	// HAProxy can be told to.
	SourceRFC9440 Source = "rfc9440"
	// SourceXFCC is Envoy with forward_client_cert_details: SANITIZE_SET, and cert
	// (and chain) among set_current_client_cert_details.
	SourceXFCC Source = "xfcc"
	// SourceNginx is nginx that sets headers to $ssl_client_escaped_cert and
	// $ssl_client_verify.
	SourceNginx Source = "nginx"
	// SourceTLS is the connection itself, of a server that terminates TLS with
	// ServerTLSConfig. It alone proves possession of the key to this process, and
	// so needs no edge secret.
	SourceTLS Source = "tls"
)

// Sources are all of them.
var Sources = []Source{SourceGoogleLB, SourceRFC9440, SourceXFCC, SourceNginx, SourceTLS}

// fromHeaders says whether whoever reaches the function can write the evidence.
func (s Source) fromHeaders() bool { return s != SourceTLS }

// RFC9440Headers names the headers of SourceRFC9440.
type RFC9440Headers struct {
	Leaf  string // Client-Cert: one byte sequence
	Chain string // Client-Cert-Chain: a list of them, without the leaf; it may be absent
}

// NginxHeaders names the headers of SourceNginx.
type NginxHeaders struct {
	Leaf   string // $ssl_client_escaped_cert
	Verify string // $ssl_client_verify: SUCCESS, NONE or FAILED:reason
}

// XFCCHeader describes the header of SourceXFCC.
type XFCCHeader struct {
	Name string // X-Forwarded-Client-Cert
	// Elements is how many the header has, exactly: one for each proxy that adds
	// its own. The client's is the first; 0 is 1, what SANITIZE_SET leaves.
	Elements int
}

// The names in use where nothing else is configured.
var (
	DefaultRFC9440Headers = RFC9440Headers{Leaf: "Client-Cert", Chain: "Client-Cert-Chain"}
	DefaultNginxHeaders   = NginxHeaders{Leaf: "X-SSL-Client-Cert", Verify: "X-SSL-Client-Verify"}
	DefaultXFCCHeader     = XFCCHeader{Name: "X-Forwarded-Client-Cert", Elements: 1}
)

// evidence is what a front says of the client certificate, once it says that
// there is one and that it is good.
type evidence struct {
	key         chainKey   // leaf and intermediates, as forwarded
	fingerprint string     // of the leaf, as forwarded
	hash        hashForm   // how fingerprint is written
	claim       *assertion // in place of all of these, where there is no leaf
	// peers are leaf and intermediates that need not be parsed again.
	peers []*x509.Certificate
}

type hashForm int

const (
	hashNone hashForm = iota // the front sends no SHA-256
	hashBase64
	hashHex
)

// certSource reads evidence from one kind of front.
type certSource interface {
	name() string
	headers() []string // the names that it reads, canonical
	// read refuses what the front refused, or what cannot be understood.
	read(r *http.Request, rep *Report, now time.Time) (evidence, error)
	// decodeLeaf and decodeChain give the DER of the leaf, and of the
	// intermediates that came with it.
	decodeLeaf(key chainKey) ([]byte, error)
	decodeChain(key chainKey) ([][]byte, error)
	// compare warns of differences between the front's other words and the leaf.
	compare(r *http.Request, leaf *parsedLeaf, rep *Report)
	// words are for refusals that no source makes itself.
	words() sourceWords
}

// sourceWords say in a refusal what a source should have sent.
type sourceWords struct{ leaf, chain, rule, noHash string }

// newSource builds the configured source. It is never nil, so that what else is
// wrong with a configuration can be said too.
func newSource(cfg CertificateConfig) (certSource, error) {
	var problems []error
	say := func(field, format string, a ...any) {
		problems = append(problems, &ConfigError{field, fmt.Sprintf(format, a...)})
	}
	// A setting of another source is a mistake: it would be read by nobody.
	for _, s := range []struct {
		field string
		set   bool
		of    Source
	}{
		{"Certificate.Headers", cfg.Headers != GoogleLBHeaders{}, SourceGoogleLB},
		{"Certificate.RFC9440", cfg.RFC9440 != RFC9440Headers{}, SourceRFC9440},
		{"Certificate.XFCC", cfg.XFCC != XFCCHeader{}, SourceXFCC},
		{"Certificate.Nginx", cfg.Nginx != NginxHeaders{}, SourceNginx},
	} {
		if s.set && cfg.Source != s.of {
			say(s.field, "is for the source %s, but the source is %s", s.of, cfg.Source)
		}
	}
	if cfg.DangerTrustFrontWithoutLeaf && cfg.Source != SourceGoogleLB && cfg.Source != SourceXFCC {
		say("Certificate.DangerTrustFrontWithoutLeaf", "%s has nothing but the leaf", cfg.Source)
	}
	if cfg.DangerServerCertificates && (cfg.Source == SourceGoogleLB || cfg.Source == SourceXFCC) {
		say("Certificate.DangerServerCertificates", "of a certificate without the clientAuth usage, %s forwards no leaf that could be accepted; ask for a custom client certificate", cfg.Source)
	}

	var src certSource
	switch cfg.Source {
	case SourceGoogleLB:
		if cfg.Headers == (GoogleLBHeaders{}) {
			cfg.Headers = DefaultGoogleLBHeaders()
		}
		problems = append(problems, cfg.Headers.validate())
		g := newGoogleLB(cfg.Headers)
		g.withoutLeaf = cfg.DangerTrustFrontWithoutLeaf
		src = g
	case SourceRFC9440:
		if cfg.RFC9440 == (RFC9440Headers{}) {
			cfg.RFC9440 = DefaultRFC9440Headers
		}
		problems = append(problems, validateNames("Certificate.RFC9440", [][2]string{{cfg.RFC9440.Leaf, "leaf"}, {cfg.RFC9440.Chain, "chain"}}))
		src = &rfc9440{leaf: textproto.CanonicalMIMEHeaderKey(cfg.RFC9440.Leaf), chain: textproto.CanonicalMIMEHeaderKey(cfg.RFC9440.Chain)}
	case SourceXFCC:
		if cfg.XFCC.Name == "" {
			cfg.XFCC.Name = DefaultXFCCHeader.Name
		}
		if cfg.XFCC.Elements == 0 {
			cfg.XFCC.Elements = 1
		}
		if cfg.XFCC.Elements < 1 || cfg.XFCC.Elements > maxXFCCElements {
			say("Certificate.XFCC", "%d elements; want 1 to %d", cfg.XFCC.Elements, maxXFCCElements)
		}
		name := textproto.CanonicalMIMEHeaderKey(cfg.XFCC.Name)
		if name != DefaultXFCCHeader.Name { // which has a prefix that is refused else
			problems = append(problems, validateNames("Certificate.XFCC", [][2]string{{name, "xfcc"}}))
		}
		src = &xfcc{header: name, elements: cfg.XFCC.Elements, withoutLeaf: cfg.DangerTrustFrontWithoutLeaf}
	case SourceNginx:
		if cfg.Nginx == (NginxHeaders{}) {
			cfg.Nginx = DefaultNginxHeaders
		}
		problems = append(problems, validateNames("Certificate.Nginx", [][2]string{{cfg.Nginx.Leaf, "cert"}, {cfg.Nginx.Verify, "verify"}}))
		src = &nginx{leaf: textproto.CanonicalMIMEHeaderKey(cfg.Nginx.Leaf), verify: textproto.CanonicalMIMEHeaderKey(cfg.Nginx.Verify), anyPurpose: cfg.DangerServerCertificates}
	default:
		if cfg.Source != SourceTLS {
			say("Certificate.Source", "%q is not a source; have %q", cfg.Source, Sources)
		}
		src = connection{}
	}
	return src, errors.Join(problems...)
}

// HeaderNames are the only headers that the configured source reads; none of
// SourceTLS.
func (c CertificateConfig) HeaderNames() []string {
	if c.Source == "" {
		c.Source = SourceGoogleLB
	}
	source, _ := newSource(c) // New reports what is wrong with it
	return source.headers()
}

// foreignHeaders are those by which fronts forward certificates unless they are
// told other names. What the configured source does not read, nobody has checked:
// it does not get past the proof.
var foreignHeaders = func() []string {
	var names []string
	for _, v := range DefaultGoogleLBHeaders().Variables() {
		names = append(names, textproto.CanonicalMIMEHeaderKey(v[0]))
	}
	for _, name := range []string{DefaultRFC9440Headers.Leaf, DefaultRFC9440Headers.Chain, DefaultXFCCHeader.Name, DefaultNginxHeaders.Leaf, DefaultNginxHeaders.Verify} {
		names = append(names, textproto.CanonicalMIMEHeaderKey(name))
	}
	return slices.Clip(names)
}()

// validateNames reports header names that a front cannot set, and names used
// twice. Each comes with what it stands for.
func validateNames(field string, names [][2]string) error {
	var problems []error
	seen := map[string]string{}
	for _, v := range names {
		name, what := textproto.CanonicalMIMEHeaderKey(v[0]), v[1]
		switch other, again := seen[name]; {
		case name == "":
			problems = append(problems, &ConfigError{field, fmt.Sprintf("no name for {%s}: every variable needs one, or its header would be the client's", what)})
		case !validHeaderName(name):
			problems = append(problems, &ConfigError{field, fmt.Sprintf("%q, for {%s}, is not a header name that a load balancer can set", v[0], what)})
		case again:
			problems = append(problems, &ConfigError{field, fmt.Sprintf("%q stands for both {%s} and {%s}", v[0], other, what)})
		}
		seen[name] = what
	}
	return errors.Join(problems...)
}

// single gives the one value of a header, or the check that fails: more than one,
// or too large. Absent and empty are both "".
func single(r *http.Request, name string, limit int, rule string) (string, *Check) {
	values := r.Header[name]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", &Check{Station: StationCertificate, Name: "headers", Code: CertHeaderDuplicate, Presented: fmt.Sprintf("%d values of %s", len(values), name), Expected: "one value", Rule: rule,
			Hint: "somebody added a header of the same name: the front must replace this header, not add to it"}
	case len(values[0]) > limit:
		return "", &Check{Station: StationCertificate, Name: "headers", Code: CertHeaderTooLarge, Presented: fmt.Sprintf("%s: %d bytes", name, len(values[0])), Expected: fmt.Sprintf("at most %d bytes", limit), Rule: rule,
			Hint: "no client certificate is as large as this"}
	}
	return values[0], nil
}
