package verify

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// MaxTokenBytes bounds the bearer token. Google's ID tokens have about 1 KB.
	MaxTokenBytes = 4 << 10
	// TokenSkew is how far Google's clock may be ahead of ours, for iat and nbf.
	// There is none for exp: idtoken allows none.
	TokenSkew = 30 * time.Second
	// MaxTokenLifetime bounds exp less iat. Google's tokens live for one hour; the
	// bound is wider, so that no change of theirs is an outage of ours.
	MaxTokenLifetime = 24 * time.Hour

	// tokenCacheSize bounds the verified tokens that are remembered. Dialogflow
	// brings a new one an hour; only Google's get here.
	tokenCacheSize = 256
)

// TokenConfig says whose Google ID token is accepted.
type TokenConfig struct {
	// Audiences are accepted, any of them, compared whole: the webhook's URL
	// exactly as the agent has it. What a request says of its own host is never
	// one.
	Audiences []string
	// ProjectNumbers are those of the projects whose Dialogflow agents may call:
	// the numbers, not the names.
	ProjectNumbers []string
	// KeysURL serves the key set in place of GoogleKeysURL; "" is GoogleKeysURL.
	// Whoever serves it can make tokens for anybody: it is for a local stack and
	// for a copy of one's own.
	KeysURL string
}

// tokenProof judges the ID token. The library verifies the signature; everything
// else is judged here, before and after, and anew on every call.
type tokenProof struct {
	audiences []string
	emails    []string // of the Dialogflow service agents
	// What the reports say is expected.
	expectedAudience, expectedEmail string
	keys                            *keySet
	verified                        *lru.Cache[[sha256.Size]byte, verifiedToken] // by SHA-256 of the token
}

// verifiedToken is a token whose signature was verified with the key that print
// names. Nothing else about it is remembered as good.
type verifiedToken struct {
	*idToken
	print keyPrint
}

func newTokenProof(cfg TokenConfig, now func() time.Time) (*tokenProof, error) {
	p := &tokenProof{audiences: slices.Clone(cfg.Audiences)}
	var problems []error
	if len(cfg.Audiences) == 0 {
		problems = append(problems, &ConfigError{"Token.Audiences", "no audience: without one, a token that was made for any other service would be let in; set the webhook's URL exactly as the agent has it"})
	}
	for i, a := range cfg.Audiences {
		if problem := checkAudience(a); problem != "" {
			problems = append(problems, &ConfigError{fmt.Sprintf("Token.Audiences[%d]", i), problem})
		}
	}
	if len(cfg.ProjectNumbers) == 0 {
		problems = append(problems, &ConfigError{"Token.ProjectNumbers", "no project number: without one, every Dialogflow agent on earth would be let in"})
	}
	for i, n := range cfg.ProjectNumbers {
		if !isProjectNumber(n) {
			problems = append(problems, &ConfigError{fmt.Sprintf("Token.ProjectNumbers[%d]", i), fmt.Sprintf("%q is not a project number; have it from: gcloud projects describe PROJECT --format='value(projectNumber)'", n)})
		}
		p.emails = append(p.emails, dialogflowAgent(n))
	}
	var err error
	if cfg.KeysURL == "" {
		cfg.KeysURL = GoogleKeysURL
	}
	p.keys, err = newKeySet("Token.KeysURL", cfg.KeysURL, parseKeys, now)
	problems = append(problems, err)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	p.expectedAudience, p.expectedEmail = strings.Join(p.audiences, " or "), strings.Join(p.emails, " or ")
	p.verified, err = lru.New[[sha256.Size]byte, verifiedToken](tokenCacheSize)
	return p, err
}

// checkAudience says what is wrong with a configured audience; "" if nothing is.
func checkAudience(a string) string {
	u, err := url.Parse(a)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return fmt.Sprintf("%q is not a URL; want the webhook's, exactly as the agent has it, as https://webhook.example.com/", a)
	}
	if strings.HasSuffix(u.Hostname(), ".run.app") {
		return fmt.Sprintf("%q is Cloud Run's own URL, which goes round the load balancer; want the load balancer's, as the agent has it", a)
	}
	return ""
}

func isProjectNumber(s string) bool {
	if s == "" || len(s) > 20 || s[0] == '0' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func (p *tokenProof) station() Station { return StationToken }

// tokenError is a check that a token did not pass, before the proof puts it in
// the report; nil is a pass.
type tokenError = *Check

// verify judges in this order: what came (one bearer token, of a fair size);
// what it is (an ID token, RS256, exact JSON); what it claims; and only then the
// key and the signature. A stranger, who can claim anything but sign nothing,
// must have guessed all claims before we so much as look for a new key.
func (p *tokenProof) verify(ctx context.Context, r *http.Request, rep *Report, now time.Time) (err error) {
	first := len(rep.Checks)
	raw, bad := bearer(r.Header["Authorization"])
	if bad != nil {
		return rep.fail(*bad, nil)
	}
	sum := textSum(raw)
	known, remembered := p.verified.Get(sum)
	token := known.idToken
	if !remembered {
		if token, bad = parseIDToken(raw); bad != nil {
			return rep.fail(*bad, nil)
		}
	}
	defer func() {
		if err != nil {
			rep.Claimed.Email, _ = presentedEmail(token.email)
			rep.Claimed.Audience = token.audience.shown()
		}
	}()
	unverified := !remembered
	p.pass(rep, "form", token.form, "an ID token, signed with RS256", unverified)
	if bad := p.judge(token, now, rep, unverified); bad != nil {
		if bad.Code == TokenExpired {
			p.verified.Remove(sum)
		}
		bad.Unverified = unverified
		return rep.fail(*bad, nil)
	}

	set, err := p.keys.find(ctx, now, token.kid)
	if err != nil {
		return rep.fail(Check{Station: StationToken, Name: "keys", Code: KeysUnavailable, Presented: shown(token.kid), Expected: "a key of " + p.keys.url,
			Rule: "docs/security.md: key set", Hint: "the key set cannot be fetched: the cause says why; nobody was refused", Unverified: unverified}, err)
	}
	key := set.byID[token.kid]
	if key == nil {
		return rep.fail(Check{Station: StationToken, Name: "key", Code: TokenUnknownKey, Presented: shown(token.kid), Expected: "a key of " + p.keys.url,
			Rule: "RFC 7515 section 4.1.4", Hint: "whoever made this token is not Google, or Google withdrew the key", Unverified: unverified}, nil)
	}
	if stale := set.stale(now); stale >= KeysAlarmAge {
		rep.warn(Check{Station: StationToken, Name: "keys", Code: KeysStale, Presented: "expired " + stale.Truncate(time.Minute).String() + " ago", Expected: "a current key set",
			Rule: "docs/security.md: key set", Hint: fmt.Sprintf("%s cannot be fetched; calls are refused once the key set is %s past its expiry", p.keys.url, KeysGiveUpAge)})
	}
	if remembered && known.print == key.print {
		rep.TokenCached = true
		rep.pass(StationToken, "signature", "verified before", "Google's signature")
	} else {
		if bad, cause := checkSignature(ctx, key, raw, token); bad != nil {
			return rep.fail(*bad, cause)
		}
		p.verified.Add(sum, verifiedToken{token, key.print})
		rep.pass(StationToken, "signature", "verified", "Google's signature")
	}
	for i := first; i < len(rep.Checks); i++ {
		rep.Checks[i].Unverified = false
	}
	rep.Caller = token.email.text
	return nil
}

func (p *tokenProof) pass(rep *Report, name, presented, expected string, unverified bool) {
	rep.Checks = append(rep.Checks, Check{Station: StationToken, Name: name, Outcome: Pass, Presented: presented, Expected: expected, Unverified: unverified})
}

// checkSignature has idtoken verify the signature. The library reads the token a
// second time, by looser rules; all that it could read otherwise was refused.
func checkSignature(ctx context.Context, key *key, raw string, token *idToken) (tokenError, error) {
	_, err := key.validator.Validate(ctx, raw, token.audience.text)
	if err == nil {
		return nil, nil
	}
	bad := &Check{Station: StationToken, Name: "signature", Presented: "signed with " + shown(token.kid), Expected: "Google's signature", Rule: "RFC 7515 section 5.2", Unverified: true}
	var fetch *url.Error
	switch {
	case errors.Is(err, rsa.ErrVerification):
		bad.Code, bad.Hint = TokenBadSignature, "the token was altered, or somebody else signed it"
	case errors.As(err, &fetch): // key answers from memory, so this is a mistake of ours
		bad.Code, bad.Hint = KeysUnavailable, "idtoken could not read the key set"
	case time.Now().Unix() > token.expires: // by the library's own clock
		bad.Name, bad.Code, bad.Presented, bad.Expected, bad.Rule, bad.Hint = "expiry", TokenExpired, token.dates, "not expired", "RFC 7519 section 4.1.4", "it expired while it was being verified"
	default: // idtoken cannot read what we could
		return &Check{Station: StationToken, Name: "form", Code: TokenMalformed, Presented: shown(err.Error()), Expected: "a token that idtoken can read",
			Rule: "google.golang.org/api/idtoken", Hint: hintForged, Unverified: true}, nil
	}
	return bad, err
}

// hintForged is said of what Google does not make.
const hintForged = "Google does not make such tokens: somebody else made or altered this one"
