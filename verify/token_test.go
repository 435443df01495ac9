package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"
)

func TestTokenConfig(t *testing.T) {
	good := TokenConfig{Audiences: []string{tokenAudience}, ProjectNumbers: []string{tokenProject}}
	if _, err := newTokenProof(good, time.Now); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		change func(*TokenConfig)
		want   []string // the fields that are reported
	}{
		{"nothing", func(c *TokenConfig) { *c = TokenConfig{} }, []string{"Token.Audiences", "Token.ProjectNumbers"}},
		{"all wrong", func(c *TokenConfig) {
			*c = TokenConfig{Audiences: []string{""}, ProjectNumbers: []string{"x"}, KeysURL: "x"}
		}, []string{"Token.Audiences[0]", "Token.ProjectNumbers[0]", "Token.KeysURL"}},
		{"audience without scheme", func(c *TokenConfig) { c.Audiences[0] = "webhook.example.com" }, []string{"Token.Audiences[0]"}},
		{"audience of Cloud Run", func(c *TokenConfig) { c.Audiences[0] = "https://webhook-abc-ew.a.run.app" }, []string{"Token.Audiences[0]"}},
		{"second audience", func(c *TokenConfig) { c.Audiences = append(c.Audiences, " ") }, []string{"Token.Audiences[1]"}},
		{"project id", func(c *TokenConfig) { c.ProjectNumbers[0] = "my-project" }, []string{"Token.ProjectNumbers[0]"}},
		{"project number spaced", func(c *TokenConfig) { c.ProjectNumbers[0] = "123 " }, []string{"Token.ProjectNumbers[0]"}},
		{"project number zero", func(c *TokenConfig) { c.ProjectNumbers[0] = "0123" }, []string{"Token.ProjectNumbers[0]"}},
		{"project number empty", func(c *TokenConfig) { c.ProjectNumbers[0] = "" }, []string{"Token.ProjectNumbers[0]"}},
		{"keys from a file", func(c *TokenConfig) { c.KeysURL = "file:///keys.json" }, []string{"Token.KeysURL"}},
		{"keys from a path", func(c *TokenConfig) { c.KeysURL = "/keys.json" }, []string{"Token.KeysURL"}},
		{"keys with a password", func(c *TokenConfig) { c.KeysURL = "https://u:secret@example.com/" }, []string{"Token.KeysURL"}},
		{"keys by FTP", func(c *TokenConfig) { c.KeysURL = "ftp://example.com/keys" }, []string{"Token.KeysURL"}},
		{"keys of no host", func(c *TokenConfig) { c.KeysURL = "https:///keys" }, []string{"Token.KeysURL"}},
		{"keys of a port alone", func(c *TokenConfig) { c.KeysURL = "https://:443/keys" }, []string{"Token.KeysURL"}},
		{"keys with a fragment", func(c *TokenConfig) { c.KeysURL = "https://example.com/keys#k" }, []string{"Token.KeysURL"}},
		{"keys at no URL", func(c *TokenConfig) { c.KeysURL = "https://[::1/keys" }, []string{"Token.KeysURL"}},
		{"keys in the clear", func(c *TokenConfig) { c.KeysURL = "http://127.0.0.1:8080/keys?v=3" }, nil},
		{"audience of a local stack", func(c *TokenConfig) { c.Audiences[0] = "http://localhost:8080/cx" }, nil},
		{"audience of another scheme", func(c *TokenConfig) { c.Audiences[0] = "ftp://webhook.example.com/cx" }, []string{"Token.Audiences[0]"}},
		{"audience without host", func(c *TokenConfig) { c.Audiences[0] = "https:///cx" }, []string{"Token.Audiences[0]"}},
		{"audience with a broken escape", func(c *TokenConfig) { c.Audiences[0] = tokenAudience + "%zz" }, []string{"Token.Audiences[0]"}},
		{"longest project number", func(c *TokenConfig) { c.ProjectNumbers[0] = strings.Repeat("9", 20) }, nil},
		{"project number too long", func(c *TokenConfig) { c.ProjectNumbers[0] = strings.Repeat("9", 21) }, []string{"Token.ProjectNumbers[0]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := TokenConfig{Audiences: slices.Clone(good.Audiences), ProjectNumbers: slices.Clone(good.ProjectNumbers)}
			tc.change(&cfg)
			_, err := newTokenProof(cfg, time.Now)
			var got []string
			if many, ok := err.(interface{ Unwrap() []error }); ok {
				for _, err := range many.Unwrap() {
					var field *ConfigError
					if !errors.As(err, &field) || field.Problem == "" {
						t.Errorf("not a ConfigError: %v", err)
						continue
					}
					got = append(got, field.Field)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("reported %q, want %q: %v", got, tc.want, err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}

// Only the signature is remembered: the rest of a token is judged each time.
func TestTokenRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rig := newTokenRig(t)
		token := goodToken()
		if rep := rig.accepts(t, token); rep.TokenCached {
			t.Error("the first time is from memory")
		}
		first := rig.accepts(t, token)
		if !first.TokenCached || first.Caller != dialogflowAgent(tokenProject) {
			t.Errorf("cached = %v, caller = %q", first.TokenCached, first.Caller)
		}
		// The same token, still remembered, where something else is expected.
		for _, tc := range []struct {
			name   string
			change func(*tokenRig)
			want   Code
		}{
			{"audience", func(p *tokenRig) { p.audiences = []string{"https://other.example.com"} }, TokenWrongAudience},
			{"project", func(p *tokenRig) { p.emails = []string{dialogflowAgent("42")} }, TokenWrongEmail},
			{"keys", func(p *tokenRig) { p.keys = &keySet{now: time.Now, client: &http.Client{Transport: failing{}}} }, KeysUnavailable},
			{"clock behind", func(p *tokenRig) { p.later = -time.Hour }, TokenNotYetValid},
			{"clock ahead", func(p *tokenRig) { p.later = time.Hour }, TokenExpired},
		} {
			proof := *rig.tokenProof
			changed := &tokenRig{tokenProof: &proof, server: rig.server}
			tc.change(changed)
			rep := changed.refuses(t, token, tc.want)
			if last := rep.Checks[len(rep.Checks)-1]; last.Unverified {
				t.Errorf("%s: Google's own word is shown as unverified", tc.name)
			}
		}
		if rig.verified.Len() != 0 {
			t.Error("a token is still remembered after its end")
		}
		rig.accepts(t, token)
		time.Sleep(time.Hour - time.Second)
		rig.accepts(t, token)
		time.Sleep(time.Second)
		rig.refuses(t, token, TokenExpired)
	})
}

// A long token is remembered by all of its bytes: one that differs in the signature
// alone is another.
func TestTokenRememberedWhole(t *testing.T) {
	rig := newTokenRig(t)
	long := newForgery()
	long.claims.add("pad", jsonText(strings.Repeat("x", 2048)))
	good := long.token()
	rig.accepts(t, good)
	long.sign = signedBy(malloryKey())
	rig.refuses(t, long.token(), TokenBadSignature)
	if rep := rig.accepts(t, good); !rep.TokenCached {
		t.Error("the good token is not remembered")
	}
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("down") }

func TestTokenRememberedIsBounded(t *testing.T) {
	rig := newTokenRig(t)
	for i := range tokenCacheSize + 10 {
		rig.accepts(t, goodToken(setClaim("sub", jsonText(strings.Repeat("1", i+1)))))
	}
	if n := rig.verified.Len(); n != tokenCacheSize {
		t.Errorf("%d tokens remembered, want %d", n, tokenCacheSize)
	}
}

// What is expected and presented, as an operator reads it.
func TestTokenExplains(t *testing.T) {
	rig := newTokenRig(t)
	email := func(s string) func(*forgery) { return setClaim("email", jsonText(s)) }
	// dated sets iat, exp and, if it is not empty, nbf.
	dated := func(iat, exp, nbf string) func(*forgery) {
		return func(f *forgery) {
			f.claims.set("iat", iat)
			f.claims.set("exp", exp)
			if nbf != "" {
				f.claims.set("nbf", nbf)
			}
		}
	}
	padded := func(s string) string { return s + "=" }
	longest := "service-7@gcp-sa-" + strings.Repeat("x", 57)
	for _, tc := range []struct {
		name      string
		change    func(*forgery)
		code      Code
		presented string
	}{
		{"human", setClaim("email", `"alice@example.com"`), TokenWrongEmail, "another account, SHA-256 ff8d9819fc0e12bf"},
		{"service account", setClaim("email", `"bob@p.iam.gserviceaccount.com"`), TokenWrongEmail, "a service account, SHA-256 76421b5b619e2860"},
		{"agent", setClaim("email", jsonText(dialogflowAgent("7"))), TokenWrongEmail, "service-7@gcp-sa-dialogflow.iam.gserviceaccount.com"},
		{"human in an array", setClaim("email", `["alice@example.com"]`), TokenWrongEmail, "none"},
		{"agent-like", setClaim("email", `"service-7@gcp-sa-Alice.iam.gserviceaccount.com"`), TokenWrongEmail, "a service account, SHA-256 028cc8a1f9061875"},
		{"audience", setClaim("aud", `"https://x.example/\n"`), TokenWrongAudience, `https://x.example/\n`},
		{"audiences", setClaim("aud", `["a"]`), TokenWrongAudience, `not a string: ["a"]`},
		{"no issuer", dropClaim("iss"), TokenWrongIssuer, "none"},
		{"empty issuer", setClaim("iss", `""`), TokenWrongIssuer, "an empty string"},
		{"two names", addClaim("EXP", "1"), TokenMalformed, `payload: ambiguous: "exp" and "EXP"`},
		// Service agents are Google's and shown; a name that only looks like one's is hashed.
		{"agent with digits", email("service-7@gcp-sa-az-09.iam.gserviceaccount.com"), TokenWrongEmail, "service-7@gcp-sa-az-09.iam.gserviceaccount.com"},
		{"longest agent", email(longest + ".iam.gserviceaccount.com"), TokenWrongEmail, longest + ".iam.gserviceaccount.com"},
		{"longer than an agent", email(longest + "x.iam.gserviceaccount.com"), TokenWrongEmail, "a service account, SHA-256 8822c740e0fccf69"},
		{"agent-like, of a project", email("service-7@alice-project.iam.gserviceaccount.com"), TokenWrongEmail, "a service account, SHA-256 6d35af4fe4e54418"},
		{"agent-like, without service", email("7@gcp-sa-pubsub.iam.gserviceaccount.com"), TokenWrongEmail, "a service account, SHA-256 1217c5db2bec792c"},
		{"agent-like, of no domain", email("service-7@gcp-sa-pubsub"), TokenWrongEmail, "another account, SHA-256 37c58f7657fc6e0f"},
		{"expired", dated("1699996400", "1700000000", ""), TokenExpired, "issued 2023-11-14T21:13:20Z, expires 2023-11-14T22:13:20Z"},
		{"expired, with nbf", dated("1699996400", "1700000000", "1699996401"), TokenExpired, "issued 2023-11-14T21:13:20Z, expires 2023-11-14T22:13:20Z, not before 2023-11-14T21:13:21Z"},
		{"the last of the calendar", dated("1700000000", "253402300799", ""), TokenLifetime, "issued 2023-11-14T22:13:20Z, expires 9999-12-31T23:59:59Z"},
		{"after the calendar", dated("1700000000", "253402300800", ""), TokenLifetime, "issued 2023-11-14T22:13:20Z, expires 253402300800"},
		{"header padded", editSegment(0, padded), TokenMalformed, "header: not canonical base64url"},
		{"payload padded", editSegment(1, padded), TokenMalformed, "payload: not canonical base64url"},
		{"signature padded", editSegment(2, padded), TokenMalformed, "signature: not canonical base64url"},
		{"payload an array", payloadText("[]"), TokenMalformed, "payload: not a JSON object"},
		{"payload and more", editPayload(func(s string) string { return s + s }), TokenMalformed, "payload: more than one JSON value"},
		// The name of a scheme that is known is shown; what else stands there may be a secret.
		{"basic", authorization("basic Zm9vOmJhcg=="), TokenNotBearer, "basic"},
		{"digest", authorization("Digest username=x"), TokenNotBearer, "Digest"},
		{"a secret for a scheme", authorization("hunter2 x"), TokenNotBearer, "another scheme"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newForgery()
			tc.change(f)
			_, header := f.request()
			rep, err := rig.request(context.Background(), header)
			wantTokenError(t, rep, err, tc.code)
			if last := rep.Checks[len(rep.Checks)-1]; last.Presented != tc.presented || strings.Contains(last.Hint, "alice") {
				t.Errorf("presented %q, want %q", last.Presented, tc.presented)
			}
		})
	}
}

// What the library says is told apart: a token that ends while it is verified has
// expired, and a fault of ours refuses nobody.
func TestTokenLibraryRefuses(t *testing.T) {
	tokenKeys()
	synctest.Test(t, func(t *testing.T) {
		rig := newTokenRig(t)
		// The library's clock is ahead of the one that the claims are judged by.
		rig.later = -2 * time.Second
		old, unreadable := setClaim("iat", fmt.Sprint(time.Now().Add(-time.Hour).Unix())), addClaim("x", "1e999")
		until := func(d time.Duration) func(*forgery) {
			return setClaim("exp", fmt.Sprint(time.Now().Add(d).Unix()))
		}
		rig.accepts(t, goodToken(old, until(0)))
		rig.refuses(t, goodToken(old, until(0), unreadable), TokenMalformed)
		rep := rig.refuses(t, goodToken(old, until(-time.Second)), TokenExpired)
		if last := rep.Checks[len(rep.Checks)-1]; last.Name != "expiry" || !last.Unverified {
			t.Errorf("got %+v", last)
		}

		rig.keys.current.Load().byID["key-1"].validator = mustMake(idtoken.NewValidator(context.Background(), option.WithHTTPClient(&http.Client{Transport: failing{}})))
		rig.refuses(t, goodToken(), KeysUnavailable)
		f := newForgery()
		f.header.set("kid", `"key-2"`)
		f.sign = signedBy(otherGoogleKey())
		rig.accepts(t, f.token())
	})
}

// What is wrong with the JSON is reported, and not what follows from it.
func TestMembersSyntax(t *testing.T) {
	each := func(string, jsontext.Value) error { return errors.New("a claim is wrong") }
	for _, text := range []string{`{"exp":,"x":1}`, `{"x":1,}`, `{"x":1`} {
		var syntax *jsontext.SyntacticError
		if err := members([]byte(text), claimNames, each); !errors.As(err, &syntax) {
			t.Errorf("%s: %v, want a *jsontext.SyntacticError", text, err)
		}
	}
	if err := members([]byte(`{"x":1}`), claimNames, each); err != nil {
		t.Errorf("good: %v", err)
	}
}

func TestKeysLifetime(t *testing.T) {
	for _, tc := range []struct {
		cacheControl []string
		age          string
		want         time.Duration
	}{
		{nil, "", keysLifetime},
		{[]string{"public, max-age=21600, must-revalidate, no-transform"}, "", 6 * time.Hour},
		{[]string{"public, max-age=21600"}, "3600", 5 * time.Hour},
		{[]string{"Max-Age=\"21600\""}, "", 6 * time.Hour},
		{[]string{"public", "max-age=7200"}, "", 2 * time.Hour},
		{[]string{"max-age=7200, max-age=21600"}, "", 2 * time.Hour},
		{[]string{"max-age=21600, max-age=7200"}, "", 2 * time.Hour},
		{[]string{"max-age=0, max-age=7200"}, "", keysLifetimeMin},
		{[]string{"max-age=0"}, "", keysLifetimeMin},
		{[]string{"max-age=600"}, "3600", keysLifetimeMin},
		{[]string{"max-age=600"}, "99999999999999999999", keysLifetimeMin},
		{[]string{"no-store, max-age=7200"}, "", keysLifetimeMin},
		{[]string{"max-age=99999999999999999999"}, "", keysLifetimeMax},
		{[]string{"max-age=-1"}, "", keysLifetime},
		{[]string{"max-age"}, "", keysLifetime},
		{[]string{"s-maxage=60, xmax-age=60"}, "", keysLifetime},
		{[]string{"max-age=7200"}, "soon", 2 * time.Hour},
	} {
		h := http.Header{}
		for _, v := range tc.cacheControl {
			h.Add("Cache-Control", v)
		}
		if tc.age != "" {
			h.Set("Age", tc.age)
		}
		if got := lifetime(h); got != tc.want {
			t.Errorf("lifetime(%q, Age %q) = %s, want %s", tc.cacheControl, tc.age, got, tc.want)
		}
	}
}

// Which key of Google's set is refused, and why: it stands in the log where no call
// passes.
func TestGoogleKeys(t *testing.T) {
	odd := func(bits int) *big.Int { return new(big.Int).SetBit(big.NewInt(1), bits-1, 1) }
	key := func(kid string, n *big.Int, e int64) string {
		return fmt.Sprintf(`{"kty":"RSA","kid":%s,"n":%q,"e":%q}`, jsonText(kid), b64(n.Bytes()), b64(big.NewInt(e).Bytes()))
	}
	const f4 = 65537
	for _, row := range []struct {
		name, second string // behind a good key
		want         string // "" is accepted
	}{
		{"2048 bits", key("2", odd(2048), f4), ""},
		{"2047 bits", key("2", odd(2047), f4), "key 2: 2047 bits, want 2048 to 4096"},
		{"4096 bits", key("2", odd(4096), f4), ""},
		{"4097 bits", key("2", odd(4097), f4), "key 2: go-jose"},
		{"an even modulus", key("2", new(big.Int).SetBit(odd(2048), 0, 0), f4), "key 2: modulus or exponent is not RSA's"},
		{"exponent 3", key("2", odd(2048), 3), ""},
		{"exponent 2", key("2", odd(2048), 2), "key 2: modulus or exponent is not RSA's"},
		{"exponent 1", key("2", odd(2048), 1), "key 2: go-jose"},
		{"the largest exponent", key("2", odd(2048), math.MaxInt32), ""},
		{"a larger exponent", key("2", odd(2048), math.MaxInt32+2), "key 2: modulus or exponent is not RSA's"},
		{"the longest kid", key(strings.Repeat("k", maxKeyIDBytes), odd(2048), f4), ""},
		{"a longer kid", key(strings.Repeat("k", maxKeyIDBytes+1), odd(2048), f4), "key 2: a kid of 129 bytes, want 1 to 128"},
		{"no kid", key("", odd(2048), f4), "key 2: a kid of 0 bytes, want 1 to 128"},
		{"kid twice", key("key-1", odd(2048), f4), `key 2: kid "key-1" twice`},
		{"private", jsonText(jwk("2", malloryKey())), "key 2: not a public RSA key"},
		{"no modulus", `{"kty":"RSA","kid":"2","e":"AQAB"}`, "missing n/e values"},
		{"no object", `"x"`, "key 2: json: "},
		{"for another use", `{"kty":"RSA","use":"enc"}`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parseKeys([]byte(`{"keys":[` + jsonText(jwk("key-1", &googleKey().PublicKey)) + `,` + row.second + `]}`))
			if (err == nil) != (row.want == "") || err != nil && (!strings.HasPrefix(err.Error(), "key 2: ") || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// idtoken must be given no reason to keep a key, and none but the one.
func TestKeysAnswerIdtoken(t *testing.T) {
	set := mustMake(parseKeys([]byte(googleJWKS())))
	k := set.byID["key-2"]
	resp, err := k.RoundTrip(mustMake(http.NewRequest("GET", GoogleKeysURL, nil)))
	if err != nil || resp.StatusCode != http.StatusOK || len(resp.Header) != 0 {
		t.Errorf("answer: %+v, %v; want 200 without headers", resp, err)
	}
	var got jose.JSONWebKeySet
	body := strings.Replace(string(mustMake(io.ReadAll(resp.Body))), `{"kid"`, `{"kty":"RSA","kid"`, 1)
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Keys) != 1 || got.Keys[0].KeyID != "key-2" || !otherGoogleKey().PublicKey.Equal(got.Keys[0].Key) {
		t.Errorf("idtoken is given %s, %v; want key-2 alone", body, err)
	}
	for _, url := range []string{"https://www.gstatic.com/iap/verify/public_key-jwk", GoogleKeysURL + "?", "http" + strings.TrimPrefix(GoogleKeysURL, "https")} {
		if _, err := k.RoundTrip(mustMake(http.NewRequest("GET", url, nil))); err == nil {
			t.Errorf("%s is answered", url)
		}
	}
}

func TestElapsedAndBackoff(t *testing.T) {
	now := time.Now()
	if elapsed(now, now.Add(-time.Second), 2*time.Second) || !elapsed(now, now.Add(-2*time.Second), 2*time.Second) || !elapsed(now, now.Add(time.Hour), time.Second) {
		t.Error("elapsed")
	}
	if backoff(1) != keysBackoffMin || backoff(2) != 2*keysBackoffMin || backoff(math.MaxInt) != keysBackoffMax {
		t.Error("backoff")
	}
}
