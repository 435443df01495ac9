// Package verify proves where a Dialogflow CX webhook call comes from: that it
// passed our load balancer (the edge secret), that the load balancer saw a
// holder of Dialogflow's client certificate (mutual TLS), that Google issued the
// bearer for the Dialogflow service agent of our project (the ID token), that the
// agent knows a secret of ours (user name and password, a static header), and that
// our authentication server knows the session (the session token). A [Policy] says
// which of them a call must bring.
//
// Every proof answers the same three questions: what was presented, what was
// expected, which rule decided. A refusal is an [Error] that wraps [ErrDenied]
// and carries a stable [Code]; a fault of ours wraps [ErrUnavailable]. The
// caller learns the status and nothing else.
//
// The package knows nothing of webhooks: it is net/http middleware. The session
// token is in the body, so whoever reads the body hands it to VerifySession.
package verify

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Config says what is accepted. The zero value accepts nobody and is refused by
// New.
type Config struct {
	// Policy defaults to PolicyMTLSAndIDToken.
	Policy      Policy
	Edge        EdgeConfig
	Certificate CertificateConfig
	Token       TokenConfig
	Basic       BasicConfig
	Header      HeaderConfig
	Session     SessionConfig
	// Agents may call; nil is all that the proofs let in. See AllowedAgent for what
	// the list is worth.
	Agents []AllowedAgent

	// DangerAnyDialogflowTenant lets policies without idtoken accept the
	// certificates that every Dialogflow agent on earth presents.
	DangerAnyDialogflowTenant bool
	// DangerNotProduction says that nothing here is worth protecting; without it
	// PolicyInsecureNone is refused.
	DangerNotProduction bool

	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// ConfigError is one thing wrong with a Config.
type ConfigError struct {
	Field   string // the field's path below Config, as "Token.Audiences"
	Problem string // what is wrong and what to do
}

func (e *ConfigError) Error() string { return "verify: " + e.Field + ": " + e.Problem }

// A proof judges one side of a request as of now. It adds what it found to the report
// and returns an *Error where the call must not pass.
type proof interface {
	station() Station
	verify(ctx context.Context, r *http.Request, rep *Report, now time.Time) error
}

// Verifier judges requests. It is safe for use by several goroutines.
type Verifier struct {
	proofs []proof // in the order of SECURITY: edge, certificate, token, basic, header
	secret []string
	now    func() time.Time
	// What a 401 asks for; never empty where a proof answers 401.
	challenge string
	keys      []*keySet
	agents    *agentGuard   // nil where every agent may call
	session   *sessionProof // nil where the policy asks for none
}

// New builds a Verifier. Every problem of the configuration is reported at once
// as joined *ConfigError values. New does not touch the network: see
// [Verifier.Prefetch].
func New(cfg Config) (*Verifier, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Policy == "" {
		cfg.Policy = PolicyMTLSAndIDToken
	}
	b := builder{cfg: &cfg, v: &Verifier{now: cfg.Now, secret: []string{"Authorization"}, challenge: "Bearer"}}
	set, err := cfg.Policy.proofs()
	if err != nil {
		b.add(&ConfigError{"Policy", err.Error()})
		set = proofSet{proofMTLS, proofIDToken} // the rest is checked as for the default
	}
	b.build(set)
	if err := errors.Join(b.problems...); err != nil {
		return nil, err
	}
	slices.Sort(b.v.secret) // the source's headers are among the foreign ones too, mostly
	b.v.secret = slices.Compact(b.v.secret)
	return b.v, nil
}

// Prefetch gets the keys that tokens are verified with, so that the first call
// does not wait for them. A failure is not final: the first call tries again.
func (v *Verifier) Prefetch(ctx context.Context) error {
	var problems []error
	for _, set := range v.keys {
		problems = append(problems, set.prefetch(ctx))
	}
	return errors.Join(problems...)
}

// KeySetAge is how long ago the key set in use was fetched; of several, the
// oldest. It is false where the policy needs none, or none could be had yet.
func (v *Verifier) KeySetAge(now time.Time) (age time.Duration, ok bool) {
	for _, set := range v.keys {
		if k := set.current.Load(); k != nil {
			age, ok = max(age, k.age(now)), true
		}
	}
	return age, ok
}

// Verify judges a request by every proof of the policy that needs no body, and
// stops at the first that refuses; [Verifier.VerifySession] has the rest. The report is never nil; the error is nil or an *[Error].
func (v *Verifier) Verify(r *http.Request) (*Report, error) {
	rep := newReport()
	ctx, start := r.Context(), v.now()
	for _, p := range v.proofs {
		err := p.verify(ctx, r, rep, start)
		end := v.now()
		rep.Took = append(rep.Took, StationTime{p.station(), end.Sub(start)})
		start = end
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
				w.Header().Set("WWW-Authenticate", v.challenge)
			}
			refused(w, r, rep, e)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), reportKey{}, rep)))
	})
}

// SessionParameter is the session parameter that holds the session token, which
// nobody but VerifySession may see; "" where the policy asks for none.
func (v *Verifier) SessionParameter() string {
	if v.session == nil {
		return ""
	}
	return v.session.parameter
}

// JudgesSession says whether VerifySession has anything to judge by.
func (v *Verifier) JudgesSession() bool { return v.agents != nil || v.session != nil }

// VerifySession judges what the body of a verified call says of its session: the
// agent against the allow-list, then the session token against the session. token
// is the text of the parameter SessionParameter, "" where there is none. rep is
// the call's report, from the middleware. The error is nil or an *[Error].
func (v *Verifier) VerifySession(ctx context.Context, s Session, token string, rep *Report) error {
	if !v.JudgesSession() {
		return nil
	}
	start := v.now()
	if v.agents != nil {
		if s.Agent == "" {
			return rep.fail(malformedSession(s, StationAgent), nil)
		}
		err := v.agents.judge(s, rep)
		end := v.now()
		rep.Took = append(rep.Took, StationTime{StationAgent, end.Sub(start)})
		start = end
		if err != nil {
			return err
		}
	}
	if v.session == nil {
		return nil
	}
	if s.Agent == "" {
		return rep.fail(malformedSession(s, StationSession), nil)
	}
	err := v.session.judge(ctx, s, token, rep, start)
	rep.Took = append(rep.Took, StationTime{StationSession, v.now().Sub(start)})
	return err
}

type reportKey struct{}

// FromContext gives the report of the verified request that ctx belongs to, or
// nil.
func FromContext(ctx context.Context) *Report {
	rep, _ := ctx.Value(reportKey{}).(*Report)
	return rep
}
