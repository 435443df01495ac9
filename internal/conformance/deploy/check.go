// Package deploy holds the files of deploy/ against the API messages that gcloud
// and the script make of them, and against what the messages cannot say: that the
// header list is whole, that certificates are valid and those that the function
// pins, that references have the form that the APIs take.
package deploy

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/certificatemanager/apiv1/certificatemanagerpb"
	"cloud.google.com/go/compute/apiv1/computepb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"cloud.google.com/go/networksecurity/apiv1/networksecuritypb"
	"google.golang.org/protobuf/proto"

	"example.com/cxhook/internal/conformance/strict"
	"example.com/cxhook/verify"
)

// kinds are the messages by how the file's name begins; the longest wins.
var kinds = map[string]func() proto.Message{
	"agent":                  func() proto.Message { return new(cxpb.Agent) },
	"backend-service":        func() proto.Message { return new(computepb.BackendService) },
	"forwarding-rule":        func() proto.Message { return new(computepb.ForwardingRule) },
	"network-endpoint-group": func() proto.Message { return new(computepb.NetworkEndpointGroup) },
	"security-policy":        func() proto.Message { return new(computepb.SecurityPolicy) },
	"server-tls-policy":      func() proto.Message { return new(networksecuritypb.ServerTlsPolicy) },
	"target-https-proxy":     func() proto.Message { return new(computepb.TargetHttpsProxy) },
	"trust-config":           func() proto.Message { return new(certificatemanagerpb.TrustConfig) },
	"url-map":                func() proto.Message { return new(computepb.UrlMap) },
	"webhook":                func() proto.Message { return new(cxpb.Webhook) },
}

// Check decodes a file of deploy/, as it is rendered, and gives everything that is
// wrong with it at now.
func Check(name string, doc []byte, now time.Time) (proto.Message, error) {
	kind := ""
	for prefix := range kinds {
		if strings.HasPrefix(filepath.Base(name), prefix) && len(prefix) > len(kind) {
			kind = prefix
		}
	}
	if kind == "" {
		return nil, fmt.Errorf("%s: of no kind that is known here", name)
	}
	m := kinds[kind]()
	if err := strict.Unmarshal(name, doc, m); err != nil {
		return nil, err
	}
	c := checker{file: name, now: now}
	if left := regexp.MustCompile(`\$\{?\w+\}?|\bCHANGE_?ME\b`).Find(doc); left != nil {
		c.problem("%s is not filled in", left)
	}
	switch m := m.(type) {
	case *computepb.BackendService:
		c.backendService(m)
	case *computepb.TargetHttpsProxy:
		c.format("certificateMap", m.GetCertificateMap(), `//certificatemanager\.googleapis\.com/projects/[^/]+/locations/global/certificateMaps/[^/]+`)
		c.format("serverTlsPolicy", m.GetServerTlsPolicy(), `//networksecurity\.googleapis\.com/projects/[^/]+/locations/global/serverTlsPolicies/[^/]+`)
	case *computepb.ForwardingRule:
		c.format("portRange", m.GetPortRange(), `443(-443)?`)
		c.format("loadBalancingScheme", m.GetLoadBalancingScheme(), `EXTERNAL_MANAGED`)
	case *networksecuritypb.ServerTlsPolicy:
		c.serverTLSPolicy(m)
	case *certificatemanagerpb.TrustConfig:
		c.trustConfig(m)
	case *computepb.SecurityPolicy:
		c.securityPolicy(m)
	case *cxpb.Webhook:
		c.webhook(m)
	}
	return m, errors.Join(c.problems...)
}

type checker struct {
	file     string
	now      time.Time
	problems []error
}

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf(c.file+": "+format, args...))
}

func (c *checker) format(field, value, pattern string) {
	if !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(value) {
		c.problem("%s is %q; want %s", field, value, pattern)
	}
}

// The limits of a backend service's custom request headers.
//
// Source: https://cloud.google.com/load-balancing/docs/https/custom-headers
const (
	maxHeaders     = 16
	maxHeaderBytes = 8 << 10 // names and values, before variables are replaced
)

// backendService: the header list is the function's, whole: a header that is not
// set passes through from the client.
func (c *checker) backendService(m *computepb.BackendService) {
	c.format("loadBalancingScheme", m.GetLoadBalancingScheme(), `EXTERNAL_MANAGED`)
	if m.GetEnableCDN() {
		c.problem("enableCDN: answers to one caller are not for another")
	}
	total := 0
	set := map[string]string{}
	for _, header := range m.GetCustomRequestHeaders() {
		total += len(header)
		name, value, ok := strings.Cut(header, ":")
		if _, twice := set[strings.ToLower(name)]; !ok || twice {
			c.problem("header %q: want NAME:VALUE, each name once", header)
		}
		set[strings.ToLower(name)] = value
	}
	if n := len(m.GetCustomRequestHeaders()); n > maxHeaders || total > maxHeaderBytes {
		c.problem("%d headers of %d bytes; the balancer takes %d of %d", n, total, maxHeaders, maxHeaderBytes)
	}
	for _, header := range verify.DefaultGoogleLBHeaders().Variables() {
		name, variable := header[0], "{"+header[1]+"}"
		if got, ok := set[strings.ToLower(name)]; !ok {
			c.problem("header %s is not set: the client's own would pass through", name)
		} else if strings.TrimSpace(got) != variable {
			c.problem("header %s is set to %s; the function reads %s there", name, got, variable)
		}
		delete(set, strings.ToLower(name))
	}
	edge := strings.ToLower(verify.DefaultEdgeHeader)
	if strings.TrimSpace(set[edge]) == "" {
		c.problem("header %s is not set: the function refuses every call", verify.DefaultEdgeHeader)
	}
	delete(set, edge)
	for name := range set {
		c.problem("header %s is set, and the function does not read it", name)
	}
}

func (c *checker) serverTLSPolicy(m *networksecuritypb.ServerTlsPolicy) {
	mtls := m.GetMtlsPolicy()
	if mtls.GetClientValidationMode() == networksecuritypb.ServerTlsPolicy_MTLSPolicy_CLIENT_VALIDATION_MODE_UNSPECIFIED {
		c.problem("mtlsPolicy.clientValidationMode is not set")
	}
	c.format("mtlsPolicy.clientValidationTrustConfig", mtls.GetClientValidationTrustConfig(), `projects/[^/]+/locations/global/trustConfigs/[^/]+`)
	if m.GetAllowOpen() || m.GetServerCertificate() != nil {
		c.problem("allowOpen and serverCertificate are for another product's policies")
	}
}

// maxPEM is the largest certificate of a TrustConfig, in bytes of PEM.
const maxPEM = 5 << 10

// trustConfig: each certificate is one CA's, valid for a good while, and one that
// the function trusts too; and the function trusts no other. One with one's own CA, by
// its name, has nothing to compare with.
func (c *checker) trustConfig(m *certificatemanagerpb.TrustConfig) {
	if len(m.GetTrustStores()) != 1 {
		c.problem("%d trust stores; want one", len(m.GetTrustStores()))
		return
	}
	store := m.GetTrustStores()[0]
	var roots, intermediates []*x509.Certificate
	for i, anchor := range store.GetTrustAnchors() {
		roots = c.certificate(roots, fmt.Sprintf("trustAnchors[%d]", i), anchor.GetPemCertificate())
	}
	for i, ca := range store.GetIntermediateCas() {
		intermediates = c.certificate(intermediates, fmt.Sprintf("intermediateCas[%d]", i), ca.GetPemCertificate())
	}
	if regexp.MustCompile("custom|both").MatchString(filepath.Base(c.file)) {
		if len(roots) == 0 {
			c.problem("no trust anchor")
		}
		return
	}
	google, legacy := verify.GoogleIdentity(), verify.GoogleLegacyIdentity()
	c.same("trust anchor", roots, slices.Concat(google.Roots, legacy.Roots))
	c.same("intermediate", intermediates, slices.Concat(google.Intermediates, legacy.Intermediates))
}

func (c *checker) certificate(list []*x509.Certificate, at, text string) []*x509.Certificate {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		c.problem("%s: want one PEM certificate and nothing else", at)
		return list
	}
	if len(text) > maxPEM {
		c.problem("%s: %d bytes; at most %d", at, len(text), maxPEM)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		c.problem("%s: %v", at, err)
		return list
	}
	if !cert.IsCA {
		c.problem("%s: %s is no CA", at, cert.Subject)
	}
	if days := int(cert.NotAfter.Sub(c.now).Hours() / 24); days < 60 || c.now.Before(cert.NotBefore) {
		c.problem("%s: %s is valid from %s to %s", at, cert.Subject, cert.NotBefore.Format(time.DateOnly), cert.NotAfter.Format(time.DateOnly))
	}
	return append(list, cert)
}

func (c *checker) same(what string, got, want []*x509.Certificate) {
	for _, cert := range got {
		if !slices.ContainsFunc(want, cert.Equal) {
			c.problem("%s %s: the function does not trust it", what, cert.Subject)
		}
	}
	for _, cert := range want {
		if !slices.ContainsFunc(got, cert.Equal) {
			c.problem("%s %s is missing: the function trusts it", what, cert.Subject)
		}
	}
}

func (c *checker) securityPolicy(m *computepb.SecurityPolicy) {
	const last = 1<<31 - 1 // the default rule
	priorities := map[int32]bool{}
	for _, rule := range m.GetRules() {
		if priorities[rule.GetPriority()] {
			c.problem("two rules of priority %d", rule.GetPriority())
		}
		priorities[rule.GetPriority()] = true
	}
	if !priorities[last] {
		c.problem("no rule of priority %d, which is for whatever no other matches", last)
	}
}

func (c *checker) webhook(m *cxpb.Webhook) {
	service := m.GetGenericWebService()
	c.format("genericWebService.uri", service.GetUri(), `https://[^/]+/.*`)
	if auth := service.GetServiceAgentAuth(); auth != cxpb.Webhook_GenericWebService_ID_TOKEN {
		c.problem("genericWebService.serviceAgentAuth is %s; want ID_TOKEN, said in as many words", auth)
	}
	if d := m.GetTimeout().AsDuration(); d <= 0 || d > 30*time.Second {
		c.problem("timeout is %s; want one up to 30 s, Dialogflow's longest", d)
	}
}
