// Package verify proves where a Dialogflow CX webhook call comes from: that it
// passed our load balancer (the edge secret), that the load balancer saw a
// holder of Dialogflow's client certificate (mutual TLS), and that Google issued
// the bearer for the Dialogflow service agent of our project (the ID token).
//
// Every proof answers the same three questions: what was presented, what was
// expected, which rule decided. A refusal is an [Error] that wraps [ErrDenied]
// and carries a stable [Code]; a fault of ours wraps [ErrUnavailable]. The
// caller learns the status and nothing else.
//
// The package knows nothing of webhooks: it is net/http middleware.
package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Policy names the proofs that a call must bring.
type Policy string

// PolicyMTLSAndIDToken asks for the edge secret, the client certificate and the
// ID token. It is the default.
const PolicyMTLSAndIDToken Policy = "mtls+idtoken"

// Config says what is accepted. The zero value accepts nobody and is refused by
// New.
type Config struct {
	// Policy defaults to PolicyMTLSAndIDToken.
	Policy      Policy
	Edge        EdgeConfig
	Certificate CertificateConfig
	Token       TokenConfig
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// ConfigError is one thing wrong with a Config.
type ConfigError struct {
	Field   string // the field's path below Config, as "Token.Audiences"
	Problem string // what is wrong and what to do
}

func (e *ConfigError) Error() string { return "verify: " + e.Field + ": " + e.Problem }

// A proof judges one side of a request. It adds what it found to the report and
// returns an *Error where the call must not pass.
type proof interface {
	station() Station
	verify(ctx context.Context, r *http.Request, rep *Report) error
}

// Verifier judges requests. It is safe for use by several goroutines.
type Verifier struct {
	proofs []proof // in the order of SECURITY: edge, certificate, token
	secret []string
	now    func() time.Time
	keys   *keySet
}

// New builds a Verifier. Every problem of the configuration is reported at once
// as joined *ConfigError values. New does not touch the network: see
// [Verifier.Prefetch].
func New(cfg Config) (*Verifier, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	var problems []error
	if cfg.Policy == "" {
		cfg.Policy = PolicyMTLSAndIDToken
	}
	if cfg.Policy != PolicyMTLSAndIDToken {
		problems = append(problems, &ConfigError{"Policy", fmt.Sprintf("%q is not a policy; have %q", cfg.Policy, PolicyMTLSAndIDToken)})
	}
	edge, err := newEdgeProof(cfg.Edge, cfg.Certificate.Source.fromHeaders())
	problems = append(problems, err)
	cert, err := newCertificateProof(cfg.Certificate, cfg.Now)
	problems = append(problems, err)
	if slices.Contains(cert.headers(), edge.header) {
		problems = append(problems, &ConfigError{"Edge.Header", fmt.Sprintf("%q is a certificate header too: one would overwrite the other", edge.header)})
	}
	if cfg.Certificate.ReportOnly && cfg.Policy != PolicyMTLSAndIDToken {
		problems = append(problems, &ConfigError{"Certificate.ReportOnly", "with this policy nothing but the certificate proves who calls"})
	}
	token, err := newTokenProof(cfg.Token, cfg.Now)
	problems = append(problems, err)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &Verifier{
		proofs: []proof{edge, cert, token},
		secret: append(append([]string{"Authorization"}, edge.headers()...), cert.headers()...),
		now:    cfg.Now,
		keys:   token.keys,
	}, nil
}

// Prefetch gets Google's keys, so that the first call does not wait for them.
// A failure is not final: the first call tries again.
func (v *Verifier) Prefetch(ctx context.Context) error { return v.keys.prefetch(ctx) }

// Verify judges a request by every proof of the policy and stops at the first
// that refuses. The report is never nil; the error is nil or an *[Error].
func (v *Verifier) Verify(r *http.Request) (*Report, error) {
	rep := &Report{Checks: make([]Check, 0, 24), Took: make(map[Station]time.Duration, 4)}
	for _, p := range v.proofs {
		start := v.now()
		err := p.verify(r.Context(), r, rep)
		rep.Took[p.station()] = v.now().Sub(start)
		if err != nil {
			return rep, err
		}
	}
	return rep, nil
}

// Middleware lets verified requests through to next, with the report in their
// context ([FromContext]) and without the headers that proved them: no handler,
// recorder or log after it sees the bearer token, the edge secret or the
// certificate headers. refused answers the others; it must not tell the caller
// more than err's status. A nil refused writes the bare status.
func (v *Verifier) Middleware(next http.Handler, refused func(http.ResponseWriter, *http.Request, *Report, *Error)) http.Handler {
	if refused == nil {
		refused = func(w http.ResponseWriter, _ *http.Request, _ *Report, err *Error) { w.WriteHeader(err.Status()) }
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rep, err := v.Verify(r)
		for _, name := range v.secret {
			delete(r.Header, name)
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) { // no proof does this; a new one that did would be let in otherwise
				e = &Error{Check: Check{Code: KeysUnavailable, Outcome: Fail}, Cause: err}
			}
			if e.Status() == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", "Bearer")
			}
			refused(w, r, rep, e)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), reportKey{}, rep)))
	})
}

type reportKey struct{}

// FromContext gives the report of the verified request that ctx belongs to, or
// nil.
func FromContext(ctx context.Context) *Report {
	rep, _ := ctx.Value(reportKey{}).(*Report)
	return rep
}
