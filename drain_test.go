package webhook

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/cxhook/cx"
	"example.com/cxhook/verify"
)

// openHook is a hook that anybody may call, with one handler.
func openHook(t *testing.T, handler cx.HandlerFunc) (*Hook, *lockedBuffer) {
	t.Helper()
	log := new(lockedBuffer)
	return openHookTo(t, log, handler), log
}

func openHookTo(t *testing.T, log io.Writer, handler cx.HandlerFunc) *Hook {
	t.Helper()
	hook, err := New(t.Context(), Config{
		Log: log, Verify: verify.Config{Policy: verify.PolicyInsecureNone, DangerNotProduction: true},
		Register: func(_ context.Context, m *cx.Mux) (func(context.Context) error, error) {
			m.Fallback(handler)
			return nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return hook
}

func post(hook *Hook, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	hook.ServeHTTP(w, r)
	return w
}

func get(hook *Hook, path string) int {
	w := httptest.NewRecorder()
	hook.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code
}

// Told to stop, the hook answers the calls in flight, and 503 to those that come
// later; with the last answer it is drained.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hook, log := openHook(t, func(context.Context, *cx.Request) (*cx.Response, error) {
			<-release
			return cx.Say("at last"), nil
		})
		if err := hook.answerAll(context.Background()); err != nil { // nothing is in flight
			t.Fatal(err)
		}
		hook.stop.Store(false)

		var answered atomic.Int32
		for range 3 {
			go func() {
				if w := post(hook, "{}"); w.Code == http.StatusOK && strings.Contains(w.Body.String(), "at last") {
					answered.Add(1)
				}
			}()
		}
		synctest.Wait()
		if live, ready := get(hook, "/live"), get(hook, "/ready"); live != 200 || ready != 200 {
			t.Errorf("before: /live %d, /ready %d", live, ready)
		}
		drained := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), drainTime)
			defer cancel()
			drained <- hook.answerAll(ctx)
		}()
		synctest.Wait()
		if live, ready := get(hook, "/live"), get(hook, "/ready"); live != 200 || ready != 503 {
			t.Errorf("while it stops: /live %d, /ready %d; want 200, 503", live, ready)
		}
		w := post(hook, "{}")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Connection") != "close" {
			t.Errorf("a later call: got %d, Connection %q", w.Code, w.Header().Get("Connection"))
		}
		if text := log.String(); strings.Count(text, `"reason":"stopping"`) != 1 || !strings.Contains(text, `"severity":"WARNING"`) {
			t.Errorf("the later call's line is missing:\n%s", text)
		}
		select {
		case err := <-drained:
			t.Fatalf("drained with calls in flight: %v", err)
		default:
		}
		close(release)
		if err := <-drained; err != nil {
			t.Error(err)
		}
		synctest.Wait() // the callers count when they have their answers
		if n := answered.Load(); n != 3 {
			t.Errorf("%d calls answered when it was drained, want 3", n)
		}
	})
}

// A call that is longer than the time to stop is cut off, and that is said.
func TestDrainTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hook, log := openHook(t, func(context.Context, *cx.Request) (*cx.Response, error) {
			<-release
			return cx.Say("too late"), nil
		})
		hook.cfg.Budget, hook.budget = time.Minute, time.Minute
		go post(hook, "{}")
		synctest.Wait()
		start := time.Now()
		if code := hook.end(); code != 1 {
			t.Errorf("exit code %d, want 1", code)
		}
		if took := time.Since(start); took > 10*time.Second { // Cloud Run's
			t.Errorf("it took %v", took)
		}
		if !strings.Contains(log.String(), `"error":"1 calls are not answered: context deadline exceeded"`) {
			t.Errorf("got\n%s", log)
		}
		close(release)
	})
}

// What handlers hold is released at the end, and the last line says so.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hook, log := openHook(t, func(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say("x"), nil })
		closed := false
		hook.close = func(context.Context) error { closed = true; return nil }
		if code := hook.end(); code != 0 || !closed {
			t.Errorf("exit code %d, closed %v", code, closed)
		}
		if !strings.HasSuffix(log.String(), `"message":"cxhook stopped: all calls answered after 250ms"}`+"\n") {
			t.Errorf("got\n%s", log)
		}
	})
}
