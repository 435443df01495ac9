package verify

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// DefaultEdgeHeader is the request header in which the load balancer sends the
// edge secret.
const DefaultEdgeHeader = "X-Cxhook-Edge"

// MinEdgeSecretBytes is the shortest edge secret that is accepted: 128 bits in
// base64 or more.
const MinEdgeSecretBytes = 22

// EdgeConfig describes the secret that only the load balancer knows. It guards
// against calls that go round the balancer: ingress "internal" admits the
// project's own network, Cloud Scheduler, Tasks, Eventarc, Pub/Sub and Workflows,
// and each of those could forge every certificate header.
type EdgeConfig struct {
	// Header carries the secret; "" is DefaultEdgeHeader.
	Header string
	// Secrets are accepted, any of them: one, or the new and the previous one
	// while it is being rotated. Each has at least MinEdgeSecretBytes bytes of
	// printable ASCII, without spaces and braces.
	// The first is the current one: calls with another pass with a warning
	// (EdgeSecretPrevious), and when those have stopped it can be dropped.
	Secrets []string
	// DangerNoEdgeSecret lets calls in that did not come through the load
	// balancer, and so may have forged its headers. For a function that nothing
	// but the balancer can reach.
	DangerNoEdgeSecret bool
}

const edgeRule = "docs/security.md: edge secret"

type edgeProof struct {
	header string
	sums   [][sha256.Size]byte // of the accepted secrets
	needed bool                // nobody but the front may write the certificate's headers
}

// newEdgeProof makes the proof. Where the certificate comes from headers, needed is
// true; of a connection that ends here there is nothing to forge.
func newEdgeProof(cfg EdgeConfig, needed bool) (*edgeProof, error) {
	if cfg.Header == "" {
		cfg.Header = DefaultEdgeHeader
	}
	p := &edgeProof{header: textproto.CanonicalMIMEHeaderKey(cfg.Header), needed: needed}
	var problems []error
	if !validHeaderName(cfg.Header) {
		problems = append(problems, &ConfigError{"Edge.Header", fmt.Sprintf("%q is not a header name that a load balancer can set", cfg.Header)})
	}
	if needed && len(cfg.Secrets) == 0 && !cfg.DangerNoEdgeSecret {
		problems = append(problems, &ConfigError{"Edge.Secrets", "no edge secret: without one, whoever reaches the function past the load balancer can forge the certificate headers"})
	}
	if len(cfg.Secrets) > 0 && cfg.DangerNoEdgeSecret {
		problems = append(problems, &ConfigError{"Edge.DangerNoEdgeSecret", "an edge secret is configured too; remove one of the two"})
	}
	for i, s := range cfg.Secrets {
		if len(s) < MinEdgeSecretBytes {
			problems = append(problems, &ConfigError{fmt.Sprintf("Edge.Secrets[%d]", i), fmt.Sprintf("%d bytes; want at least %d, for instance from: openssl rand -base64 32", len(s), MinEdgeSecretBytes)})
		}
		if strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '{' || c == '}' }) {
			problems = append(problems, &ConfigError{fmt.Sprintf("Edge.Secrets[%d]", i), "has a space, a line end, a brace or a character beyond ASCII, which the load balancer would not send as it is; a mounted file often ends with a line end"})
		}
		p.sums = append(p.sums, sha256.Sum256([]byte(s)))
	}
	return p, errors.Join(problems...)
}

func (p *edgeProof) station() Station  { return StationEdge }
func (p *edgeProof) headers() []string { return []string{p.header} }

func (p *edgeProof) verify(_ context.Context, r *http.Request, rep *Report, _ time.Time) error {
	if len(p.sums) == 0 && !p.needed {
		rep.pass(StationEdge, "secret", "none", "none: TLS ends here")
		return nil
	}
	if len(p.sums) == 0 { // DangerNoEdgeSecret
		rep.warn(Check{Station: StationEdge, Name: "secret", Code: EdgeSecretUnchecked, Rule: edgeRule, Presented: "not checked", Expected: "an edge secret in " + p.header,
			Hint: "calls that go round the load balancer are not recognised; configure an edge secret"})
		return nil
	}
	refuse := func(code Code, presented string) error {
		return rep.fail(Check{Station: StationEdge, Name: "secret", Code: code, Presented: presented,
			Expected: "one " + p.header + " header with a configured secret", Rule: edgeRule,
			Hint: "the call did not come through the load balancer, or the balancer's header list is not the function's: replace the whole list, then wait until it has spread (up to an hour)"}, nil)
	}
	values := r.Header[p.header]
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return refuse(EdgeSecretMissing, "none")
	case len(values) > 1:
		return refuse(EdgeSecretDuplicate, fmt.Sprintf("%d values", len(values)))
	}
	// Compared as digests, so that neither length nor content shows in the time.
	sum := sha256.Sum256([]byte(values[0]))
	match := -1
	for i := range p.sums {
		match = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], p.sums[i][:]), i, match)
	}
	switch {
	case match < 0:
		return refuse(EdgeSecretWrong, "another secret")
	case match > 0:
		rep.warn(Check{Station: StationEdge, Name: "secret", Code: EdgeSecretPrevious, Presented: "a previous secret", Expected: "the current secret", Rule: edgeRule,
			Hint: "expected while the secret is being rotated; drop the previous secret only when this has stopped"})
	default:
		rep.pass(StationEdge, "secret", "the current secret", "the current secret")
	}
	return nil
}
