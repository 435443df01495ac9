package cx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// MaxRequestBytes is the largest body that is read. Google documents no limit;
// recorded requests have up to some tens of kilobytes.
const MaxRequestBytes = 1 << 20

// MaxOverruns bounds the handlers of one Mux or Flexible that still run although
// their callers were answered: from there on new calls are answered 503 until one
// of them returns. Calls that run at that moment may still overrun too; their
// number is what the platform lets in at a time.
const MaxOverruns = 256

// exchange is one call on its way through the stations of this package, which
// webhooks and flexible webhooks share.
type exchange struct {
	w    http.ResponseWriter
	r    *http.Request
	call *Call
	last time.Time // of the check before
}

func newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	call := callOf(r)
	if call.Checks == nil {
		call.Checks = make([]Check, 0, 5)
	}
	return &exchange{w: w, r: r, call: call, last: time.Now()}
}

func (x *exchange) record(c Check) {
	now := time.Now()
	c.Took = now.Sub(x.last)
	x.last = now
	x.call.Checks = append(x.call.Checks, c)
}

func (x *exchange) pass(station, name, presented, expected string) {
	x.record(Check{Station: station, Name: name, Outcome: "pass", Presented: presented, Expected: expected})
}

// fail answers with a status that says nothing, and keeps the reason for the log.
func (x *exchange) fail(status int, c Check, err error) {
	c.Outcome = "fail"
	x.record(c)
	x.call.Code, x.call.Err = c.Code, err
	WriteError(x.w, status)
}

// shownTypes gives content types for the log: types and charsets, and none of the
// parameters that a caller may fill with anything.
func shownTypes(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	shown := make([]string, len(values))
	for i, value := range values {
		media, parameters, err := mime.ParseMediaType(value)
		switch charset := parameters["charset"]; {
		case err != nil:
			shown[i] = "not a content type"
		case charset != "":
			shown[i] = media + "; charset=" + charset
		default:
			shown[i] = media
		}
	}
	return strings.Join(shown, ", ")
}

// errorBodies are the answers by status: the same words for every reason.
var errorBodies = func() map[int][]byte {
	bodies := map[int][]byte{}
	for status := 400; status < 600; status++ {
		if text := http.StatusText(status); text != "" {
			bodies[status] = errorBody(status, text)
		}
	}
	return bodies
}()

func errorBody(status int, text string) []byte {
	return fmt.Appendf(nil, `{"error":{"code":%d,"message":%q}}`+"\n", status, text)
}

// WriteError answers with a status and a short JSON body that gives no reason:
// that is for the log.
func WriteError(w http.ResponseWriter, status int) {
	body := errorBodies[status]
	if body == nil {
		body = errorBody(status, "Error")
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body) // the caller may be gone; there is nobody to tell
}

// buffers are reused for bodies that come in. What a handler sees is copied out of
// them first.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooledBytes keeps one large body from occupying memory for ever.
const maxPooledBytes = 64 << 10

func putBuffer(buf *bytes.Buffer) {
	if buf.Cap() <= maxPooledBytes {
		buf.Reset()
		buffers.Put(buf)
	}
}

// readBody checks method, type and length, and reads the body. It gives nil if it
// has answered instead; the caller gives the buffer back with putBuffer.
func (x *exchange) readBody(methods ...string) *bytes.Buffer {
	r := x.r
	// A body that trickles in must not outlive the budget. Not every
	// ResponseWriter can do this; the ones of servers can. The deadline is lifted
	// when the body is complete. Until then it stays: see failUnread.
	conn := http.NewResponseController(x.w)
	limited := conn.SetReadDeadline(x.call.Start.Add(x.call.Budget)) == nil
	complete := false
	defer func() {
		if limited && (complete || r.ContentLength == 0) {
			conn.SetReadDeadline(time.Time{})
		}
	}()
	if !slices.Contains(methods, r.Method) {
		allow := strings.Join(methods, ", ")
		x.w.Header().Set("Allow", allow)
		x.failUnread(http.StatusMethodNotAllowed, Check{Station: stationRequest, Name: "method", Code: codeMethod, Presented: r.Method, Expected: allow}, nil)
		return nil
	}
	if !isJSON(r.Header) {
		presented := shownTypes(r.Header["Content-Type"])
		if encoding := r.Header.Get("Content-Encoding"); encoding != "" {
			presented += ", encoded as " + encoding
		}
		x.failUnread(http.StatusUnsupportedMediaType, Check{Station: stationRequest, Name: "content type", Code: codeContentType, Presented: clip(presented), Expected: "one Content-Type, application/json, and no Content-Encoding"}, nil)
		return nil
	}
	if r.ContentLength > MaxRequestBytes {
		x.tooLarge(fmt.Sprintf("%d bytes", r.ContentLength))
		return nil
	}
	buf := buffers.Get().(*bytes.Buffer)
	n, err := buf.ReadFrom(io.LimitReader(r.Body, MaxRequestBytes+1))
	x.call.BytesIn = int(n)
	switch {
	case err != nil:
		status := http.StatusBadRequest
		if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			status = http.StatusRequestTimeout
		}
		x.failUnread(status, Check{Station: stationRequest, Name: "body", Code: codeBodyIncomplete, Presented: fmt.Sprintf("%d bytes, then none", n), Expected: "the whole body within the budget"}, err)
	case n > MaxRequestBytes:
		x.tooLarge(fmt.Sprintf("more than %d bytes", MaxRequestBytes))
	default:
		complete = true
		return buf
	}
	putBuffer(buf)
	return nil
}

// failUnread fails a call whose body is not read to its end, and closes the
// connection after the answer: else the server, before it sends the answer, would
// wait for the rest of the body.
func (x *exchange) failUnread(status int, c Check, err error) {
	if x.r.ContentLength != 0 {
		x.w.Header()["Connection"] = []string{"close"}
	}
	x.fail(status, c, err)
}

func (x *exchange) tooLarge(presented string) {
	x.failUnread(http.StatusRequestEntityTooLarge, Check{Station: stationRequest, Name: "size", Code: codeBodyTooLarge, Presented: presented, Expected: fmt.Sprintf("at most %d bytes", MaxRequestBytes)}, nil)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func isJSON(h http.Header) bool {
	if len(h["Content-Encoding"]) > 0 {
		return false
	}
	values := h["Content-Type"]
	if len(values) != 1 {
		return false
	}
	if values[0] == "application/json" {
		return true
	}
	kind, params, err := mime.ParseMediaType(values[0])
	charset := params["charset"]
	return err == nil && kind == "application/json" && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

// maxShown bounds what a caller's words may take in the log.
const maxShown = 100

// clip makes a caller's word fit for a log.
func clip(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}

// panicError is a handler's panic.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// errSilent is a handler that ended its goroutine without returning.
var errSilent = errors.New("the handler ended its goroutine")

// runner runs handlers within their budgets. A handler runs in a goroutine of its
// own, so that the answer leaves in time even if it does not listen to its
// context.
type runner struct{ overruns atomic.Int64 }

// growStack makes the stack of a new goroutine large enough for most handlers at
// once, while nothing is on it: it begins with two kilobytes, and would be copied
// each time that it is doubled on the way down to an encoder or a client.
//
//go:noinline
func growStack(use bool) (sum byte) {
	if use { // never; the room is in the frame all the same, and not cleared
		var room [8 << 10]byte
		for i := range room {
			sum += room[i&int(sum)]
		}
	}
	return sum
}

// errLate says that the budget ended before the handler did.
var errLate = errors.New("the budget ended first")

// runOn calls f with a context that ends with the budget. The error is f's, a
// *panicError, errSilent, errLate, or the context's where the caller has gone.
func runOn[T any](ctx context.Context, rn *runner, deadline time.Time, f func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	if end, ok := ctx.Deadline(); !ok || deadline.Before(end) { // else ctx ends soon enough by itself
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	done := make(chan result, 1)
	const running, abandoned, finished = 0, 1, 2
	var state atomic.Int32
	go func() {
		growStack(false)
		res := result{err: errSilent}
		defer func() {
			if p := recover(); p != nil {
				res = result{err: &panicError{p, debug.Stack()}}
			}
			done <- res
			if !state.CompareAndSwap(running, finished) {
				rn.overruns.Add(-1)
			}
		}()
		res.value, res.err = f(ctx)
	}()
	var res result
	select {
	case res = <-done:
	case <-ctx.Done():
		select {
		case res = <-done: // both at once: an answer is an answer
		default:
			rn.overruns.Add(1)
			if !state.CompareAndSwap(running, abandoned) {
				rn.overruns.Add(-1) // it has just finished
			}
			res.err = ctx.Err()
		}
	}
	// A handler that gives up because its context ended is late all the same.
	if err := ctx.Err(); err != nil && errors.Is(res.err, context.DeadlineExceeded) {
		res.err = errLate
	}
	return res.value, res.err
}
