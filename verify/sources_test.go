package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestXFCCSamples reads what Envoy's documentation, a mesh and another parser's
// tests have.
func TestXFCCSamples(t *testing.T) {
	var headers []string
	for line := range strings.Lines(string(corpusFile(t, "vectors", "xfcc", "samples.txt"))) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			headers = append(headers, line)
		}
	}
	const docs, old = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688", 4
	if len(headers) < 10 {
		t.Fatalf("%d samples, want 10", len(headers))
	}
	for i, want := range [old]struct {
		hash, uri string
		elements  int
	}{{docs, "", 1}, {docs, "http://testclient.lyft.com", 1}, {"b0f8a3a8720e476c64eb4dc3e90ca66a40f10aab62186ead02e40de6beaca375", "spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account", 1}, {"hash", "", 2}} {
		elements, err := parseXFCC(headers[i])
		if err != nil {
			t.Errorf("sample %d: %v", i, err)
			continue
		}
		if len(elements) != want.elements || elements[0].get("Hash") != want.hash || elements[0].get("URI") != want.uri {
			t.Errorf("sample %d: %d elements, the first %v", i, len(elements), elements[0])
		}
	}
	if e := mustMake(parseXFCC(headers[0])); !slices.Equal(e[0].all("san"), []string{"http://testclient.lyft.com"}) {
		t.Errorf("the old key: %v", e[0])
	}
	two := mustMake(parseXFCC(headers[3]))
	if names := mustMake(parseDistinguishedName(two[0].get("subject"))); !slices.Equal(names.organizations, []string{"Acme, Inc."}) || !slices.Equal(names.commonNames, []string{"hello"}) {
		t.Errorf("subject %+v", names)
	}
	if !slices.Equal(two[0].all("dns"), []string{"hello.west.example.com", "hello.east.example.com"}) || len(two[1].all("uri")) != 2 {
		t.Errorf("names %v, %v", two[0], two[1])
	}
	for _, malformed := range headers[old:] {
		if elements, err := parseXFCC(malformed); err == nil {
			t.Errorf("%q was read as %v", malformed, elements)
		}
	}
}

// TestXFCCErrors: what is reported of a header names the element and the fault.
func TestXFCCErrors(t *testing.T) {
	for value, want := range map[string]string{
		"By=a":                             "",
		`By="\"a"`:                         "", // an escaped quote at the very beginning
		`By="\\"`:                          "",
		"":                                 "element 1: a key without a value",
		"By":                               "element 1: a key without a value",
		"By;URI=":                          "element 1: a key without a value",
		"By=a,By":                          "element 2: a key without a value",
		"By=a,URI=b,=c":                    `element 3: key ""`,
		"Hash=":                            "element 1: Hash is empty",
		"Hash=a;hash=b":                    "element 1: key hash comes twice",
		"Verified=a":                       `element 1: key "Verified"`,
		"By=a=b":                           "element 1: a value with a quote or an equals sign that is not quoted",
		`By=a"b`:                           "element 1: a value with a quote or an equals sign that is not quoted",
		`By="a`:                            "element 1: a quote that does not end",
		`By="a\"`:                          "element 1: a quote that does not end",
		`By="`:                             "element 1: a quote that does not end",
		`By="a"b`:                          "element 1: something after a closing quote",
		`Subject="CN"`:                     `element 1: subject: "CN" is not an attribute`,
		`Subject="CN=a,"`:                  `element 1: subject: "" is not an attribute`,
		strings.Repeat("By=a,", 10) + "By": "more than 10 elements",
		strings.Repeat("By=a;", maxXFCCPairs) + "By=a": "element 1: more than 64 keys",
	} {
		_, err := parseXFCC(value)
		if got := errorText(err); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestDistinguishedName goes through what RFC 2253 lets a writer escape: each value
// has one reading, or none.
func TestDistinguishedName(t *testing.T) {
	for _, tt := range []struct {
		in     string
		want   []string // the common names
		refuse string   // in place of them
	}{
		{in: "CN=a", want: []string{"a"}},
		{in: "2.5.4.3=a,CN=b", want: []string{"a", "b"}},
		{in: `CN=\,a`, want: []string{",a"}},
		{in: `CN=a\, b\+c\"\\\<\>\;\=\#\ `, want: []string{`a, b+c"\<>;=# `}},
		{in: `CN=\41\46\30\39`, want: []string{"AF09"}},
		{in: `CN=\C3\AF\0A\F9`, want: []string{"\xc3\xaf\x0a\xf9"}},
		{in: "CN=#0C0161", want: []string{unreadableName}},
		{in: `CN=\#a`, want: []string{"#a"}},
		{in: "CN=a#", want: []string{"a#"}},
		{in: "CN=a+O=b", want: []string{unreadableName}},
		{in: `CN=a\+O=b`, want: []string{"a+O=b"}},
		{in: "O=b+CN=a,CN=c", want: []string{unreadableName, "c"}},
		{in: "CN=", want: []string{""}},
		{in: "1.2=x", want: nil},
		{in: "", want: nil},
		{in: "/CN=a", want: nil},
		{in: "12=x", refuse: `subject: "12=x" is not an attribute`},
		{in: "1.x=y", refuse: `subject: "1.x=y" is not an attribute`},
		{in: "cn=a", refuse: `subject: "cn=a" is not an attribute`},
		{in: ",CN=a", refuse: `subject: "" is not an attribute`},
		{in: `\,CN=a`, refuse: `subject: "\\\\,CN=a" is not an attribute`}, // one that is escaped separates nothing
		{in: "CN=a,", refuse: `subject: "" is not an attribute`},
		{in: "CN=a+", refuse: `subject: "" is not an attribute`},
		{in: `CN=a\`, refuse: `subject: "CN=a\\\\": ends with a backslash`},
		{in: `CN=a\2`, refuse: `subject: "CN=a\\\\2": a backslash before something that needs none`},
		{in: `CN=\2g`, refuse: `subject: "CN=\\\\2g": a backslash before something that needs none`},
		{in: `CN=\g2`, refuse: `subject: "CN=\\\\g2": a backslash before something that needs none`},
		{in: `CN=\4@`, refuse: `subject: "CN=\\\\4@": a backslash before something that needs none`},
		{in: `CN=\4G`, refuse: `subject: "CN=\\\\4G": a backslash before something that needs none`},
		{in: `CN=\4a`, refuse: `subject: "CN=\\\\4a": a backslash before something that needs none`}, // OpenSSL writes capitals
	} {
		names, err := parseDistinguishedName(tt.in)
		if got := errorText(err); got != tt.refuse || err == nil && !slices.Equal(names.commonNames, tt.want) {
			t.Errorf("%q: %q, %s; want %q, %s", tt.in, names.commonNames, got, tt.want, tt.refuse)
		}
	}
}

func FuzzParseXFCC(f *testing.F) {
	w := world()
	good := envoy(w.google.Certificate, w.r2.Certificate)
	seeds := []string{good, good + "," + good, `By=a;Hash=b;Subject="CN=a\, b,O=\"c\"";URI=`, `by="x,y;z=";hash=0`, `Subject="/CN=a"`, `Hash`, `Hash=;Hash`, `Subject="CN=a`, `By=a"b`, `,`, `By=,By=`, `DNS=a;DNS=b;SAN=c`}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, value string) {
		elements, err := parseXFCC(value)
		if err != nil {
			return
		}
		var written []string
		for _, e := range elements {
			var pairs []string
			for _, p := range e {
				v := p.value
				if p.quoted {
					v = `"` + v + `"`
				}
				pairs = append(pairs, p.key+"="+v)
			}
			written = append(written, strings.Join(pairs, ";"))
		}
		if again := strings.Join(written, ","); again != value {
			t.Errorf("read %q\nwrote %q", value, again)
		}
	})
}

// FuzzParseDistinguishedName holds that two subjects that are read alike are
// written alike, up to what RFC 2253 lets a writer escape.
func FuzzParseDistinguishedName(f *testing.F) {
	seeds := []string{"CN=Google LLC,O=Google LLC,C=US", `CN=a\,b`, `CN=a\2Cb`, `CN=a+O=b`, `CN=#0C0161`, `2.5.4.3=x`, `CN=\`, `CN=a\zb`, "random=hello", "", "/CN=x", `O=Acme\, Inc.,OU=\"x\"`}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, s string) {
		names, err := parseDistinguishedName(s)
		if err != nil {
			return
		}
		if s == "" || s[0] == '/' {
			if len(names.commonNames)+len(names.organizations) > 0 {
				t.Errorf("%q names %v", s, names)
			}
			return
		}
		// What it names is in the text, at least as often: nothing appears from
		// nowhere, and no escape makes a separator.
		for _, list := range [][]string{names.commonNames, names.organizations, names.countries, names.organizationIDs} {
			if len(list) > strings.Count(s, "=") {
				t.Errorf("%q has %d values of one kind", s, len(list))
			}
			for _, v := range list {
				again := mustMake(parseDistinguishedName("CN=" + escapeDN(v)))
				if v != unreadableName && !slices.Equal(again.commonNames, []string{v}) {
					t.Errorf("%q: value %q is read as %q", s, v, again.commonNames)
				}
			}
		}
	})
}

// escapeDN escapes every byte that RFC 2253 gives a meaning.
func escapeDN(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(`,+"\<>;=#`, s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func FuzzParseEscapedPEM(f *testing.F) {
	w := world()
	good := escaped(w.google.Certificate)
	bare := strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=").Replace(good)
	seeds := []string{good, bare, strings.TrimSuffix(good, "%0A"), good + good, strings.ToLower(good), "-----BEGIN%20CERTIFICATE-----%0AAAAA%0A-----END%20CERTIFICATE-----%0A", "%", ""}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, value string) {
		ders, err := parseEscapedPEM(value, MaxForwardedCertificates)
		if err != nil {
			return
		}
		if len(ders) == 0 || len(ders) > MaxForwardedCertificates {
			t.Fatalf("%d certificates in %q", len(ders), value)
		}
		var text bytes.Buffer
		for _, der := range ders {
			pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der})
		}
		var spellings []string
		for _, end := range []string{text.String(), strings.TrimSuffix(text.String(), "\n")} {
			few := strings.NewReplacer("\n", "%0A", " ", "%20").Replace(end)
			spellings = append(spellings, few, strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(few))
		}
		if !slices.Contains(spellings, value) {
			t.Errorf("%q was read, but its bytes are written %q", value, spellings)
		}
	})
}

// TestEscapedPEM: what is wrong with a header is in the log, so that an operator
// sees which front, or which setting of it, wrote it.
func TestEscapedPEM(t *testing.T) {
	w := world()
	one, two := escaped(w.google.Certificate), escaped(w.r2.Certificate)
	const start = "CERTIFICATE-----%0A"
	empty := "-----BEGIN%20" + start + "-----END%20" + start
	for _, tt := range []struct {
		name, value string
		want        [][]byte
		err         string
	}{
		{"one", one, [][]byte{w.google.Raw}, ""},
		{"two", one + two, [][]byte{w.google.Raw, w.r2.Raw}, ""},
		{"three", one + two + two, nil, "more than 2 certificates"},
		{"none", "", nil, "not canonical PEM, URL-encoded"},
		{"a broken escape", one + "%", nil, `invalid URL escape "%"`},
		{"text", "x", nil, "not PEM"},
		{"another block", strings.ReplaceAll(one, "CERTIFICATE", "X509 CRL"), nil, "block 1 is not a certificate"},
		{"another block behind it", one + strings.ReplaceAll(two, "CERTIFICATE", "X509 CRL"), nil, "block 2 is not a certificate"},
		{"a block with a header", strings.Replace(one, start, start+"Proc-Type%3A%204%0A%0A", 1), nil, "block 1 is not a certificate"},
		{"a block with nothing in it", one + empty, nil, "block 2 is not a certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseEscapedPEM(tt.value, 2)
			if text := fmt.Sprint(err); !slices.EqualFunc(got, tt.want, bytes.Equal) || (err == nil) != (tt.err == "") || err != nil && text != tt.err {
				t.Errorf("%d certificates, want %d; error %v, want %q", len(got), len(tt.want), err, tt.err)
			}
		})
	}
}

func FuzzParseSANList(f *testing.F) {
	seeds := []string{"", "Ki5kaWFsb2dmbG93LmNvbQ==", "Ki5kaWFsb2dmbG93LmNvbQ", "YSxi,Yw==", "YQ==, Yg==", "a,b", "YR==", "00\n0", "YQ=", "=", ","}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, value string) {
		names, err := parseSANList(value, false)
		if err != nil {
			return
		}
		written := ""
		for i, item := range strings.Split(value, ",") {
			if value == "" {
				break
			}
			if i > 0 {
				written += ","
			}
			bare := base64.RawStdEncoding.EncodeToString([]byte(names[i]))
			at := strings.Index(item, bare) // spaces around it, padding behind it, and nothing else
			if at < 0 || strings.TrimSpace(strings.Replace(item, bare, "", 1)) != strings.Repeat("=", strings.Count(item, "=")) {
				t.Errorf("%q was read as %q", item, names[i])
			}
			written += item
		}
		if written != value {
			t.Errorf("read %q\nwrote %q", value, written)
		}
	})
}

// TestSourceSettings: what is set must be read by somebody.
func TestSourceSettings(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  CertificateConfig
		want []string // the fields that are complained of
	}{
		{name: "none"},
		{name: "each", cfg: CertificateConfig{Source: SourceXFCC, XFCC: XFCCHeader{Name: "X-Envoy-Cert", Elements: 2}, DangerTrustFrontWithoutLeaf: true}},
		{name: "unknown", cfg: CertificateConfig{Source: "haproxy"}, want: []string{"Certificate.Source"}},
		{name: "another's headers", cfg: CertificateConfig{Source: SourceTLS, Headers: DefaultGoogleLBHeaders(), Nginx: DefaultNginxHeaders, RFC9440: DefaultRFC9440Headers, XFCC: DefaultXFCCHeader},
			want: []string{"Certificate.Headers", "Certificate.RFC9440", "Certificate.XFCC", "Certificate.Nginx"}},
		{name: "half of the names", cfg: CertificateConfig{Source: SourceNginx, Nginx: NginxHeaders{Leaf: "X-Leaf"}}, want: []string{"Certificate.Nginx"}},
		{name: "one name twice", cfg: CertificateConfig{Source: SourceRFC9440, RFC9440: RFC9440Headers{"X-Leaf", "x-leaf"}}, want: []string{"Certificate.RFC9440"}},
		{name: "authorization", cfg: CertificateConfig{Source: SourceRFC9440, RFC9440: RFC9440Headers{"Authorization", "X-Chain"}}, want: []string{"Certificate.RFC9440"}},
		{name: "forwarded", cfg: CertificateConfig{Source: SourceXFCC, XFCC: XFCCHeader{Name: "X-Forwarded-For"}}, want: []string{"Certificate.XFCC"}},
		{name: "too many elements", cfg: CertificateConfig{Source: SourceXFCC, XFCC: XFCCHeader{Elements: 11}}, want: []string{"Certificate.XFCC"}},
		{name: "negative", cfg: CertificateConfig{Source: SourceXFCC, XFCC: XFCCHeader{Elements: -1}}, want: []string{"Certificate.XFCC"}},
		{name: "without leaf, where there is only the leaf", cfg: CertificateConfig{Source: SourceNginx, DangerTrustFrontWithoutLeaf: true}, want: []string{"Certificate.DangerTrustFrontWithoutLeaf"}},
		{name: "server certificates behind the balancer", cfg: CertificateConfig{DangerServerCertificates: true}, want: []string{"Certificate.DangerServerCertificates"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newCertificateProof(tt.cfg)
			var fields []string
			if err != nil {
				for line := range strings.SplitSeq(err.Error(), "\n") {
					field, _, _ := strings.Cut(strings.TrimPrefix(line, "verify: "), ":")
					fields = append(fields, field)
				}
			}
			if !slices.Equal(fields, tt.want) {
				t.Errorf("complains of %q, want %q\n%v", fields, tt.want, err)
			}
		})
	}
}

// TestHeaderNames: what the start of a server reports is what the configured source
// reads, by the names that net/http gives them.
func TestHeaderNames(t *testing.T) {
	google := CertificateConfig{}.HeaderNames()
	if len(google) != 14 || !slices.Contains(google, "X-Client-Cert-Leaf") || !slices.Equal(google, CertificateConfig{Source: SourceGoogleLB}.HeaderNames()) {
		t.Errorf("by default: %q", google)
	}
	for _, tt := range []struct {
		cfg  CertificateConfig
		want []string
	}{
		{CertificateConfig{Source: SourceRFC9440}, []string{"Client-Cert", "Client-Cert-Chain"}},
		{CertificateConfig{Source: SourceNginx, Nginx: NginxHeaders{Leaf: "x-leaf", Verify: "x-verify"}}, []string{"X-Leaf", "X-Verify"}},
		{CertificateConfig{Source: SourceXFCC}, []string{"X-Forwarded-Client-Cert"}},
		{CertificateConfig{Source: SourceTLS}, nil},
	} {
		if got := tt.cfg.HeaderNames(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.cfg.Source, got, tt.want)
		}
	}
}

// TestEdgeSecretBySource: whoever can write the headers must be told apart from
// whoever may (rule 6); a connection that ends here needs no secret.
func TestEdgeSecretBySource(t *testing.T) {
	for _, source := range Sources {
		cfg := Config{Certificate: CertificateConfig{Source: source}, Token: goodTokenConfig()}
		_, err := New(cfg)
		if needed := source != SourceTLS; (err != nil) != needed || needed && !strings.Contains(err.Error(), "no edge secret") {
			t.Errorf("%s without a secret: %v", source, err)
		}
		cfg.Edge.DangerNoEdgeSecret = true
		if _, err := New(cfg); err != nil {
			t.Errorf("%s, meant: %v", source, err)
		}
	}
}

// TestReportOnly lets in whom the certificate would refuse, says so, and refuses
// for edge secret and token as ever.
func TestReportOnly(t *testing.T) {
	for _, source := range Sources {
		call := goodCall()
		via(source)(call)
		call.certificate.ReportOnly = true
		call.client(world().mallory, world().r2)
		v := call.judge(t)
		if v.err != nil {
			t.Fatalf("%s: refused: %v", source, v.err)
		}
		if v.report.WouldRefuse != CertIdentityUnknown || !slices.Equal(v.report.warnings(), []Code{CertIdentityUnknown}) || v.report.Identity != "" || v.report.Fingerprint != "" {
			t.Errorf("%s: would refuse %q, warnings %v, identity %q", source, v.report.WouldRefuse, v.report.warnings(), v.report.Identity)
		}
	}
	call := goodCall()
	call.certificate.ReportOnly = true
	if v := call.judge(t); v.err != nil || v.report.WouldRefuse != "" || v.report.Identity != "google" {
		t.Errorf("the good call: %v, %+v", v.err, v.report)
	}
	call.header.Del(DefaultEdgeHeader)
	if v := call.judge(t); v.err == nil || v.err.Code != EdgeSecretMissing {
		t.Errorf("no edge secret: %v", v.err)
	}

	cfg := Config{Edge: EdgeConfig{Secrets: []string{testEdgeSecret}}, Certificate: CertificateConfig{ReportOnly: true, Identities: world().identities()}, Token: goodTokenConfig()}
	good, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var refused *Error
	if _, err := good.Verify(&http.Request{Header: goodCall().header}); !errors.As(err, &refused) || refused.Code != TokenMissing {
		t.Errorf("without a token: %v", err)
	}
	cfg.Policy = "mtls"
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "Certificate.ReportOnly: with this policy") {
		t.Errorf("without a token in the policy: %v", err)
	}
}

func goodTokenConfig() TokenConfig {
	return TokenConfig{Audiences: []string{"https://webhook.example/"}, ProjectNumbers: []string{"123456789012"}}
}

func TestExpiries(t *testing.T) {
	w := world()
	unnamed := selfSigned(dn(country("US"), org("Shirts Ltd")), func(c *x509.Certificate) { c.NotAfter = certNow.AddDate(1, 0, 0) })
	ids := append(w.identities(), Identity{Name: "custom", Roots: []*x509.Certificate{unnamed.Certificate}})
	late := certNow.AddDate(5, 0, 0)
	want := []Expiry{ // the first to end first; a CA without a CN by its whole name
		{"custom", "O=Shirts Ltd,C=US", certNow.AddDate(1, 0, 0)},
		{"google", "Test SSL.com Root", late}, {"google", "Test Client Certificate Intermediate CA R2", late}, {"google-legacy", "Test Root R1", late},
	}
	if list := (CertificateConfig{Identities: ids}).Expiries(); !slices.Equal(list, want) {
		t.Errorf("got %+v, want %+v", list, want)
	}
	for _, tt := range []struct {
		left time.Duration
		want int
	}{{0, 0}, {24*time.Hour - 1, 0}, {24 * time.Hour, 1}, {-1, -1}, {-25 * time.Hour, -2}} {
		if got := (Expiry{NotAfter: certNow.Add(tt.left)}).Days(certNow); got != tt.want {
			t.Errorf("%v: %d days, want %d", tt.left, got, tt.want)
		}
	}
	if n := len(CertificateConfig{}.Expiries()); n < 7 {
		t.Errorf("%d of Google's, want all roots", n)
	}
}
