package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
)

func pemOf(certs ...*holder) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.Bytes()
}

func TestParseCABundle(t *testing.T) {
	w := world()
	good := pemOf(w.root, w.r2)
	roots, intermediates, err := ParseCABundle(append([]byte("# Test root, for a comment\n"), good...))
	if err != nil || len(roots) != 1 || !roots[0].Equal(w.root.Certificate) || len(intermediates) != 1 || !intermediates[0].Equal(w.r2.Certificate) {
		t.Errorf("%d roots, %d intermediates, error %v", len(roots), len(intermediates), err)
	}
	broken := bytes.Replace(good, []byte("\nMII"), []byte("\n*MI"), 1)
	for _, tt := range []struct {
		name   string
		bundle []byte
		want   string
	}{
		{"empty", nil, "no root"},
		{"no root", pemOf(w.r2), "no root"},
		{"a leaf", pemOf(w.root, w.google), "certificate 2 (CN=Google LLC,O=Google LLC,C=US) is not a CA"},
		{"a key", append(pemOf(w.root), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})...), "PEM block 2 is a PRIVATE KEY"},
		{"not a certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}), "certificate 1: "},
		{"text after", append(pemOf(w.root), "and more"...), "after certificate 1: not PEM"},
		{"cut off", good[:len(good)-30], "after certificate 1: not PEM"},
		{"a block that pem.Decode steps over", broken, "2 PEM blocks begin, only 1 of them can be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := ParseCABundle(tt.bundle); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestIdentityConfig(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Identity)
		want string
	}{
		{"good", func(*Identity) {}, ""},
		{"no name", func(id *Identity) { id.Name = "" }, "has no Name"},
		{"no roots", func(id *Identity) { id.Roots = nil }, "has no Roots"},
		{"nil root", func(id *Identity) { id.Roots = []*x509.Certificate{nil} }, "other than a CA certificate"},
		{"leaf for a root", func(id *Identity) { id.Roots = []*x509.Certificate{world().google.Certificate} }, "other than a CA certificate"},
		{"everybody", func(id *Identity) { id.CommonName = "" }, "every customer of its CA would be let in"},
		{"pin", func(id *Identity) { id.LeafSPKI = []string{"abcd"} }, `"abcd" is not a SHA-256 fingerprint in hex`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ids := world().identities()
			tt.edit(&ids[0])
			_, err := newCertificateProof(CertificateConfig{Identities: ids})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), "Certificate.Identities[0]: ") || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := newCertificateProof(CertificateConfig{Identities: []Identity{}}); err == nil || !strings.Contains(err.Error(), "nobody would be let in") {
		t.Errorf("an empty list: %v", err)
	}
	if _, err := newCertificateProof(CertificateConfig{Denied: []string{"00"}}); err == nil || !strings.Contains(err.Error(), "Certificate.Denied[0]") {
		t.Errorf("a short denied fingerprint: %v", err)
	}
}

// TestGoogleIdentitiesAreCopies holds that a caller who adds to one changes no
// other's.
func TestGoogleIdentitiesAreCopies(t *testing.T) {
	a, b := GoogleIdentity(), GoogleIdentity()
	a.Roots = append(a.Roots, world().root.Certificate)
	b.Roots = append(b.Roots, world().stranger.Certificate)
	if !a.Roots[len(a.Roots)-1].Equal(world().root.Certificate) {
		t.Error("the two share an array")
	}
}

// TestEmbeddedRoots: a program whose roots cannot be read does not go on without.
func TestEmbeddedRoots(t *testing.T) {
	if id := mustIdentity("x", pemOf(world().root), func(id *Identity) { id.CommonName = "a" }); id.Name != "x" || len(id.Roots) != 1 || id.CommonName != "a" {
		t.Errorf("got %+v", id)
	}
	defer func() {
		if got, want := recover(), "verify: embedded roots of x: no root (self-issued CA certificate) in it"; got != want {
			t.Errorf("panic %v, want %s", got, want)
		}
	}()
	mustIdentity("x", nil, func(*Identity) {})
}

// TestAcceptedIdentity holds what a good call's report says.
func TestAcceptedIdentity(t *testing.T) {
	w := world()
	for _, tt := range []struct {
		identity string
		do       func(*certCall)
		leaf     *holder
	}{
		{"google", func(*certCall) {}, w.google},
		{"google-legacy", presents(legacy, legacySub), w.legacy},
	} {
		call := goodCall()
		tt.do(call)
		v := call.judge(t)
		if v.err != nil || v.report.Identity != tt.identity || v.report.Fingerprint != fingerprintOf(tt.leaf) || v.report.Source != "google-lb" {
			t.Errorf("%s: report %+v, error %v", tt.identity, v.report, v.err)
		}
		if w := v.report.warnings(); len(w) > 0 {
			t.Errorf("%s: warnings %v", tt.identity, w)
		}
	}
}

// TestBestPath holds that a renewed intermediate, which has the key of the known
// one, does not warn as long as the known one is valid.
func TestBestPath(t *testing.T) {
	w := world()
	path := func(issuer *holder) certPath {
		return certPath{issuer: issuer.Certificate, root: w.root.Certificate, notBefore: certNow, notAfter: certNow}
	}
	id := w.identities()[0]
	for name, paths := range map[string][]certPath{"known first": {path(w.r2), path(w.r3)}, "known last": {path(w.r3), path(w.r2)}} {
		if best := id.bestPath(paths, certNow); best == nil || !best.issuer.Equal(w.r2.Certificate) {
			t.Errorf("%s: %+v", name, best)
		}
	}
	if best := id.bestPath([]certPath{path(w.r2)}, certNow.Add(1)); best != nil {
		t.Errorf("after its end: %+v", best)
	}
}

// FuzzParseName holds that a name which is read has one spelling: its parts,
// written again, are the same bytes.
func FuzzParseName(f *testing.F) {
	seeds := [][]byte{
		dn(), dn(common("Google LLC")), dn(country("US"), org("Google LLC"), common("Google LLC")), world().google.RawSubject,
		dnOf([]attribute{common("a"), org("b")}), dn(common("\x00a").as(tagBMP)), hiddenValue(),
		[]byte("\x30\x15\x31\x13\x30\x11\x06\x03\x55\x04\x03\x13\x0aGoogle LLC"), // CN=Google LLC as PrintableString
	}
	for _, seed := range seeds {
		f.Add(seed)
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rdns, err := parseName(raw)
		if err != nil {
			return
		}
		var body []byte
		for _, rdn := range rdns {
			var set []byte
			for _, pair := range rdn {
				set = append(set, tlv(0x30, slices.Concat(pair[0].FullBytes, pair[1].FullBytes))...)
			}
			body = append(body, tlv(0x31, set)...)
		}
		if again := tlv(0x30, body); !bytes.Equal(again, raw) {
			t.Errorf("read %x\nwrote %x", raw, again)
		}
	})
}
