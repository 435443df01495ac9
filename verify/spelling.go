package verify

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// lbSpellings are the header values that agree with a leaf, for each header that
// repeats a part of it; the first of each is the one that was observed. Google's
// documentation leaves the encodings open, so every reading of it is in here.
// Values are compared with what the leaf says, never parsed: there is nothing to
// misread.
type lbSpellings struct {
	notBefore, notAfter, serial, subjectDN, issuerDN, spiffeID, uriSANs, dnsSANs []string
}

func spellingsOf(cert *x509.Certificate) lbSpellings {
	var spiffeID, uris []string
	for _, uri := range cert.URIs {
		if uri.Scheme == "spiffe" { // has a header of its own, and is not repeated among the others
			spiffeID = append(spiffeID, uri.String())
		} else {
			uris = append(uris, uri.String())
		}
	}
	return lbSpellings{
		notBefore: dateSpellings(cert.NotBefore),
		notAfter:  dateSpellings(cert.NotAfter),
		serial:    []string{colonHex(cert.SerialNumber)},
		subjectDN: base64Spellings(cert.RawSubject),
		issuerDN:  base64Spellings(cert.RawIssuer),
		spiffeID:  spiffeID,
		uriSANs:   listSpellings(uris),
		dnsSANs:   listSpellings(cert.DNSNames),
	}
}

// dateSpellings: RFC 3339, observed with the numeric offset of UTC.
func dateSpellings(t time.Time) []string {
	return []string{t.UTC().Format("2006-01-02T15:04:05") + "+00:00", t.UTC().Format(time.RFC3339)}
}

// base64Spellings: with padding, as observed in lists of SANs, and without, as
// observed in fingerprints.
func base64Spellings(b []byte) []string {
	return []string{base64.StdEncoding.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b)}
}

// listSpellings: "a comma-separated Base64-encoded list" is either a list of
// encoded names or an encoded list of names.
func listSpellings(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	var padded, bare []string
	for _, name := range names {
		s := base64Spellings([]byte(name))
		padded, bare = append(padded, s[0]), append(bare, s[1])
	}
	return append(base64Spellings([]byte(strings.Join(names, ","))), strings.Join(padded, ","), strings.Join(bare, ","))
}

// colonHex writes a serial number as Google's load balancer does: the bytes of
// its DER integer, with the leading 00 of a number whose first bit is set.
func colonHex(n *big.Int) string {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	s := hex.EncodeToString(b)
	var out strings.Builder
	for i := 0; i < len(s); i += 2 {
		if i > 0 {
			out.WriteByte(':')
		}
		out.WriteString(s[i : i+2])
	}
	return out.String()
}

// compare warns where a header differs from the leaf, which is authoritative. An
// empty header says nothing: the field was too large, or the leaf has none.
func (g *googleLB) compare(r *http.Request, leaf *parsedLeaf, rep *Report) {
	s := &leaf.spellings
	for _, c := range [...]struct {
		header string
		agree  []string
	}{
		{g.h.ValidNotBefore, s.notBefore}, {g.h.ValidNotAfter, s.notAfter}, {g.h.SerialNumber, s.serial},
		{g.h.SubjectDN, s.subjectDN}, {g.h.IssuerDN, s.issuerDN},
		{g.h.SPIFFEID, s.spiffeID}, {g.h.URISANs, s.uriSANs}, {g.h.DNSNameSANs, s.dnsSANs},
	} {
		value := get(r, c.header)
		if value == "" || slices.Contains(c.agree, value) || slices.Contains(c.agree, strings.ReplaceAll(value, ", ", ",")) {
			continue
		}
		expected := "nothing: the leaf has none"
		if len(c.agree) > 0 {
			expected = shown(c.agree[0])
		}
		rep.warn(Check{Station: StationCertificate, Name: "header differs", Code: CertHeaderDiffers, Presented: c.header + ": " + shown(value),
			Expected: expected, Rule: googleLBRule, Hint: "the leaf counts, not this header; if it always differs, the balancer's encoding has changed"})
	}
}
