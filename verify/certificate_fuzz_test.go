package verify

import (
	"bytes"
	"context"
	"encoding/pem"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// FuzzCertificateHeaders changes what a front says of the client certificate, line
// by line, for each source that reads headers. Who passes is the holder of the
// genuine certificate, and what is remembered changes nothing: a verifier that has
// seen every call before decides as one that has seen none. $ in a value is the
// good value, which differs between the processes of a fuzzer; + before a name adds
// a value to the good one.
func FuzzCertificateHeaders(f *testing.F) {
	sources := []Source{SourceGoogleLB, SourceRFC9440, SourceXFCC, SourceNginx}
	warm := map[Source]*certificateProof{}
	newProof := func(source Source) *certificateProof {
		return mustMake(newCertificateProof(CertificateConfig{Source: source, Identities: world().identities()}))
	}
	for i, source := range sources {
		warm[source] = newProof(source)
		for _, lines := range []string{
			"", "X-Client-Cert-Leaf:$=", "X-Client-Cert-Leaf:", "+X-Client-Cert-Leaf:$", "X-Client-Cert-Hash:$=", "X-Client-Cert-Error:client_cert_chain_exceeded_size_limit",
			"X-Client-Cert-Present:false\nX-Client-Cert-Chain-Verified:false", "X-Client-Cert-Valid-Not-After:2026-11-24T00:00:00+00:00\nX-Client-Cert-Error:client_cert_validation_failed",
			"X-Client-Cert-Chain:", "X-Client-Cert-Chain:$, $", "X-Client-Cert-Dnsname-Sans:Ki5kaWFsb2dmbG93LmNvbQ", "Client-Cert:$;p=1", "Client-Cert-Chain:", "+Client-Cert:$", "Client-Cert:$, $",
			"X-Forwarded-Client-Cert:$,$", "X-Forwarded-Client-Cert:By=a;$", `X-Forwarded-Client-Cert:Hash=0;Cert="";$`, "X-Forwarded-Client-Cert:$;DNS=a;DNS=b", "X-Ssl-Client-Cert:$%0A", "X-Ssl-Client-Verify:FAILED:certificate has expired", "X-Ssl-Client-Verify:NONE",
		} {
			f.Add(uint8(i), lines)
		}
	}
	genuine := []string{hexOf(world().google.Certificate), hexOf(world().legacy.Certificate)}
	f.Fuzz(func(t *testing.T, n uint8, lines string) {
		source := sources[int(n)%len(sources)]
		call := goodCall()
		via(source)(call)
		for line := range strings.SplitSeq(lines, "\n") {
			name, value, ok := strings.Cut(line, ":")
			name, adds := strings.CutPrefix(name, "+")
			if name = http.CanonicalHeaderKey(name); !ok {
				continue
			}
			value = strings.ReplaceAll(value, "$", call.header.Get(name))
			if adds {
				call.header.Add(name, value)
			} else {
				call.header.Set(name, value)
			}
		}
		judge := func(p *certificateProof) (*Report, Code) {
			rep := &Report{}
			err := p.verify(context.Background(), &http.Request{Header: call.header}, rep, certNow)
			return rep, refusal(t, rep, err)
		}
		fresh, code := judge(newProof(source))
		for range 2 {
			if rep, again := judge(warm[source]); again != code || rep.Identity != fresh.Identity || rep.Fingerprint != fresh.Fingerprint || !slices.Equal(rep.warnings(), fresh.warnings()) {
				t.Errorf("fresh: %q, %q %q %v; remembered: %q, %q %q %v", code, fresh.Identity, fresh.Fingerprint, fresh.warnings(), again, rep.Identity, rep.Fingerprint, rep.warnings())
			}
		}
		if passed := code == ""; passed != (fresh.Identity != "") || passed && !slices.Contains(genuine, fresh.Fingerprint) {
			t.Errorf("code %q, identity %q, fingerprint %q", code, fresh.Identity, fresh.Fingerprint)
		}
		if code == "" {
			for name, values := range call.header {
				if len(values) > 1 && slices.Contains(warm[source].source.headers(), name) {
					t.Errorf("let in with %s %d times", name, len(values))
				}
			}
		}
	})
}

// FuzzParseCABundle holds that every certificate of a bundle which is read is a CA
// that the bundle has as PEM, and that none of them is left out.
func FuzzParseCABundle(f *testing.F) {
	encode := func(ders ...[]byte) (bundle []byte) {
		for _, der := range ders {
			bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
		return bundle
	}
	w := world()
	good := encode(w.root.Raw, w.r2.Raw)
	seeds := [][]byte{nil, good, encode(w.google.Raw), encode(w.r2.Raw), bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")), append([]byte("# comment\n"), good...), append(good, "rest"...),
		bytes.Replace(good, []byte("-----END"), []byte("----END"), 1), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: map[string]string{"a": "b"}, Bytes: w.root.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, bundle []byte) {
		roots, intermediates, err := ParseCABundle(bundle)
		if err != nil {
			if roots != nil || intermediates != nil {
				t.Error("certificates and an error")
			}
			return
		}
		all := append(slices.Clone(roots), intermediates...)
		if n := bytes.Count(bundle, []byte("-----BEGIN ")); len(roots) == 0 || len(all) != n {
			t.Errorf("%d roots and %d intermediates of %d blocks", len(roots), len(intermediates), n)
		}
		for _, c := range all {
			if !c.IsCA {
				t.Errorf("%s is not a CA", c.Subject)
			}
		}
	})
}
