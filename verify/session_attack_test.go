package verify

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// sessionAttack is one row: what it does to a good session token, and what comes
// of it.
type sessionAttack struct {
	id     string
	attack func(*forgery)
	want   Code           // "" is accepted
	twin   func(*forgery) // the smallest change back that is accepted; nil is the good token
	cfg    func() SessionConfig
}

// TestAttackSession runs every row against a verifier of its own, and holds that
// every code of the session token is reached by one.
func TestAttackSession(t *testing.T) {
	numbers, reached := map[string]bool{}, map[Code]bool{SessionMissing: true} // TestAttackSessionForm has that one
	rows := append(sessionFormAttacks(), sessionClaimAttacks()...)
	for _, row := range append(rows, sessionKeyAttacks()...) {
		number, _, _ := strings.Cut(row.id, "-")
		if numbers[number] {
			t.Errorf("%s: a number is used twice", row.id)
		}
		numbers[number], reached[row.want] = true, true
		t.Run(row.id, func(t *testing.T) {
			cfg := sessionConfig
			if row.cfg != nil {
				cfg = row.cfg
			}
			rig := newSessionRig(t, cfg())
			f := newSessionForgery()
			row.attack(f)
			token := f.token()
			for range 2 { // it stays refused
				rep, err := rig.call(token)
				if got := refusal(t, rep, err); got != row.want {
					t.Fatalf("got %q, want %q: %s", got, row.want, lastCheck(rep))
				}
				leaksNothing(t, rep, err, token)
			}
			if row.want != "" && rig.session.verified.Len() != 0 {
				t.Error("a refused token is remembered")
			}
			twin := newSessionForgery()
			if row.twin != nil {
				row.twin(twin)
			}
			for range 2 { // verified, and then remembered
				rep, err := rig.call(twin.token())
				if err != nil {
					t.Fatalf("the twin is refused: %v\n%s", err, lastCheck(rep))
				}
			}
		})
	}
	for _, code := range declaredCodes(t, "Session") {
		if !reached[code] {
			t.Errorf("no row reaches %s", code)
		}
	}
}

func sessionFormAttacks() []sessionAttack {
	nested := func(n int) func(*forgery) {
		return addClaim("x", strings.Repeat(`{"x":`, n)+"1"+strings.Repeat("}", n))
	}
	longest := strings.Repeat("k", maxKeyIDBytes)
	return []sessionAttack{
		{id: "J03-an-object", attack: editToken(func(s string) string { return `{"token":"` + s + `"}` }), want: SessionMalformed},
		{id: "J04-opaque", attack: editToken(func(string) string { return "session-secret" }), want: SessionMalformed},
		{id: "J05-two-segments", attack: editToken(func(s string) string { return s[:strings.LastIndex(s, ".")] }), want: SessionMalformed},
		{id: "J06-four-segments", attack: editToken(func(s string) string { return s + ".x" }), want: SessionMalformed},
		{id: "J07-large", attack: addClaim("pad", jsonText(strings.Repeat("x", MaxSessionTokenBytes))), want: SessionTooLarge, twin: addClaim("pad", jsonText(strings.Repeat("x", MaxSessionTokenBytes/2)))},
		{id: "J27-a-byte-too-large", attack: sized(MaxSessionTokenBytes + 1), want: SessionTooLarge, twin: sized(MaxSessionTokenBytes)},
		{id: "J08-padding", attack: editSegment(2, func(s string) string { return s + "==" }), want: SessionMalformed},
		{id: "J09-line-end", attack: editToken(func(s string) string { return s + "\n" }), want: SessionMalformed},
		{id: "J10-space", attack: editToken(func(s string) string { return " " + s }), want: SessionMalformed},
		{id: "J11-bearer", attack: editToken(func(s string) string { return "Bearer " + s }), want: SessionMalformed},
		{id: "J12-header-null", attack: headerText("null"), want: SessionMalformed},
		{id: "J13-payload-null", attack: payloadText("null"), want: SessionMalformed},
		{id: "J14-payload-array", attack: editPayload(func(s string) string { return "[" + s + "]" }), want: SessionMalformed},
		{id: "J15-session-twice", attack: addClaim("session", `"projects/p/locations/l/agents/a/sessions/other"`), want: SessionMalformed},
		{id: "J16-session-in-two-cases", attack: addClaim("Session", `"projects/p/locations/l/agents/a/sessions/other"`), want: SessionMalformed, twin: addClaim("sessions", "1")},
		{id: "J17-EXP", attack: addClaim("EXP", "99999999999"), want: SessionMalformed},
		{id: "J18-no-exp", attack: dropClaim("exp"), want: SessionMalformed},
		{id: "J19-no-nbf", attack: dropClaim("nbf"), want: SessionMalformed, twin: dropClaim("sub")},
		{id: "J20-exp-a-string", attack: setClaim("exp", `"99999999999"`), want: SessionMalformed},
		{id: "J21-exp-negative", attack: setClaim("exp", "-1"), want: SessionMalformed},
		{id: "J22-deep", attack: nested(maxTokenDepth), want: SessionMalformed, twin: nested(maxTokenDepth - 1)},
		{id: "J23-no-signature", attack: editSegment(2, func(string) string { return "" }), want: SessionMalformed},
		{id: "J24-loose-base64", attack: editSegment(2, func(s string) string { return s[:len(s)-1] + "_" }), want: SessionMalformed},

		{id: "J30-none", attack: setHeader("alg", `"none"`), want: SessionWrongAlgorithm},
		{id: "J31-None", attack: setHeader("alg", `"None"`), want: SessionWrongAlgorithm},
		{id: "J32-no-alg", attack: dropHeader("alg"), want: SessionWrongAlgorithm},
		{id: "J33-alg-lower-case", attack: setHeader("alg", `"eddsa"`), want: SessionWrongAlgorithm},
		{id: "J34-alg-null", attack: setHeader("alg", "null"), want: SessionWrongAlgorithm},
		{id: "J35-PS256", attack: signedAs("PS256", "rs-1", signedBy(googleKey())), want: SessionWrongAlgorithm, twin: signedAs("RS256", "rs-1", signedBy(googleKey()))},
		{id: "J36-ES384", attack: signedAs("ES384", "es-1", signES256), want: SessionWrongAlgorithm, twin: signedAs("ES256", "es-1", signES256)},
		{id: "J40-crit", attack: addHeader("crit", `["exp"]`), want: SessionHeaderRefused},
		{id: "J41-jwk", attack: addHeader("jwk", jsonText(jose.JSONWebKey{Key: otherEdKey.Public()})), want: SessionHeaderRefused},
		{id: "J42-jku", attack: addHeader("jku", `"https://mallory.example/jwks"`), want: SessionHeaderRefused},
		{id: "J43-x5c", attack: addHeader("x5c", "[]"), want: SessionHeaderRefused},
		{id: "J44-b64", attack: addHeader("b64", "false"), want: SessionHeaderRefused},
		{id: "J45-nonce", attack: addHeader("nonce", `"x"`), want: SessionHeaderRefused, twin: addHeader("x", `"x"`)},
		{id: "J46-typ", attack: setHeader("typ", `"at+jwt"`), want: SessionHeaderRefused, twin: dropHeader("typ")},
		{id: "J47-kid-a-number", attack: setHeader("kid", "1"), want: SessionHeaderRefused},
		{id: "J48-kid-long", attack: setHeader("kid", jsonText(longest+"k")), want: SessionHeaderRefused, twin: setHeader("kid", jsonText(longest)),
			cfg: func() SessionConfig {
				return withJWKS(jose.JSONWebKey{Key: edKey.Public(), KeyID: longest})
			}},
		{id: "J49-KID", attack: addHeader("KID", `"ed-1"`), want: SessionMalformed},
		// No key is looked for, least of all fetched, for an algorithm that none is for.
		{id: "J37-none-by-an-unknown-key", attack: signedAs("none", "ed-2", signEd(edKey)), want: SessionWrongAlgorithm},
	}
}

// sized pads the token to n bytes: base64 has not every length, so the header has a
// part in it.
func sized(n int) func(*forgery) {
	return func(f *forgery) {
		f.claims.add("pad", `""`)
		f.header.add("pad", `""`)
		room := (n - len(f.token())) * 3 / 4
		for i := range 9 {
			f.header.set("pad", jsonText(strings.Repeat("x", i/3)))
			f.claims.set("pad", jsonText(strings.Repeat("x", room-i/3+i%3)))
			if len(f.token()) == n {
				return
			}
		}
		panic("no token has this length")
	}
}

func withJWKS(list ...jose.JSONWebKey) SessionConfig {
	c := sessionConfig()
	c.JWKS = []byte(jwks(list...))
	return c
}

func addHeader(name, value string) func(*forgery) {
	return func(f *forgery) { f.header.add(name, value) }
}

func sessionClaimAttacks() []sessionAttack {
	session := func(s string) func(*forgery) { return setClaim("session", jsonText(s)) }
	at := func(nbf, exp int64) func(*forgery) {
		return func(f *forgery) {
			f.claims.set("nbf", fmt.Sprint(certNow.Unix()+nbf))
			f.claims.set("exp", fmt.Sprint(certNow.Unix()+exp))
		}
	}
	const skew, hour = int64(TokenSkew / time.Second), 3600
	return []sessionAttack{
		{id: "J50-another-issuer", attack: setClaim("iss", `"https://mallory.example"`), want: SessionWrongIssuer},
		{id: "J51-iss-slash", attack: setClaim("iss", jsonText(sessionIssuer+"/")), want: SessionWrongIssuer},
		{id: "J52-no-iss", attack: dropClaim("iss"), want: SessionWrongIssuer},
		{id: "J53-iss-array", attack: setClaim("iss", "["+jsonText(sessionIssuer)+"]"), want: SessionWrongIssuer},
		{id: "J54-another-audience", attack: setClaim("aud", `"hats-webhook"`), want: SessionWrongAudience},
		{id: "J55-aud-array", attack: setClaim("aud", "["+jsonText(sessionAudience)+`,"hats-webhook"]`), want: SessionWrongAudience},
		{id: "J56-no-aud", attack: dropClaim("aud"), want: SessionWrongAudience},

		{id: "J60-another-session", attack: session("projects/shirts/locations/global/agents/a1/sessions/s2"), want: SessionWrongSession},
		{id: "J61-a-longer-session", attack: session(testSession.Name + "1"), want: SessionWrongSession},
		{id: "J62-a-prefix", attack: session(testSession.Name[:len(testSession.Name)-1]), want: SessionWrongSession},
		{id: "J63-the-id-alone", attack: session("s1"), want: SessionWrongSession},
		{id: "J64-another-agent", attack: session("projects/shirts/locations/global/agents/a2/sessions/s1"), want: SessionWrongSession},
		{id: "J65-another-location", attack: session("projects/shirts/locations/eu/agents/a1/sessions/s1"), want: SessionWrongSession},
		{id: "J66-another-project", attack: session("projects/hats/locations/global/agents/a1/sessions/s1"), want: SessionWrongSession},
		{id: "J67-another-environment", attack: session("projects/shirts/locations/global/agents/a1/environments/prod/sessions/s1"), want: SessionWrongSession},
		{id: "J68-upper-case", attack: session(strings.ToUpper(testSession.Name)), want: SessionWrongSession},
		{id: "J69-a-wildcard", attack: session("projects/shirts/locations/global/agents/a1/sessions/*"), want: SessionWrongSession},
		{id: "J70-no-session", attack: dropClaim("session"), want: SessionWrongSession},
		{id: "J71-session-array", attack: setClaim("session", "["+jsonText(testSession.Name)+"]"), want: SessionWrongSession},
		{id: "J72-session-empty", attack: session(""), want: SessionWrongSession},

		{id: "J80-expired", attack: at(-600, 0), want: SessionExpired, twin: at(-600, 1)},
		{id: "J81-long-expired", attack: at(-86400, -86000), want: SessionExpired},
		{id: "J82-not-yet", attack: at(skew+1, 600), want: SessionNotYetValid, twin: at(skew, 600)},
		{id: "J83-long", attack: at(0, hour+1), want: SessionLifetime, twin: at(0, hour)},
		{id: "J84-from-1970", attack: setClaim("nbf", "0"), want: SessionLifetime},
		{id: "J85-exp-in-the-far-future", attack: setClaim("exp", "9223372036854775807"), want: SessionLifetime},
		{id: "J86-exp-before-nbf", attack: at(skew, skew-1), want: SessionLifetime},
		{id: "J87-exp-is-nbf", attack: at(1, 1), want: SessionLifetime},
		{id: "J88-a-longer-lifetime-allowed", attack: at(0, 2*hour+1), want: SessionLifetime, twin: at(0, 2*hour), cfg: func() SessionConfig { c := sessionConfig(); c.MaxLifetime = 2 * time.Hour; return c }},
		{id: "J89-exp-1970", attack: setClaim("exp", "0"), want: SessionExpired},
	}
}

func sessionKeyAttacks() []sessionAttack {
	es, rs := signedAs("ES256", "es-1", signES256), signedAs("RS256", "rs-1", signedBy(googleKey()))
	der := mustMake(x509.MarshalPKIXPublicKey(edKey.Public()))
	hs := func(secret string) func(*forgery) {
		return func(f *forgery) {
			f.header = jsonMembers{{"alg", `"HS256"`}, {"typ", `"JWT"`}}
			f.sign = signHS256([]byte(secret))
		}
	}
	shared := func() SessionConfig { return hmacConfig(testHMACSecret, testOldHMAC) }
	rotated := func() SessionConfig { return hmacConfig(testHMACSecret) }
	cut := func(n int) func(string) []byte {
		return func(signed string) []byte { return signES256(signed)[:n] }
	}
	return []sessionAttack{
		{id: "J90-HS256-with-the-public-key", attack: signedAs("HS256", "ed-1", signHS256(der)), want: SessionWrongAlgorithm},
		{id: "J91-HS256-with-the-raw-public-key", attack: signedAs("HS256", "ed-1", signHS256(edKey.Public().(ed25519.PublicKey))), want: SessionWrongAlgorithm},
		{id: "J92-ES256-by-the-EdDSA-key", attack: signedAs("ES256", "ed-1", signES256), want: SessionWrongAlgorithm, twin: es},
		{id: "J93-RS256-by-the-ES256-key", attack: signedAs("RS256", "es-1", signedBy(googleKey())), want: SessionWrongAlgorithm, twin: rs},
		{id: "J94-another-keys-kid", attack: signedAs("EdDSA", "ed-1", signEd(otherEdKey)), want: SessionBadSignature},
		{id: "J95-unknown-kid", attack: setHeader("kid", `"ed-2"`), want: SessionUnknownKey},
		{id: "J96-no-kid", attack: dropHeader("kid"), want: SessionUnknownKey},
		{id: "J97-path-like-kid", attack: setHeader("kid", `"../../dev/null"`), want: SessionUnknownKey},
		{id: "J98-kid-in-another-case", attack: setHeader("kid", `"ED-1"`), want: SessionUnknownKey},
		{id: "J99-short-ES256", attack: signedAs("ES256", "es-1", cut(16)), want: SessionBadSignature, twin: es},
		{id: "J100-long-ES256", attack: signedAs("ES256", "es-1", func(s string) []byte { return append(signES256(s), 0) }), want: SessionBadSignature, twin: es},
		{id: "J101-zero-ES256", attack: signedAs("ES256", "es-1", func(string) []byte { return make([]byte, 64) }), want: SessionBadSignature, twin: es},
		{id: "J102-altered", attack: editSegment(1, func(s string) string {
			return b64([]byte(strings.Replace(string(mustMake(decodeSegment(s))), "alice", "mallo", 1)))
		}), want: SessionBadSignature},
		{id: "J103-signature-of-another", attack: func(f *forgery) {
			other := f.sign("another")
			f.sign = func(string) []byte { return other }
		}, want: SessionBadSignature},

		// go-jose reads members that the token is not judged by; what it cannot read is
		// not signed.
		{id: "J104-a-number-beyond-float64", attack: addHeader("x", "1e999"), want: SessionBadSignature, twin: addHeader("x", "1e99")},

		{id: "J110-another-secret", attack: hs(testHMACSecret + "x"), want: SessionBadSignature, cfg: shared, twin: hs(testHMACSecret)},
		{id: "J111-the-empty-secret", attack: hs(""), want: SessionBadSignature, cfg: shared, twin: hs(testOldHMAC)},
		{id: "J112-the-old-secret-after-rotation", attack: hs(testOldHMAC), want: SessionBadSignature, cfg: rotated, twin: hs(testHMACSecret)},
		{id: "J113-EdDSA-where-secrets-are-shared", attack: func(*forgery) {}, want: SessionWrongAlgorithm, cfg: shared, twin: hs(testHMACSecret)},
		{id: "J114-HS256-where-keys-are-public", attack: hs(testHMACSecret), want: SessionUnknownKey, twin: es},
		{id: "J115-signed-with-an-encryption-key", attack: rs, want: SessionUnknownKey, cfg: func() SessionConfig {
			return withJWKS(jose.JSONWebKey{Key: edKey.Public(), KeyID: "ed-1"}, jose.JSONWebKey{Key: &googleKey().PublicKey, KeyID: "rs-1", Use: "enc"})
		}},
	}
}

// What cannot be had from a token: none at all, and sessions that are none.
func TestAttackSessionForm(t *testing.T) {
	token := newSessionForgery().token()
	for _, row := range []struct {
		id      string
		session Session
		token   string
		want    Code
	}{
		{"J01-none", testSession, "", SessionMissing},
		{"J02-an-ES-session", Session{Name: "projects/shirts/agent/sessions/s1"}, token, AgentMalformed},
		{"J25-no-session-at-all", Session{}, token, AgentMalformed},
		{"J26-good", testSession, token, ""},
	} {
		t.Run(row.id, func(t *testing.T) {
			rig, rep := newSessionRig(t, sessionConfig()), &Report{}
			err := rig.VerifySession(context.Background(), row.session, row.token, rep)
			if got := refusal(t, rep, err); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// The key server of the authentication server: what the tokens of strangers may
// make us fetch, and what an outage does.
func TestAttackSessionKeyServer(t *testing.T) {
	url := func() SessionConfig {
		return SessionConfig{Issuer: sessionIssuer, Audience: sessionAudience, KeysURL: "https://auth.example.com/jwks"}
	}
	unknown := func(n int) string {
		f := newSessionForgery()
		f.header.set("kid", jsonText(fmt.Sprint("kid-", n)))
		return f.token()
	}
	good := newSessionForgery().token()
	expect := func(t *testing.T, rig *sessionRig, token string, want Code) *Report {
		t.Helper()
		rep, err := rig.call(token)
		if got := refusal(t, rep, err); got != want {
			t.Errorf("got %q, want %q: %s", got, want, lastCheck(rep))
		}
		return rep
	}
	t.Run("J120-kid-flood", func(t *testing.T) {
		rig := newSessionRig(t, url())
		expect(t, rig, good, "")
		for n := range 100 {
			expect(t, rig, unknown(n), SessionUnknownKey)
		}
		rig.now = rig.now.Add(KeysUnknownInterval)
		for n := range 100 {
			expect(t, rig, unknown(n), SessionUnknownKey)
		}
		if n := rig.server.fetches.Load(); n != 2 {
			t.Errorf("%d fetches, want 2: the first, and one a minute later", n)
		}
		expect(t, rig, good, "")
	})
	t.Run("J121-wrong-claims-fetch-nothing", func(t *testing.T) {
		rig := newSessionRig(t, url())
		f := newSessionForgery()
		f.claims.set("iss", `"https://mallory.example"`)
		expect(t, rig, f.token(), SessionWrongIssuer)
		if n := rig.server.fetches.Load(); n != 0 {
			t.Errorf("%d fetches, want none", n)
		}
	})
	t.Run("J122-down", func(t *testing.T) {
		rig := newSessionRig(t, url())
		rig.server.down()
		expect(t, rig, good, KeysUnavailable)
		rig.server.serve(sessionJWKS())
		rig.now = rig.now.Add(keysBackoffMin)
		expect(t, rig, good, "")
	})
	t.Run("J123-private-key-published", func(t *testing.T) {
		rig := newSessionRig(t, url())
		rig.server.serve(jwks(jose.JSONWebKey{Key: edKey, KeyID: "ed-1"}))
		expect(t, rig, good, KeysUnavailable)
	})
	t.Run("J124-rotated", func(t *testing.T) {
		rig := newSessionRig(t, url())
		expect(t, rig, good, "")
		rig.server.serve(jwks(jose.JSONWebKey{Key: otherEdKey.Public(), KeyID: "ed-1"}))
		rig.now = rig.now.Add(2 * time.Minute)
		f := newSessionForgery()
		f.header.set("kid", `"ed-9"`) // makes the set be fetched again
		expect(t, rig, f.token(), SessionUnknownKey)
		expect(t, rig, good, SessionBadSignature) // remembered as verified, by a key that is no more
		f = newSessionForgery()
		f.sign = signEd(otherEdKey)
		expect(t, rig, f.token(), "")
	})
	t.Run("J125-outage", func(t *testing.T) {
		rig := newSessionRig(t, url())
		expect(t, rig, good, "")
		rig.server.down()
		for _, row := range []struct {
			after time.Duration
			want  Code
			warn  bool
		}{{keysMaxAge + KeysAlarmAge - time.Second, "", false}, {keysMaxAge + KeysAlarmAge, "", true}, {keysMaxAge + KeysGiveUpAge - time.Second, "", true}, {keysMaxAge + KeysGiveUpAge, KeysUnavailable, false}} {
			rig.now = certNow.Add(row.after)
			f := newSessionForgery()
			f.claims.set("nbf", fmt.Sprint(rig.now.Unix()))
			f.claims.set("exp", fmt.Sprint(rig.now.Unix()+600))
			if rep := expect(t, rig, f.token(), row.want); (len(rep.warnings()) == 1 && rep.warnings()[0] == KeysStale) != row.warn {
				t.Errorf("after %v: warnings %v", row.after, rep.warnings())
			}
		}
	})
}

// The key server's keys are there before the first call; configured keys need none.
func TestSessionKeysPrefetch(t *testing.T) {
	cfg := configFor("mtls+session")
	fixed := mustMake(New(cfg))
	if err := fixed.Prefetch(t.Context()); err != nil {
		t.Errorf("with keys of the configuration: %v", err)
	}
	if age, ok := fixed.KeySetAge(certNow); ok {
		t.Errorf("keys of the configuration are %v old", age)
	}

	cfg.Session.JWKS, cfg.Session.KeysURL = nil, "https://auth.example.com/jwks"
	v, server := mustMake(New(cfg)), newKeyServer()
	v.session.remote.client.Transport = server
	server.serve(sessionJWKS())
	if err := v.Prefetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if age, ok := v.KeySetAge(certNow.Add(time.Hour)); !ok || age != time.Hour {
		t.Errorf("an hour later the keys are %v old: %v", age, ok)
	}
	rep := &Report{}
	if got := refusal(t, rep, v.VerifySession(t.Context(), testSession, newSessionForgery().token(), rep)); got != "" || server.fetches.Load() != 1 {
		t.Errorf("the first call: %q, after %d fetches, want 1", got, server.fetches.Load())
	}
}

// A key set that is not what its owner meant is refused at the start.
func TestSessionKeys(t *testing.T) {
	p384 := mustMake(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	t.Setenv("GODEBUG", "rsa1024min=0")
	short := mustMake(rsa.GenerateKey(rand.Reader, 1024))
	// rsaKey is a key by its numbers alone: of so many bits, low above the least.
	rsaKey := func(bits uint, low int64, exponent int) string {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return jwks(jose.JSONWebKey{Key: &rsa.PublicKey{N: n.Add(n, big.NewInt(low)), E: exponent}, KeyID: "1"})
	}
	x25519 := func(use string) string {
		return `{"keys":[` + jsonText(jose.JSONWebKey{Key: edKey.Public(), KeyID: "1"}) + `,{"kty":"OKP","crv":"X25519","kid":"2",` + use + `"x":"` + strings.Repeat("A", 43) + `"}]}`
	}
	for _, row := range []struct {
		name string
		set  string
		want string // "" is accepted
	}{
		{"good", sessionJWKS(), ""},
		{"encryption key beside it", jwks(jose.JSONWebKey{Key: edKey.Public(), KeyID: "1"}, jose.JSONWebKey{Key: &ecKey.PublicKey, KeyID: "2", Use: "enc"}), ""},
		{"encryption key of a kind that is not for signatures", x25519(`"use":"enc",`), ""},
		{"the same, and not said to be for encryption", x25519(""), "key 2: "},
		{"a purpose that is not a text", x25519(`"use":1,`), "key 2: "},
		{"empty", `{"keys":[]}`, "no key for"},
		{"not JSON", `x`, "invalid"},
		{"private", jwks(jose.JSONWebKey{Key: edKey, KeyID: "1"}), "key 1: a private or symmetric key"},
		{"symmetric", jwks(jose.JSONWebKey{Key: []byte(testHMACSecret), KeyID: "1"}), "key 1: a private or symmetric key"},
		{"another curve", jwks(jose.JSONWebKey{Key: &p384.PublicKey, KeyID: "1"}), "key 1: curve P-384, want P-256"},
		{"short", jwks(jose.JSONWebKey{Key: &short.PublicKey, KeyID: "1"}), "key 1: 1024 bits, want 2048 to 4096"},
		{"another algorithm", jwks(jose.JSONWebKey{Key: &googleKey().PublicKey, KeyID: "1", Algorithm: "PS256"}), `key 1: alg "PS256", but such a key is for RS256`},
		{"no kid", jwks(jose.JSONWebKey{Key: edKey.Public()}), "key 1: a kid of 0 bytes, want 1 to 128"},
		{"kid twice", jwks(jose.JSONWebKey{Key: edKey.Public(), KeyID: "1"}, jose.JSONWebKey{Key: &ecKey.PublicKey, KeyID: "1"}), `key 2: kid "1" twice`},
		{"the longest kid", jwks(jose.JSONWebKey{Key: edKey.Public(), KeyID: strings.Repeat("k", maxKeyIDBytes)}), ""},
		{"a longer kid", jwks(jose.JSONWebKey{Key: edKey.Public(), KeyID: strings.Repeat("k", maxKeyIDBytes+1)}), "key 1: a kid of 129 bytes"},
		{"the second is not a key", `{"keys":[` + jsonText(jwk("1", &googleKey().PublicKey)) + `,{"kty":"EC","kid":"2"}]}`, "key 2: go-jose"},
		{"another purpose", jwks(jose.JSONWebKey{Key: edKey.Public(), KeyID: "1", Use: "enc"}), "no key for"},
		{"one bit too short", rsaKey(minRSABits-1, 1, 65537), "key 1: 2047 bits"},
		{"the shortest", rsaKey(minRSABits, 1, 65537), ""},
		{"the longest", rsaKey(maxRSABits, 1, 65537), ""},
		{"one bit too long", rsaKey(maxRSABits+1, 1, 65537), "key 1: "},
		{"even modulus", rsaKey(minRSABits, 2, 65537), "key 1: modulus or exponent"},
		{"even exponent", rsaKey(minRSABits, 1, 65536), "key 1: modulus or exponent"},
		{"exponent 2", rsaKey(minRSABits, 1, 2), "key 1: modulus or exponent"},
		{"exponent 3", rsaKey(minRSABits, 1, 3), ""},
		{"the largest exponent", rsaKey(minRSABits, 1, math.MaxInt32), ""},
		{"a larger exponent", rsaKey(minRSABits, 1, math.MaxInt32+2), "key 1: modulus or exponent"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := sessionConfig()
			cfg.JWKS = []byte(row.set)
			_, err := newSessionProof(cfg, time.Now)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// What was presented, as an operator reads it.
func TestSessionExplains(t *testing.T) {
	shared := func() SessionConfig { return hmacConfig(testHMACSecret) }
	padded := func(s string) string { return s + "=" }
	for _, row := range []struct {
		name      string
		change    func(*forgery)
		cfg       func() SessionConfig
		code      Code
		presented string
	}{
		{"unknown key", setHeader("kid", `"ed-2"`), sessionConfig, SessionUnknownKey, "key ed-2"},
		{"no kid", dropHeader("kid"), sessionConfig, SessionUnknownKey, "a key without a name"},
		{"another's signature", func(f *forgery) { f.sign = signEd(otherEdKey) }, sessionConfig, SessionBadSignature, "signed with key ed-1"},
		{"another's secret", func(f *forgery) {
			f.header, f.sign = jsonMembers{{"alg", `"HS256"`}}, signHS256([]byte(testOldHMAC))
		}, shared, SessionBadSignature, "signed with a key without a name"},
		{"segments", editToken(func(s string) string { return s + ".x" }), sessionConfig, SessionMalformed, "token: not three segments"},
		{"header", editSegment(0, padded), sessionConfig, SessionMalformed, "header: not canonical base64url"},
		{"payload", editSegment(1, padded), sessionConfig, SessionMalformed, "payload: not canonical base64url"},
		{"signature", editSegment(2, padded), sessionConfig, SessionMalformed, "signature: not canonical base64url"},
		{"no signature", editSegment(2, func(string) string { return "" }), sessionConfig, SessionMalformed, "signature: empty"},
		{"header null", headerText("null"), sessionConfig, SessionMalformed, "header: not a JSON object"},
		{"payload null", payloadText("null"), sessionConfig, SessionMalformed, "payload: not a JSON object"},
		{"no exp", dropClaim("exp"), sessionConfig, SessionMalformed, "payload: exp: none"},
		{"no nbf", dropClaim("nbf"), sessionConfig, SessionMalformed, "payload: nbf: none"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newSessionForgery()
			row.change(f)
			rep, err := newSessionRig(t, row.cfg()).call(f.token())
			if got := refusal(t, rep, err); got != row.code || rep.Checks[0].Presented != row.presented {
				t.Errorf("got %q, want %q\npresented %q, want %q", got, row.code, rep.Checks[0].Presented, row.presented)
			}
		})
	}
}

// A long token is remembered by all of its bytes: one that differs in the signature
// alone is another.
func TestSessionRememberedWhole(t *testing.T) {
	rig, long := newSessionRig(t, sessionConfig()), newSessionForgery()
	long.claims.add("pad", jsonText(strings.Repeat("x", 2048)))
	good := long.token()
	long.sign = signEd(otherEdKey)
	for _, row := range []struct {
		token string
		want  Code
	}{{good, ""}, {long.token(), SessionBadSignature}, {good, ""}} {
		rep, err := rig.call(row.token)
		if got := refusal(t, rep, err); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

// The token is where the configuration says.
func TestSessionParameter(t *testing.T) {
	cfg := sessionConfig()
	rig := newSessionRig(t, cfg)
	cfg.Parameter = "token"
	if got, own := rig.SessionParameter(), newSessionRig(t, cfg).SessionParameter(); got != "cxhook_token" || own != "token" {
		t.Errorf("parameters %q and %q, want the default and the configured one", got, own)
	}
}

func TestSessionStatus(t *testing.T) {
	_, err := newSessionRig(t, sessionConfig()).call("")
	var e *Error
	if !errors.As(err, &e) || e.Status() != http.StatusForbidden {
		t.Errorf("got %v, want 403", err)
	}
}
