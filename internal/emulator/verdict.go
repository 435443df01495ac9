package emulator

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"slices"
	"time"
)

// TrustStore is the load balancer's TrustConfig: the anchors, and intermediates
// that complete chains which come without them.
type TrustStore struct {
	Roots, Intermediates []*x509.Certificate
}

// The load balancer's limits.
//
// Source: https://cloud.google.com/load-balancing/docs/mtls (limitations, validation steps)
const (
	maxIntermediates   = 10 // that a client may send
	maxDepth           = 10 // certificates above the leaf
	maxSameKey         = 10 // intermediates with one subject and key
	maxNameConstraints = 10 // in a chain
	minRSABits         = 2048
	maxRSABits         = 4096
)

// The load balancer's words for what is wrong.
//
// Source: https://cloud.google.com/load-balancing/docs/https/https-logging-monitoring (mTLS errors)
const (
	problemNotProvided     = "client_cert_not_provided"
	problemFailed          = "client_cert_validation_failed"
	problemNotPerformed    = "client_cert_validation_not_performed"
	problemSearchLimit     = "client_cert_validation_search_limit_exceeded"
	problemEKU             = "client_cert_chain_invalid_eku"
	problemChainLimit      = "client_cert_chain_exceeded_limit"
	problemNameConstraints = "client_cert_chain_max_name_constraints_exceeded"
	problemPKITooLarge     = "client_cert_pki_too_large"
	problemRSASize         = "client_cert_invalid_rsa_key_size"
	problemCurve           = "client_cert_unsupported_elliptic_curve_key"
	problemKeyAlgorithm    = "client_cert_unsupported_key_algorithm"
)

// verdict is what the load balancer thinks of a connection's client certificate.
type verdict struct {
	leaf      *x509.Certificate   // nil where the client sent none
	chain     []*x509.Certificate // what else it sent, in the order of TLS
	problem   string              // the one thing wrong; "" if the chain is verified
	onlyDates bool                // with today in the leaf's validity there would be no problem
}

func (v *verdict) verified() bool { return v.problem == "" }

// judge verifies a client's certificates, leaf first, as the load balancer does.
// That the client has the key is the handshake's business.
func (t *TrustStore) judge(sent []*x509.Certificate, now time.Time) *verdict {
	if len(sent) == 0 {
		return &verdict{problem: problemNotProvided}
	}
	v := &verdict{leaf: sent[0], chain: sent[1:]}
	switch {
	case len(t.Roots) == 0:
		v.problem = problemNotPerformed
	case len(v.chain) > maxIntermediates:
		v.problem = problemChainLimit
	default:
		for _, cert := range sent {
			if v.problem = keyProblem(cert); v.problem != "" {
				return v
			}
		}
		v.problem, v.onlyDates = t.path(v.leaf, v.chain, now)
	}
	return v
}

func keyProblem(cert *x509.Certificate) string {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return problemRSASize
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return problemCurve
		}
	default:
		return problemKeyAlgorithm
	}
	return ""
}

// path looks for a chain from the leaf to a root, for clientAuth.
func (t *TrustStore) path(leaf *x509.Certificate, sent []*x509.Certificate, now time.Time) (problem string, onlyDates bool) {
	intermediates := append(slices.Clone(t.Intermediates), sent...)
	if tooManyAlike(intermediates) {
		return problemPKITooLarge, false
	}
	if leaf.IsCA {
		return problemFailed, false
	}
	opts := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}} // so that a chain for another usage is told from no chain
	for _, cert := range t.Roots {
		opts.Roots.AddCert(cert)
	}
	for _, cert := range intermediates {
		opts.Intermediates.AddCert(cert)
	}
	chains, err := leaf.Verify(opts)
	if err != nil {
		switch {
		case now.After(leaf.NotAfter):
			opts.CurrentTime = leaf.NotAfter
		case now.Before(leaf.NotBefore):
			opts.CurrentTime = leaf.NotBefore
		default:
			return problemFailed, false
		}
		opts.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		_, err := leaf.Verify(opts)
		return problemFailed, err == nil && forClients(leaf)
	}
	shortest := slices.MinFunc(chains, func(a, b []*x509.Certificate) int { return len(a) - len(b) })
	if len(shortest)-1 > maxDepth {
		return problemSearchLimit, false
	}
	if nameConstraints(shortest) > maxNameConstraints {
		return problemNameConstraints, false
	}
	opts.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := leaf.Verify(opts); err != nil || !forClients(leaf) {
		return problemEKU, false
	}
	return "", false
}

// forClients says whether the leaf has clientAuth in so many words: x509 lets a
// leaf without any extended key usage pass, the load balancer does not.
func forClients(leaf *x509.Certificate) bool {
	return slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
}

func tooManyAlike(certs []*x509.Certificate) bool {
	for _, a := range certs {
		alike := 0
		for _, b := range certs {
			if bytes.Equal(a.RawSubject, b.RawSubject) && bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo) {
				alike++
			}
		}
		if alike > maxSameKey {
			return true
		}
	}
	return false
}

func nameConstraints(chain []*x509.Certificate) int {
	n := 0
	for _, c := range chain {
		n += len(c.PermittedDNSDomains) + len(c.ExcludedDNSDomains) + len(c.PermittedIPRanges) + len(c.ExcludedIPRanges) +
			len(c.PermittedEmailAddresses) + len(c.ExcludedEmailAddresses) + len(c.PermittedURIDomains) + len(c.ExcludedURIDomains)
	}
	return n
}
