// Package webhook is the entry point of a Dialogflow CX webhook on Cloud Run
// functions: it proves where a call comes from (package verify), hands it to the
// agent's handlers (package cx), and answers in time.
//
// Deploy it with the entry point Webhook. The agent's own code is in handlers.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"example.com/cxhook/cx"
	"example.com/cxhook/handlers"
	"example.com/cxhook/internal/telemetry"
	"example.com/cxhook/internal/telemetry/tracing"
	"example.com/cxhook/verify"
)

func init() {
	hook := sync.OnceValues(fromEnv)
	if os.Getenv("K_SERVICE") != "" { // on Cloud Run a bad configuration must fail the roll-out, not the first caller
		if _, err := hook(); err != nil {
			logStartFailure(err)
			os.Exit(1)
		}
	}
	functions.HTTP("Webhook", func(w http.ResponseWriter, r *http.Request) {
		h, err := hook() // elsewhere than on Cloud Run, it is made at the first call
		if err != nil {
			logStartFailure(err)
			cx.WriteError(w, http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// fromEnv makes the webhook that functions-framework serves. The process ends when
// it is told to: the framework's Start does not see to that.
func fromEnv() (*Hook, error) {
	cfg, err := ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	h, err := New(context.Background(), cfg)
	if err == nil {
		time.AfterFunc(time.Second, raiseHeapFloor)
		stopOnSIGTERM(h)
	}
	return h, err
}

func logStartFailure(err error) {
	e := &telemetry.Entry{Severity: telemetry.Critical, Time: time.Now(), Message: "cxhook cannot start: " + err.Error(),
		Labels: telemetry.Labels{Kind: telemetry.KindStart, Revision: os.Getenv("K_REVISION")}}
	telemetry.NewLines(os.Stdout).Write(e)
}

// MaxUnproved bounds the calls whose caller is being verified at one moment.
// Those above it are answered 503, so that strangers cannot occupy the function.
const MaxUnproved = 256

// Hook is the webhook: an http.Handler. It is safe for use by several goroutines.
type Hook struct {
	cfg      Config
	budget   time.Duration // of the call that has the longest
	verified http.Handler  // verification, and behind it the agent
	verifier *verify.Verifier
	log      telemetry.Log
	tracer   *tracing.Tracer // nil without tracing
	revision string          // of the Cloud Run service; "" elsewhere
	pinEnd   time.Time       // when the first pinned certificate ends; zero if none is
	close    func(context.Context) error
	unproved atomic.Int64
	gate     *gate

	drain
}

// New builds the webhook and starts to fetch Google's keys beside it. Everything
// that is wrong with the configuration or the agent's registration is reported at
// once. Close releases what the agent's handlers hold.
func New(ctx context.Context, cfg Config) (*Hook, error) {
	if cfg.Log == nil {
		cfg.Log = os.Stdout
	}
	if cfg.Register == nil {
		cfg.Register = handlers.Register
	}
	if cfg.Budget == 0 {
		cfg.Budget = cx.DefaultBudget
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = DefaultConcurrency
	}
	h := &Hook{cfg: cfg, budget: cfg.Budget, log: cfg.LogClient, revision: os.Getenv("K_REVISION"), drain: newDrain()}
	if h.log == nil {
		h.log = telemetry.NewLines(cfg.Log)
	}

	verifier, verr := verify.New(cfg.Verify)
	mux := cx.NewMux()
	closer, rerr := cfg.Register(ctx, mux)
	if verr == nil {
		mux.Admit = admit(verifier, mux.Admit)
		verr = checkSessionPaths(verifier, len(cfg.Paths)+len(mux.Paths()))
	}
	agent, merr := mux.Handler()
	var terr error
	if cfg.Tracing {
		h.tracer, terr = tracing.New(ctx, h.logFault)
	}
	if err := errors.Join(verr, rerr, merr, terr, checkPaths(cfg.Paths, mux.Paths()), cfg.checkLog(), cfg.checkConcurrency()); err != nil {
		if closer != nil {
			err = errors.Join(err, closer(ctx))
		}
		if h.tracer != nil {
			err = errors.Join(err, h.tracer.Shutdown(ctx))
		}
		return nil, fmt.Errorf("webhook: %w", err)
	}
	for _, route := range mux.Routes() {
		h.budget = max(h.budget, route.Budget)
	}
	h.close, h.verifier, h.gate = closer, verifier, newGate(cfg.Concurrency)
	if slices.Contains(cfg.Verify.Policy.Proofs(), "mtls") {
		if pins := cfg.Verify.Certificate.Expiries(); len(pins) > 0 {
			h.pinEnd = pins[0].NotAfter // the first to end comes first
		}
	}
	h.verified = verifier.Middleware(h.proved(agent), h.refused)
	h.logStart(mux.Routes())
	go func() {
		if err := verifier.Prefetch(ctx); err != nil { // not fatal: the first call tries again
			h.log.Write(&telemetry.Entry{Severity: telemetry.Warning, Time: time.Now(), Message: "Google's keys could not be fetched at start", Error: err.Error()})
		}
	}()
	return h, nil
}

// Close releases what the agent's handlers hold, and sends what there still is of
// spans and log. Calls must have ended.
func (h *Hook) Close(ctx context.Context) error {
	var problems []error
	if h.close != nil {
		problems = append(problems, h.close(ctx))
	}
	if h.tracer != nil {
		problems = append(problems, h.tracer.Shutdown(ctx))
	}
	return errors.Join(append(problems, h.log.Flush(ctx))...)
}

// logFault writes what went wrong beside the calls. It is no caller's fault, and
// none of them notices.
func (h *Hook) logFault(err error) {
	h.log.Write(&telemetry.Entry{Severity: telemetry.Warning, Time: time.Now(), Message: "a fault of the telemetry; calls go on", Error: clipTo(err.Error(), maxLoggedError)})
}

// record is what one call came to; the log line is made of it.
type record struct {
	call     cx.Call
	report   *verify.Report
	denied   *verify.Error
	unproved bool // still counted in Hook.unproved
	queued   time.Duration
	line     callLine
}

type recordKey struct{}

// ServeHTTP answers one call and writes its line of the log.
func (h *Hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isProbe(r) {
		h.probe(w, r)
		return
	}
	stopping := h.enter()
	rec := &record{call: cx.Call{Start: time.Now(), Budget: h.cfg.Budget}, unproved: true}
	h.begin(&rec.line, r)
	giveWay()
	sw := &statusWriter{ResponseWriter: w}
	defer func() {
		if p := recover(); p != nil {
			rec.call.Code, rec.call.Err = "handler_panic", fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			if sw.status == 0 {
				cx.WriteError(sw, http.StatusInternalServerError)
			} else { // half an answer is on its way: break it off, so that it is not taken for a whole one
				defer panic(http.ErrAbortHandler)
			}
		}
		h.endProof(rec)
		giveWay()
		h.finish(rec, sw)
		h.leave(sw)
	}()
	ctx := r.Context()
	if h.tracer != nil {
		ctx, rec.line.span = h.tracer.Start(ctx, rec.line.trace, rec.call.Start)
	}
	if stopping {
		rec.unproved, rec.call.Code = false, codeStopping
		w.Header().Set("Connection", "close")
		leaveBody(sw)
		cx.WriteError(sw, http.StatusServiceUnavailable)
		return
	}
	if h.unproved.Add(1) > MaxUnproved {
		rec.overloaded(sw, "unproved calls", MaxUnproved)
		return
	}
	// One deadline for everything from here on; cx shortens it to the route's.
	ctx, cancel := context.WithDeadline(ctx, rec.call.Start.Add(h.budget))
	defer cancel()
	h.verified.ServeHTTP(sw, r.WithContext(context.WithValue(cx.WithCall(ctx, &rec.call), recordKey{}, rec)))
}

// giveWay lets the other calls that can run go first, so that calls which came
// together are worked on in strides: all are read; all are proved, decoded and
// handled; the lines of all are made, and then written together
// ([telemetry.Lines]); all are answered. A stride finds its code in the processor's
// cache, and whoever reads lines and answers on another processor is woken for many
// of them, not for each. It is also a turn: otherwise a connection whose next call is
// there already goes on while others wait. A call that is alone goes on at once.
func giveWay() { runtime.Gosched() }

func (h *Hook) endProof(rec *record) {
	if rec.unproved {
		rec.unproved = false
		h.unproved.Add(-1)
	}
}

// refusedBodyTime is how long the body of a call that is answered unread may still
// take to come.
const refusedBodyTime = time.Second

// leaveBody bounds what net/http reads of a body that we answer without reading:
// it waits for the body before it sends the answer, and a caller who lets it
// trickle would hold the connection for as long as it likes.
func leaveBody(w http.ResponseWriter) {
	// Not every ResponseWriter can do this; the ones of servers can.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedBodyTime))
}

// refused answers a caller who did not prove itself: the status and no more.
func (h *Hook) refused(w http.ResponseWriter, r *http.Request, rep *verify.Report, err *verify.Error) {
	rec := r.Context().Value(recordKey{}).(*record)
	rec.report, rec.denied = rep, err
	leaveBody(w)
	cx.WriteError(w, err.Status())
}

// proved hands a verified call to the agent, or to the handler of its path.
func (h *Hook) proved(agent http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := r.Context().Value(recordKey{}).(*record)
		rec.report = verify.FromContext(r.Context())
		h.endProof(rec)
		var entered bool
		if rec.queued, entered = h.gate.enter(r.Context()); !entered {
			rec.overloaded(w, "calls", h.cfg.Concurrency)
			return
		}
		defer h.gate.leave()
		if other, ok := h.cfg.Paths[r.URL.Path]; ok {
			rec.call.Route, rec.line.path = r.URL.Path, r.URL.Path
			other.ServeHTTP(w, r)
			return
		}
		agent.ServeHTTP(w, r)
	})
}

// probe says that the function is there, and, on the path of readiness, that it
// takes calls: it does from its first moment until it is told to stop. Whether the
// keys could be fetched is not asked: every instance would be taken away at once,
// and each call tries again.
func (h *Hook) probe(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if r.RequestURI == pathReady && h.stopping() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	w.Write([]byte("ok\n"))
}

// The paths of the probes. The names do not end in z: Cloud Run keeps some of
// those for itself.
const (
	pathLive  = "/live"
	pathReady = "/ready"
)

// isProbe recognises Cloud Run's health checks, which carry no proof and learn
// nothing: the exact paths only.
func isProbe(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return r.RequestURI == pathLive || r.RequestURI == pathReady
}

// statusWriter notes what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
