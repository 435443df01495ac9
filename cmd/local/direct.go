package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"

	"example.com/cxhook/internal/emulator"
)

// startDirect starts the standalone server of Google's page: the function
// terminates TLS itself, and nothing stands before it.
func (s *stack) startDirect(ctx context.Context) error {
	// The audience has the port in it, so the port is chosen before the function
	// is there; startProcess's answer shows whether it got it.
	probe, err := listen("", s.cfg.balancerPort)
	if err != nil {
		return fmt.Errorf("function: %w", err)
	}
	address := probe.Addr().String()
	if err := probe.Close(); err != nil {
		return err
	}
	if _, err := fmt.Sscanf(address, "127.0.0.1:%d", &s.cfg.functionPort); err != nil {
		return err
	}
	s.url = "https://" + address + webhookPath
	certificate, err := s.serverCertificate(s.cfg.direct)
	if err != nil {
		return err
	}
	chain, key, err := emulator.EncodePEM(&certificate)
	if err != nil {
		return err
	}
	chainFile, err := s.write("server.pem", chain)
	if err != nil {
		return err
	}
	keyFile, err := s.write("server-key.pem", key)
	if err != nil {
		return err
	}
	tls := map[string]string{"CXHOOK_CERTIFICATE_SOURCE": "tls"}
	if err := s.startFunction(ctx, tls, "--tls-cert="+chainFile, "--tls-key="+keyFile); err != nil {
		return err
	}
	if s.running().address != address {
		return fmt.Errorf("function: %s was taken meanwhile; try again", address)
	}
	return s.startAgent()
}

// serverCertificate makes one of a kind, and says what clients must trust.
func (s *stack) serverCertificate(kind string) (tls.Certificate, error) {
	if kind == "chain" {
		return s.pki.ServerCertificate("127.0.0.1", "localhost")
	}
	certificate, err := s.pki.SelfMadeServerCertificate("127.0.0.1", "localhost")
	if err != nil {
		return tls.Certificate{}, err
	}
	s.serverRoots = x509.NewCertPool()
	s.serverRoots.AddCert(certificate.Leaf)
	s.serverRootsPEM, _, err = emulator.EncodePEM(&certificate)
	return certificate, err
}

// printStations says what stands where.
func (s *stack) printStations(w io.Writer, serverCert string) {
	switch {
	case s.cfg.public != nil:
		s.cfg.public.print(w, s)
	case s.cfg.direct != "":
		made := map[string]string{"self": "self-made, for the custom CA setting of the agent", "chain": "from a CA chain"}[serverCert]
		fmt.Fprintf(w, "function       %s  terminates TLS itself; server certificate %s; policy %s, keys from %s\n", s.url, made, s.policy(), s.keysURL)
	default:
		fmt.Fprintf(w, "load balancer  %s  mutual TLS, %s\nfunction       http://%s  policy %s, keys from %s\n", s.url, s.cfg.mode, s.running().address, s.policy(), s.keysURL)
	}
}

// policy is the function's.
func (s *stack) policy() string {
	if p := s.env["CXHOOK_POLICY"]; p != "" {
		return p
	}
	return "mtls+idtoken"
}
