package webhook

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/cxhook/cx"
)

const (
	// DefaultConcurrency is how many proved calls run at a time where nothing else is
	// said: far more than Cloud Run sends to one instance (deploy/ sets 80).
	DefaultConcurrency = 256
	// MaxConcurrency is the most that can be asked for: what Cloud Run can be.
	MaxConcurrency = 1000
	// QueueTime is for how long a call waits for another to end, at most. What is
	// left of the budget then is still enough for a handler to answer in.
	QueueTime = 500 * time.Millisecond

	codeOverloaded = "overloaded"
)

// gate bounds the proved calls that run at a time. A quarter as many may wait, each
// for QueueTime; the others are answered 503 at once, before their body is read. So those that run stay within their budgets: without a bound, all of
// them would become slower together, until none is in time.
type gate struct {
	running   chan struct{} // has one in it for each call that runs
	waiting   atomic.Int64
	queue     int64 // how many may wait
	queueTime time.Duration
}

func newGate(concurrency int) *gate {
	return &gate{running: make(chan struct{}, concurrency), queue: int64(max(concurrency/4, 1)), queueTime: QueueTime}
}

// enter lets a call through, and says whether it did and how long that took; the
// call must leave then.
func (g *gate) enter(ctx context.Context) (waited time.Duration, ok bool) {
	select {
	case g.running <- struct{}{}:
		return 0, true
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.queue {
		return 0, false
	}
	start, timeout := time.Now(), time.NewTimer(g.queueTime)
	defer timeout.Stop()
	select {
	case g.running <- struct{}{}:
		ok = true
	case <-timeout.C:
	case <-ctx.Done():
	}
	return time.Since(start), ok
}

func (g *gate) leave() { <-g.running }

// overloaded answers 503 with the least work, and says in the log which bound it was.
func (rec *record) overloaded(w http.ResponseWriter, name string, limit int) {
	rec.call.Code = codeOverloaded
	rec.call.Checks = append(rec.call.Checks, cx.Check{Station: "load", Name: name, Outcome: "fail", Code: codeOverloaded,
		Presented: "one more", Expected: fmt.Sprintf("at most %d at a time", limit)})
	leaveBody(w)
	cx.WriteError(w, http.StatusServiceUnavailable)
}
