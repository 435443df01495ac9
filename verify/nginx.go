package verify

import (
	"net/http"
	"strings"
	"time"
)

// nginx reads $ssl_client_escaped_cert and $ssl_client_verify. Of the client's
// intermediates nginx forwards none: the function's own must do.
type nginx struct {
	leaf, verify string // canonical names
	anyPurpose   bool   // believe the leaf where its purpose is all that nginx found wrong
}

const nginxRule = "https://nginx.org/en/docs/http/ngx_http_ssl_module.html (embedded variables)"

func (s *nginx) name() string      { return string(SourceNginx) }
func (s *nginx) headers() []string { return []string{s.leaf, s.verify} }

func (s *nginx) read(r *http.Request, rep *Report, _ time.Time) (evidence, error) {
	leaf, c := single(r, s.leaf, MaxCertificateHeaderBytes, nginxRule)
	if c != nil {
		return evidence{}, rep.fail(*c, nil)
	}
	verify, c := single(r, s.verify, MaxCertificateHeaderBytes, nginxRule)
	if c != nil {
		return evidence{}, rep.fail(*c, nil)
	}
	if c := s.refused(leaf, verify); c != nil {
		return evidence{}, rep.fail(*c, nil)
	}
	rep.pass(StationCertificate, "verified", shown(verify), "SUCCESS")
	if leaf == "" {
		return evidence{}, rep.fail(Check{Station: StationCertificate, Name: "leaf", Code: CertLeafMissing, Presented: "no leaf", Expected: "the leaf in " + s.leaf, Rule: nginxRule,
			Hint: "proxy_set_header " + s.leaf + " $ssl_client_escaped_cert"}, nil)
	}
	return evidence{key: chainKey{leaf: leaf}}, nil
}

// refused gives the check that fails if nginx saw no certificate, or did not
// verify it.
func (s *nginx) refused(leaf, verify string) *Check {
	reason, failed := strings.CutPrefix(verify, "FAILED:")
	if verify == "SUCCESS" || failed && s.anyPurpose && badPurpose(reason) {
		return nil
	}
	c := &Check{Station: StationCertificate, Name: "verified", Code: CertNotVerified, Presented: shown(s.verify + ": " + verify), Unverified: true, Expected: "SUCCESS", Rule: nginxRule}
	switch {
	case verify == "NONE":
		c.Name, c.Code, c.Hint = "present", CertMissing, "the client sent no certificate"
	case verify == "" && leaf == "":
		c.Name, c.Code, c.Presented, c.Hint = "headers", CertHeadersMissing, "neither header", "the call came round nginx, or nginx does not set "+s.leaf+" and "+s.verify
	case verify == "":
		c.Name, c.Code, c.Presented, c.Hint = "headers", CertHeadersIncomplete, "no "+s.verify, "proxy_set_header "+s.verify+" $ssl_client_verify"
	case !failed && verify != "FAILED": // a hop's "SUCCESS, SUCCESS" among them
		c.Name, c.Code, c.Expected, c.Hint = "headers", CertHeaderMalformed, "SUCCESS, NONE or FAILED:reason", "nginx writes nothing else: another header or variable stands under this name"
	case strings.Contains(reason, "expired"):
		c.Code, c.Hint = CertExpired, "the client must renew it"
	case strings.Contains(reason, "not yet valid"):
		c.Code, c.Hint = CertNotYetValid, "compare the clocks"
	case badPurpose(reason):
		c.Code, c.Hint = CertEKUMissing, ekuHint
	default:
		c.Hint = "nginx does not trust the chain: ssl_client_certificate lacks the root, or ssl_verify_depth is below 2 (\"x509: certificate signed by unknown authority\" in Dialogflow)"
	}
	return c
}

// badPurpose recognises OpenSSL's word, in both of its spellings.
func badPurpose(reason string) bool {
	return reason == "unsuitable certificate purpose" || reason == "unsupported certificate purpose"
}

func (s *nginx) decodeLeaf(key chainKey) ([]byte, error) {
	ders, err := parseEscapedPEM(key.leaf, 1)
	if err != nil {
		return nil, err
	}
	return ders[0], nil
}

func (s *nginx) decodeChain(chainKey) ([][]byte, error) { return nil, nil }

func (s *nginx) compare(*http.Request, *parsedLeaf, *Report) {}

func (s *nginx) words() sourceWords {
	return sourceWords{leaf: "a certificate as URL-encoded PEM", rule: nginxRule}
}
