package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/cxhook/internal/telemetry"
)

// codeStopping is the reason of calls that come when the process is to end.
const codeStopping = "stopping"

// drain counts the calls in flight, so that a process can end when they are
// answered.
type drain struct {
	calls atomic.Int64
	stop  atomic.Bool
	idle  chan struct{} // has one in it when the last call of a stopping process has left
}

func newDrain() drain { return drain{idle: make(chan struct{}, 1)} }

// enter counts a call in and says whether it comes too late. Either way it must
// leave.
func (d *drain) enter() (stopping bool) {
	d.calls.Add(1) // first: a call that sees no stop is one that answerAll sees
	return d.stop.Load()
}

// leave counts a call out. While the process stops, the answer is sent on before:
// net/http does that after the handler has returned, which may be too late.
func (d *drain) leave(w http.ResponseWriter) {
	if d.stop.Load() {
		_ = http.NewResponseController(w).Flush() // not every ResponseWriter can; the ones of servers can
	}
	if d.calls.Add(-1) == 0 && d.stop.Load() {
		select {
		case d.idle <- struct{}{}:
		default:
		}
	}
}

func (d *drain) stopping() bool { return d.stop.Load() }

// answerAll makes later calls be answered 503, and waits until those in flight are
// answered.
func (h *Hook) answerAll(ctx context.Context) error {
	h.stop.Store(true)
	for h.calls.Load() != 0 {
		select {
		case <-h.idle:
		case <-ctx.Done():
			return fmt.Errorf("%d calls are not answered: %w", h.calls.Load(), ctx.Err())
		}
	}
	return nil
}

// Cloud Run kills a process 10 s after SIGTERM. Until then:
const (
	drainTime  = 8 * time.Second        // for calls in flight
	settleTime = 250 * time.Millisecond // for answers that net/http has taken but not sent, and calls that come meanwhile
	closeTime  = time.Second            // for what handlers hold, spans and the log
)

// stopOnSIGTERM ends the process in order. functions-framework serves with
// http.ListenAndServe, which nothing can stop; without this, SIGTERM would cut
// calls off in the middle.
//
// Source: https://cloud.google.com/run/docs/container-contract#instance-shutdown
//
// Nor does SIGPIPE end it: a log that nobody reads any more ends no call.
func stopOnSIGTERM(h *Hook) {
	signal.Ignore(syscall.SIGPIPE)
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	go func() {
		<-terminate
		os.Exit(h.end())
	}()
}

// end answers what is to be answered and releases what is held; it gives the exit
// code.
func (h *Hook) end() (code int) {
	start := time.Now()
	draining, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	err := h.answerAll(draining)
	time.Sleep(settleTime)
	e := &telemetry.Entry{Severity: telemetry.Info, Time: time.Now(), Message: fmt.Sprintf("cxhook stopped: all calls answered after %v", time.Since(start).Round(time.Millisecond))}
	if err != nil {
		e.Severity, e.Message, e.Error, code = telemetry.Error, "cxhook stopped: calls were cut off", err.Error(), 1
	}
	h.log.Write(e)
	closing, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := h.Close(closing); err != nil {
		fmt.Fprintln(os.Stderr, errors.Join(errors.New("cxhook: at the end"), err))
		code = 1
	}
	return code
}
