package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"
)

// googleIssuers are the names that Google gives itself.
//
// Source: https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload
var googleIssuers = []string{"https://accounts.google.com", "accounts.google.com"}

// dialogflowAgent is the service agent as which Dialogflow calls for a project.
//
// Source: google/cloud/dialogflow/cx/v3/webhook.proto, ServiceAgentAuth
func dialogflowAgent(projectNumber string) string {
	return "service-" + projectNumber + "@gcp-sa-dialogflow.iam.gserviceaccount.com"
}

// judge compares what the token claims with what is accepted. It knows nothing
// of signatures and is asked on every call.
func (p *tokenProof) judge(t *idToken, now time.Time, rep *Report, unverified bool) tokenError {
	if !t.issuer.ok || !slices.Contains(googleIssuers, t.issuer.text) {
		return &Check{Station: StationToken, Name: "issuer", Code: TokenWrongIssuer, Presented: t.issuer.shown(), Expected: strings.Join(googleIssuers, " or "),
			Rule: "RFC 7519 section 4.1.1", Hint: "another issuer's token; a session token of your own belongs into a session parameter"}
	}
	p.pass(rep, "issuer", t.issuer.text, googleIssuers[0], unverified)

	if !t.audience.ok || !slices.Contains(p.audiences, t.audience.text) {
		return &Check{Station: StationToken, Name: "audience", Code: TokenWrongAudience, Presented: t.audience.shown(), Expected: p.expectedAudience,
			Rule: "RFC 7519 section 4.1.3", Hint: p.audienceHint(t.audience)}
	}
	p.pass(rep, "audience", t.audience.text, p.expectedAudience, unverified)

	if !t.email.ok || !slices.Contains(p.emails, t.email.text) {
		presented, hint := presentedEmail(t.email)
		return &Check{Station: StationToken, Name: "email", Code: TokenWrongEmail, Presented: presented, Expected: p.expectedEmail,
			Rule: "docs/security.md: ID token", Hint: hint}
	}
	if t.emailVerified != "true" {
		return &Check{Station: StationToken, Name: "email", Code: TokenEmailUnverified, Presented: "email_verified " + claim{text: t.emailVerified}.shown(), Expected: "email_verified true",
			Rule: "https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload", Hint: hintForged}
	}
	p.pass(rep, "email", t.email.text, p.expectedEmail, unverified)

	refuse := func(name string, code Code, expected, rule, hint string) tokenError {
		return &Check{Station: StationToken, Name: name, Code: code, Presented: t.dates, Expected: expected, Rule: rule, Hint: hint}
	}
	seconds, latest := now.Unix(), now.Add(TokenSkew).Unix()
	switch {
	case seconds >= t.expires:
		return refuse("expiry", TokenExpired, "valid now, "+date(seconds), "RFC 7519 section 4.1.4", "an old token is sent again, or the function's clock is ahead")
	case t.issued > latest || t.notBefore > latest:
		return refuse("expiry", TokenNotYetValid, "valid now, "+date(seconds), "RFC 7519 sections 4.1.5 and 4.1.6", "the function's clock is behind")
	case t.expires <= t.issued || t.expires-t.issued > int64(MaxTokenLifetime/time.Second):
		return refuse("lifetime", TokenLifetime, "expires at most "+MaxTokenLifetime.String()+" after it was issued", "docs/security.md: ID token", hintForged)
	}
	p.pass(rep, "expiry", t.dates, "valid now", unverified)
	return nil
}

// audienceHint says how a wrong audience comes closest to one that is accepted.
func (p *tokenProof) audienceHint(aud claim) string {
	if !aud.ok {
		return "want one string; " + hintForged
	}
	const same = "the webhook's URL in the agent and the configured audience must be the same to the byte: "
	if got, err := url.Parse(aud.text); err == nil && got.Host != "" {
		best, hint := 2, "" // more than one difference is another URL
		for _, a := range p.audiences {
			want, err := url.Parse(a)
			if err != nil { // not reached: newTokenProof parsed it
				continue
			}
			var differ []string
			note := func(is bool, what string) {
				if is {
					differ = append(differ, what)
				}
			}
			note(got.Scheme != want.Scheme, "the scheme differs")
			note(got.Host != want.Host, "the host differs")
			note(got.RawQuery != want.RawQuery || got.ForceQuery != want.ForceQuery, "the query differs")
			switch slash := strings.TrimSuffix(got.Path, "/") == strings.TrimSuffix(want.Path, "/"); {
			case got.Path == want.Path:
			case slash:
				differ = append(differ, "the trailing slash differs")
			default:
				differ = append(differ, "the path differs", "")
			}
			if n := len(differ); n > 0 && n < best {
				best, hint = n, same+differ[0]
			}
		}
		if hint != "" {
			return hint
		}
	}
	return "a token for another service; if the agent has this URL, configure it as an audience"
}

// presentedEmail gives a wrong address for a report. Those of people, and of
// service accounts that somebody named, are not for logs: their hash is enough
// to recognise one by.
func presentedEmail(email claim) (presented, hint string) {
	const shared = ".iam.gserviceaccount.com"
	switch agent, isAgent := serviceAgent(email.text); {
	case !email.ok:
		return "none", "the token has no address: it was made without the e-mail claim, and not by Dialogflow"
	case isAgent && agent == "gcp-sa-dialogflow":
		return email.text, "a Dialogflow agent of another project; if that is yours, configure its number"
	case isAgent:
		return email.text, "another of Google's services calls, not Dialogflow"
	case strings.HasSuffix(email.text, shared):
		presented, hint = "a service account", "a service account calls, not Dialogflow: a webhook must use the ID token of the Dialogflow service agent"
	default:
		presented, hint = "another account", "a person or another account calls, not Dialogflow"
	}
	sum := sha256.Sum256([]byte(email.text))
	return presented + ", SHA-256 " + hex.EncodeToString(sum[:8]), hint + "; the address is shown as the start of its SHA-256"
}

// serviceAgent takes service-N@AGENT.iam.gserviceaccount.com apart.
func serviceAgent(email string) (agent string, ok bool) {
	user, domain, _ := strings.Cut(email, "@")
	number, ok1 := strings.CutPrefix(user, "service-")
	agent, ok2 := strings.CutSuffix(domain, ".iam.gserviceaccount.com")
	plain := strings.HasPrefix(agent, "gcp-sa-") && len(agent) <= 64 && !strings.ContainsFunc(agent, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	})
	return agent, ok1 && ok2 && plain && isProjectNumber(number)
}
