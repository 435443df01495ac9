package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestRFC9440Example reads the example of RFC 9440, appendix A, as its source
// decoded it.
func TestRFC9440Example(t *testing.T) {
	var headers map[string]string
	if err := json.Unmarshal(corpusFile(t, "vectors", "rfc9440", "headers.json"), &headers); err != nil {
		t.Fatal(err)
	}
	leaf, err := parseByteSequence(headers["Client-Cert"])
	if err != nil {
		t.Fatal(err)
	}
	if want := corpusFile(t, "vectors", "rfc9440", "Client-Cert-0.der"); !bytes.Equal(leaf, want) {
		t.Error("the leaf is not the one that the RFC's text has")
	}
	chain, err := parseByteSequenceList(headers["Client-Cert-Chain"])
	if err != nil {
		t.Fatal(err)
	}
	if len(chain) != 2 {
		t.Fatalf("%d certificates in the chain, want 2", len(chain))
	}
	above := x509.NewCertPool()
	for i, der := range chain {
		if want := corpusFile(t, "vectors", "rfc9440", fmt.Sprintf("Client-Cert-Chain-%d.der", i)); !bytes.Equal(der, want) {
			t.Errorf("certificate %d of the chain is not the one that the RFC's text has", i)
		}
		above.AddCert(mustMake(x509.ParseCertificate(der)))
	}
	if cert := mustMake(parseLeaf(leaf)); fmt.Sprint(cert.subject.commonNames) != "[BC]" {
		t.Errorf("subject %v, want BC", cert.subject.commonNames)
	}
}

// Which certificate of a list is refused, and why: it stands in the log.
func TestRFC9440Explains(t *testing.T) {
	const good = ":aGk=:"
	many := strings.TrimSuffix(strings.Repeat(good+", ", MaxForwardedCertificates), ", ")
	for value, want := range map[string]string{
		good + "," + good + "," + good: "", many: "",
		many + ", " + good:                  "more than 10 certificates",
		good + ", :aGk":                     "certificate 2: not an RFC 9440 byte sequence: ",
		good + `, "aGk"`:                    "certificate 2: not a byte sequence in canonical base64, without parameters",
		good + ", " + good + ", :aGk=:;p=1": "certificate 3: not a byte sequence in canonical base64, without parameters",
	} {
		if _, err := parseByteSequenceList(value); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", value, err, want)
		}
	}
}

func FuzzParseByteSequence(f *testing.F) {
	good := balancer(world().google.Certificate).Get("X-Client-Cert-Leaf")
	seeds := []string{good, strings.ReplaceAll(good, "=", ""), ":aGk=:", ":aGk:", ":aA==:", ":aA:", ":aB==:", ":aA=:", "::", ":aGk=:;p=1", ` :aGk=:`, `"aGk"`, "(:aGk=:)", ":aG\nk=:", ":a:"}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, value string) {
		der, err := parseByteSequence(value)
		if err != nil {
			return
		}
		if len(der) == 0 {
			t.Errorf("%q: read as nothing", value)
		}
		padded, bare := ":"+base64.StdEncoding.EncodeToString(der)+":", ":"+base64.RawStdEncoding.EncodeToString(der)+":"
		if value != padded && value != bare {
			t.Errorf("%q was read, but its bytes are written %q or %q", value, padded, bare)
		}
	})
}

func FuzzParseByteSequenceList(f *testing.F) {
	good := balancer(world().google.Certificate, world().r2.Certificate, world().root.Certificate).Get("X-Client-Cert-Chain")
	seeds := []string{good, strings.ReplaceAll(good, " ", ""), "", ":aGk=:", ":aGk=:,:aGk:", ":aGk=:, :aGk=:,:aGk=:", ":aGk=:,", ",:aGk=:", ":aGk=:  ,:aGk=:", "(:aGk=:)", strings.Repeat(":aGk:,", 10) + ":aGk:"}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, value string) {
		ders, err := parseByteSequenceList(value)
		if err != nil {
			return
		}
		if len(ders) > MaxForwardedCertificates || len(ders) == 0 && value != "" {
			t.Fatalf("%q: read as %d certificates", value, len(ders))
		}
		// Each member may be padded or not: take from the value which, and nothing else.
		separator := ","
		if strings.Contains(value, ", ") {
			separator = ", "
		}
		members := make([]string, len(ders))
		for i, der := range ders {
			members[i] = ":" + base64.StdEncoding.EncodeToString(der) + ":"
			if got := strings.Split(value, separator); i < len(got) && !strings.HasSuffix(got[i], "=:") {
				members[i] = ":" + base64.RawStdEncoding.EncodeToString(der) + ":"
			}
		}
		if again := strings.Join(members, separator); again != value {
			t.Errorf("read %q\nwrote %q", value, again)
		}
	})
}
