package verify

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// connection reads the certificate of the connection itself. That the client has
// its key was proved in the handshake.
type connection struct{}

const tlsRule = "RFC 8446 section 4.4.2.4"

func (connection) name() string      { return string(SourceTLS) }
func (connection) headers() []string { return nil }

func (connection) read(r *http.Request, rep *Report, _ time.Time) (evidence, error) {
	if r.TLS == nil {
		return evidence{}, rep.fail(Check{Station: StationCertificate, Name: "present", Code: CertConnectionPlain, Presented: "a connection without TLS", Expected: "TLS that ends in this process", Rule: tlsRule,
			Hint: "something before the function terminates TLS: configure its source of certificates, with an edge secret; or serve with ServerTLSConfig"}, nil)
	}
	return peersOf(r.TLS, rep)
}

func peersOf(cs *tls.ConnectionState, rep *Report) (evidence, error) {
	peers := cs.PeerCertificates
	refuse := func(code Code, presented, expected, hint string) (evidence, error) {
		return evidence{}, rep.fail(Check{Station: StationCertificate, Name: "present", Code: code, Presented: presented, Expected: expected, Rule: tlsRule, Hint: hint}, nil)
	}
	switch {
	case len(peers) == 0:
		return refuse(CertMissing, "no certificate", "a client certificate", "the client sent none: Dialogflow sends one to every server that asks")
	case len(peers)-1 > MaxForwardedCertificates:
		return refuse(CertLeafMalformed, fmt.Sprintf("%d certificates", len(peers)), fmt.Sprintf("at most %d besides the leaf", MaxForwardedCertificates), "no public CA has a chain as long as this")
	}
	rep.pass(StationCertificate, "present", "in the handshake", "a client certificate")
	return evidence{key: chainKey{leaf: string(peers[0].Raw), intermediates: joinRaw(peers[1:])}, peers: peers}, nil
}

// joinRaw puts certificates together, each with its length before it, so that no
// list can be mistaken for another.
func joinRaw(certs []*x509.Certificate) string {
	size := 0
	for _, c := range certs {
		size += 4 + len(c.Raw)
	}
	var b strings.Builder
	b.Grow(size)
	for _, c := range certs {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(c.Raw)))
		b.Write(n[:])
		b.Write(c.Raw)
	}
	return b.String()
}

func (connection) decodeLeaf(chainKey) ([]byte, error)    { return nil, errNoHeader }
func (connection) decodeChain(chainKey) ([][]byte, error) { return nil, errNoHeader }

var errNoHeader = errors.New("the connection has its certificates parsed already")

func (connection) compare(*http.Request, *parsedLeaf, *Report) {}

func (connection) words() sourceWords {
	return sourceWords{leaf: "a certificate", chain: "certificates", rule: tlsRule}
}

// ServerTLSConfig is for a server that terminates TLS itself, as in Google's
// sample of a standalone webhook server: it asks for the client certificate, and
// refuses one that cfg.Certificate does not accept within the handshake, on
// resumed sessions too. cfg.Certificate.Source must be SourceTLS; the middleware
// of the same cfg judges each call again.
//
// server is what the server presents: a chain that Dialogflow's CAs issued, or for
// the custom CA setting of the agent a self-made one; either has the host of the
// webhook's URL among its SANs.
//
// With Certificate.ReportOnly nobody is refused in the handshake.
func ServerTLSConfig(cfg Config, server ...tls.Certificate) (*tls.Config, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	proof, err := newCertificateProof(cfg.Certificate)
	problems := []error{err}
	if cfg.Certificate.Source != SourceTLS {
		problems = append(problems, &ConfigError{"Certificate.Source", fmt.Sprintf("%q; a server that terminates TLS itself has the source %q", cfg.Certificate.Source, SourceTLS)})
	}
	if len(server) == 0 {
		problems = append(problems, &ConfigError{"Certificate", "no server certificate"})
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	out := &tls.Config{Certificates: server, MinVersion: tls.VersionTLS12, Time: cfg.Now, ClientAuth: tls.RequireAnyClientCert,
		ClientCAs: proof.chains.roots} // the names that the client is told
	if cfg.Certificate.ReportOnly {
		out.ClientAuth = tls.RequestClientCert
		return out, nil
	}
	// Not RequireAndVerifyClientCert: x509's verdict has neither our identities nor
	// our words, and is not repeated when a session is resumed.
	out.VerifyConnection = func(cs tls.ConnectionState) error {
		rep := &Report{}
		ev, err := peersOf(&cs, rep)
		if err == nil {
			err = proof.judge(ev, nil, rep, cfg.Now())
		}
		var refused *Error
		if errors.As(err, &refused) {
			return &handshakeError{refused}
		}
		return err
	}
	return out, nil
}

// handshakeError says for http.Server's ErrorLog what a call's line of the log
// would: there is no call. The client learns an alert.
type handshakeError struct{ refused *Error }

func (e *handshakeError) Error() string {
	c := &e.refused.Check
	return fmt.Sprintf("client certificate refused: %v; presented: %s; expected: %s; hint: %s", e.refused, c.Presented, c.Expected, c.Hint)
}

func (e *handshakeError) Unwrap() error { return e.refused }
