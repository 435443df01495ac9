package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// DefaultSessionParameter is the session parameter that carries the session
	// token.
	DefaultSessionParameter = "cxhook_token"
	// MaxSessionTokenBytes bounds the session token.
	MaxSessionTokenBytes = 4 << 10
	// DefaultSessionLifetime bounds exp less nbf where SessionConfig does not, and
	// MaxSessionLifetime what it may ask for.
	DefaultSessionLifetime = time.Hour
	MaxSessionLifetime     = 24 * time.Hour
	// MinHMACSecretBytes is the shortest shared secret: as long as the digest.
	MinHMACSecretBytes = 32

	// sessionCacheSize bounds the verified session tokens that are remembered. A
	// session has its own.
	sessionCacheSize = 4096
)

// SessionConfig says whose session token is accepted: a JWT that your own
// authentication server made for one session, and that the client which began the
// session put into a session parameter. Exactly one of JWKS, KeysURL and
// HMACSecrets says how it is signed.
//
// It is a bearer secret that the client knows: who calls detectIntent sets
// session parameters, and sees them again. When it expires in the middle of a
// conversation, the next webhook call fails: the client must set a new one in
// time.
type SessionConfig struct {
	// Parameter is the session parameter's name; "" is DefaultSessionParameter.
	Parameter string
	// Issuer and Audience are what iss and aud must be, whole.
	Issuer, Audience string
	// MaxLifetime bounds exp less nbf; 0 is DefaultSessionLifetime.
	MaxLifetime time.Duration
	// JWKS is a key set (RFC 7517) of public keys for EdDSA, ES256 or RS256, as
	// read from a file. A key serves one algorithm.
	JWKS []byte
	// KeysURL serves such a key set; it is kept and refreshed as Google's is.
	KeysURL string
	// HMACSecrets sign by HMAC-SHA-256 (JWT algorithm HS256). Any of them is
	// accepted, so that they can be rotated; each has at least MinHMACSecretBytes.
	HMACSecrets []string
}

// sessionProof judges the session token, once the body was read.
type sessionProof struct {
	parameter, issuer, audience string
	lifetime                    time.Duration
	static                      *keys   // of a file; nil where remote or hmac is used
	remote                      *keySet // behind a URL
	hmac                        []*key  // shared secrets
	source                      string  // where the keys are from, for reports
	verified                    *lru.Cache[[sha256.Size]byte, verifiedSession]
}

// verifiedSession is a token whose signature was verified with the key that print
// names. Nothing else about it is remembered as good.
type verifiedSession struct {
	*sessionToken
	print keyPrint
}

func newSessionProof(cfg SessionConfig, now func() time.Time) (*sessionProof, error) {
	p := &sessionProof{parameter: cfg.Parameter, issuer: cfg.Issuer, audience: cfg.Audience, lifetime: cfg.MaxLifetime}
	var problems []error
	problem := func(field, text string) { problems = append(problems, &ConfigError{field, text}) }
	switch {
	case p.parameter == "":
		p.parameter = DefaultSessionParameter
	case strings.TrimSpace(p.parameter) != p.parameter || hasControl(p.parameter):
		problem("Session.Parameter", fmt.Sprintf("%q is not a session parameter's name", p.parameter))
	}
	if cfg.Issuer == "" {
		problem("Session.Issuer", "empty: it must be what your authentication server writes into iss")
	}
	if cfg.Audience == "" {
		problem("Session.Audience", "empty: without one, a token that was made for another service would be let in; it must be what your authentication server writes into aud")
	}
	switch {
	case p.lifetime == 0:
		p.lifetime = DefaultSessionLifetime
	case p.lifetime < 0 || p.lifetime > MaxSessionLifetime:
		problem("Session.MaxLifetime", fmt.Sprintf("%v; want up to %v", p.lifetime, MaxSessionLifetime))
	}
	given := 0
	for _, is := range []bool{len(cfg.JWKS) > 0, cfg.KeysURL != "", len(cfg.HMACSecrets) > 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		problem("Session.JWKS", fmt.Sprintf("%d sources of keys; want one: a key set, the URL of one, or HMAC secrets", given))
	}
	var err error
	switch {
	case len(cfg.JWKS) > 0:
		p.source = "the configured key set"
		if p.static, err = parseSessionKeys(cfg.JWKS); err != nil {
			problem("Session.JWKS", err.Error())
		}
	case cfg.KeysURL != "":
		p.source = cfg.KeysURL
		p.remote, err = newKeySet("Session.KeysURL", cfg.KeysURL, parseSessionKeys, now)
		problems = append(problems, err)
	default:
		p.source = "the shared secrets"
		for i, s := range cfg.HMACSecrets {
			if len(s) < MinHMACSecretBytes {
				problem(fmt.Sprintf("Session.HMACSecrets[%d]", i), fmt.Sprintf("%d bytes; want at least %d, for instance from: openssl rand -base64 32", len(s), MinHMACSecretBytes))
			}
			p.hmac = append(p.hmac, &key{print: sha256.Sum256([]byte(s)), algorithm: jose.HS256, public: []byte(s)})
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	p.verified, err = lru.New[[sha256.Size]byte, verifiedSession](sessionCacheSize)
	return p, err
}

const sessionRule = "docs/security.md: session token"

// judge holds the token against the session that the body is of. The order is the
// ID token's: what it is, what it claims, and only then key and signature.
func (p *sessionProof) judge(ctx context.Context, s Session, raw string, rep *Report, now time.Time) error {
	refuse := func(name string, code Code, presented, expected, rule, hint string) error {
		return rep.fail(Check{Station: StationSession, Name: name, Code: code, Presented: presented, Expected: expected, Rule: rule, Hint: hint, Unverified: true}, nil)
	}
	switch {
	case raw == "":
		return refuse("token", SessionMissing, "no session parameter "+p.parameter, "a session token in "+p.parameter, sessionRule,
			"the client that begins the session must set this parameter (queryParams.parameters of detectIntent) to a token of your authentication server; is the parameter's name the same on both sides?")
	case len(raw) > MaxSessionTokenBytes:
		return refuse("token", SessionTooLarge, fmt.Sprintf("%d bytes", len(raw)), fmt.Sprintf("at most %d bytes", MaxSessionTokenBytes), sessionRule, "put no more into the token than it is judged by")
	}
	sum := textSum(raw)
	known, remembered := p.verified.Get(sum)
	token := known.sessionToken
	if !remembered {
		var bad *Check
		if token, bad = parseSessionToken(raw); bad != nil {
			return rep.fail(*bad, nil)
		}
	}
	if bad := p.judgeClaims(token, s, now); bad != nil {
		bad.Unverified = !remembered
		return rep.fail(*bad, nil)
	}
	var room [1]*key // on the stack
	candidates, err := p.keysFor(ctx, token, rep, now, room[:0])
	if err != nil {
		return rep.fail(Check{Station: StationSession, Name: "keys", Code: KeysUnavailable, Presented: token.keyName(), Expected: "a key of " + p.source, Rule: sessionRule,
			Hint: "the key set of your authentication server cannot be fetched: the cause says why; nobody was refused", Unverified: true}, err)
	}
	if len(candidates) == 0 {
		return refuse("key", SessionUnknownKey, token.keyName(), "a key of "+p.source, "RFC 7515 section 4.1.4", "another key signed this token: has the authentication server's key set been given to the function?")
	}
	if candidates[0].algorithm != token.algorithm { // one algorithm per key: RFC 8725 section 3.1
		return refuse("algorithm", SessionWrongAlgorithm, string(token.algorithm), string(candidates[0].algorithm)+", which this key is for", "RFC 8725 section 3.1", "the token's header does not decide how it is verified, its key does")
	}
	for _, k := range candidates {
		if !(remembered && known.print == k.print) {
			if remembered || !token.signedWith(raw, k) {
				continue
			}
			p.verified.Add(sum, verifiedSession{token, k.print})
		}
		rep.pass(StationSession, "token", "a session token for this session", "a session token for this session")
		return nil
	}
	p.verified.Remove(sum)
	return refuse("signature", SessionBadSignature, "signed with "+token.keyName(), "the signature of a key of "+p.source, "RFC 7515 section 5.2", "the token was altered, or somebody else signed it")
}

// keysFor gives the keys that the token may be signed with: the one that it names,
// in room, or every shared secret, which have no names.
func (p *sessionProof) keysFor(ctx context.Context, token *sessionToken, rep *Report, now time.Time, room []*key) ([]*key, error) {
	set := p.static
	switch {
	case p.hmac != nil:
		return p.hmac, nil
	case p.remote != nil:
		var err error
		if set, err = p.remote.find(ctx, now, token.kid); err != nil {
			return nil, err
		}
		if stale := set.stale(now); stale >= KeysAlarmAge {
			rep.warn(Check{Station: StationSession, Name: "keys", Code: KeysStale, Presented: "expired " + stale.Truncate(time.Minute).String() + " ago", Expected: "a current key set", Rule: sessionRule,
				Hint: fmt.Sprintf("%s cannot be fetched; calls are refused once the key set is %s past its expiry", p.source, KeysGiveUpAge)})
		}
	}
	if k := set.byID[token.kid]; k != nil {
		return append(room, k), nil
	}
	return nil, nil
}

// judgeClaims is asked on every call; it knows nothing of signatures.
func (p *sessionProof) judgeClaims(t *sessionToken, s Session, now time.Time) *Check {
	refuse := func(name string, code Code, presented, expected, rule, hint string) *Check {
		return &Check{Station: StationSession, Name: name, Code: code, Presented: presented, Expected: expected, Rule: rule, Hint: hint}
	}
	if !t.issuer.is(p.issuer) {
		return refuse("issuer", SessionWrongIssuer, t.issuer.shown(), p.issuer, "RFC 7519 section 4.1.1", "another issuer's token, or the configured issuer is not what the authentication server writes")
	}
	if !t.audience.is(p.audience) {
		return refuse("audience", SessionWrongAudience, t.audience.shown(), p.audience, "RFC 7519 section 4.1.3", "a token for another service; aud must be one string, equal to the byte")
	}
	if !t.session.is(s.Name) {
		return refuse("session", SessionWrongSession, t.session.shown(), shown(s.Name), sessionRule, "the token was made for another session: the claim must be the session's full name, with the environment where there is one")
	}
	seconds, latest := now.Unix(), now.Add(TokenSkew).Unix()
	switch {
	case seconds >= t.expires:
		return refuse("expiry", SessionExpired, t.dates(), "valid now, "+date(seconds), "RFC 7519 section 4.1.4", "the client must set a new token before the old one ends: see docs/security.md on refresh")
	case t.notBefore > latest:
		return refuse("expiry", SessionNotYetValid, t.dates(), "valid now, "+date(seconds), "RFC 7519 section 4.1.5", "the authentication server's clock is ahead, or the function's behind")
	case t.expires <= t.notBefore || t.expires-t.notBefore > int64(p.lifetime/time.Second):
		return refuse("lifetime", SessionLifetime, t.dates(), "at most "+p.lifetime.String()+" from nbf to exp", sessionRule, "make shorter tokens, or allow longer ones by the function's configuration")
	}
	return nil
}

// sessionAlgorithms are those that a session token may name.
var sessionAlgorithms = []jose.SignatureAlgorithm{jose.EdDSA, jose.ES256, jose.RS256, jose.HS256}

func (t *sessionToken) keyName() string {
	if t.kid == "" {
		return "a key without a name"
	}
	return "key " + shown(t.kid)
}

func (t *sessionToken) dates() string {
	return "not before " + date(t.notBefore) + ", expires " + date(t.expires)
}

// signedWith has go-jose verify the signature, with the key's own algorithm.
func (t *sessionToken) signedWith(raw string, k *key) bool {
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{k.algorithm})
	if err != nil {
		return false
	}
	_, err = jws.Verify(k.public)
	return err == nil
}

// sessionHeaderNames are those that we or the library read.
var sessionHeaderNames = slices.Concat([]string{"alg", "typ", "kid", "nonce"}, refusedHeaders)

func isSessionAlgorithm(alg string) bool {
	return slices.Contains(sessionAlgorithms, jose.SignatureAlgorithm(alg))
}
