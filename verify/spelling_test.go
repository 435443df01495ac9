package verify

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHeadersAgreeWithLeaf goes through the spellings that Google's documentation
// leaves open, and values that are not the leaf's: those warn and never refuse.
func TestHeadersAgreeWithLeaf(t *testing.T) {
	w := world()
	encode, bare := base64.StdEncoding.EncodeToString, base64.RawStdEncoding.EncodeToString
	leaf := w.r2.issueClient(dn(org("Google LLC"), common("Google LLC")), dnsNames("a.example", "bb.example"), func(c *x509.Certificate) {
		c.SerialNumber = big.NewInt(0xad3e)
		for _, uri := range []string{"https://x.example/a,b", "spiffe://x.example/y", "urn:z"} {
			c.URIs = append(c.URIs, mustMake(url.Parse(uri)))
		}
	})
	plain := w.r2.issueClient(dn(common("Google LLC")))
	for _, tt := range []struct {
		name, header, value string
		leaf                *holder // nil is the one above
		differs             bool
	}{
		{name: "SANs encoded one by one", header: "X-Client-Cert-Dnsname-Sans", value: encode([]byte("a.example")) + "," + encode([]byte("bb.example"))},
		{name: "SANs encoded one by one, spaced", header: "X-Client-Cert-Dnsname-Sans", value: encode([]byte("a.example")) + ", " + encode([]byte("bb.example"))},
		{name: "SANs encoded one by one, without padding", header: "X-Client-Cert-Dnsname-Sans", value: bare([]byte("a.example")) + "," + bare([]byte("bb.example"))},
		{name: "SANs encoded as one list", header: "X-Client-Cert-Dnsname-Sans", value: encode([]byte("a.example,bb.example"))},
		{name: "SANs encoded as one list, without padding", header: "X-Client-Cert-Dnsname-Sans", value: bare([]byte("a.example,bb.example"))},
		{name: "SANs empty", header: "X-Client-Cert-Dnsname-Sans", value: ""},
		{name: "one SAN of two", header: "X-Client-Cert-Dnsname-Sans", value: encode([]byte("a.example")), differs: true},
		{name: "another SAN", header: "X-Client-Cert-Dnsname-Sans", value: encode([]byte("*.dialogflow.com")), differs: true},
		{name: "SANs not encoded", header: "X-Client-Cert-Dnsname-Sans", value: "a.example,bb.example", differs: true},
		{name: "SANs of a leaf without", header: "X-Client-Cert-Dnsname-Sans", value: encode([]byte("a.example")), leaf: plain, differs: true},
		{name: "URIs one by one, without the SPIFFE ID", header: "X-Client-Cert-Uri-Sans", value: encode([]byte("https://x.example/a,b")) + "," + encode([]byte("urn:z"))},
		{name: "URIs as one list", header: "X-Client-Cert-Uri-Sans", value: encode([]byte("https://x.example/a,b,urn:z"))},
		{name: "URIs with the SPIFFE ID", header: "X-Client-Cert-Uri-Sans", value: encode([]byte("https://x.example/a,b,spiffe://x.example/y,urn:z")), differs: true},
		{name: "SPIFFE ID", header: "X-Client-Cert-Spiffe", value: "spiffe://x.example/y"},
		{name: "another SPIFFE ID", header: "X-Client-Cert-Spiffe", value: "spiffe://x.example/z", differs: true},
		{name: "serial", header: "X-Client-Cert-Serial-Number", value: "00:ad:3e"},
		{name: "serial without its first byte", header: "X-Client-Cert-Serial-Number", value: "ad:3e", differs: true},
		{name: "date with an offset", header: "X-Client-Cert-Valid-Not-After", value: "2026-12-25T12:00:00+00:00"},
		{name: "date in Zulu", header: "X-Client-Cert-Valid-Not-After", value: "2026-12-25T12:00:00Z"},
		{name: "another date", header: "X-Client-Cert-Valid-Not-After", value: "2036-12-25T12:00:00Z", differs: true},
		{name: "first date", header: "X-Client-Cert-Valid-Not-Before", value: "2026-10-25T12:00:00+00:00"},
		{name: "another first date", header: "X-Client-Cert-Valid-Not-Before", value: "2016-10-25T12:00:00+00:00", differs: true},
		{name: "subject", header: "X-Client-Cert-Subject-Dn", value: bare(leaf.RawSubject)},
		{name: "another subject", header: "X-Client-Cert-Subject-Dn", value: "MBUxEzARBgNVBAMTCkdvb2dsZSBMTEM=", differs: true},
		{name: "issuer", header: "X-Client-Cert-Issuer-Dn", value: bare(leaf.RawIssuer)},
		{name: "another issuer", header: "X-Client-Cert-Issuer-Dn", value: encode(leaf.RawSubject), differs: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			call := goodCall()
			if tt.leaf == nil {
				tt.leaf = leaf
			}
			call.client(tt.leaf, w.r2)
			call.header.Del("X-Client-Cert-Uri-Sans") // the helper does not write it
			call.header.Set(tt.header, tt.value)
			v := call.judge(t)
			if v.err != nil {
				t.Fatalf("refused: %v", v.err)
			}
			var want []Code
			if tt.differs {
				want = []Code{CertHeaderDiffers}
			}
			if got := v.report.warnings(); !slices.Equal(got, want) {
				t.Errorf("warnings %v, want %v", got, want)
			}
		})
	}
}

// TestHeaderDiffersSays: the warning names the header's value and the leaf's, or
// that the leaf has none.
func TestHeaderDiffersSays(t *testing.T) {
	w := world()
	for _, tt := range []struct {
		name, header, value string
		leaf, sub           *holder
		expected            string
	}{
		{"names of another", "X-Client-Cert-Dnsname-Sans", "YS5leGFtcGxl", w.legacy, w.legacySub, base64.StdEncoding.EncodeToString([]byte("*.dialogflow.com"))},
		{"names of a leaf without", "X-Client-Cert-Dnsname-Sans", "YS5leGFtcGxl", w.google, w.r2, "nothing: the leaf has none"},
		{"a SPIFFE ID of a leaf without", "X-Client-Cert-Spiffe", "spiffe://x.example/y", w.google, w.r2, "nothing: the leaf has none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			call := goodCall()
			call.client(tt.leaf, tt.sub)
			call.header.Set(tt.header, tt.value)
			v := call.judge(t)
			if v.err != nil {
				t.Fatalf("refused: %v", v.err)
			}
			i := slices.IndexFunc(v.report.Checks, func(c Check) bool { return c.Code == CertHeaderDiffers })
			if i < 0 {
				t.Fatal("no warning")
			}
			if c := v.report.Checks[i]; c.Presented != tt.header+": "+tt.value || c.Expected != tt.expected {
				t.Errorf("presented %q, expected %q; want %q", c.Presented, c.Expected, tt.expected)
			}
		})
	}
}

// FuzzSANSpellings holds that no header value agrees with a list of names but one
// that decodes to exactly that list.
func FuzzSANSpellings(f *testing.F) {
	seeds := [][2]string{
		{"a.example bb.example", "YS5leGFtcGxl,YmIuZXhhbXBsZQ=="}, {"a.example bb.example", "YS5leGFtcGxlLGJiLmV4YW1wbGU="}, {"a.example bb.example", "YS5leGFtcGxl"},
		{"xapi-dev.webhooks.example", "eGFwaS1kZXYud2ViaG9va3MuZXhhbXBsZQ=="}, {"a,b c", "YSxiLGM"}, {"", ""},
	}
	for _, seed := range seeds {
		f.Add(seed[0], seed[1])
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, words, value string) {
		names := strings.Fields(words)
		for _, s := range listSpellings(names) {
			if got := decodeList(s); got != strings.Join(names, ",") {
				t.Errorf("%q is written %q, which reads %q", names, s, got)
			}
		}
		if slices.Contains(listSpellings(names), value) && decodeList(value) != strings.Join(names, ",") {
			t.Errorf("%q agrees with %q", value, names)
		}
	})
}

// decodeList decodes each member of a list, or its one member, to names joined by
// commas.
func decodeList(value string) string {
	members := strings.Split(value, ",")
	for i, m := range members {
		b, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(m, "="))
		if err != nil {
			return "not base64"
		}
		members[i] = string(b)
	}
	return strings.Join(members, ",")
}

// FuzzColonHex holds that a serial number is written as the bytes of its DER
// integer, and so has one spelling.
func FuzzColonHex(f *testing.F) {
	seeds := [][]byte{{1}, {0x7f}, {0x80}, {0xad, 0x3e, 0x0e, 0xbc}, {0}, make([]byte, 20)}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := new(big.Int).SetBytes(b)
		var der asn1.RawValue
		if _, err := asn1.Unmarshal(mustMake(asn1.Marshal(n)), &der); err != nil {
			t.Fatal(err)
		}
		got := colonHex(n)
		again, err := hex.DecodeString(strings.ReplaceAll(got, ":", ""))
		if err != nil || !slices.Equal(again, der.Bytes) || len(got) != 3*len(again)-1 {
			t.Errorf("%s for %x", got, der.Bytes)
		}
	})
}

func TestShown(t *testing.T) {
	long := strings.Repeat("a", maxShown)
	for _, tt := range []struct{ in, want string }{
		{"CN=Google LLC", "CN=Google LLC"},
		{`say "x"`, `say "x"`},
		{`"~"`, `"~"`}, // the last character that is printed
		{"\"\x7f\"", `\"\x7f\"`},
		{"line\nbreak", `line\nbreak`},
		{"\x1b[31m\"", `\x1b[31m\"`},
		{"é", `\u00e9`},
		{`\u00e9`, `\\u00e9`}, // what was written as an escape stays apart from what became one
		{"\xff", `\xff`},
		{"\u202eevil", `\u202eevil`},
		{long, long},
		{long + "b", long + "..."},
	} {
		if got := shown(tt.in); got != tt.want {
			t.Errorf("shown(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestDatesAreWrittenInUTC(t *testing.T) {
	zone := time.FixedZone("", 3600)
	if got := dateSpellings(time.Date(2022, 7, 1, 19, 5, 9, 0, zone))[0]; got != "2022-07-01T18:05:09+00:00" { // as observed
		t.Errorf("%s", got)
	}
}
