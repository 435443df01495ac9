package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// FuzzSessionToken holds of the session token what FuzzToken holds of the ID token:
// one reading, which is written as the same bytes, and nothing is let in but a
// token that was signed, to the byte.
func FuzzSessionToken(f *testing.F) {
	signed := map[string]bool{}
	for _, row := range slices.Concat(sessionFormAttacks(), sessionClaimAttacks(), sessionKeyAttacks()) {
		for _, one := range []struct {
			change func(*forgery)
			good   bool
		}{{row.attack, row.want == ""}, {row.twin, true}} {
			seed := newSessionForgery()
			if one.change != nil {
				one.change(seed)
			}
			token := seed.token() // once: an ECDSA signature is another each time
			signed[token] = signed[token] || one.good
			f.Add(token)
		}
	}
	rig := newSessionRig(f, sessionConfig())
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := rig.call(raw); err == nil && !signed[raw] {
			t.Errorf("let in, and nobody signed it: %q", raw)
		}
		token, bad := parseSessionToken(raw)
		if bad != nil {
			if token != nil || bad.Code == "" {
				t.Errorf("refused without a code, or in part: %+v", bad)
			}
			return
		}
		var again []string
		for segment := range strings.SplitSeq(raw, ".") {
			again = append(again, b64(mustMake(decodeSegment(segment))))
		}
		if got := strings.Join(again, "."); got != raw {
			t.Errorf("accepted  %q\nwrites as %q", raw, got)
		}
	})
}

// FuzzSessionTokenAgainstJose signs what it is given with the key of the
// authentication server, and holds that go-jose, told the same rules, accepts
// whatever we let in.
func FuzzSessionTokenAgainstJose(f *testing.F) {
	for _, row := range slices.Concat(sessionFormAttacks(), sessionClaimAttacks()) {
		for _, change := range []func(*forgery){row.attack, row.twin} {
			seed := newSessionForgery()
			if change != nil {
				change(seed)
			}
			header, payload := seed.segments()
			f.Add(header, payload)
		}
	}
	rig := newSessionRig(f, sessionConfig())
	f.Fuzz(func(t *testing.T, header, payload string) {
		if header == "" || payload == "" {
			return
		}
		raw := (&forgery{headerJSON: header, payloadJSON: payload, sign: signEd(edKey)}).token()
		if _, err := rig.call(raw); err != nil {
			return
		}
		token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			t.Fatalf("go-jose does not parse it: %v\n%s\n%s", err, header, payload)
		}
		var claims jwt.Claims
		var own struct {
			Session string `json:"session"`
		}
		if err := token.Claims(edKey.Public(), &claims, &own); err != nil {
			t.Fatalf("go-jose does not verify it: %v\n%s\n%s", err, header, payload)
		}
		if own.Session != testSession.Name {
			t.Errorf("session %q", own.Session)
		}
		if err := claims.ValidateWithLeeway(jwt.Expected{Issuer: sessionIssuer, AnyAudience: jwt.Audience{sessionAudience}, Time: certNow}, TokenSkew); err != nil {
			t.Errorf("go-jose refuses its claims: %v\n%s\n%s", err, header, payload)
		}
	})
}

// FuzzKeySets reads what a key server may answer, as Google's set and as an
// authentication server's: each key that is taken is a public one that go-jose finds
// in the same set by the same name, and no name is there twice.
func FuzzKeySets(f *testing.F) {
	seeds := []string{googleJWKS(), sessionJWKS(), `{"keys":[]}`, `{}`, `{"keys":null}`, `[]`, `{"keys":[null]}`, `{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}`, `{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`,
		strings.Replace(googleJWKS(), "key-2", "key-1", 1), strings.Replace(sessionJWKS(), `"sig"`, `"enc"`, 1), jwks(jose.JSONWebKey{Key: edKey, KeyID: "private"}), `{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"AA","y":"AA"}]}`}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for who, parse := range map[string]func([]byte) (*keys, error){"Google's": parseKeys, "the session's": parseSessionKeys} {
			set, err := parse(body)
			if err != nil {
				if set != nil {
					t.Errorf("%s: keys and an error", who)
				}
				continue
			}
			var other struct{ Keys []json.RawMessage }
			if err := json.Unmarshal(body, &other); err != nil {
				t.Errorf("%s: encoding/json refuses it: %v", who, err)
			}
			named := map[string]int{}
			for _, raw := range other.Keys {
				var k jose.JSONWebKey
				if json.Unmarshal(raw, &k) == nil && k.IsPublic() && k.Valid() {
					named[k.KeyID]++
				}
			}
			for kid := range set.byID {
				if named[kid] == 0 {
					t.Errorf("%s: go-jose has no public key %q", who, kid)
				}
			}
			if len(set.byID) == 0 || set.byID[""] != nil {
				t.Errorf("%s: %d keys, or one without a name", who, len(set.byID))
			}
		}
	})
}

// FuzzKeysLifetime holds that no header makes a key set live shorter or longer than
// our own bounds.
func FuzzKeysLifetime(f *testing.F) {
	for _, seed := range [][2]string{{"", ""}, {"public, max-age=21600, must-revalidate", "100"}, {"no-store", ""}, {`MAX-AGE="60"`, "-1"}, {"max-age=99999999999999999999", "18446744073709551615"}, {"max-age=1, max-age=2", "x"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, control, age string) {
		if got := lifetime(http.Header{"Cache-Control": {control}, "Age": {age}}); got < keysLifetimeMin || got > keysLifetimeMax {
			t.Errorf("Cache-Control %q, Age %q: %v", control, age, got)
		}
	})
}

// FuzzSecrets sends one value, or two, where a secret belongs. Let in is the secret
// and nothing else; of user name and password, what net/http reads as them.
func FuzzSecrets(f *testing.F) {
	edge := mustMake(newEdgeProof(EdgeConfig{Secrets: []string{testEdgeSecret}}, true))
	password := mustMake(newBasicProof(BasicConfig{[]string{testBasic}}))
	header := mustMake(newHeaderProof(HeaderConfig{testSecretHeader, []string{testHeader}}))
	for _, seed := range []string{"", testEdgeSecret, testHeader, basic(testBasic), "basic  " + basic(testBasic)[6:], strings.TrimRight(basic(testBasic), "="), testEdgeSecret + ", " + testEdgeSecret, testHeader[1:], "Basic " + testBasic, "Basic Og=="} {
		f.Add(seed, "", false)
		f.Add(seed, seed, true)
	}
	f.Fuzz(func(t *testing.T, value, other string, twice bool) {
		for _, p := range []struct {
			proof
			name, secret string
		}{{edge, DefaultEdgeHeader, testEdgeSecret}, {header, testSecretHeader, testHeader}, {password, "Authorization", ""}} {
			r := &http.Request{Header: http.Header{p.name: {value}}}
			if twice {
				r.Header[p.name] = []string{value, other}
			}
			rep := &Report{}
			code := refusal(t, rep, p.verify(context.Background(), r, rep, certNow))
			user, pass, ok := r.BasicAuth()
			want := !twice && value == p.secret
			if p.secret == "" {
				want = !twice && ok && user+":"+pass == testBasic
			}
			// Two spaces, which net/http does not read, are one to us.
			lenient := p.secret == "" && !twice && strings.HasSuffix(value, basic(testBasic)[6:])
			if passed := code == ""; passed && !want && !lenient || !passed && want && !strings.ContainsAny(value, "\r\n") {
				t.Errorf("%s: %q, %q (twice %v): code %q, want passed %v", p.name, value, other, twice, code, want)
			}
			for _, c := range rep.Checks {
				if text := fmt.Sprint(c); strings.Contains(text, p.secret) && p.secret != "" || strings.Contains(text, testBasic) {
					t.Errorf("%s: the report shows the secret: %s", p.name, text)
				}
			}
		}
	})
}
