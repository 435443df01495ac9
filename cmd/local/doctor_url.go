package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// urlTimeout bounds each of the doctor's connections.
const urlTimeout = 10 * time.Second

const urlRule = "docs/operations.md: doctor"

// url connects to the webhook as a stranger would, and looks at what it meets.
func (c *doctorCmd) url(ctx context.Context, d *diagnosis) error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return usagef("--url: want an https URL, as the agent has it")
	}
	roots, err := c.roots()
	if err != nil {
		return err
	}
	if strings.HasSuffix(u.Hostname(), ".run.app") {
		d.add(finding{Station: "url", Check: "host", Outcome: "fail", Code: "url_default", Presented: u.Hostname(), Expected: "the load balancer's host", Rule: urlRule, Change: "the agent must call the load balancer: this URL goes round it, and its client certificate is never asked for"})
	}
	if !c.handshake(ctx, d, u, roots) {
		return nil
	}
	c.post(ctx, d, u, roots)
	c.defaultURL(ctx, d)
	return c.backend(d)
}

func (c *doctorCmd) roots() (*x509.CertPool, error) {
	if c.CA == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, usagef("--ca: %v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, usagef("--ca: no PEM certificate in it")
	}
	return pool, nil
}

// handshake looks at the server's certificate and at what it asks of the client.
// It verifies the chain itself, after the handshake, so that it can say what is
// wrong.
func (c *doctorCmd) handshake(ctx context.Context, d *diagnosis, u *url.URL, roots *x509.CertPool) bool {
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "443")
	}
	var asked *tls.CertificateRequestInfo
	ctx, cancel := context.WithTimeout(ctx, urlTimeout)
	defer cancel()
	dialer := &tls.Dialer{Config: &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: true, GetClientCertificate: func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = info
		return &tls.Certificate{}, nil // none, as a stranger
	}}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		d.add(finding{Station: "url", Check: "connect", Outcome: "fail", Code: "url_unreachable", Presented: err.Error(), Expected: "a TLS server", Rule: urlRule, Change: "is the name in DNS, the forwarding rule up, and the server certificate active? Dialogflow sees webhook.error.not-found"})
		return false
	}
	state := conn.(*tls.Conn).ConnectionState()
	conn.Close()
	leaf := state.PeerCertificates[0]
	d.add(finding{Station: "url", Check: "connect", Outcome: "pass", Presented: tls.VersionName(state.Version)})
	d.serverCertificate(state.PeerCertificates, u.Hostname(), roots)
	d.note("url", "valid until", leaf.NotAfter.UTC().Format(time.RFC3339))

	if asked == nil {
		d.add(finding{Station: "url", Check: "client cert", Outcome: "fail", Code: "url_no_client_certificate", Presented: "the server asks for no client certificate", Expected: "a request for one", Rule: urlRule,
			Change: "attach the ServerTlsPolicy to the target HTTPS proxy: without it Dialogflow sends its certificate to nobody"})
		return true
	}
	d.add(finding{Station: "url", Check: "client cert", Outcome: "pass", Presented: "asked for"})
	names := make([]string, 0, len(asked.AcceptableCAs))
	for _, der := range asked.AcceptableCAs {
		var rdns pkix.RDNSequence
		if _, err := asn1.Unmarshal(der, &rdns); err == nil {
			names = append(names, rdns.String())
		}
	}
	if len(names) == 0 {
		names = []string{"any (the server names none)"}
	}
	d.note("url", "accepted CAs", strings.Join(names, "; "))
	return true
}

func (d *diagnosis) serverCertificate(chain []*x509.Certificate, host string, roots *x509.CertPool) {
	leaf, intermediates := chain[0], x509.NewCertPool()
	for _, cert := range chain[1:] {
		intermediates.AddCert(cert)
	}
	if err := leaf.VerifyHostname(host); err != nil {
		d.add(finding{Station: "url", Check: "server name", Outcome: "fail", Code: "url_server_name", Presented: strings.Join(leaf.DNSNames, ", "), Expected: "a SAN that is " + host, Rule: "RFC 9110 section 4.3.4", Change: "issue the server certificate for the host of the webhook's URL; the common name does not count"})
	} else {
		d.add(finding{Station: "url", Check: "server name", Outcome: "pass", Presented: host})
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates})
	if err != nil {
		d.add(finding{Station: "url", Check: "server chain", Outcome: "fail", Code: "url_server_chain", Presented: err.Error(), Expected: "a chain to a public root, or to the agent's own CA certificates (--ca)", Rule: "RFC 5280 section 6", Change: "serve the intermediates too, and give a private CA to the agent (allowedCaCerts)"})
		return
	}
	d.add(finding{Station: "url", Check: "server chain", Outcome: "pass", Presented: "issued by " + leaf.Issuer.String()})
}

// post sends an empty call without any proof: it must be refused.
func (c *doctorCmd) post(ctx context.Context, d *diagnosis, u *url.URL, roots *x509.CertPool) {
	const expected = "401 or 403, or no handshake"
	status, err := stranger(ctx, u.String(), roots)
	f := finding{Station: "url", Check: "stranger", Outcome: "pass", Expected: expected, Presented: fmt.Sprintf("refused with %d", status)}
	var refused *net.OpError
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
	case errors.As(err, &refused) && strings.Contains(err.Error(), "tls:"): // an alert: strict mode
		f.Presented = "refused in the handshake"
	case err != nil:
		f.Outcome, f.Code, f.Presented, f.Rule, f.Change = "warn", "url_no_answer", err.Error(), urlRule, "the call was neither answered nor refused: in strict mode some servers only hang up, else look into the balancer's log"
	case status < 400:
		f.Outcome, f.Code, f.Presented, f.Rule, f.Change = "fail", "url_open", fmt.Sprintf("answered with %d", status), urlRule, "whoever answers here does not verify callers: is it the function, and with which policy?"
	default:
		f.Outcome, f.Code, f.Presented, f.Rule, f.Change = "fail", "url_odd_status", fmt.Sprintf("answered with %d", status), urlRule, "the function answers strangers 401 or 403 and nothing else: does the URL map lead to it, and is the backend healthy?"
	}
	d.add(f)
}

// defaultURL holds that Cloud Run's own URL, which goes round the balancer, is off.
func (c *doctorCmd) defaultURL(ctx context.Context, d *diagnosis) {
	if c.Default == "" {
		d.note("url", "default URL", "not looked at: give it by --default-url, from: gcloud run services describe SERVICE --format='value(status.url)'")
		return
	}
	status, err := stranger(ctx, c.Default, nil)
	f := finding{Station: "url", Check: "default URL", Outcome: "pass", Presented: "does not answer"}
	switch {
	case err != nil:
	case status == http.StatusNotFound:
		f.Presented = "404"
	default:
		f.Outcome, f.Code, f.Expected, f.Rule = "fail", "url_default_answers", "404 or nothing", urlRule
		f.Presented = fmt.Sprintf("answered with %d", status)
		f.Change = "gcloud run services update SERVICE --no-default-url --ingress=internal-and-cloud-load-balancing"
	}
	d.add(f)
}

// stranger posts an empty object with no proof at all, and follows no redirects.
func stranger(ctx context.Context, target string, roots *x509.CertPool) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, urlTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader("{}"))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	// Whose certificate it is was looked at before; what it answers is of interest
	// in any case, and nothing secret is sent.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, InsecureSkipVerify: true}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, resp.Body.Close()
}
