package emulator

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/verify"
)

// The values that are literal here have the form seen in Google's own headers, or are in
// its documentation.
func TestVariables(t *testing.T) {
	cas := lab(t, 1, nil)
	leaf := cas.leafFor(t, nil, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "Google LLC"}
		c.SerialNumber = new(big.Int).SetBytes([]byte{0xad, 0x3e, 0x0e, 0xbc, 0x00, 0x49, 0xa1})
		c.NotBefore, c.NotAfter = time.Date(2022, 7, 1, 18, 5, 9, 0, time.UTC), time.Date(2099, 7, 1, 18, 5, 10, 0, time.FixedZone("", 7200))
		c.DNSNames = []string{"xapi-dev.webhooks.example", "b.example"}
		c.URIs = []*url.URL{{Scheme: "https", Host: "a.example", Path: "/x"}, {Scheme: "spiffe", Host: "client.example", Path: "/tenant/team-a-client"}, {Scheme: "urn", Opaque: "b"}}
	})
	trust := TrustStore{Roots: cas.certs[:1]}
	v := trust.judge(append([]*x509.Certificate{leaf}, cas.above()...), time.Now())
	got := v.variables()
	want := map[string]string{
		"client_cert_present": "true", "client_cert_chain_verified": "true", "client_cert_error": "",
		"client_cert_serial_number":    "00:ad:3e:0e:bc:00:49:a1",
		"client_cert_spiffe_id":        "spiffe://client.example/tenant/team-a-client",
		"client_cert_uri_sans":         "aHR0cHM6Ly9hLmV4YW1wbGUveA==,dXJuOmI=",
		"client_cert_dnsname_sans":     "eGFwaS1kZXYud2ViaG9va3MuZXhhbXBsZQ==,Yi5leGFtcGxl",
		"client_cert_valid_not_before": "2022-07-01T18:05:09+00:00",
		"client_cert_valid_not_after":  "2099-07-01T16:05:10+00:00",
		"client_cert_subject_dn":       "MBUxEzARBgNVBAMTCkdvb2dsZSBMTEM=",
		"client_cert_issuer_dn":        "MB0xGzAZBgNVBAMTEkxhYiBpbnRlcm1lZGlhdGUgMQ==",
	}
	hash, forwarded, chain := got["client_cert_sha256_fingerprint"], got["client_cert_leaf"], got["client_cert_chain"]
	if len(hash) != 43 || strings.Trim(hash, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != "" {
		t.Errorf("fingerprint %q; want 43 characters of base64", hash)
	}
	if forwarded != byteSequence(leaf.Raw) || !strings.HasPrefix(forwarded, ":MII") || !strings.HasSuffix(forwarded, ":") || chain != byteSequence(cas.certs[1].Raw) {
		t.Errorf("leaf %q, chain %q", forwarded, chain)
	}
	for _, name := range []string{"client_cert_sha256_fingerprint", "client_cert_leaf", "client_cert_chain"} {
		delete(got, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is said of a certificate that was not verified.
func TestVariablesUnverified(t *testing.T) {
	trust := pki().TrustStore("google")
	for _, tt := range []struct {
		kind string
		want []string // the variables that are not empty
	}{
		{"none", []string{"chain_verified", "error", "present"}},
		{"rogue", []string{"chain_verified", "error", "present", "sha256_fingerprint"}},
		{"legacy", []string{"chain_verified", "error", "present", "sha256_fingerprint"}},
		{"expired", []string{"chain_verified", "error", "present", "sha256_fingerprint", "valid_not_after", "valid_not_before"}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			var certs []*x509.Certificate
			if cert := clientCertificate(t, tt.kind); cert != nil {
				certs = parse(t, cert)
			}
			vars := trust.judge(certs, time.Now()).variables()
			var got []string
			for name, value := range vars {
				if value != "" {
					got = append(got, strings.TrimPrefix(name, "client_cert_"))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" || len(vars) != 14 || vars["client_cert_chain_verified"] != "false" {
				t.Errorf("of %d variables, -want +got:\n%s", len(vars), diff)
			}
		})
	}
}

func TestSPIFFEID(t *testing.T) {
	for _, tt := range []struct {
		uris []string
		want string
	}{
		{[]string{"spiffe://a.example/x"}, "spiffe://a.example/x"},
		{[]string{"https://a.example", "spiffe://a.example"}, "spiffe://a.example"},
		{nil, ""},
		{[]string{"https://a.example"}, ""},
		{[]string{"spiffe://a.example/x", "spiffe://a.example/y"}, ""},
		{[]string{"spiffe:///x"}, ""},
		{[]string{"spiffe://a.example:1/x"}, ""},
		{[]string{"spiffe://u@a.example/x"}, ""},
		{[]string{"spiffe://a.example/x?y"}, ""},
		{[]string{"spiffe://a.example/x#y"}, ""},
	} {
		var uris []*url.URL
		for _, s := range tt.uris {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			uris = append(uris, u)
		}
		got, others := splitURIs(uris)
		if got != tt.want || slices.ContainsFunc(others, func(s string) bool { return strings.HasPrefix(s, "spiffe") }) {
			t.Errorf("%q: %q, others %q; want %q", tt.uris, got, others, tt.want)
		}
	}
}

// Each value at its limit, which is forwarded, and one byte over it, which is not.
func TestSizeLimits(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	cas := lab(t, 1, nil)
	for _, tt := range []struct {
		variable, problem string
		limit             int
		by                func(pad int) *authority
		edit              func(c *x509.Certificate, pad int)
		size              func(c *x509.Certificate) int
	}{
		{variable: "client_cert_serial_number", limit: 50,
			edit: func(c *x509.Certificate, pad int) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), uint(8*pad)) },
			size: func(c *x509.Certificate) int { return len(c.SerialNumber.Bytes()) }},
		{variable: "client_cert_spiffe_id", limit: 2048,
			edit: func(c *x509.Certificate, pad int) {
				c.URIs = []*url.URL{{Scheme: "spiffe", Host: "a.example", Path: "/" + long(pad)}}
			},
			size: func(c *x509.Certificate) int { return len(c.URIs[0].String()) }},
		{variable: "client_cert_uri_sans", limit: 512,
			edit: func(c *x509.Certificate, pad int) {
				c.URIs = []*url.URL{{Scheme: "https", Host: "a.example"}, {Scheme: "https", Host: "a.example", Path: "/" + long(pad)}}
			},
			size: func(c *x509.Certificate) int { return len(c.URIs[0].String() + "," + c.URIs[1].String()) }},
		{variable: "client_cert_dnsname_sans", limit: 512,
			edit: func(c *x509.Certificate, pad int) { c.DNSNames = []string{"a.example", long(pad)} },
			size: func(c *x509.Certificate) int { return len(strings.Join(c.DNSNames, ",")) }},
		{variable: "client_cert_subject_dn", limit: 512,
			edit: func(c *x509.Certificate, pad int) { c.Subject.OrganizationalUnit = []string{long(pad)} },
			size: func(c *x509.Certificate) int { return len(c.RawSubject) }},
		{variable: "client_cert_issuer_dn", limit: 512,
			by: func(pad int) *authority {
				return lab(t, 1, func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{long(pad)} })
			},
			size: func(c *x509.Certificate) int { return len(c.RawIssuer) }},
		{variable: "client_cert_leaf", problem: "client_cert_validated_leaf_exceeded_size_limit,client_cert_validated_chain_exceeded_size_limit", limit: 16384,
			by: func(int) *authority { return lab(t, 0, nil) },
			edit: func(c *x509.Certificate, pad int) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: []byte(long(pad))}}
			},
			size: sizeOf},
		{variable: "client_cert_chain", problem: "client_cert_validated_chain_exceeded_size_limit", limit: 16384 - len(cas.certs[1].Raw),
			edit: func(c *x509.Certificate, pad int) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: []byte(long(pad))}}
			},
			size: sizeOf},
	} {
		t.Run(tt.variable, func(t *testing.T) {
			issue := func(pad int) (*authority, *x509.Certificate) {
				by := cas
				if tt.by != nil {
					by = tt.by(pad)
				}
				// An RSA signature would have a fixed size; an ECDSA one does not.
				for {
					leaf := by.leafFor(t, rsaKey(2048), func(c *x509.Certificate) {
						c.SerialNumber = big.NewInt(1)
						if tt.edit != nil {
							tt.edit(c, pad)
						}
					})
					if len(leaf.Signature) == 71 {
						return by, leaf
					}
				}
			}
			pad := tt.limit - 60
			if pad < 0 {
				pad = tt.limit
			}
			_, probe := issue(pad)
			pad += tt.limit - tt.size(probe)
			for over := range 2 {
				by, leaf := issue(pad + over)
				if got := tt.size(leaf); got != tt.limit+over {
					t.Fatalf("made %d bytes, want %d", got, tt.limit+over)
				}
				trust := TrustStore{Roots: by.certs[:1]}
				vars := trust.judge(append([]*x509.Certificate{leaf}, by.above()...), time.Now()).variables()
				problem := ""
				if over == 1 {
					if problem = tt.problem; problem == "" {
						problem = tt.variable + "_exceeded_size_limit"
					}
				}
				if vars["client_cert_error"] != problem || (vars[tt.variable] == "") != (over == 1) || vars["client_cert_chain_verified"] != "true" {
					t.Errorf("%d bytes: error %q, value of %d bytes, verified %s; want error %q", tt.limit+over, vars["client_cert_error"], len(vars[tt.variable]), vars["client_cert_chain_verified"], problem)
				}
			}
		})
	}
}

func sizeOf(c *x509.Certificate) int { return len(c.Raw) }

// A forged set is what the balancer itself sets for the certificate, to the byte.
func TestForgedHeaders(t *testing.T) {
	s := newStack(t, Strict, nil, nil)
	for _, kind := range []string{"google", "legacy", "custom"} {
		forged, err := ForgedHeaders(verify.GoogleLBHeaders{}, clientCertificate(t, kind))
		if err != nil {
			t.Fatal(err)
		}
		send(t, s.dialogflow(t, func(cfg *DialogflowConfig) { cfg.ClientCertificate = clientCertificate(t, kind) }), nil)
		genuine := http.Header{}
		r := <-s.got
		for _, v := range verify.DefaultGoogleLBHeaders().Variables() {
			name := http.CanonicalHeaderKey(v[0])
			genuine[name] = r.Header[name]
		}
		if diff := cmp.Diff(genuine, forged); diff != "" {
			t.Errorf("%s: -genuine +forged:\n%s", kind, diff)
		}
	}
	for name, cert := range map[string]*tls.Certificate{"nil": nil, "empty": {}, "broken": {Certificate: [][]byte{{1}}}} {
		if _, err := ForgedHeaders(verify.GoogleLBHeaders{}, cert); err == nil || !strings.HasPrefix(err.Error(), "emulator: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// Straight to the function, perfect headers and a token of Google's are not
// enough, wherever they come from.
func TestSpoofs(t *testing.T) {
	forged, err := ForgedHeaders(verify.GoogleLBHeaders{}, clientCertificate(t, "google"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, token, secret string
		code                verify.Code
	}{
		{"outsider", "other-agent", "", verify.EdgeSecretMissing},
		{"internal", "valid", "", verify.EdgeSecretMissing},
		{"internal, guessing", "valid", strings.Repeat("guess", 6), verify.EdgeSecretWrong},
		{"the balancer itself, for another's token", "other-agent", testSecret, verify.TokenWrongEmail},
		{"the balancer itself", "valid", testSecret, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			function := newVerifierServer(t)
			d, err := NewDialogflow(DialogflowConfig{WebhookURL: function.url})
			if err != nil {
				t.Fatal(err)
			}
			defer d.CloseIdleConnections()
			h := forged.Clone()
			h.Set("Authorization", "Bearer "+token(t, tt.token))
			if tt.secret != "" {
				h.Set(verify.DefaultEdgeHeader, tt.secret)
			}
			x := send(t, d, h)
			if got := <-function.code; got != tt.code || (x.Status == 200) != (tt.code == "") || x.TLS != nil {
				t.Errorf("status %d, code %q; want %q", x.Status, got, tt.code)
			}
		})
	}
}

func ExampleForgedHeaders() {
	pki, err := NewPKI(time.Now())
	if err != nil {
		panic(err)
	}
	mallory, err := pki.ClientCertificate("mallory")
	if err != nil {
		panic(err)
	}
	headers, err := ForgedHeaders(verify.GoogleLBHeaders{}, mallory)
	if err != nil {
		panic(err)
	}
	fmt.Println(headers.Get("X-Client-Cert-Present"), headers.Get("X-Client-Cert-Chain-Verified"), len(headers))
	// Output: true true 14
}
