package webhook

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"example.com/cxhook/verify"
)

// certificate reads what is expected of the client certificate.
func (e *envReader) certificate() verify.CertificateConfig {
	cfg := verify.CertificateConfig{
		Source:                      verify.Source(os.Getenv(envCertSource)),
		Identities:                  e.identities(),
		Denied:                      e.list(envDeniedCerts),
		ReportOnly:                  e.boolean(envCertReportOnly),
		DangerServerCertificates:    e.boolean(envDangerServerCerts),
		DangerTrustFrontWithoutLeaf: e.boolean(envDangerNoLeaf),
	}
	if cfg.Source == verify.SourceTLS && os.Getenv("K_SERVICE") != "" {
		e.problem(envCertSource, "tls: Cloud Run terminates TLS before the function, so no connection has a client certificate; it needs a load balancer before it")
	}
	e.certificateHeaders(&cfg)
	if value := os.Getenv(envXFCCElements); value != "" {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			e.problem(envXFCCElements, fmt.Sprintf("%q; want the number of proxies that add an element", value))
		}
		cfg.XFCC.Elements = n
	}
	return cfg
}

// certificateHeaders reads the names that differ from the usual ones, as
// leaf=X-Client-Leaf.
func (e *envReader) certificateHeaders(cfg *verify.CertificateConfig) {
	pairs := e.list(envCertHeaders)
	if len(pairs) == 0 {
		return
	}
	names := map[string]*string{}
	switch cfg.Source {
	case verify.SourceGoogleLB, "":
		cfg.Headers = verify.DefaultGoogleLBHeaders()
		names = cfg.Headers.ByVariable()
	case verify.SourceRFC9440:
		cfg.RFC9440 = verify.DefaultRFC9440Headers
		names = map[string]*string{"leaf": &cfg.RFC9440.Leaf, "chain": &cfg.RFC9440.Chain}
	case verify.SourceXFCC:
		names = map[string]*string{"xfcc": &cfg.XFCC.Name}
	case verify.SourceNginx:
		cfg.Nginx = verify.DefaultNginxHeaders
		names = map[string]*string{"cert": &cfg.Nginx.Leaf, "verify": &cfg.Nginx.Verify}
	}
	for _, pair := range pairs {
		what, name, ok := strings.Cut(pair, "=")
		if field := names[what]; ok && field != nil && name != "" {
			*field = name
			continue
		}
		e.problem(envCertHeaders, fmt.Sprintf("%q; want WHAT=NAME, WHAT being one of %s", pair, strings.Join(sortedKeys(names), ", ")))
	}
}

// custom is the certificate that an agent of your own presents: its CA, and at
// least one of its names.
func (e *envReader) custom() verify.Identity {
	id := verify.Identity{Name: "custom", CommonName: os.Getenv(envCustomCN), DNSName: os.Getenv(envCustomDNS), URIName: os.Getenv(envCustomURI)}
	if os.Getenv(envCustomCA) == "" {
		e.problem(envCustomCA, "not set: the identity custom needs the certificate of your CA")
	}
	if id.CommonName == "" && id.DNSName == "" && id.URIName == "" {
		e.problem(envCustomCN, fmt.Sprintf("not set, nor is %s or %s: whoever has a certificate of this CA would be let in", envCustomDNS, envCustomURI))
	}
	return id
}

// unusedCustom reports settings of an identity that is not accepted.
func (e *envReader) unusedCustom() {
	for _, name := range []string{envCustomCA, envCustomCN, envCustomDNS, envCustomURI} {
		if os.Getenv(name) != "" {
			e.problem(name, "set, but custom is not among "+envIdentities)
		}
	}
}
