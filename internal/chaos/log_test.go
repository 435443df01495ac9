package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// lines is a function's log, as an io.Writer that counts its lines by the trace of
// their calls.
type lines struct {
	mu      sync.Mutex
	n       map[string]int    // lines by trace
	counted map[string]int    // those that were held against their callers
	reason  map[string]string // by trace
	rest    []byte            // of a line that is not whole
}

func newLines() *lines {
	return &lines{n: map[string]int{}, counted: map[string]int{}, reason: map[string]string{}}
}

// Write takes the log as it comes, in any pieces.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		l.line(line)
		l.rest = rest
	}
}

func (l *lines) line(text []byte) {
	if len(text) == 0 { // functions-framework's own
		return
	}
	var e struct {
		Trace   string                  `json:"logging.googleapis.com/trace"`
		Labels  struct{ Reason string } `json:"logging.googleapis.com/labels"`
		Request *struct{ Status int }   `json:"httpRequest"`
	}
	if err := json.Unmarshal(text, &e); err != nil {
		panic(fmt.Sprintf("a line that is no JSON: %v in %q", err, text))
	}
	if e.Request == nil { // not a call's
		return
	}
	trace := e.Trace[strings.LastIndexByte(e.Trace, '/')+1:]
	l.n[trace]++
	l.reason[trace] = e.Labels.Reason
}

// of waits until there are want lines of the calls, and gives their number by
// trace: a caller who hung up is before the line.
func (l *lines) of(results []result, want int) map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for deadline := time.Now().Add(10 * time.Second); ; {
		sum := 0
		for _, r := range results {
			l.counted[r.trace] = l.n[r.trace]
			sum += l.n[r.trace]
		}
		if sum >= want || time.Now().After(deadline) {
			return l.counted
		}
		l.mu.Unlock()
		time.Sleep(time.Millisecond)
		l.mu.Lock()
	}
}

// forget leaves calls out of what noMore asks for.
func (l *lines) forget(results []result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range results {
		l.counted[r.trace] = -1
	}
}

// noMore holds that no line came when its scenario had been counted: the function
// did not take up a call that its caller had given up.
func (l *lines) noMore(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for trace, n := range l.n {
		if counted, known := l.counted[trace]; !known || counted >= 0 && counted != n {
			t.Errorf("%d lines of the call %s, of which %d were there when it was counted", n, trace, counted)
		}
	}
}

// reasons gives how often each reason stands in the lines of calls; "" of those
// that were answered.
func (l *lines) reasons(results []result) map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := map[string]int{}
	for _, r := range results {
		if reason, ok := l.reason[r.trace]; ok {
			n[reason]++
		}
	}
	return n
}
