package webhook

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/cxhook/cx"
	"example.com/cxhook/internal/telemetry"
	"example.com/cxhook/internal/telemetry/tracing"
	"example.com/cxhook/verify"
)

// expiryWarning is how long before its end a configured certificate is something
// to look at: long enough to replace a root on both sides.
const expiryWarning = 60 // days

// logStart writes what the function was started with: the line by which an
// operator sees that a setting arrived, and that a root is about to end. Secrets
// are counted, never shown.
func (h *Hook) logStart(routes []cx.RouteInfo) {
	now := time.Now()
	s := h.describe(now, routes)
	e := &telemetry.Entry{Severity: telemetry.Info, Time: now, Message: "cxhook started: policy " + s.Policy, Labels: telemetry.Labels{Kind: telemetry.KindStart, Revision: h.revision}, Start: s}
	if c := s.Certificate; c != nil {
		e.Labels.Source = c.Source
		var days []string
		for _, pin := range c.Pins {
			days = append(days, fmt.Sprintf("%s: %s: %d", pin.Identity, pin.Subject, pin.DaysLeft))
			if pin.DaysLeft < expiryWarning {
				e.Severity = telemetry.Warning
			}
		}
		e.Message += fmt.Sprintf("; certificate from %s, identities %s; days to expiry: %s", c.Source, strings.Join(c.Identities, ", "), strings.Join(days, "; "))
	}
	if len(s.Warnings) > 0 {
		e.Severity = telemetry.Warning
		e.Message += "; " + strings.Join(s.Warnings, "; ")
	}
	h.log.Write(e)
}

// describe gives the configuration as it was understood, defaults filled in.
func (h *Hook) describe(now time.Time, routes []cx.RouteInfo) *telemetry.Start {
	v := h.cfg.Verify
	s := &telemetry.Start{Policy: string(v.Policy), Paths: sortedKeys(h.cfg.Paths), Budget: h.cfg.Budget.String(), Calls: h.cfg.Concurrency, Log: h.cfg.LogTo, Tracing: "off", Warnings: h.warnings()}
	if s.Policy == "" {
		s.Policy = string(verify.PolicyMTLSAndIDToken)
	}
	if s.Log == "" {
		s.Log = LogStdout
	}
	if h.tracer != nil {
		s.Tracing = tracing.Endpoint()
	}
	for _, route := range routes {
		s.Routes = append(s.Routes, route.Name)
	}
	for _, a := range v.Agents {
		s.Agents = append(s.Agents, shownAgent(a))
	}
	for _, proof := range v.Policy.Proofs() {
		switch proof {
		case "mtls":
			s.Certificate = h.describeCertificate(now)
		case "idtoken":
			s.Audiences, s.ProjectNumbers, s.KeysURL = v.Token.Audiences, v.Token.ProjectNumbers, shownURL(orDefault(v.Token.KeysURL, verify.GoogleKeysURL))
		case "basic":
			s.Basic = len(v.Basic.Credentials)
		case "header":
			s.Header = &telemetry.StartEdge{Name: v.Header.Name, Secrets: len(v.Header.Secrets)}
		case "session":
			s.Session = &telemetry.StartSession{Parameter: orDefault(v.Session.Parameter, verify.DefaultSessionParameter), Issuer: v.Session.Issuer, Audience: v.Session.Audience}
			switch {
			case v.Session.KeysURL != "":
				s.Session.Keys = shownURL(v.Session.KeysURL)
			case len(v.Session.JWKS) > 0:
				s.Session.Keys = "a file"
			default:
				s.Session.Keys = fmt.Sprintf("%d shared secrets", len(v.Session.HMACSecrets))
			}
		}
	}
	if len(v.Edge.Secrets) > 0 {
		s.Edge = &telemetry.StartEdge{Name: orDefault(v.Edge.Header, verify.DefaultEdgeHeader), Secrets: len(v.Edge.Secrets)}
	}
	return s
}

func (h *Hook) describeCertificate(now time.Time) *telemetry.StartCertificate {
	cert := h.cfg.Verify.Certificate
	c := &telemetry.StartCertificate{Source: orDefault(string(cert.Source), string(verify.SourceGoogleLB)), Headers: cert.HeaderNames(), Denied: len(cert.Denied)}
	for _, x := range cert.Expiries() {
		if !slices.Contains(c.Identities, x.Identity) {
			c.Identities = append(c.Identities, x.Identity)
		}
		c.Pins = append(c.Pins, telemetry.Pin{Identity: x.Identity, Subject: x.Subject, DaysLeft: x.Days(now)})
	}
	slices.Sort(c.Identities)
	return c
}

// warnings are settings with which less is proved than one may think.
func (h *Hook) warnings() (list []string) {
	v, cert := h.cfg.Verify, h.cfg.Verify.Certificate
	for _, danger := range []struct {
		set  bool
		text string
	}{
		{v.Policy == verify.PolicyInsecureNone, "DANGER: policy insecure-none: anybody can call this function"},
		{v.DangerAnyDialogflowTenant, "DANGER: every Dialogflow agent on earth may call"},
		{v.Edge.DangerNoEdgeSecret, "DANGER: no edge secret: who gets round the front can forge its headers"},
		{cert.ReportOnly, "the certificate is not enforced (report only)"},
		{cert.DangerServerCertificates, "DANGER: certificates that are not for clients are accepted"},
		{cert.DangerTrustFrontWithoutLeaf, "DANGER: certificates that the front does not forward are believed"},
		{os.Getenv("K_SERVICE") != "" && h.cfg.Project == "", envProject + " is not set: lines are not linked to their traces"},
		{v.Token.KeysURL != "" && v.Token.KeysURL != verify.GoogleKeysURL, "ID tokens are verified with keys that are not from Google"},
	} {
		if danger.set {
			list = append(list, danger.text)
		}
	}
	return list
}

// shownAgent writes an agent as CXHOOK_AGENTS has it.
func shownAgent(a verify.AllowedAgent) string {
	name := a.Agent
	if a.ProjectNumber != "" {
		name = a.ProjectNumber + "=" + name
	}
	if len(a.Environments) > 0 {
		name += "/environments/" + strings.Join(a.Environments, " or ")
	}
	return name
}

func orDefault(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// shownURL is a URL without its query, which may hold a key.
func shownURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "not a URL"
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}
