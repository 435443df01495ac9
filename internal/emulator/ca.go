package emulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"
)

// ClientCertificates are the kinds of [PKI.ClientCertificate].
var ClientCertificates = []string{"google", "legacy", "custom", "mallory", "rogue", "expired", "none"}

// The identities that have authorities, in verify's spelling.
const (
	identityGoogle = "google"
	identityLegacy = "google-legacy"
	identityCustom = "custom"
)

// PKI holds the authorities of one local stack and the client certificates that
// they issued. It is safe for use by several goroutines.
type PKI struct {
	now     time.Time
	trusted map[string]*authority // by identity
	server  *authority
	clients map[string]*tls.Certificate // by kind
}

// NewPKI makes every key and certificate, valid around now.
func NewPKI(now time.Time) (*PKI, error) {
	p := &PKI{now: now, trusted: map[string]*authority{}, clients: map[string]*tls.Certificate{"none": nil}}
	var problems []error
	authorityOf := func(root, intermediate string, usages ...x509.ExtKeyUsage) *authority {
		a, err := newAuthority(now, root, intermediate, usages...)
		problems = append(problems, err)
		return a
	}
	const sslRoot, sslIntermediate = "Local stand-in for SSL.com Root Certification Authority RSA", "Local stand-in for SSL.com Client Certificate Intermediate CA RSA R2"
	mail := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection}
	google := authorityOf(sslRoot, sslIntermediate, mail...)
	// The same names with other keys: names are not what a chain is built of.
	rogue := authorityOf(sslRoot, sslIntermediate, mail...)
	legacy := authorityOf("Local stand-in for GTS Root R1", "Local stand-in for GTS CA 1D4", x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)
	custom := authorityOf("Local agent CA", "")
	p.server = authorityOf("Local server CA", "Local server intermediate CA", x509.ExtKeyUsageServerAuth)
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	p.trusted[identityGoogle], p.trusted[identityLegacy], p.trusted[identityCustom] = google, legacy, custom

	issue := func(kind string, by *authority, leaf x509.Certificate) {
		if leaf.NotAfter.IsZero() {
			leaf.NotBefore, leaf.NotAfter = now.AddDate(0, -1, 0), now.AddDate(0, 2, 0)
		}
		cert, err := by.issue(&leaf)
		problems = append(problems, err)
		p.clients[kind] = cert
	}
	googleLLC := pkix.Name{Country: []string{"US"}, Province: []string{"California"}, Locality: []string{"Mountain View"}, Organization: []string{"Google LLC"}, CommonName: "Google LLC"}
	issue("google", google, x509.Certificate{Subject: googleLLC, ExtKeyUsage: mail})
	issue("expired", google, x509.Certificate{Subject: googleLLC, ExtKeyUsage: mail, NotBefore: now.AddDate(-1, 0, -1), NotAfter: now.AddDate(0, 0, -1)})
	issue("rogue", rogue, x509.Certificate{Subject: googleLLC, ExtKeyUsage: mail})
	// What the public authority sells to anybody: an S/MIME certificate.
	issue("mallory", google, x509.Certificate{ExtKeyUsage: mail, EmailAddresses: []string{"mallory@mallory.example"},
		Subject: pkix.Name{Country: []string{"US"}, Organization: []string{"Mallory Ltd"}, CommonName: "Mallory"}})
	issue("legacy", legacy, x509.Certificate{Subject: pkix.Name{CommonName: "*.dialogflow.com"}, DNSNames: []string{"*.dialogflow.com"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	issue("custom", custom, x509.Certificate{Subject: pkix.Name{Organization: []string{"Local agent"}, CommonName: "shirts-agent"}, DNSNames: []string{"shirts-agent.local"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	return p, nil
}

// ClientCertificate gives a certificate with its key and what is sent with it.
// Kinds: "google" is what Dialogflow presents, "legacy" what it falls back to,
// "custom" an agent's own; "mallory" has google's authority and another name,
// "rogue" google's name and an authority of the same names that nobody trusts,
// "expired" is google's of last year. "none" is nil.
func (p *PKI) ClientCertificate(kind string) (*tls.Certificate, error) {
	cert, ok := p.clients[kind]
	if !ok {
		return nil, fmt.Errorf("emulator: no client certificate %q; have %s", kind, strings.Join(ClientCertificates, ", "))
	}
	return cert, nil
}

// Bundle gives the CA certificates of an identity as PEM, root first: "google",
// "google-legacy" or "custom". Of any other identity it gives none.
func (p *PKI) Bundle(identity string) []byte {
	a := p.trusted[identity]
	if a == nil {
		return nil
	}
	var bundle []byte
	for _, cert := range a.certs {
		bundle = append(bundle, certificatePEM(cert.Raw)...)
	}
	return bundle
}

// TrustStore gives what a load balancer needs to verify the identities' chains.
// Identities that the PKI does not have add nothing to it.
func (p *PKI) TrustStore(identities ...string) TrustStore {
	var t TrustStore
	for _, identity := range identities {
		if a := p.trusted[identity]; a != nil {
			t.Roots = append(t.Roots, a.certs[0])
			t.Intermediates = append(t.Intermediates, a.certs[1:]...)
		}
	}
	return t
}

// ServerCertificate gives a load balancer's certificate for host names and IP
// addresses.
func (p *PKI) ServerCertificate(hosts ...string) (tls.Certificate, error) {
	if len(hosts) == 0 {
		return tls.Certificate{}, errors.New("emulator: a server certificate needs a host")
	}
	cert, err := p.server.issue(p.serverLeaf(hosts))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("emulator: %w", err)
	}
	return *cert, nil
}

// SelfMadeServerCertificate gives one that no CA issued, for the custom CA setting
// of a webhook: it is its own root, and has its hosts as SANs. Client pools and
// curl --cacert take the certificate itself.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/custom-ca
func (p *PKI) SelfMadeServerCertificate(hosts ...string) (tls.Certificate, error) {
	if len(hosts) == 0 {
		return tls.Certificate{}, errors.New("emulator: a server certificate needs a host")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("emulator: %w", err)
	}
	template := p.serverLeaf(hosts)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	leaf, err := sign(template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("emulator: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func (p *PKI) serverLeaf(hosts []string) *x509.Certificate {
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: hosts[0]}, NotBefore: p.now.Add(-time.Hour), NotAfter: p.now.AddDate(0, 3, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	return leaf
}

// ServerRoots is what a client trusts that calls the load balancer.
func (p *PKI) ServerRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.server.certs[0])
	return pool
}

// ServerRootsPEM is ServerRoots as a file for curl --cacert.
func (p *PKI) ServerRootsPEM() []byte { return certificatePEM(p.server.certs[0].Raw) }

// EncodePEM writes a certificate, with what is sent with it, and its key as the
// files that curl --cert and --key want.
func EncodePEM(cert *tls.Certificate) (chain, key []byte, err error) {
	for _, der := range cert.Certificate {
		chain = append(chain, certificatePEM(der)...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("emulator: %w", err)
	}
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// authority is a root and, where there is one, the intermediate that issues.
type authority struct {
	certs []*x509.Certificate // root first, the issuing one last
	key   *ecdsa.PrivateKey   // of the issuing one
}

// newAuthority makes a root and, unless intermediate is "", an intermediate with
// the usages below it. As with SSL.com's and Google's, roots have no EKU.
func newAuthority(now time.Time, root, intermediate string, usages ...x509.ExtKeyUsage) (*authority, error) {
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{Organization: []string{"cxhook emulator"}, CommonName: name}, NotBefore: now.AddDate(-5, 0, 0), NotAfter: now.AddDate(10, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	}
	a := &authority{}
	if err := a.add(ca(root)); err != nil || intermediate == "" {
		return a, err
	}
	below := ca(intermediate)
	below.MaxPathLenZero, below.ExtKeyUsage = true, usages
	return a, a.add(below)
}

// add issues a CA certificate that issues from then on; the first one itself.
func (a *authority) add(template *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	parent, signer := template, key
	if len(a.certs) > 0 {
		parent, signer = a.certs[len(a.certs)-1], a.key
	}
	cert, err := sign(template, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	a.certs, a.key = append(a.certs, cert), key
	return nil
}

// issue makes a leaf with a key of its own. The intermediate is sent with it, the
// root is not.
func (a *authority) issue(template *x509.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template.KeyUsage, template.BasicConstraintsValid = x509.KeyUsageDigitalSignature, true
	leaf, err := sign(template, a.certs[len(a.certs)-1], key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	cert := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for i := len(a.certs) - 1; i > 0; i-- {
		cert.Certificate = append(cert.Certificate, a.certs[i].Raw)
	}
	return cert, nil
}

func sign(template, parent *x509.Certificate, public any, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	if template.SerialNumber == nil {
		// 16 bytes, the first bit set: the form whose encoding is easiest to get wrong.
		serial := make([]byte, 16)
		rand.Read(serial)
		serial[0] |= 0x80
		template.SerialNumber = new(big.Int).SetBytes(serial)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
