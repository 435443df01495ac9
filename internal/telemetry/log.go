package telemetry

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// A Log takes entries, from several goroutines at once. What it cannot write is
// lost: a call must not fail because its log does.
type Log interface {
	Write(e *Entry)
	// Flush waits until everything is written that was given to Write before.
	Flush(ctx context.Context) error
}

// Lines is a Log that writes each entry as one line. Lines that are ready at the
// same time go out with one Write, and Write returns when its line has.
type Lines struct {
	mu    sync.Mutex // guards what follows
	ready []byte     // lines that nobody has begun to write
	batch uint64     // the number of ready

	written atomic.Uint64 // all batches before this one are

	writing sync.Mutex // held by whoever writes; it guards what follows
	w       io.Writer
	spare   []byte // takes turns with ready
}

// NewLines writes to w.
func NewLines(w io.Writer) *Lines { return &Lines{w: w} }

// maxKeptLines keeps one long line, as of a panic, from occupying memory for ever.
const maxKeptLines = 64 << 10

// Write writes one line.
func (l *Lines) Write(e *Entry) {
	l.mu.Lock()
	l.ready = append(e.Append(l.ready), '\n')
	batch := l.batch
	l.mu.Unlock()

	runtime.Gosched() // others that have a line to add do so first
	if l.written.Load() > batch {
		return // one of them has written it
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.written.Load() > batch {
		return
	}
	l.mu.Lock()
	lines := l.ready
	l.ready = l.spare[:0]
	l.batch++
	begun := l.batch // all before it are written, or in lines
	l.mu.Unlock()
	l.w.Write(lines)
	l.written.Store(begun)
	l.spare = nil
	if cap(lines) <= maxKeptLines {
		l.spare = lines
	}
}

// Flush does nothing: Write has written.
func (l *Lines) Flush(context.Context) error { return nil }
