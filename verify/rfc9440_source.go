package verify

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// rfc9440 reads Client-Cert and Client-Cert-Chain. A proxy that sets them verifies
// nothing by that: the chain is verified here, and only here.
type rfc9440 struct{ leaf, chain string } // canonical names

const rfc9440Rule = "RFC 9440 section 2"

func (s *rfc9440) name() string      { return string(SourceRFC9440) }
func (s *rfc9440) headers() []string { return []string{s.leaf, s.chain} }

func (s *rfc9440) read(r *http.Request, rep *Report, _ time.Time) (evidence, error) {
	leaf, c := single(r, s.leaf, MaxCertificateHeaderBytes, rfc9440Rule)
	switch {
	case c != nil:
	case leaf == "":
		c = &Check{Station: StationCertificate, Name: "present", Code: CertMissing, Presented: "no " + s.leaf, Expected: "a client certificate in " + s.leaf, Rule: rfc9440Rule,
			Hint: "the client sent no certificate, or the proxy does not ask for one or does not set the header"}
	case strings.Contains(leaf, ","): // section 2.2: it is not a list
		c = &Check{Station: StationCertificate, Name: "headers", Code: CertHeaderDuplicate, Presented: shown(s.leaf + ": " + leaf), Unverified: true, Expected: "one value, not a list", Rule: "RFC 9440 section 2.2",
			Hint: "somebody before the function adds to this header instead of replacing it"}
	}
	if c != nil {
		return evidence{}, rep.fail(*c, nil)
	}
	// A list may come in several lines (RFC 9440 section 2.3, RFC 9110 section
	// 5.3). They are kept apart by what no header value can have in it.
	chain := strings.Join(r.Header[s.chain], "\n")
	if len(chain) > MaxCertificateHeaderBytes {
		return evidence{}, rep.fail(Check{Station: StationCertificate, Name: "headers", Code: CertHeaderTooLarge, Presented: fmt.Sprintf("%s: %d bytes", s.chain, len(chain)), Expected: fmt.Sprintf("at most %d bytes", MaxCertificateHeaderBytes),
			Rule: rfc9440Rule, Hint: "the proxy must bound what it forwards (RFC 9440 section 4.4)"}, nil)
	}
	rep.pass(StationCertificate, "present", s.leaf, "a client certificate")
	return evidence{key: chainKey{leaf: leaf, intermediates: chain}}, nil
}

func (s *rfc9440) decodeLeaf(key chainKey) ([]byte, error) { return parseByteSequence(key.leaf) }

func (s *rfc9440) decodeChain(key chainKey) ([][]byte, error) {
	var all [][]byte
	for line := range strings.SplitSeq(key.intermediates, "\n") {
		ders, err := parseByteSequenceList(line)
		if err != nil {
			return nil, err
		}
		if all = append(all, ders...); len(all) > MaxForwardedCertificates {
			return nil, fmt.Errorf("more than %d certificates", MaxForwardedCertificates)
		}
	}
	return all, nil
}

func (s *rfc9440) compare(*http.Request, *parsedLeaf, *Report) {} // the leaf is all there is

func (s *rfc9440) words() sourceWords {
	return sourceWords{leaf: "a DER certificate as an RFC 9440 byte sequence", chain: "a list of DER certificates as RFC 9440 byte sequences", rule: rfc9440Rule}
}
