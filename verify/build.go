package verify

import (
	"fmt"
	"os"
	"slices"
)

// builder puts a Verifier together and collects what is wrong.
type builder struct {
	cfg      *Config
	v        *Verifier
	problems []error
}

func (b *builder) add(err error) { b.problems = append(b.problems, err) }

// build adds the policy's proofs in the order in which they are judged. What a
// policy does not ask for is not looked at, but the headers that would carry it
// are taken away all the same.
func (b *builder) build(set proofSet) {
	cfg, v := b.cfg, b.v
	if set == nil {
		b.open()
	}
	b.add(cfg.checkTenants(set))
	if cfg.Certificate.ReportOnly && !set.has(proofIDToken) {
		b.add(&ConfigError{"Certificate.ReportOnly", "with this policy nothing but the certificate proves who calls"})
	}
	b.front(set.has(proofMTLS))
	if set.has(proofIDToken) {
		token, err := newTokenProof(cfg.Token, cfg.Now)
		b.add(err)
		if err == nil {
			v.proofs, v.keys = append(v.proofs, token), append(v.keys, token.keys)
		}
	}
	if set.has(proofBasic) {
		basic, err := newBasicProof(cfg.Basic)
		b.add(err)
		v.proofs, v.challenge = append(v.proofs, basic), `Basic realm="webhook", charset="UTF-8"`
	}
	if set.has(proofHeader) {
		header, err := newHeaderProof(cfg.Header)
		b.add(err)
		if slices.Contains(v.secret, header.header) {
			b.add(&ConfigError{"Header.Name", fmt.Sprintf("%q carries another proof", header.header)})
		}
		v.proofs, v.secret = append(v.proofs, header), append(v.secret, header.header)
	}
	var err error
	if set.has(proofSession) {
		v.session, err = newSessionProof(cfg.Session, cfg.Now)
		b.add(err)
		if err == nil && v.session.remote != nil {
			v.keys = append(v.keys, v.session.remote)
		}
	}
	v.agents, err = newAgentGuard(cfg.Agents, cfg.Token, set)
	b.add(err)
	b.unused(set)
}

// front adds the edge secret and the client certificate. Without mtls there is no
// header that could be forged, so the edge secret is optional.
func (b *builder) front(mtls bool) {
	cfg, v := b.cfg, b.v
	edge, err := newEdgeProof(cfg.Edge, mtls && cfg.Certificate.Source.fromHeaders())
	b.add(err)
	v.secret = append(v.secret, edge.headers()...)
	if mtls || len(cfg.Edge.Secrets) > 0 {
		v.proofs = append(v.proofs, edge)
	}
	cert, err := newCertificateProof(cfg.Certificate)
	b.add(err)
	if slices.Contains(cert.headers(), edge.header) {
		b.add(&ConfigError{"Edge.Header", fmt.Sprintf("%q is a certificate header too: one would overwrite the other", edge.header)})
	}
	v.secret = append(v.secret, cert.headers()...)
	if mtls {
		v.proofs = append(v.proofs, cert)
	}
}

// open is insecure-none.
func (b *builder) open() {
	if !b.cfg.DangerNotProduction {
		b.add(&ConfigError{"Policy", fmt.Sprintf("%q lets everybody in; it wants DangerNotProduction beside it, which says that this is not production", PolicyInsecureNone)})
	}
	// Read here and not by the caller, so that no way of building a Config gets
	// round it.
	if os.Getenv("K_SERVICE") != "" {
		b.add(&ConfigError{"Policy", fmt.Sprintf("%q on Cloud Run (K_SERVICE is set): it is for your own machine alone", PolicyInsecureNone)})
	}
	b.v.proofs = append(b.v.proofs, openProof{})
}

// unused reports what is configured for a proof that the policy does not ask for:
// whoever configured it believes that it is checked.
func (b *builder) unused(set proofSet) {
	cfg := b.cfg
	for _, u := range []struct {
		proof, field string
		given        bool
	}{
		{proofIDToken, "Token.Audiences", len(cfg.Token.Audiences) > 0},
		{proofBasic, "Basic.Credentials", len(cfg.Basic.Credentials) > 0},
		{proofHeader, "Header.Secrets", len(cfg.Header.Secrets) > 0},
		{proofSession, "Session.Issuer", cfg.Session.Issuer != "" || len(cfg.Session.JWKS) > 0 || cfg.Session.KeysURL != "" || len(cfg.Session.HMACSecrets) > 0},
	} {
		if u.given && !set.has(u.proof) {
			b.add(&ConfigError{u.field, fmt.Sprintf("configured, but policy %q does not ask for it: add +%s, or remove it", cfg.Policy, u.proof)})
		}
	}
}
