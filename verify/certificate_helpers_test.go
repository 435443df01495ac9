package verify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// certNow is the clock of the certificate tests.
var certNow = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const testEdgeSecret, testOldEdgeSecret = "edge-secret-of-the-tests-0001", "edge-secret-of-the-tests-0000"

func mustMake[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// holder is a certificate and its key: a CA or a client.
type holder struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

type certEdit = func(*x509.Certificate)

// selfSigned makes a CA that signs itself.
func selfSigned(subject []byte, edits ...certEdit) *holder {
	return issue(nil, nil, subject, append([]certEdit{authority}, edits...)...)
}

// issueCA makes a CA below h.
func (h *holder) issueCA(subject []byte, edits ...certEdit) *holder {
	return issue(h, nil, subject, append([]certEdit{authority}, edits...)...)
}

// issueClient makes a certificate for a TLS client, valid for a month either side
// of certNow.
func (h *holder) issueClient(subject []byte, edits ...certEdit) *holder {
	return issue(h, nil, subject, edits...)
}

func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil
	c.NotBefore, c.NotAfter = certNow.AddDate(-5, 0, 0), certNow.AddDate(5, 0, 0)
}

func issue(parent *holder, key *ecdsa.PrivateKey, subject []byte, edits ...certEdit) *holder {
	if key == nil {
		key = mustMake(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	}
	serial := mustMake(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)))
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), RawSubject: subject,
		NotBefore: certNow.AddDate(0, -1, 0), NotAfter: certNow.AddDate(0, 1, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, edit := range edits {
		edit(template)
	}
	signer, above := key, template
	if parent != nil {
		signer, above = parent.key, parent.Certificate
	}
	der := mustMake(x509.CreateCertificate(rand.Reader, template, above, &key.PublicKey, signer))
	return &holder{mustMake(x509.ParseCertificate(der)), key}
}

// attribute is one value of a name, in any string type.
type attribute struct {
	oid   string // DER
	tag   int
	value string
}

const tagT61, tagBMP = 20, 30

func common(value string) attribute  { return attribute{typeCommonName, asn1.TagUTF8String, value} }
func org(value string) attribute     { return attribute{typeOrganization, asn1.TagUTF8String, value} }
func country(value string) attribute { return attribute{typeCountry, asn1.TagPrintableString, value} }

func (a attribute) as(tag int) attribute { a.tag = tag; return a }

// dn writes a name with one attribute in each RDN.
func dn(attributes ...attribute) []byte {
	rdns := make([][]attribute, len(attributes))
	for i, a := range attributes {
		rdns[i] = []attribute{a}
	}
	return dnOf(rdns...)
}

// dnOf writes a name with several attributes in an RDN.
func dnOf(rdns ...[]attribute) []byte {
	var body []byte
	for _, rdn := range rdns {
		var set []byte
		for _, a := range rdn {
			set = append(set, tlv(0x30, append([]byte(a.oid), tlv(byte(a.tag), []byte(a.value))...))...)
		}
		body = append(body, tlv(0x31, set)...)
	}
	return tlv(0x30, body)
}

// tlv writes DER by hand: the odd names that the tests need are beyond
// encoding/asn1, and the fuzz tests must not ask the library that they judge.
func tlv(tag byte, body []byte) []byte {
	var length []byte
	switch n := len(body); {
	case n < 1<<7:
		length = []byte{byte(n)}
	case n < 1<<8:
		length = []byte{0x81, byte(n)}
	case n < 1<<16:
		length = []byte{0x82, byte(n >> 8), byte(n)}
	default:
		length = []byte{0x83, byte(n >> 16), byte(n >> 8), byte(n)}
	}
	return slices.Concat([]byte{tag}, length, body)
}

func dnsNames(names ...string) certEdit { return func(c *x509.Certificate) { c.DNSNames = names } }

// testWorld is a public key infrastructure in the shape of Google's: two public
// roots with the CAs below them that issue to Dialogflow and to anybody else.
type testWorld struct {
	root, r2, r3          *holder // SSL.com's: R2 is the known intermediate, R3 another one
	legacyRoot, legacySub *holder // Google Trust Services'
	stranger, strangerSub *holder // trusted by nobody
	google, legacy        *holder // Dialogflow's two certificates
	mallory               *holder // a customer of R2
}

var world = sync.OnceValue(func() *testWorld {
	w := &testWorld{}
	w.root = selfSigned(dn(country("US"), org("SSL Corporation"), common("Test SSL.com Root")))
	sub := func(c *x509.Certificate) {
		c.MaxPathLenZero, c.ExtKeyUsage = true, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection}
	}
	w.r2 = w.root.issueCA(dn(country("US"), org("SSL Corp"), common("Test Client Certificate Intermediate CA R2")), sub)
	w.r3 = w.root.issueCA(dn(country("US"), org("SSL Corp"), common("Test Client Certificate Intermediate CA R3")), sub)
	w.legacyRoot = selfSigned(dn(country("US"), org("Test Trust Services LLC"), common("Test Root R1")))
	w.legacySub = w.legacyRoot.issueCA(dn(country("US"), org("Test Trust Services LLC"), common("Test CA 1D4")))
	w.stranger = selfSigned(dn(org("Stranger"), common("Stranger Root")))
	w.strangerSub = w.stranger.issueCA(dn(org("Stranger"), common("Stranger CA")))
	w.google = w.r2.issueClient(dn(country("US"), org("Google LLC"), common("Google LLC")), func(c *x509.Certificate) { c.EmailAddresses = []string{"dialogflow@google.example"} })
	w.legacy = w.legacySub.issueClient(dn(common("*.dialogflow.com")), dnsNames("*.dialogflow.com"))
	w.mallory = w.r2.issueClient(dn(country("US"), org("Mallory Ltd"), common("Mallory Ltd")))
	return w
})

// identities are Google's, rules and all, with the world's roots in place of the
// real ones.
func (w *testWorld) identities() []Identity {
	google, legacy := GoogleIdentity(), GoogleLegacyIdentity()
	google.Roots, google.Intermediates = []*x509.Certificate{w.root.Certificate}, []*x509.Certificate{w.r2.Certificate}
	legacy.Roots, legacy.Intermediates = []*x509.Certificate{w.legacyRoot.Certificate}, nil
	return []Identity{google, legacy}
}

// balancer writes the 14 headers as Google's load balancer was seen to.
func balancer(leaf *x509.Certificate, chain ...*x509.Certificate) http.Header {
	sum := sha256.Sum256(leaf.Raw)
	encode := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	item := func(c *x509.Certificate) string { return ":" + encode(c.Raw) + ":" }
	var items, names []string
	for _, c := range chain {
		items = append(items, item(c))
	}
	for _, n := range leaf.DNSNames {
		names = append(names, encode([]byte(n)))
	}
	serial := leaf.SerialNumber.Bytes()
	if serial[0] >= 0x80 {
		serial = append([]byte{0}, serial...)
	}
	return http.Header{
		"X-Client-Cert-Present": {"true"}, "X-Client-Cert-Chain-Verified": {"true"}, "X-Client-Cert-Error": {""},
		"X-Client-Cert-Hash":          {base64.RawStdEncoding.EncodeToString(sum[:])},
		"X-Client-Cert-Serial-Number": {strings.ReplaceAll(fmt.Sprintf("% x", serial), " ", ":")},
		"X-Client-Cert-Spiffe":        {""}, "X-Client-Cert-Uri-Sans": {""}, "X-Client-Cert-Dnsname-Sans": {strings.Join(names, ",")},
		"X-Client-Cert-Valid-Not-Before": {leaf.NotBefore.UTC().Format("2006-01-02T15:04:05-07:00")},
		"X-Client-Cert-Valid-Not-After":  {leaf.NotAfter.UTC().Format("2006-01-02T15:04:05-07:00")},
		"X-Client-Cert-Issuer-Dn":        {encode(leaf.RawIssuer)}, "X-Client-Cert-Subject-Dn": {encode(leaf.RawSubject)},
		"X-Client-Cert-Leaf": {item(leaf)}, "X-Client-Cert-Chain": {strings.Join(items, ", ")},
	}
}

// certCall is a call and the configuration that judges it. goodCall gives one that
// passes; rows of the attack table change it.
type certCall struct {
	edge        EdgeConfig
	certificate CertificateConfig
	header      http.Header
	tls         *tls.ConnectionState // of SourceTLS
	now         time.Time
	// warm makes the good call first (or one with the headers first), so that its
	// chain is remembered; warmed may then change what the verifier asks for.
	warm   bool
	first  http.Header
	warmed func(*certificateProof)
	// send carries the call to the handler; nil calls it directly.
	send func(*testing.T, http.Handler, http.Header)
}

func goodCall() *certCall {
	w := world()
	call := &certCall{edge: EdgeConfig{Secrets: []string{testEdgeSecret, testOldEdgeSecret}}, certificate: CertificateConfig{Identities: w.identities()}, now: certNow}
	call.client(w.google, w.r2)
	return call
}

// client makes the front report another certificate than Dialogflow's.
func (call *certCall) client(leaf *holder, chain ...*holder) {
	var above []*x509.Certificate
	for _, h := range chain {
		above = append(above, h.Certificate)
	}
	call.tls = nil
	switch call.certificate.Source {
	case SourceRFC9440:
		call.header = clientCert(leaf.Certificate, above...)
	case SourceNginx:
		call.header = nginxHeaders(leaf.Certificate)
	case SourceXFCC:
		call.header = http.Header{"X-Forwarded-Client-Cert": {envoy(leaf.Certificate, above...)}}
	case SourceTLS:
		call.header, call.tls = http.Header{}, &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: append([]*x509.Certificate{leaf.Certificate}, above...)}
		call.edge = EdgeConfig{}
		return
	default:
		call.header = balancer(leaf.Certificate, above...)
	}
	call.header.Set(DefaultEdgeHeader, testEdgeSecret)
}

// verdict is what became of a call.
type verdict struct {
	status int
	report *Report
	err    *Error // nil if it passed
	seen   http.Header
}

// judge sends the call through edge and certificate proof, as the middleware runs
// them.
func (call *certCall) judge(t *testing.T) verdict {
	t.Helper()
	edge, err := newEdgeProof(call.edge, call.certificate.Source.fromHeaders())
	if err != nil {
		t.Fatal(err)
	}
	now := certNow
	cert, err := newCertificateProof(call.certificate)
	if err != nil {
		t.Fatal(err)
	}
	v := &Verifier{proofs: []proof{edge, cert}, secret: append(edge.headers(), cert.headers()...), now: func() time.Time { return now }}
	got := make(chan verdict, 1)
	h := v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- verdict{http.StatusOK, FromContext(r.Context()), nil, r.Header}
	}), func(w http.ResponseWriter, r *http.Request, rep *Report, err *Error) {
		w.WriteHeader(err.Status())
		got <- verdict{err.Status(), rep, err, r.Header}
	})
	judged := h
	h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if call.certificate.Source == SourceTLS {
			r.TLS = call.tls
		}
		judged.ServeHTTP(w, r)
	})
	if call.warm {
		if call.first == nil {
			call.first = goodCall().header
		}
		direct(t, h, call.first)
		if v := <-got; v.err != nil {
			t.Fatalf("the call that warms the cache is refused: %v", v.err)
		}
		if call.warmed != nil {
			call.warmed(cert)
		}
	}
	now = call.now
	if call.send == nil {
		call.send = direct
	}
	call.send(t, h, call.header)
	select {
	case v := <-got:
		for _, name := range append(cert.source.headers(), edge.header, "X-Client-Cert-Leaf", "Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert", "X-SSL-Client-Cert") {
			gone(t, v.seen, name)
		}
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("the call did not reach the verifier")
		panic("unreachable")
	}
}

func gone(t *testing.T, header http.Header, name string) {
	t.Helper()
	if header[http.CanonicalHeaderKey(name)] != nil {
		t.Errorf("%s is still there behind the middleware", name)
	}
}

func direct(_ *testing.T, h http.Handler, header http.Header) {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", nil)
	r.Header = header.Clone()
	h.ServeHTTP(httptest.NewRecorder(), r)
}

// warnings are the codes of a report's warnings.
func (r *Report) warnings() []Code {
	var codes []Code
	for _, c := range r.Checks {
		if c.Outcome == Warn && !slices.Contains(codes, c.Code) {
			codes = append(codes, c.Code)
		}
	}
	return codes
}
