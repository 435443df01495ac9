package verify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keyServerAttack is a row of TestAttackToken about the key server; its twin is
// in it.
type keyServerAttack struct {
	id   string
	want Code
	run  func(t *testing.T, want Code)
}

func keyServerAttacks() []keyServerAttack {
	body := func(b string) func(*keyServer) { return func(s *keyServer) { s.body = b } }
	header := func(name string, values ...string) func(*keyServer) {
		return func(s *keyServer) { s.header[name] = values }
	}
	// status is all that is wrong: the body is good.
	status := func(code int) func(*keyServer) {
		return func(s *keyServer) {
			s.answer = func(r *http.Request) (*http.Response, error) {
				resp, err := newKeyServer().RoundTrip(r)
				resp.StatusCode = code
				return resp, err
			}
		}
	}
	google := jwk("key-1", &googleKey().PublicKey)
	weak, _ := rsa.GenerateKey(rand.Reader, 1024)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	encryption := jwk("key-1", &googleKey().PublicKey)
	encryption.Use = "enc"
	rs512 := jwk("key-1", &googleKey().PublicKey)
	rs512.Algorithm = "RS512"
	// Other keys beside Google's do no harm.
	mixed := jwks(google, jose.JSONWebKey{Key: &ec.PublicKey, KeyID: "ec"}, jose.JSONWebKey{Key: &malloryKey().PublicKey, KeyID: "enc", Use: "enc"})
	exponent := strings.Replace(jwks(google), `"e":"AQAB"`, `"e":"AQAA"`, 1)
	return []keyServerAttack{
		{"K01-down", KeysUnavailable, keyServerDown},
		{"K02-slow", KeysUnavailable, inBubble(keyServerSlow)},
		{"K03-huge", KeysUnavailable, keyServerAnswers(body(jwks(google)+strings.Repeat(" ", MaxKeysBytes+1-len(jwks(google)))), body(jwks(google)+strings.Repeat(" ", MaxKeysBytes-len(jwks(google)))))},
		{"K04-content-type-html", KeysUnavailable, keyServerAnswers(header("Content-Type", "text/html"), header("Content-Type", "application/jwk-set+json"))},
		{"K05-no-content-type", KeysUnavailable, keyServerAnswers(header("Content-Type", ""), nil)},
		{"K06-body-html", KeysUnavailable, keyServerAnswers(body("<html></html>"), nil)},
		{"K07-redirect", KeysUnavailable, keyServerRedirects},
		{"K08-internal-error", KeysUnavailable, keyServerAnswers(status(http.StatusInternalServerError), nil)},
		{"K09-not-quite-ok", KeysUnavailable, keyServerAnswers(status(http.StatusNonAuthoritativeInfo), nil)},
		{"K10-empty-set", KeysUnavailable, keyServerAnswers(body(`{"keys":[]}`), nil)},
		{"K11-null", KeysUnavailable, keyServerAnswers(body(`null`), nil)},
		{"K12-keys-twice", KeysUnavailable, keyServerAnswers(body(`{"keys":[],`+jwks(google)[1:]), body(`{"Keys":[],`+jwks(google)[1:]))},
		{"K13-kid-twice", KeysUnavailable, keyServerAnswers(body(jwks(google, jwk("key-1", &malloryKey().PublicKey))), body(jwks(google, jwk("key-3", &malloryKey().PublicKey))))},
		{"K14-weak-key", KeysUnavailable, keyServerAnswers(body(jwks(google, jwk("weak", &weak.PublicKey))), nil)},
		{"K15-no-kid", KeysUnavailable, keyServerAnswers(body(jwks(google, jwk("", &malloryKey().PublicKey))), nil)},
		{"K16-private-key", KeysUnavailable, keyServerAnswers(body(jwks(jwk("key-1", googleKey()))), nil)},
		{"K17-even-exponent", KeysUnavailable, keyServerAnswers(body(exponent), nil)},
		{"K18-elliptic-curve-alone", KeysUnavailable, keyServerAnswers(body(jwks(jose.JSONWebKey{Key: &ec.PublicKey, KeyID: "key-1"})), body(mixed))},
		{"K19-for-encryption", KeysUnavailable, keyServerAnswers(body(jwks(encryption)), body(mixed))},
		{"K20-for-RS512", KeysUnavailable, keyServerAnswers(body(jwks(rs512)), nil)},
		{"K21-member-twice-in-a-key", KeysUnavailable, keyServerAnswers(body(strings.Replace(jwks(google), `"kid":`, `"kid":"key-2","kid":`, 1)), nil)},
		{"K22-cut-off-behind-the-keys", KeysUnavailable, keyServerAnswers(header("Content-Length", fmt.Sprint(len(googleJWKS())+1)), header("Content-Length", fmt.Sprint(len(googleJWKS()))))},
		{"K23-keys-twice-the-good-ones-first", KeysUnavailable, keyServerAnswers(body(strings.TrimSuffix(jwks(google), "}")+`,"keys":[]}`), body(strings.TrimSuffix(jwks(google), "}")+`,"Keys":[]}`))},
		{"K24-text-behind-the-keys", KeysUnavailable, keyServerAnswers(body(jwks(google)+"x"), body(jwks(google)+"\n"))},
		{"K25-a-key-that-is-no-object", KeysUnavailable, keyServerAnswers(body(`{"keys":["x",`+strings.TrimPrefix(jwks(google), `{"keys":[`)), body(`{"keys":[{"x":1},`+strings.TrimPrefix(jwks(google), `{"keys":[`)))},
		{"K30-rotated", TokenUnknownKey, inBubble(keysRotated)},
		{"K31-withdrawn", TokenUnknownKey, inBubble(keyWithdrawn)},
		{"K32-replaced-under-its-kid", TokenBadSignature, inBubble(keyReplaced)},
		{"K33-no-cache-control", TokenUnknownKey, inBubble(noCacheControl)},
		{"K34-flood-of-kids", TokenUnknownKey, inBubble(floodOfKids)},
		{"K35-flood-of-kids-with-wrong-claims", TokenWrongAudience, inBubble(floodOfWrongClaims)},
		{"K36-five-hundred-at-a-cold-start", KeysUnavailable, fiveHundredCallers},
		{"K37-outage", KeysUnavailable, inBubble(outage)},
		{"K38-outage-is-seen", KeysStale, inBubble(outageIsSeen)},
		{"K39-outage-at-a-cold-start", KeysUnavailable, inBubble(outageAtColdStart)},
		{"K40-unknown-key-in-an-outage", KeysUnavailable, inBubble(unknownKeyInOutage)},
		{"K41-bad-set-after-a-good-one", TokenUnknownKey, inBubble(badSetAfterGood)},
		{"K42-caller-gone", KeysUnavailable, inBubble(callerGone)},
		{"K43-withdrawn-while-another-call-fetches", TokenUnknownKey, inBubble(withdrawnWhileAnotherFetches)},
		{"K44-clock-set-back-while-keys-come", KeysUnavailable, inBubble(clockSetBack)},
	}
}

func inBubble(run func(*testing.T, *tokenRig, Code)) func(*testing.T, Code) {
	return func(t *testing.T, want Code) {
		tokenKeys()
		synctest.Test(t, func(t *testing.T) { run(t, newTokenRig(t), want) })
	}
}

// overHTTP puts the key server behind a real connection.
func (rig *tokenRig) overHTTP(t *testing.T) *httptest.Server {
	srv := httptest.NewServer(rig.server)
	t.Cleanup(srv.Close)
	keys, err := newKeySet("Token.KeysURL", srv.URL, parseKeys, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	rig.keys = keys
	return srv
}

func keyServerDown(t *testing.T, want Code) {
	rig := newTokenRig(t)
	srv := rig.overHTTP(t)
	srv.Close()
	rig.refuses(t, goodToken(), want)
	rig.overHTTP(t)
	rig.accepts(t, goodToken())
}

// keyServerAnswers is a row about a key set that is not taken, over real HTTP;
// the twin is one that is (nil: Google's).
func keyServerAnswers(attack, twin func(*keyServer)) func(*testing.T, Code) {
	return func(t *testing.T, want Code) {
		rig := newTokenRig(t)
		rig.overHTTP(t)
		rig.server.change(attack)
		rig.refuses(t, goodToken(), want)
		rig.refuses(t, goodToken(), want) // at once, without another fetch
		rig.wantFetches(t, 1)
		if rig.keys.current.Load() != nil {
			t.Error("the key set was taken")
		}

		rig.server = newKeyServer()
		if twin != nil {
			rig.server.change(twin)
		}
		rig.overHTTP(t)
		rig.accepts(t, goodToken())
		rig.wantFetches(t, 1)
	}
}

// The keys are good, but not where they were asked for.
func keyServerRedirects(t *testing.T, want Code) {
	elsewhere := newTokenRig(t)
	to := elsewhere.overHTTP(t).URL
	elsewhere.accepts(t, goodToken())
	keyServerAnswers(func(s *keyServer) {
		s.answer = func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {to}}, Body: http.NoBody, Request: r}, nil
		}
	}, nil)(t, want)
	elsewhere.wantFetches(t, 1) // its own
}

func keyServerSlow(t *testing.T, rig *tokenRig, want Code) {
	slow := func(d time.Duration) func(*keyServer) {
		return func(s *keyServer) {
			s.answer = func(r *http.Request) (*http.Response, error) {
				select {
				case <-time.After(d):
					plain := newKeyServer()
					return plain.RoundTrip(r)
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			}
		}
	}
	rig.server.change(slow(time.Hour))
	start := time.Now()
	rig.refuses(t, goodToken(), want)
	if took := time.Since(start); took != KeysTimeout {
		t.Errorf("the caller waited %s, want %s", took, KeysTimeout)
	}
	time.Sleep(keysBackoffMin)
	rig.server.change(slow(KeysTimeout - time.Millisecond))
	rig.accepts(t, goodToken())
}

// The fetch is not the caller's: it goes on without him.
func callerGone(t *testing.T, rig *tokenRig, want Code) {
	rig.server.change(func(s *keyServer) {
		s.answer = func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return newKeyServer().RoundTrip(r)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	rep, err := rig.request(ctx, http.Header{"Authorization": {"Bearer " + goodToken()}})
	wantTokenError(t, rep, err, want)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 100*time.Millisecond {
		t.Errorf("after %s: %v; want the caller's deadline", time.Since(start), err)
	}
	rig.accepts(t, goodToken()) // with the keys of the same fetch
	if took := time.Since(start); took != time.Second {
		t.Errorf("the second caller has keys after %s, want the first one's after 1s", took)
	}
	rig.wantFetches(t, 1)
}

func byKey(kid string, key *rsa.PrivateKey) func(*forgery) {
	return func(f *forgery) {
		f.header.set("kid", jsonText(kid))
		f.sign = signedBy(key)
	}
}

func keysRotated(t *testing.T, rig *tokenRig, want Code) {
	rig.accepts(t, goodToken())
	next := byKey("key-3", malloryKey())
	time.Sleep(KeysUnknownInterval - time.Second)
	rig.refuses(t, goodToken(next), want) // the set is not a minute old
	rig.server.serve(jwks(jwk("key-1", &googleKey().PublicKey), jwk("key-3", &malloryKey().PublicKey)))
	rig.refuses(t, goodToken(next), want)
	rig.wantFetches(t, 1)
	time.Sleep(time.Second)
	rig.accepts(t, goodToken(next))
	rig.accepts(t, goodToken())
	rig.wantFetches(t, 2)
}

func keyWithdrawn(t *testing.T, rig *tokenRig, want Code) {
	long := func(f *forgery) { f.claims.set("exp", fmt.Sprint(time.Now().Add(12*time.Hour).Unix())) }
	token := goodToken(long)
	rig.accepts(t, token)
	if rep := rig.accepts(t, token); !rep.TokenCached {
		t.Error("the second time is not from memory")
	}
	rig.server.serve(jwks(jwk("key-2", &otherGoogleKey().PublicKey)))
	time.Sleep(6 * time.Hour) // past the set's max-age
	rig.refuses(t, token, want)
	rig.accepts(t, goodToken(byKey("key-2", otherGoogleKey())))
	rig.wantFetches(t, 2)
}

// Whoever calls while a set past its expiry is being fetched again waits for the new
// one too: the withdrawn key serves nobody.
func withdrawnWhileAnotherFetches(t *testing.T, rig *tokenRig, want Code) {
	token := goodToken(func(f *forgery) { f.claims.set("exp", fmt.Sprint(time.Now().Add(12*time.Hour).Unix())) })
	rig.accepts(t, token)
	served := newKeyServer()
	served.body = jwks(jwk("key-2", &otherGoogleKey().PublicKey))
	rig.server.change(func(s *keyServer) {
		s.answer = func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return served.RoundTrip(r)
		}
	})
	time.Sleep(keysMaxAge)
	var calls sync.WaitGroup
	var reports [2]*Report
	var errs [2]error
	for i := range errs {
		calls.Go(func() { reports[i], errs[i] = rig.call(token) })
		time.Sleep(100 * time.Millisecond)
	}
	calls.Wait()
	for i, err := range errs {
		wantTokenError(t, reports[i], err, want)
	}
	rig.accepts(t, goodToken(byKey("key-2", otherGoogleKey())))
	rig.wantFetches(t, 2)
}

// A call that began two days ahead of the clock gets a set that is long out of date
// by its own time, and no fetch failed.
func clockSetBack(t *testing.T, rig *tokenRig, want Code) {
	rig.later = 2 * KeysGiveUpAge
	ahead := time.Now().Add(rig.later).Unix()
	rig.refuses(t, goodToken(setClaim("iat", fmt.Sprint(ahead)), setClaim("exp", fmt.Sprint(ahead+600))), want)
	rig.later = 0
	rig.accepts(t, goodToken())
	rig.wantFetches(t, 1)
}

func keyReplaced(t *testing.T, rig *tokenRig, want Code) {
	token := goodToken(func(f *forgery) { f.claims.set("exp", fmt.Sprint(time.Now().Add(12*time.Hour).Unix())) })
	rig.accepts(t, token)
	rig.server.serve(jwks(jwk("key-1", &otherGoogleKey().PublicKey)))
	time.Sleep(6 * time.Hour)
	rig.refuses(t, token, want)
	rig.server.serve(googleJWKS())
	time.Sleep(6 * time.Hour)
	rig.accepts(t, goodToken())
}

func noCacheControl(t *testing.T, rig *tokenRig, want Code) {
	rig.server.change(func(s *keyServer) { s.header.Del("Cache-Control") })
	for range 1000 {
		rig.accepts(t, goodTokenOnce())
	}
	rig.wantFetches(t, 1)
	rig.refuses(t, goodToken(setHeader("kid", `"key-3"`)), want)
	rig.wantFetches(t, 1)
}

// goodTokenOnce spares the signing of a thousand tokens; it is a new one in each
// second.
func goodTokenOnce() string {
	tokenMemo.Lock()
	defer tokenMemo.Unlock()
	if now := time.Now().Unix(); tokenMemo.second != now {
		tokenMemo.second, tokenMemo.token = now, goodToken()
	}
	return tokenMemo.token
}

var tokenMemo struct {
	sync.Mutex
	second int64
	token  string
}

// unknownKid gives a token that names a key nobody has.
func unknownKid(i int, good string) string {
	_, rest, _ := strings.Cut(good, ".")
	return b64([]byte(fmt.Sprintf(`{"alg":"RS256","kid":"%x"}`, i))) + "." + rest
}

// Ten thousand made-up keys in ten minutes are ten fetches, and do not get in
// the way of who has a good token.
func floodOfKids(t *testing.T, rig *tokenRig, want Code) {
	start := time.Now()
	rig.accepts(t, goodTokenOnce())
	for i := range 10_000 {
		time.Sleep(60 * time.Millisecond)
		rig.refuses(t, unknownKid(i, goodTokenOnce()), want)
		if i%100 == 0 {
			rig.accepts(t, goodTokenOnce())
		}
	}
	if took := time.Since(start); took != 10*time.Minute {
		t.Fatalf("the flood took %s", took)
	}
	rig.wantFetches(t, 11) // the first, and one in each minute
	if rig.verified.Len() > tokenCacheSize {
		t.Errorf("%d tokens remembered", rig.verified.Len())
	}
}

func floodOfWrongClaims(t *testing.T, rig *tokenRig, want Code) {
	rig.accepts(t, goodToken())
	wrong := goodToken(setClaim("aud", `"https://mallory.example"`))
	for i := range 1000 {
		time.Sleep(time.Second)
		rig.refuses(t, unknownKid(i, wrong), want)
	}
	rig.wantFetches(t, 1)
}

func fiveHundredCallers(t *testing.T, want Code) {
	for _, up := range []bool{true, false} {
		rig := newTokenRig(t)
		rig.overHTTP(t)
		release := make(chan struct{})
		rig.server.change(func(s *keyServer) {
			s.answer = func(r *http.Request) (*http.Response, error) {
				<-release
				if !up {
					return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody}, nil
				}
				return newKeyServer().RoundTrip(r)
			}
		})
		token := goodToken()
		var begun, wg sync.WaitGroup
		for range 500 {
			begun.Add(1)
			wg.Go(func() {
				begun.Done()
				rep, err := rig.call(token)
				if up && err != nil {
					t.Errorf("refused: %v", err)
				} else if !up {
					wantTokenError(t, rep, err, want)
				}
			})
		}
		begun.Wait()
		time.Sleep(50 * time.Millisecond)
		close(release)
		wg.Wait()
		rig.wantFetches(t, 1)
	}
}
