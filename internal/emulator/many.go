package emulator

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// RenewedGoogleCertificate is a client certificate "google" with a key and a serial
// number of its own, as each of Dialogflow's machines and each renewal may have.
func (p *PKI) RenewedGoogleCertificate() (*tls.Certificate, error) {
	old := p.clients["google"].Leaf
	cert, err := p.trusted[identityGoogle].issue(&x509.Certificate{Subject: old.Subject, NotBefore: old.NotBefore, NotAfter: old.NotAfter, ExtKeyUsage: old.ExtKeyUsage})
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	return cert, nil
}

// DistinctToken mints a token "valid" whose subject is n. Tokens of one second are
// otherwise the same: what is signed is, and RS256 has no randomness.
func (i *Issuer) DistinctToken(n uint64, audience, projectNumber string) (string, error) {
	c := i.claims(audience, serviceAgent(projectNumber))
	c.Subject = fmt.Sprintf("1%020d", n)
	c.Authorized = c.Subject
	return mint(i.current.Load().key, c)
}
