package verify

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// keysMaxAge is for how long the key server's answer may be kept.
const keysMaxAge = 6 * time.Hour

// Old keys serve through an outage until they are a day past their expiry.
func outage(t *testing.T, rig *tokenRig, want Code) {
	rig.accepts(t, goodToken())
	rig.server.down()
	time.Sleep(keysMaxAge + KeysGiveUpAge - time.Second)
	rig.accepts(t, goodToken())
	time.Sleep(time.Second)
	rig.refuses(t, goodToken(), want)
	rig.server.serve(googleJWKS())
	time.Sleep(keysBackoffMax)
	rig.accepts(t, goodToken())
}

// From an hour past the expiry on, each call is reported.
func outageIsSeen(t *testing.T, rig *tokenRig, want Code) {
	warned := func() bool {
		rep := rig.accepts(t, goodToken())
		return slices.ContainsFunc(rep.Checks, func(c Check) bool { return c.Outcome == Warn && c.Code == want && c.Hint != "" })
	}
	warned()
	rig.server.down()
	time.Sleep(keysMaxAge + KeysAlarmAge - time.Second)
	if warned() {
		t.Error("warned before the alarm's time")
	}
	time.Sleep(time.Second)
	if !warned() {
		t.Error("no warning at the alarm's time")
	}
	rig.server.serve(googleJWKS())
	time.Sleep(keysBackoffMax)
	warned() // this call goes on with the old keys, and has new ones fetched
	synctest.Wait()
	if warned() {
		t.Error("warned after the outage")
	}
}

// Without any keys, an outage costs a fetch now and then, not one for each call.
func outageAtColdStart(t *testing.T, rig *tokenRig, want Code) {
	rig.server.down()
	token := goodToken()
	if _, err := rig.call(token); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v, want what the fetch failed of", err)
	}
	for range 5 * 60 {
		rig.refuses(t, token, want)
		time.Sleep(time.Second)
	}
	rig.wantFetches(t, 8) // at 0, 5, 15, 35 and 75 s, and each minute from there
	rig.server.serve(googleJWKS())
	time.Sleep(keysBackoffMax)
	rig.accepts(t, token)
}

// A key that we do not know, and cannot ask for, is not refused: it may be new.
func unknownKeyInOutage(t *testing.T, rig *tokenRig, want Code) {
	rig.accepts(t, goodToken())
	rig.server.down()
	time.Sleep(2 * time.Minute)
	next := byKey("key-3", malloryKey())
	for range 60 {
		rig.refuses(t, goodToken(setHeader("kid", `"key-3"`)), want)
		rig.accepts(t, goodTokenOnce())
		time.Sleep(time.Second)
	}
	rig.wantFetches(t, 2)
	rig.server.serve(jwks(jwk("key-1", &googleKey().PublicKey), jwk("key-3", &malloryKey().PublicKey)))
	rig.accepts(t, goodToken(next))
	rig.wantFetches(t, 3)
}

// A good set is not lost to an empty, broken or foreign one.
func badSetAfterGood(t *testing.T, rig *tokenRig, want Code) {
	rig.accepts(t, goodToken())
	for _, body := range []string{`{"keys":[]}`, `{}`, `null`, ``, `<html>`, `{"keys":[{"kty":"RSA"}]}`, strings.Repeat("x", MaxKeysBytes+1)} {
		rig.server.serve(body)
		time.Sleep(keysMaxAge / 2)
		rig.accepts(t, goodToken())
	}
	rig.server.serve(googleJWKS())
	time.Sleep(2 * keysBackoffMax)
	rig.accepts(t, goodToken())
	synctest.Wait()
	rig.refuses(t, goodToken(setHeader("kid", `"key-3"`)), want)
}

// Keys are fetched again before they expire, while calls go on.
func TestKeysRefreshAhead(t *testing.T) {
	inBubble(func(t *testing.T, rig *tokenRig, _ Code) {
		rig.accepts(t, goodToken())
		rig.server.change(func(s *keyServer) {
			s.answer = func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				again := newKeyServer()
				again.header.Set("Age", "3600")
				again.header.Set("Cache-Control", "max-age=25200")
				return again.RoundTrip(r)
			}
		})
		for call := range 3 {
			time.Sleep(keysMaxAge*3/4 - 2*time.Second)
			rig.accepts(t, goodToken())
			synctest.Wait() // a fetch that began too early has
			rig.wantFetches(t, int64(call+1))
			time.Sleep(2 * time.Second)
			start := time.Now()
			rig.accepts(t, goodToken())
			if took := time.Since(start); took != 0 {
				t.Errorf("the call waited %s for new keys while the old ones were good", took)
			}
			time.Sleep(time.Second) // the fetch
			synctest.Wait()
			rig.wantFetches(t, int64(call+2))
		}
	})(t, "")
}

// Once an outage is known, calls do not wait for the next attempt.
func TestKeysOutageCostsOneCall(t *testing.T) {
	inBubble(func(t *testing.T, rig *tokenRig, _ Code) {
		rig.accepts(t, goodToken())
		rig.server.change(func(s *keyServer) { s.answer = hangs })
		time.Sleep(keysMaxAge)
		start := time.Now()
		rig.accepts(t, goodToken())
		if took := time.Since(start); took != KeysTimeout {
			t.Errorf("the first call after the expiry took %s, want %s", took, KeysTimeout)
		}
		for range 100 {
			time.Sleep(30 * time.Second)
			start := time.Now()
			rig.accepts(t, goodToken())
			if took := time.Since(start); took != 0 {
				t.Fatalf("a call waited %s in a known outage", took)
			}
		}
		time.Sleep(KeysTimeout) // for the last attempt to end
	})(t, "")
}

func TestKeysPrefetch(t *testing.T) {
	inBubble(func(t *testing.T, rig *tokenRig, _ Code) {
		rig.server.down()
		if err := rig.keys.prefetch(t.Context()); err == nil {
			t.Error("no error while the key server is down")
		}
		rig.server.serve(googleJWKS())
		if err := rig.keys.prefetch(t.Context()); err != nil {
			t.Error(err)
		}
		if err := rig.keys.prefetch(t.Context()); err != nil {
			t.Error(err)
		}
		rig.accepts(t, goodToken())
		rig.wantFetches(t, 2)
	})(t, "")
}

// Whoever wants the keys while they are being fetched has them of the same fetch.
func TestKeysPrefetchOnce(t *testing.T) {
	inBubble(func(t *testing.T, rig *tokenRig, _ Code) {
		rig.server.change(func(s *keyServer) {
			s.answer = func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				return newKeyServer().RoundTrip(r)
			}
		})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := rig.keys.prefetch(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		rig.accepts(t, goodToken())
		rig.wantFetches(t, 1)
	})(t, "")
}

// A set from the future is fetched again, once the clock is more than a minute
// behind the fetch: less is a call that read the clock shortly before it.
func TestKeysFromTheFuture(t *testing.T) {
	inBubble(func(t *testing.T, rig *tokenRig, _ Code) {
		rig.accepts(t, goodToken())
		for _, row := range []struct {
			behind  time.Duration
			fetches int64
		}{{time.Minute, 1}, {time.Minute + 1, 2}} {
			if k, err := rig.keys.find(t.Context(), time.Now().Add(-row.behind), "key-1"); err != nil || !k.has("key-1") {
				t.Errorf("%v behind: %v", row.behind, err)
			}
			rig.wantFetches(t, row.fetches)
		}
	})(t, "")
}

func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
