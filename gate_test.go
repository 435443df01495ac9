package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/cxhook/cx"
)

// Eight run, two wait, the others are turned away; who waits is let in as another
// leaves, or turned away too.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(8)
		for i := range 8 {
			if waited, ok := g.enter(t.Context()); !ok || waited != 0 {
				t.Fatalf("call %d: let in %v after %v", i, ok, waited)
			}
		}
		type result struct {
			waited time.Duration
			ok     bool
		}
		results := make(chan result, 2)
		wait := func(ctx context.Context) {
			go func() {
				waited, ok := g.enter(ctx)
				results <- result{waited, ok}
			}()
			synctest.Wait()
		}
		turnedAway := func() {
			t.Helper()
			if waited, ok := g.enter(t.Context()); ok || waited != 0 {
				t.Errorf("one more: let in %v after %v", ok, waited)
			}
		}

		wait(t.Context())
		time.Sleep(100 * time.Millisecond)
		wait(t.Context())
		turnedAway()
		time.Sleep(100 * time.Millisecond)
		g.leave()
		if got, want := <-results, (result{200 * time.Millisecond, true}); got != want {
			t.Errorf("who waited longest: got %v, want %v", got, want)
		}
		if got, want := <-results, (result{QueueTime, false}); got != want {
			t.Errorf("who waited in vain: got %v, want %v", got, want)
		}

		ctx, cancel := context.WithCancel(t.Context())
		wait(ctx)
		cancel()
		if got, want := <-results, (result{0, false}); got != want {
			t.Errorf("who hung up: got %v, want %v", got, want)
		}

		wait(t.Context()) // all places in the queue were given back
		wait(t.Context())
		turnedAway()
		for range 2 {
			g.leave()
			if got := <-results; !got.ok {
				t.Errorf("got %v, want a place", got)
			}
		}
		for range 8 {
			g.leave()
		}
		if waited, ok := g.enter(t.Context()); !ok || waited != 0 {
			t.Errorf("when all have left: let in %v after %v", ok, waited)
		}
	})
}

// TestOverload fills the function with calls that hang. What comes then is refused at
// once, unread and with its reason; strangers learn 401 as ever; and who waited is
// answered.
func TestOverload(t *testing.T) {
	release, started := make(chan struct{}), make(chan struct{}, 5)
	d := newDirect(t, func(cfg *Config) {
		cfg.Concurrency = 4
		cfg.Register = func(_ context.Context, m *cx.Mux) (func(context.Context) error, error) {
			m.Fallback(cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) {
				started <- struct{}{}
				<-release
				return cx.Say("done"), nil
			}))
			return nil, nil
		}
	})
	d.hook.gate.queueTime = time.Minute // the test may be slow
	body := sampleBody(t)
	var calls sync.WaitGroup
	answers := make(chan int, 5)
	call := func() {
		calls.Go(func() {
			w := httptest.NewRecorder()
			d.hook.ServeHTTP(w, d.request(body))
			answers <- w.Code
		})
	}
	for range 4 {
		call()
	}
	for range 4 {
		<-started
	}
	call()
	for deadline := time.Now().Add(10 * time.Second); d.hook.gate.waiting.Load() != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the fifth call does not wait")
		}
	}

	r := d.request("")
	r.Body, r.ContentLength = unread{t}, int64(len(body))
	w := httptest.NewRecorder()
	d.hook.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("the sixth: got %d, want 503", w.Code)
	}
	var line struct {
		Severity string
		Labels   struct{ Reason, Outcome string } `json:"logging.googleapis.com/labels"`
		Refusal  struct{ Station, Check, Code, Expected string }
	}
	if err := json.Unmarshal(bytes.TrimSpace([]byte(d.log.String()[strings.Index(d.log.String(), "\n")+1:])), &line); err != nil {
		t.Fatalf("%v in\n%s", err, d.log)
	}
	if line.Severity != "ERROR" || line.Labels.Reason != "overloaded" || line.Labels.Outcome != "unavailable" ||
		line.Refusal != struct{ Station, Check, Code, Expected string }{"load", "calls", "overloaded", "at most 4 at a time"} {
		t.Errorf("the line: %+v", line)
	}

	stranger := d.request(body)
	stranger.Header.Del("Authorization")
	w = httptest.NewRecorder()
	if d.hook.ServeHTTP(w, stranger); w.Code != http.StatusUnauthorized {
		t.Errorf("a stranger: got %d, want 401", w.Code)
	}

	close(release)
	calls.Wait()
	for range 5 {
		if code := <-answers; code != http.StatusOK {
			t.Errorf("one of the five: got %d, want 200", code)
		}
	}
	if last := d.log.String(); strings.Count(last, `"queue":`) != 1 {
		t.Errorf("want the time in the queue of one call in\n%s", last)
	}
	if running, waiting := len(d.hook.gate.running), d.hook.gate.waiting.Load(); running != 0 || waiting != 0 {
		t.Errorf("%d places and %d of the queue were not given back", running, waiting)
	}
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (b unread) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, errors.New("not to be read")
}

func (b unread) Close() error { return nil }
