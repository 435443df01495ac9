package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/api/idtoken"
)

// GoogleKeysURL is where Google publishes the keys that sign its ID tokens, as a
// JSON Web Key Set.
//
// Source: https://accounts.google.com/.well-known/openid-configuration (jwks_uri)
const GoogleKeysURL = "https://www.googleapis.com/oauth2/v3/certs"

const (
	// KeysUnknownInterval is the shortest time from one fetch to another that is
	// made because a token names a key that the set does not have. Whoever
	// invents key names gets no more than this out of us.
	KeysUnknownInterval = time.Minute
	// KeysAlarmAge is for how long after its expiry a key set is used, because no
	// newer one can be had, before each call is reported with KeysStale: a key
	// that Google withdrew meanwhile is still accepted.
	KeysAlarmAge = time.Hour
	// KeysGiveUpAge is for how long after its expiry a key set is used at all.
	KeysGiveUpAge = 24 * time.Hour

	// After a fetch that failed, the next waits: keysBackoffMin at first, twice as
	// long each time, keysBackoffMax at most. Without this an outage would be a
	// fetch for each call.
	keysBackoffMin = 5 * time.Second
	keysBackoffMax = time.Minute
)

// keyPrint tells a key from every other, whatever its name.
type keyPrint [sha256.Size]byte

// key is one key of a set. It never changes. Google's have body and validator, an
// authentication server's (session tokens) have algorithm and public.
//
// One of Google's is the transport under an idtoken.Validator of its own, which is how the
// library is given keys. No two keys share a validator: the library keeps what
// it is answered until its clock moves on, and would look for a key among others
// that it was told of in the same instant.
type key struct {
	print     keyPrint
	body      []byte // a key set of this key alone, for idtoken
	validator *idtoken.Validator

	algorithm jose.SignatureAlgorithm // the only one that the key serves
	public    any                     // what go-jose verifies with
}

// RoundTrip answers the library's fetch from memory. There is no Cache-Control
// and no Age in the answer, so that the library believes it for one call.
func (k *key) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.String() != GoogleKeysURL {
		return nil, fmt.Errorf("verify: idtoken asks for %s, want %s alone", req.URL.Redacted(), GoogleKeysURL)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(k.body)), ContentLength: int64(len(k.body)), Request: req,
	}, nil
}

// keys is one key set as it was fetched. It never changes.
type keys struct {
	byID map[string]*key
	// The set is good until expires; from refresh on a newer one is fetched while
	// calls go on.
	refresh, expires time.Time
	fetched          time.Time
}

func (k *keys) has(kid string) bool { return k.byID[kid] != nil }

// due says whether a newer set is to be fetched, expired whether calls wait for it.
// A set from the future is both: it was fetched while the clock was ahead, and would
// else be used until then, with keys that Google has withdrawn.
func (k *keys) due(now time.Time) bool { return k.early(now) || !now.Before(k.refresh) }

func (k *keys) expired(now time.Time) bool { return k.early(now) || !now.Before(k.expires) }

// early says whether a set is from the future. A call whose clock was read shortly
// before a fetch ended sees no more than seconds of it.
func (k *keys) early(now time.Time) bool { return k.age(now) < -time.Minute }

// stale is for how long the set has been past its expiry; negative before that.
func (k *keys) stale(now time.Time) time.Duration { return now.Sub(k.expires) }

// usable says whether the set may still decide anything. A nil set may not.
func (k *keys) usable(now time.Time) bool { return k != nil && k.stale(now) < KeysGiveUpAge }

// age is how long ago a set that is not nil was fetched.
func (k *keys) age(now time.Time) time.Duration { return now.Sub(k.fetched) }

// keySet keeps the keys that a URL serves: it decides when they are fetched, and who waits.
// It is safe for use by several goroutines.
//
// A fetch belongs to nobody: it has its own timeout, and goes on when the caller
// who wanted it has gone. At most one is under way. A good set is only ever
// replaced by a good one.
type keySet struct {
	url     string
	client  *http.Client
	parse   func(body []byte) (*keys, error) // reads a set; its lifetime comes with the response
	now     func() time.Time
	current atomic.Pointer[keys] // the newest good set; nil before the first

	mu        sync.Mutex // guards what follows, and writes to current
	inflight  *keyFetch  // nil if none
	attempted time.Time  // when the last fetch began
	failures  int        // fetches that failed since the last that did not
	lastErr   error      // of the last fetch; nil if it did not fail
}

// keyFetch is a fetch that is under way; err may be read once done is closed.
type keyFetch struct {
	done chan struct{}
	err  error
}

func (f *keyFetch) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return fmt.Errorf("the call ended before the keys came: %w", context.Cause(ctx))
	}
}

// prefetch gets the keys if there are none.
func (s *keySet) prefetch(ctx context.Context) error {
	s.mu.Lock()
	now := s.now()
	if k := s.current.Load(); k != nil && !k.expired(now) {
		s.mu.Unlock()
		return nil
	}
	f := s.inflight
	if f == nil {
		f = s.start(now)
	}
	s.mu.Unlock()
	return f.wait(ctx)
}

// find gives the key set to judge a token by that names the key kid. If the set
// is without it, there is no such key. The error means that we cannot know.
func (s *keySet) find(ctx context.Context, now time.Time, kid string) (*keys, error) {
	if k := s.current.Load(); k != nil && !k.due(now) && k.has(kid) {
		return k, nil
	}
	if f := s.want(now, kid); f != nil {
		if err := f.wait(ctx); err != nil && ctx.Err() != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	k, err := s.current.Load(), s.lastErr
	s.mu.Unlock()
	switch {
	case k.usable(now) && (k.has(kid) || err == nil):
		return k, nil
	case err == nil: // the clock was set back by days while the keys came
		err = errors.New("no usable key set")
	}
	return nil, err
}

// want begins a fetch if one is due, and gives the fetch that must be waited
// for, or nil.
func (s *keySet) want(now time.Time, kid string) *keyFetch {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.current.Load()
	usable := k.usable(now)
	unknown := usable && !k.has(kid)
	// Past the first failure, calls do not pay for an outage as long as the old
	// set can be used.
	outage := s.failures > 0 && !elapsed(now, s.attempted, 2*keysBackoffMax)
	wait := !usable || unknown || k.expired(now) && !outage

	if s.inflight == nil {
		old := !usable || k.due(now)
		retry := s.failures == 0 || elapsed(now, s.attempted, backoff(s.failures))
		if old && retry || unknown && elapsed(now, s.attempted, KeysUnknownInterval) {
			s.start(now)
		}
	}
	if !wait {
		return nil
	}
	return s.inflight
}

// start begins a fetch; the caller holds mu, and there is none under way.
func (s *keySet) start(now time.Time) *keyFetch {
	f := &keyFetch{done: make(chan struct{})}
	s.inflight, s.attempted = f, now
	go func() {
		k, err := s.fetch()
		s.mu.Lock()
		if err != nil {
			s.failures++
		} else {
			s.failures = 0
			s.current.Store(k)
		}
		s.inflight, s.lastErr, f.err = nil, err, err
		s.mu.Unlock()
		close(f.done)
	}()
	return f
}

func backoff(failures int) time.Duration {
	d := keysBackoffMin
	for ; failures > 1 && d < keysBackoffMax; failures-- {
		d *= 2
	}
	return min(d, keysBackoffMax)
}

// elapsed says whether d has passed since then. A clock that was set back has
// passed everything: better a fetch too many than none for hours.
func elapsed(now, then time.Time, d time.Duration) bool {
	age := now.Sub(then)
	return age < 0 || age >= d
}
