package chaos

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	webhook "example.com/cxhook"
	"example.com/cxhook/cx"
	"example.com/cxhook/handlers"
)

// hanging makes the example's handlers wait, deaf to their context, while it is
// armed.
type hanging struct {
	armed   atomic.Bool
	started chan struct{} // has one in it for each that waits
	release chan struct{}
}

func newHanging() *hanging {
	return &hanging{started: make(chan struct{}, 1000), release: make(chan struct{})}
}

func (h *hanging) register(ctx context.Context, m *cx.Mux) (func(context.Context) error, error) {
	m.Use(func(next cx.HandlerFunc) cx.HandlerFunc {
		return func(ctx context.Context, r *cx.Request) (*cx.Response, error) {
			if h.armed.Load() {
				h.started <- struct{}{}
				<-h.release
			}
			return next(ctx, r)
		}
	})
	return handlers.Register(ctx, m)
}

// More calls than the function may run at a time: as many as that are answered, the
// others are told at once, or after the short wait in the queue, that it is too much.
func TestOverload(t *testing.T) {
	const scenario, limit, more = "overload: 64 calls at once, 16 may run", 16, 48
	h := newHanging()
	p := newPath(t, func(_ *path, cfg *webhook.Config) {
		cfg.Concurrency, cfg.Register = limit, h.register
		cfg.Budget = 25 * time.Second // those that run do so until all others are refused
	})
	p.patience, p.concurrent = 30*time.Second, 64
	p.count("overload: before and afterwards", p.calls(limit), want{outcomes: map[outcome]int{right: limit}})

	h.armed.Store(true)
	var wg sync.WaitGroup
	var run []result
	wg.Go(func() { run = p.calls(limit) })
	for range limit {
		<-h.started
	}
	refused := p.calls(more) // the last of them when QueueTime is over
	close(h.release)
	wg.Wait()
	p.count(scenario, append(run, refused...), want{map[outcome]int{right: limit, "503": more}, more})
	if got := p.log.reasons(refused); got["overloaded"] != more {
		t.Errorf("the lines have the reasons %v, want overloaded alone", got)
	}
	p.recovers("overload: before and afterwards")
}

// Twice as many callers as the function may run calls at a time, who call again at
// once. All calls that are let in are answered within the budget, and the others get
// 503; how many is the machine's affair.
func TestOverloadGoesOn(t *testing.T) {
	const scenario, limit, n = "overload: 32 callers, 8 calls may run", 8, 1000
	p := newPath(t, func(_ *path, cfg *webhook.Config) {
		cfg.Concurrency = limit
		cfg.Register = func(ctx context.Context, m *cx.Mux) (func(context.Context) error, error) {
			m.Use(func(next cx.HandlerFunc) cx.HandlerFunc {
				return func(ctx context.Context, r *cx.Request) (*cx.Response, error) {
					time.Sleep(20 * time.Millisecond) // what hangs behind a handler takes its time
					return next(ctx, r)
				}
			})
			return handlers.Register(ctx, m)
		}
	})
	p.answered("overload: before and afterwards", 1)
	p.concurrent = 32
	results := p.calls(n)
	got := map[outcome]int{}
	for _, r := range results {
		got[r.outcome]++
	}
	p.count(scenario, results, want{map[outcome]int{right: got[right], "503": n - got[right]}, n - got[right]})
	if got[right] < limit || got["503"] == 0 {
		t.Errorf("calls came to %v, want some answered and some refused", got)
	}
	if reasons := p.log.reasons(results); reasons["overloaded"] != got["503"] {
		t.Errorf("the lines have the reasons %v, want %d overloaded", reasons, got["503"])
	}
}

// Handlers that never return are answered for, and bounded: when cx.MaxOverruns of
// them hang, calls are refused at once, until one comes back.
func TestHandlersThatNeverReturn(t *testing.T) {
	h := newHanging()
	p := newPath(t, func(_ *path, cfg *webhook.Config) { cfg.Budget, cfg.Register = 1500*time.Millisecond, h.register })
	p.answered("256 handlers hang: before and afterwards", 1)
	h.armed.Store(true)
	const n = cx.MaxOverruns
	p.patience, p.concurrent = 30*time.Second, n/2
	late := p.calls(n)
	p.count("handlers that never return", late, want{map[outcome]int{"504": n}, n})
	if got := p.log.reasons(late); got["handler_late"] != n {
		t.Errorf("the lines have the reasons %v, want handler_late alone", got)
	}
	h.armed.Store(false) // these would return, but nobody knows
	p.refused("256 handlers hang: one more", 40, "503", "overloaded")
	close(h.release)
	p.recovers("256 handlers hang: before and afterwards")
}

// The collector runs all the time, in a heap that it is to keep as small as it can.
func TestGarbageCollection(t *testing.T) {
	const n = 400
	p := newPath(t, nil)
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p.answered("garbage collection without a pause", n)
	runtime.ReadMemStats(&after)
	close(stop)
	wg.Wait()
	if cycles := after.NumGC - before.NumGC; cycles < 20 {
		t.Errorf("%d collections during %d calls, which is no pressure", cycles, n)
	}
}
