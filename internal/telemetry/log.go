package telemetry

import (
	"context"
	"io"
	"sync"
	"time"
)

// A Log takes entries, from several goroutines at once. What it cannot write is
// lost: a call must not fail because its log does.
type Log interface {
	Write(e *Entry)
	// Flush waits until everything is written that was given to Write before.
	Flush(ctx context.Context) error
}

// Lines is a Log that writes each entry as one line.
//
// A write to the pipe that Cloud Run reads costs a third of a whole call. So lines
// may wait for others, for HoldTime at most, to be written with them.
type Lines struct {
	w    io.Writer
	busy func() bool // nil is never

	mu   sync.Mutex // guards what follows, and writes to w
	held []byte     // whole lines
	soon *time.Timer
	due  bool // soon will fire
}

const (
	// HoldTime is for how long a line may wait to be written.
	HoldTime = 10 * time.Millisecond
	// maxHeld bounds the lines that wait, and what one long line, as of a panic, may
	// occupy for ever.
	maxHeld = 32 << 10
)

// NewLines writes to w: each line at once, but while busy says that more will come
// soon, as many at a time as there are. Whoever says so must call Flush when it ends,
// since nobody knows when the process is given a processor next. A nil busy is never.
func NewLines(w io.Writer, busy func() bool) *Lines { return &Lines{w: w, busy: busy} }

// Write writes one line, or holds it for a moment.
func (l *Lines) Write(e *Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(e.Append(l.held), '\n')
	if len(l.held) >= maxHeld || l.busy == nil || !l.busy() {
		l.flush()
		return
	}
	switch {
	case l.due:
	case l.soon == nil:
		l.soon, l.due = time.AfterFunc(HoldTime, l.onTime), true
	default:
		l.soon.Reset(HoldTime)
		l.due = true
	}
}

func (l *Lines) onTime() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = false
	l.flush()
}

// Flush writes what is held.
func (l *Lines) Flush(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	return nil
}

func (l *Lines) flush() {
	if len(l.held) == 0 {
		return
	}
	l.w.Write(l.held)
	if l.held = l.held[:0]; cap(l.held) > 2*maxHeld {
		l.held = nil
	}
}
