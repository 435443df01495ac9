package cx_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/cxhook/cx"
)

// turn is a request, of its own or another attempt at the same.
func turn(id, session, tag, text string) string {
	return fmt.Sprintf(`{"detectIntentResponseId":%q,"fulfillmentInfo":{"tag":%q},"text":%q,"sessionInfo":{"session":"projects/p/locations/l/agents/a/sessions/%s"}}`, id, tag, text, session)
}

// orders counts how often it was placed, and says which one it was.
type orders struct {
	takes  time.Duration
	mu     sync.Mutex
	placed int
	fail   func(n int) error // nil is none
}

func (o *orders) place(ctx context.Context, _ *cx.Request) (*cx.Response, error) {
	o.mu.Lock()
	o.placed++
	n, fail := o.placed, o.fail
	o.mu.Unlock()
	select {
	case <-time.After(o.takes):
	case <-ctx.Done():
		return nil, fmt.Errorf("order %d: %w", n, ctx.Err())
	}
	if fail != nil {
		if err := fail(n); err != nil {
			return nil, err
		}
	}
	return cx.Sayf("order %d", n), nil
}

func (o *orders) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.placed
}

// instance is a webhook that places orders under Once.
func (o *orders) instance(t *testing.T, cfg cx.OnceConfig) func(body string) string {
	m := cx.NewMux()
	m.Use(cx.Once(cfg))
	for _, tag := range []string{"t", "u"} {
		m.Route(cx.Route{Tag: tag, Handler: cx.HandlerFunc(o.place)})
	}
	h := handlerOf(t, m)
	return func(body string) string {
		got := post(t, h, body)
		_, said, _ := strings.Cut(got.body, `"text":["`)
		said, _, _ = strings.Cut(said, `"`)
		return strings.TrimSpace(fmt.Sprint(got.status, " ", said))
	}
}

// The second attempt joins the first, whose caller has been answered for, or gets
// its answer. Once the window is over the handler acts again.
func TestOnce(t *testing.T) {
	for _, takes := range []time.Duration{0, time.Second, 6 * time.Second} { // the budget is 4 s
		synctest.Test(t, func(t *testing.T) {
			o := &orders{takes: takes}
			call := o.instance(t, cx.OnceConfig{})
			attempt := turn("r1", "s", "t", "yes")
			want := "200 order 1"
			if takes > 4*time.Second {
				want = "504"
			}
			start := time.Now()
			if got := call(attempt); got != want {
				t.Errorf("takes %v: first attempt: %s, want %s", takes, got, want)
			}
			time.Sleep(5*time.Second - time.Since(start)) // Dialogflow's timeout
			if got := call(attempt); got != "200 order 1" {
				t.Errorf("takes %v: second attempt: %s", takes, got)
			}
			time.Sleep(cx.DefaultOnceWindow - time.Since(start) - 1)
			if got := call(attempt); got != "200 order 1" {
				t.Errorf("takes %v: the window's end: %s", takes, got)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if call(attempt); o.count() != 2 {
				t.Errorf("takes %v: %d orders after the window, want a second", takes, o.count())
			}
			time.Sleep(10 * time.Minute)
		})
	}
}

// Attempts that are under way at the same time run the handler once.
func TestOnceTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &orders{takes: time.Second}
		call := o.instance(t, cx.OnceConfig{})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got := call(turn("r1", "s", "t", "yes")); got != "200 order 1" {
					t.Error(got)
				}
			})
		}
		wg.Wait()
		time.Sleep(10 * time.Minute)
	})
}

// Whatever differs makes another call; without a response id every call is one.
func TestOnceTellsCallsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &orders{}
		call := o.instance(t, cx.OnceConfig{})
		for n, body := range []string{turn("r1", "s", "t", "yes"), turn("r2", "s", "t", "yes"), turn("r1", "z", "t", "yes"), turn("r1", "s", "u", "yes"), turn("r1", "s", "t", "no"),
			turn("", "s", "t", "yes"), turn("", "s", "t", "yes")} {
			if got, want := call(body), fmt.Sprintf("200 order %d", n+1); got != want {
				t.Errorf("%s: %s, want %s", body, got, want)
			}
		}
		time.Sleep(10 * time.Minute)
	})
}

// What failed is tried again, and not remembered; who waited for it fails too.
func TestOnceFailure(t *testing.T) {
	for name, fail := range map[string]func(n int) error{
		"503": func(n int) error { return &cx.Error{Status: 503, Err: errors.New("the shop is closed")} },
		"500": func(n int) error { panic("no shop") },
	} {
		synctest.Test(t, func(t *testing.T) {
			o := &orders{takes: time.Second, fail: func(n int) error {
				if n == 1 {
					return fail(n)
				}
				return nil
			}}
			call := o.instance(t, cx.OnceConfig{})
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					if got := call(turn("r1", "s", "t", "yes")); got != name {
						t.Errorf("got %s, want %s", got, name)
					}
				})
			}
			wg.Wait()
			if got := call(turn("r1", "s", "t", "yes")); got != "200 order 2" {
				t.Errorf("after a failure: %s", got)
			}
			time.Sleep(10 * time.Minute)
		})
	}
}

// A handler that never comes to an end is cancelled with the window.
func TestOnceWindowCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &orders{takes: time.Hour}
		call := o.instance(t, cx.OnceConfig{Window: 10 * time.Second})
		call(turn("r1", "s", "t", "yes"))
		call(turn("r1", "s", "t", "yes"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if call(turn("r1", "s", "t", "yes")); o.count() != 2 {
			t.Errorf("%d orders, want a second", o.count())
		}
		time.Sleep(time.Minute)
	})
}

// Handlers that outlast their callers are bounded.
func TestOnceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &orders{takes: 30 * time.Second}
		call := o.instance(t, cx.OnceConfig{})
		var wg sync.WaitGroup
		for n := range cx.MaxOverruns {
			wg.Go(func() { call(turn(fmt.Sprint("r", n), "s", "t", "yes")) })
		}
		wg.Wait()
		synctest.Wait() // those who have been answered for are still counted for a moment
		if got := call(turn("another", "s", "t", "yes")); got != "503" {
			t.Errorf("above the bound: %s", got)
		}
		if got := call(turn("r0", "s", "t", "yes")); got != "504" {
			t.Errorf("one that joins: %s", got)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		o.mu.Lock()
		o.takes = 0
		o.mu.Unlock()
		if got := call(turn("another", "s", "t", "yes")); got != fmt.Sprintf("200 order %d", cx.MaxOverruns+1) {
			t.Errorf("below the bound again: %s", got)
		}
		time.Sleep(10 * time.Minute)
	})
}

// table is an OnceStore that several instances share.
type table struct {
	mu     sync.Mutex
	rows   map[string]row
	broken error
	lossy  bool // answers are not kept
}

type row struct {
	answer []byte
	ends   time.Time
}

func (s *table) Claim(_ context.Context, key string, ttl time.Duration) (bool, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.rows[key]; ok && time.Now().Before(r.ends) {
		return false, r.answer, s.broken
	}
	s.rows[key] = row{ends: time.Now().Add(ttl)}
	return true, nil, s.broken
}

func (s *table) Answer(_ context.Context, key string, answer []byte, ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lossy {
		return errors.New("lost")
	}
	s.rows[key] = row{answer, time.Now().Add(ttl)}
	return nil
}

func (s *table) Release(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, key)
	return nil
}

// Two instances with one store run the handler once.
func TestOnceStore(t *testing.T) {
	attempt := turn("r1", "s", "t", "yes")
	for name, tt := range map[string]struct {
		takes         time.Duration
		store         *table
		fail          func(int) error
		first, second string
		placed        int
	}{
		"the first has answered": {0, &table{}, nil, "200 order 1", "200 order 1", 1},
		"the first still runs":   {6 * time.Second, &table{}, nil, "504", "200 order 1", 1},
		"the first has failed":   {0, &table{}, func(n int) error { return map[int]error{1: errors.New("no")}[n] }, "500", "200 order 2", 2},
		"the first has panicked": {0, &table{}, func(n int) error {
			return map[bool]func() error{true: func() error { panic("no") }, false: func() error { return nil }}[n == 1]()
		}, "500", "200 order 2", 2},
		"the answer is lost":          {0, &table{lossy: true}, nil, "200 order 1", "504", 1},
		"the store cannot be reached": {0, &table{broken: errors.New("down")}, nil, "503", "503", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.store.rows = map[string]row{}
				o := &orders{takes: tt.takes, fail: tt.fail}
				one, other := o.instance(t, cx.OnceConfig{Store: tt.store}), o.instance(t, cx.OnceConfig{Store: tt.store})
				start := time.Now()
				if got := one(attempt); got != tt.first {
					t.Errorf("first: %s, want %s", got, tt.first)
				}
				time.Sleep(5*time.Second - time.Since(start))
				if got := other(attempt); got != tt.second {
					t.Errorf("second: %s, want %s", got, tt.second)
				}
				time.Sleep(10 * time.Minute) // nobody acts later, for nobody
				if o.count() != tt.placed {
					t.Errorf("%d orders, want %d", o.count(), tt.placed)
				}
			})
		})
	}
}

// What another program put into the store is not passed on as an answer.
func TestOnceStoreHoldsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &table{rows: map[string]row{}}
		o := &orders{}
		one, other := o.instance(t, cx.OnceConfig{Store: store}), o.instance(t, cx.OnceConfig{Store: store})
		one(turn("r1", "s", "t", "yes"))
		for key, r := range store.rows {
			if len(key) != 64 {
				t.Errorf("key %q", key)
			}
			r.answer = []byte("no answer")
			store.rows[key] = r
		}
		if got := other(turn("r1", "s", "t", "yes")); got != "503" || o.count() != 1 {
			t.Errorf("%s, %d orders", got, o.count())
		}
		time.Sleep(10 * time.Minute)
	})
}

// A panic under Once is one, to the log too.
func TestOncePanicIsSaid(t *testing.T) {
	m := cx.NewMux()
	m.Use(cx.Once(cx.OnceConfig{}))
	m.Route(cx.Route{Tag: "t", Handler: cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) { panic("no shop") })})
	got := post(t, handlerOf(t, m), turn("r1", "s", "t", "yes"))
	got.failed(t, 500, "handler_panic")
	if got.call.Err == nil || !strings.Contains(got.call.Err.Error(), "no shop") {
		t.Errorf("got %v", got.call.Err)
	}
}

// What is remembered is bounded; a call above the bound is served, and not
// remembered.
func TestOnceForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &orders{}
		once := cx.Once(cx.OnceConfig{})(o.place)
		attempt := func(id int) {
			t.Helper()
			req, err := cx.DecodeRequest([]byte(turn(fmt.Sprint(id), "s", "t", "yes")))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := once(t.Context(), req); err != nil {
				t.Fatal(err)
			}
		}
		for id := range cx.MaxOnce {
			attempt(id)
		}
		attempt(cx.MaxOnce)
		attempt(cx.MaxOnce) // again: nobody remembers it
		attempt(0)          // again: remembered
		if want := cx.MaxOnce + 2; o.count() != want {
			t.Errorf("%d orders, want %d", o.count(), want)
		}
		time.Sleep(10 * time.Minute)
	})
}

// stuck is a table that takes no claim back.
type stuck struct{ *table }

func (stuck) Release(context.Context, string) error { return errors.New("stuck") }

// A claim that could not be given up is said beside the failure, and is none by
// itself.
func TestOnceReleaseFails(t *testing.T) {
	for name, tt := range map[string]struct {
		handler cx.HandlerFunc
		want    string
	}{
		"an error":  {func(context.Context, *cx.Request) (*cx.Response, error) { return nil, errStock }, errStock.Error() + "; and the claim was not given up: stuck"},
		"an answer": {func(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say("x"), nil }, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			req, err := cx.DecodeRequest([]byte(turn("r1", "s", "t", "yes")))
			if err != nil {
				t.Fatal(err)
			}
			_, err = cx.Once(cx.OnceConfig{Store: stuck{&table{rows: map[string]row{}}}})(tt.handler)(t.Context(), req)
			if got := fmt.Sprint(err); got != tt.want && (tt.want != "" || err != nil) {
				t.Errorf("%s: got %s, want %s", name, got, tt.want)
			}
			time.Sleep(10 * time.Minute)
		})
	}
}
