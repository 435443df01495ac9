package console

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"example.com/cxhook/internal/emulator"
)

// RingSize is how many calls are kept; the oldest goes first.
const RingSize = 500

// Sent is what the stack itself knows of a call that it makes.
type Sent struct {
	// Source is who asked for it: sample, trigger, compose or replay.
	Source string
	// Attempt counts those of one fulfillment, from 1.
	Attempt int
	// ReplayOf is the id of the call that is sent again; 0 is none.
	ReplayOf int
	// Way is how it goes round the load balancer: outsider, internal or direct; ""
	// is through it.
	Way string
	// ClientCert and Token are the kinds of what is presented; Subject is the
	// certificate's, "" without one.
	ClientCert, Token, Subject string
	// Note is added to the verdict of a call that is answered 200.
	Note string
	// Body is what is sent, as far as it is known before.
	Body []byte
}

// entry is what is known of a call. Everything that its pointers lead to stays as
// it is once it is set.
type entry struct {
	id, seq  int
	time     time.Time
	trace    string
	sent     *Sent // nil where somebody else called
	exchange *emulator.Exchange
	seen     *emulator.Observation
	line     *Line
}

// Ring keeps the latest calls. What Dialogflow, the load balancer and the function
// tell of one is put together by its trace, in whatever order it comes. It is safe
// for use by several goroutines.
type Ring struct {
	now func() time.Time

	mu      sync.Mutex
	entries []*entry // by id
	byTrace map[string]*entry
	ids     int
	seq     int           // counts changes
	changed chan struct{} // closed at the next change
}

// NewRing makes an empty one. now is the clock.
func NewRing(now func() time.Time) *Ring {
	return &Ring{now: now, byTrace: map[string]*entry{}, changed: make(chan struct{})}
}

// Begin notes a call that is about to be sent under a trace of its own, 32 hex
// digits, and gives its id.
func (r *Ring) Begin(trace string, s Sent) (id int) {
	r.update(trace, func(e *entry) { e.sent, id = &s, e.id })
	return id
}

// Exchanged notes what the sender saw in the end.
func (r *Ring) Exchanged(trace string, x *emulator.Exchange) {
	r.update(trace, func(e *entry) { e.exchange = x })
}

// Logged notes the function's line about a call. One without a trace is of a call
// that nobody else has seen.
func (r *Ring) Logged(l *Line) { r.update(l.TraceID(), func(e *entry) { e.line = l }) }

// Observed notes what the load balancer saw; of what it tells of one call, the
// latest counts.
func (r *Ring) Observed(o emulator.Observation) {
	trace := o.Trace
	if o.Refused != nil { // nothing was sent, no trace either
		trace = r.unanswered(o.Subject)
	}
	r.update(trace, func(e *entry) { e.seen = &o })
}

// unanswered is the trace of a call that is being sent with the certificate of
// that subject; "" is a call of somebody else's.
func (r *Ring) unanswered(subject string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range slices.Backward(r.entries) {
		if e.sent != nil && e.sent.Way == "" && e.sent.Subject == subject && e.exchange == nil && e.seen == nil {
			return e.trace
		}
	}
	return ""
}

// update changes the entry of a trace, which it makes if there is none, and wakes
// whoever waits.
func (r *Ring) update(trace string, change func(*entry)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.byTrace[trace]
	if e == nil {
		r.ids++
		e = &entry{id: r.ids, time: r.now(), trace: trace}
		if len(r.entries) == RingSize {
			delete(r.byTrace, r.entries[0].trace)
			r.entries = slices.Delete(r.entries, 0, 1)
		}
		r.entries = append(r.entries, e)
		if trace != "" {
			r.byTrace[trace] = e
		}
	}
	r.seq++
	e.seq = r.seq
	change(e)
	close(r.changed)
	r.changed = make(chan struct{})
}

// Changes gives the calls that changed after a point, in the order of their last
// change, and a channel that is closed when another one does. 0 is the beginning:
// every call that is kept. seq is where the next Changes goes on.
func (r *Ring) Changes(after int) (calls []Summary, seq int, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if after > r.seq { // of another stack, before this one
		after = 0
	}
	for _, e := range r.entries {
		if e.seq > after {
			calls = append(calls, e.summary())
		}
	}
	slices.SortFunc(calls, func(a, b Summary) int { return cmp.Compare(a.Seq, b.Seq) })
	return calls, r.seq, r.changed
}

// List gives the calls that are kept, the latest first.
func (r *Ring) List() []Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := make([]Summary, 0, len(r.entries))
	for _, e := range slices.Backward(r.entries) {
		calls = append(calls, e.summary())
	}
	return calls
}

// Call gives one call, and a channel that is closed at the next change of any; ok
// is false where it is not, or no longer, kept.
func (r *Ring) Call(id int) (c *Call, changed <-chan struct{}, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := slices.BinarySearchFunc(r.entries, id, func(e *entry, id int) int { return cmp.Compare(e.id, id) })
	if !ok {
		return nil, r.changed, false
	}
	return r.entries[i].call(), r.changed, true
}

// Drop forgets a call that could not be made.
func (r *Ring) Drop(trace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.byTrace[trace]; e != nil {
		delete(r.byTrace, trace)
		r.entries = slices.DeleteFunc(r.entries, func(other *entry) bool { return other == e })
	}
}

// Live gives each call that is done from now on, once, and a channel that is closed
// when there may be more.
func (r *Ring) Live() func() (calls []*Call, more <-chan struct{}) {
	_, after, _ := r.Changes(0)
	var once Once
	return func() (calls []*Call, more <-chan struct{}) {
		var changed []Summary
		changed, after, more = r.Changes(after)
		for _, s := range changed {
			if !once.First(s) {
				continue
			}
			if c, _, ok := r.Call(s.ID); ok {
				calls = append(calls, c)
			}
		}
		return calls, more
	}
}

// Once tells the first time that a call is seen done from later changes of it. The
// zero value is ready. It is not safe for use by several goroutines.
type Once struct{ told map[int]bool }

// First says whether the call is done, and was not before.
func (o *Once) First(s Summary) bool {
	if !s.Done || o.told[s.ID] {
		return false
	}
	if o.told == nil {
		o.told = map[int]bool{}
	}
	o.told[s.ID] = true
	if len(o.told) > 2*RingSize {
		for id := range o.told { // those have left the ring
			if id <= s.ID-RingSize {
				delete(o.told, id)
			}
		}
	}
	return true
}
