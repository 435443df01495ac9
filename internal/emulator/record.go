package emulator

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// MaxBodyBytes is how much of a body an [Observation] keeps: all that Dialogflow
// takes of an answer.
const MaxBodyBytes = 64 << 10

// Record makes a plain HTTP front tell what passes: each request when its answer
// begins and once more, Whole, when it has ended. It begins or continues the trace
// that joins the function's line to the call, as Google's front ends do. now is the
// clock; observe runs on several goroutines.
func Record(next http.Handler, now func() time.Time, observe func(Observation)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{seen: Observation{Time: now(), Client: r.RemoteAddr}, trace: traceOf(r.Header, randomUint64)}
		c.pass(w, r, func(w http.ResponseWriter, r *http.Request) {
			r.Header = r.Header.Clone()
			r.Header.Set("X-Cloud-Trace-Context", c.trace.String())
			next.ServeHTTP(w, r)
		}, now, observe)
	})
}

// call is a request on its way through.
type call struct {
	seen   Observation
	trace  trace
	faults Fault // that it meets
	asked  kept  // the request's body
	answer answer
}

// pass lets the request through to next, keeps the beginnings of both bodies as
// they pass, and tells observe.
func (c *call) pass(w http.ResponseWriter, r *http.Request, next http.HandlerFunc, now func() time.Time, observe func(Observation)) {
	c.seen.Method, c.seen.Path, c.seen.Protocol, c.seen.Trace = r.Method, r.URL.Path, r.Proto, c.trace.id
	c.seen.RequestHeader = r.Header.Clone()
	c.asked.length = r.ContentLength
	c.answer = answer{ResponseWriter: w, begins: func() {
		c.seen.Status, c.seen.Took = c.answer.status, now().Sub(c.seen.Time)
		observe(c.observation(false))
	}}
	out := *r
	if r.Body != nil && r.Body != http.NoBody {
		out.Body = readTee{r.Body, &c.asked}
	}
	defer func() { observe(c.observation(true)) }() // also where next panics, as a proxy does whose backend breaks off
	next(&c.answer, &out)
	if c.answer.status == 0 { // net/http would send the same, and tell nobody
		c.answer.WriteHeader(http.StatusOK)
	}
}

// observation is what is known up to now.
func (c *call) observation(whole bool) Observation {
	o := c.seen
	o.Whole = whole
	o.RequestBody, o.RequestBytes = c.asked.content()
	o.ResponseHeader = c.answer.header
	o.ResponseBody, o.ResponseBytes = c.answer.body.content()
	return o
}

// kept is the beginning of a body. A transport may read a request's after its
// answer: hence the lock.
type kept struct {
	length int64 // as declared; -1 or 0 where it was not

	mu    sync.Mutex
	begin []byte
	n     int64
}

func (k *kept) add(p []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n += int64(len(p))
	k.begin = append(k.begin, p[:min(len(p), MaxBodyBytes-len(k.begin))]...)
}

// content gives what is kept, and the whole body's length. Where the function did
// not read to the end, that is what the client declared, if it did.
func (k *kept) content() ([]byte, int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.begin[:len(k.begin):len(k.begin)], max(k.n, k.length)
}

// readTee keeps what is read.
type readTee struct {
	io.ReadCloser
	kept *kept
}

func (t readTee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.kept.add(p[:n])
	return n, err
}

// answer is a ResponseWriter that keeps what is written.
type answer struct {
	http.ResponseWriter
	begins func() // runs before the header is sent
	status int
	header http.Header
	body   kept
}

// Unwrap lets http.ResponseController flush and hijack.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		a.status, a.header = status, a.Header().Clone()
		a.begins()
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.ResponseWriter.Write(p)
	a.body.add(p[:n])
	return n, err
}
