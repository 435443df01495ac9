package verify

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"google.golang.org/api/idtoken"
)

// tokenSeeds are the tokens of the attack table and their twins.
func tokenSeeds(f *testing.F) []*forgery {
	var seeds []*forgery
	for _, row := range slices.Concat(joseHeaderAttacks(), algorithmAttacks(), payloadAttacks(), claimAttacks(), timeAttacks()) {
		for _, change := range []func(*forgery){row.attack, row.twin} {
			seed := newForgery()
			if change != nil {
				change(seed)
			}
			seeds = append(seeds, seed)
		}
	}
	if len(seeds) < 100 {
		f.Fatalf("%d seeds, want 100 at least", len(seeds))
	}
	return seeds
}

// FuzzToken holds that a token is read in one way: what the parser accepts is
// made of the same bytes when it is written again, idtoken reads the same in it,
// and what is let in is a token that we signed, to the byte.
func FuzzToken(f *testing.F) {
	signed := map[string]bool{}
	for _, seed := range tokenSeeds(f) {
		token := seed.token()
		f.Add(token)
		signed[token] = signedByGoogle(token)
	}
	for _, raw := range []string{"", "a.b", "a.b.c.d"} { // the parser itself counts, too
		f.Add(raw)
	}
	rig := newTokenRig(f)
	f.Fuzz(func(t *testing.T, raw string) {
		rep, err := rig.call(raw)
		if err == nil && !signed[raw] {
			t.Errorf("let in, and nobody signed it: %q", raw)
		}
		if err == nil != (rep.Caller != "") {
			t.Errorf("err = %v, caller = %q", err, rep.Caller)
		}
		token, bad := parseIDToken(raw)
		if bad != nil {
			if token != nil || bad.Code == "" {
				t.Errorf("refused without a code, or in part: %+v", bad)
			}
			return
		}
		var again []string
		for segment := range strings.SplitSeq(raw, ".") {
			b, err := decodeSegment(segment)
			if err != nil {
				t.Fatalf("accepted, with a segment that does not decode: %v", err)
			}
			again = append(again, b64(b))
		}
		if got := strings.Join(again, "."); got != raw {
			t.Errorf("accepted  %q\nwrites as %q", raw, got)
		}
		p, err := idtoken.ParsePayload(raw)
		if err != nil {
			return // such a token is refused by idtoken, later
		}
		if token.audience.ok && p.Audience != token.audience.text || token.issuer.ok && p.Issuer != token.issuer.text || p.Expires != token.expires || p.IssuedAt != token.issued {
			t.Errorf("two readings: idtoken's %+v, ours %+v", p, token)
		}
		if email, _ := p.Claims["email"].(string); token.email.ok && email != token.email.text {
			t.Errorf("two readings of email: idtoken's %q, ours %q", email, token.email.text)
		}
	})
}

func signedByGoogle(token string) bool {
	i := strings.LastIndex(token, ".")
	sum := sha256.Sum256([]byte(token[:i]))
	sig, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	return err == nil && (rsa.VerifyPKCS1v15(&googleKey().PublicKey, crypto.SHA256, sum[:], sig) == nil ||
		rsa.VerifyPKCS1v15(&otherGoogleKey().PublicKey, crypto.SHA256, sum[:], sig) == nil)
}

// FuzzTokenAgainstJose signs what it is given with Google's key, and holds that
// go-jose, told the same rules, accepts whatever we let in.
func FuzzTokenAgainstJose(f *testing.F) {
	for _, seed := range tokenSeeds(f) {
		header, payload := seed.segments()
		f.Add(header, payload)
	}
	rig := newTokenRig(f)
	f.Fuzz(func(t *testing.T, header, payload string) {
		raw := (&forgery{headerJSON: header, payloadJSON: payload}).token()
		if header == "" || payload == "" {
			return
		}
		if _, err := rig.call(raw); err != nil {
			return
		}
		token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatalf("go-jose does not parse it: %v\n%s\n%s", err, header, payload)
		}
		key := &googleKey().PublicKey
		if token.Headers[0].KeyID == "key-2" {
			key = &otherGoogleKey().PublicKey
		}
		var claims jwt.Claims
		if err := token.Claims(key, &claims); err != nil {
			t.Fatalf("go-jose does not verify it: %v\n%s\n%s", err, header, payload)
		}
		if !slices.Contains(googleIssuers, claims.Issuer) {
			t.Errorf("issuer %q", claims.Issuer)
		}
		if err := claims.ValidateWithLeeway(jwt.Expected{AnyAudience: rig.audiences, Time: time.Now()}, TokenSkew); err != nil {
			t.Errorf("go-jose refuses its claims: %v\n%s\n%s", err, header, payload)
		}
	})
}
