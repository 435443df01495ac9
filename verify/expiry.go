package verify

import (
	"crypto/x509"
	"slices"
	"time"
)

// Expiry is when a configured certificate ends.
type Expiry struct {
	Identity string // which one it is for
	Subject  string
	NotAfter time.Time
}

// Days counts whole days from now; it is negative for one that has ended.
func (e Expiry) Days(now time.Time) int {
	left := e.NotAfter.Sub(now)
	if left < 0 {
		return -1 - int(-left/(24*time.Hour))
	}
	return int(left / (24 * time.Hour))
}

// Expiries lists every root and intermediate of the identities, the first to end
// first. On the day on which the last root of an identity ends, nobody passes.
func (c CertificateConfig) Expiries() []Expiry {
	identities := c.Identities
	if identities == nil {
		identities = []Identity{GoogleIdentity(), GoogleLegacyIdentity()}
	}
	var list []Expiry
	for i := range identities {
		for _, cert := range slices.Concat(identities[i].Roots, identities[i].Intermediates) {
			list = append(list, Expiry{Identity: identities[i].Name, Subject: nameOf(cert), NotAfter: cert.NotAfter})
		}
	}
	slices.SortStableFunc(list, func(a, b Expiry) int { return a.NotAfter.Compare(b.NotAfter) })
	return list
}

func nameOf(cert *x509.Certificate) string {
	if cert.Subject.CommonName != "" {
		return cert.Subject.CommonName
	}
	return cert.Subject.String()
}
