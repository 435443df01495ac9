package verify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Policy names the proofs that a call must bring, joined by "+": "mtls",
// "idtoken", "basic", "header" and "session", in any order, each once. All of
// them must hold; the order in which they are judged is always the same.
type Policy string

const (
	// PolicyMTLSAndIDToken asks for the edge secret, the client certificate and
	// the ID token. It is the default.
	PolicyMTLSAndIDToken Policy = "mtls+idtoken"
	// PolicyInsecureNone asks for nothing and lets everybody in. It starts only
	// with Config.DangerNotProduction, and never on Cloud Run.
	PolicyInsecureNone Policy = "insecure-none"
)

// The proofs that a policy is made of.
const (
	proofMTLS    = "mtls"    // EdgeConfig and CertificateConfig
	proofIDToken = "idtoken" // TokenConfig
	proofBasic   = "basic"   // BasicConfig
	proofHeader  = "header"  // HeaderConfig
	proofSession = "session" // SessionConfig; judged when the body was read
)

var proofNames = []string{proofMTLS, proofIDToken, proofBasic, proofHeader, proofSession}

// proofSet is a policy taken apart.
type proofSet []string

func (s proofSet) has(name string) bool { return slices.Contains(s, name) }

// proofs takes the policy apart. The error says which rule of composition it
// breaks.
func (p Policy) proofs() (proofSet, error) {
	if p == PolicyInsecureNone {
		return nil, nil
	}
	set := proofSet(strings.Split(string(p), "+"))
	for i, name := range set {
		if !slices.Contains(proofNames, name) {
			return nil, fmt.Errorf("%q is not a policy: want some of %s, joined by +, as %q", p, strings.Join(proofNames, ", "), PolicyMTLSAndIDToken)
		}
		if slices.Contains(set[:i], name) {
			return nil, fmt.Errorf("%q names %s twice", p, name)
		}
	}
	switch {
	case set.has(proofIDToken) && set.has(proofBasic):
		return nil, fmt.Errorf("%q: idtoken and basic both come in the Authorization header, of which a call has one; use header in place of basic", p)
	case len(set) == 1 && set.has(proofSession):
		return nil, fmt.Errorf("%q: the session token is in the body, and no body is read of callers who have proved nothing; join it with another proof, as mtls+session", p)
	}
	return set, nil
}

// Proofs lists what the policy asks for, as "mtls" and "idtoken"; nothing of
// PolicyInsecureNone, or of what is no policy. "" is the default.
func (p Policy) Proofs() []string {
	if p == "" {
		p = PolicyMTLSAndIDToken
	}
	set, _ := p.proofs() // New refuses what is no policy
	return set
}

// acceptsAnyTenant says whether the identity is one that Google presents for all
// of its customers. The name is not all that counts: a copy of GoogleIdentity
// under another name lets the same callers in.
func acceptsAnyTenant(id Identity) bool {
	for _, google := range googleIdentities() {
		if id.Name == google.Name || id.CommonName != "" && id.CommonName == google.CommonName || id.DNSName != "" && id.DNSName == google.DNSName {
			return true
		}
	}
	return false
}

// checkTenants holds that a policy which trusts certificates alone does not trust
// one that every Dialogflow agent on earth presents.
func (cfg *Config) checkTenants(set proofSet) error {
	if !set.has(proofMTLS) || set.has(proofIDToken) || cfg.DangerAnyDialogflowTenant {
		return nil
	}
	if cfg.Certificate.Identities != nil && !slices.ContainsFunc(cfg.Certificate.Identities, acceptsAnyTenant) {
		return nil
	}
	return &ConfigError{"Policy", fmt.Sprintf("%q without idtoken: every Dialogflow agent on earth presents Google's certificate, and any of them would pass it; add idtoken, or accept a client certificate of your own alone", cfg.Policy)}
}

// openProof is insecure-none: it lets every call pass, and says so each time.
type openProof struct{}

func (openProof) station() Station { return StationPolicy }

func (openProof) verify(_ context.Context, _ *http.Request, rep *Report, _ time.Time) error {
	rep.warn(Check{Station: StationPolicy, Name: "policy", Code: PolicyUnprotected, Presented: "nothing was checked", Expected: "a policy that proves the caller", Rule: "docs/security.md: policies",
		Hint: "anybody can call this function: use " + string(PolicyInsecureNone) + " on your own machine alone"})
	return nil
}
