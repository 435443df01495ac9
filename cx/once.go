package cx

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// DefaultOnceWindow is for how long an attempt is remembered where nothing else is
// said: Dialogflow's two attempts, each with the longest timeout that a webhook can
// have, 30 s.
const DefaultOnceWindow = time.Minute

// MaxOnce bounds the attempts that one Once remembers; those above it run as if
// there were no Once. Of the attempts that it remembers, MaxOverruns may run at a
// time; the next is answered 503.
const MaxOnce = 10_000

// OnceConfig says what a Once remembers, and where.
type OnceConfig struct {
	// Window is from the beginning of the first attempt on; 0 is
	// DefaultOnceWindow. It is how long a handler may run in all, and its answer
	// is kept.
	Window time.Duration
	// Store joins the attempts that come to different instances; nil joins those
	// that come to this one alone.
	Store OnceStore
}

// OnceStore is a memory that instances share: a table with a unique key, a Redis.
// Keys are 64 hex digits. Answers are WebhookResponses, and so personal data: they
// must be gone when ttl is over. Methods are called by several goroutines.
//
// What Once guarantees follows from Claim: if at most one caller is told claimed
// within ttl, then at most one attempt runs the handler within the window, whatever
// instance it comes to. If claims can be lost, nothing is guaranteed.
type OnceStore interface {
	// Claim takes a key. If somebody else has it, claimed is false, and answer is
	// what they answered, nil if they have not yet.
	Claim(ctx context.Context, key string, ttl time.Duration) (claimed bool, answer []byte, err error)
	// Answer keeps the answer to a claimed key. An error changes nothing for the
	// caller here, and is the store's to log: an attempt elsewhere finds the claim
	// and no answer, and fails with 503 rather than act again.
	Answer(ctx context.Context, key string, answer []byte, ttl time.Duration) error
	// Release gives up a claimed key: its handler failed, and may be tried again.
	Release(ctx context.Context, key string) error
}

// Once makes a middleware for handlers that must not act twice. Dialogflow tries a
// call again that took too long or failed; the second attempt joins the first one if
// that still runs, and gets its answer if it has one. An attempt that ended in an
// error is forgotten, so that the next runs the handler again.
//
// Two attempts are the same if they have the session, the response id, the tag and
// the rest of the request in common. That Dialogflow repeats the response id is not
// documented; a request without one is never joined to another.
//
// A handler under Once runs on after its own caller was answered for, up to the end
// of the window: its context ends then, and not with the call's budget. Cloud Run
// gives it a processor while another call is under way, which the second attempt is.
//
// Without a Store this is one instance's best effort: the second attempt may come
// to another instance, or this one may be gone.
func Once(cfg OnceConfig) Middleware {
	o := &once{window: cfg.Window, store: cfg.Store, attempts: map[string]*attempt{}}
	if o.window <= 0 {
		o.window = DefaultOnceWindow
	}
	return func(next HandlerFunc) HandlerFunc {
		return func(ctx context.Context, req *Request) (*Response, error) { return o.serve(ctx, req, next) }
	}
}

type once struct {
	window time.Duration
	store  OnceStore

	mu       sync.Mutex
	attempts map[string]*attempt
	running  int
}

// attempt is a handler's run, and what came of it once done is closed.
type attempt struct {
	done    chan struct{}
	resp    *Response
	err     error
	callers int           // that wait for it; guarded by once.mu
	alone   chan struct{} // closed when the last caller has gone
}

func (o *once) serve(ctx context.Context, req *Request, next HandlerFunc) (*Response, error) {
	key, err := onceKey(req)
	if err != nil {
		return nil, err
	}
	if key == "" {
		return next(ctx, req)
	}
	o.mu.Lock()
	a := o.attempts[key]
	switch {
	case a != nil:
	case len(o.attempts) >= MaxOnce:
		o.mu.Unlock()
		return next(ctx, req)
	case o.running >= MaxOverruns:
		o.mu.Unlock()
		return nil, &Error{Status: http.StatusServiceUnavailable, Err: fmt.Errorf("cx: Once: %d handlers run already", MaxOverruns)}
	default:
		a = &attempt{done: make(chan struct{}), alone: make(chan struct{})}
		o.attempts[key] = a
		o.running++
		go o.run(context.WithoutCancel(ctx), a, key, req, next)
	}
	a.callers++
	o.mu.Unlock()
	defer o.leave(a)
	select {
	case <-a.done:
		if a.resp == nil {
			return nil, a.err
		}
		resp := *a.resp // the middleware around may set fields of its own
		return &resp, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (o *once) leave(a *attempt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a.callers--; a.callers == 0 {
		select {
		case <-a.alone:
		default:
			close(a.alone)
		}
	}
}

// run runs the handler for everybody who waits, and forgets the attempt in time.
func (o *once) run(ctx context.Context, a *attempt, key string, req *Request, next HandlerFunc) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, o.window)
	defer cancel()
	a.err = errSilent
	defer func() {
		if p := recover(); p != nil {
			a.resp, a.err = nil, &panicError{p, debug.Stack()}
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.running--
		if a.err != nil || a.resp == nil {
			delete(o.attempts, key)
		} else {
			time.AfterFunc(o.window-time.Since(start), func() {
				o.mu.Lock()
				defer o.mu.Unlock()
				delete(o.attempts, key)
			})
		}
		close(a.done)
	}()
	if o.store == nil {
		a.resp, a.err = next(ctx, req)
		return
	}
	a.resp, a.err = o.shared(ctx, a.alone, key, req, next)
}

// oncePoll is how often another instance's answer is asked for.
const oncePoll = 100 * time.Millisecond

// shared runs the handler if no other instance does, and else waits for its answer.
// A store that fails is a failure of the call: what must not act twice must not run
// unseen.
func (o *once) shared(ctx context.Context, alone <-chan struct{}, key string, req *Request, next HandlerFunc) (*Response, error) {
	unavailable := func(err error) error {
		return &Error{Status: http.StatusServiceUnavailable, Err: fmt.Errorf("cx: Once: %w", err)}
	}
	for {
		claimed, answer, err := o.store.Claim(ctx, key, o.window)
		switch {
		case err != nil:
			return nil, unavailable(err)
		case claimed:
			return o.claimed(ctx, key, req, next)
		case answer != nil:
			resp := new(Response)
			if err := json.Unmarshal(answer, resp); err != nil {
				return nil, unavailable(fmt.Errorf("the kept answer: %w", err))
			}
			return resp, nil
		}
		select {
		case <-time.After(oncePoll):
		case <-alone: // or it would act for nobody, once the other's claim has ended
			return nil, unavailable(errors.New("another instance does not answer"))
		}
	}
}

// claimed runs the handler and tells the other instances.
func (o *once) claimed(ctx context.Context, key string, req *Request, next HandlerFunc) (resp *Response, err error) {
	failed := true
	defer func() {
		if failed { // by an error, or a panic on its way
			// The window may be over; the claim is given up all the same.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if e := o.store.Release(ctx, key); e != nil && err != nil {
				err = fmt.Errorf("%w; and the claim was not given up: %w", err, e)
			}
		}
	}()
	if resp, err = next(ctx, req); err != nil || resp == nil {
		return resp, err
	}
	answer, err := EncodeResponse(resp)
	if err != nil {
		return nil, err
	}
	failed = false
	_ = o.store.Answer(ctx, key, answer, o.window)
	return resp, nil
}

// onceKey is the same for two attempts at one call; "" is none. Session, response id
// and tag are in the request.
func onceKey(req *Request) (string, error) {
	if req.DetectIntentResponseID == "" {
		return "", nil
	}
	body := req.Raw
	if body == nil {
		var err error
		if body, err = json.Marshal(req, json.Deterministic(true)); err != nil {
			return "", fmt.Errorf("cx: Once: %w", err)
		}
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}
