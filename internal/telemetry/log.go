package telemetry

import (
	"context"
	"io"
	"sync"
)

// A Log takes entries, from several goroutines at once. What it cannot write is
// lost: a call must not fail because its log does.
type Log interface {
	Write(e *Entry)
	// Flush waits until everything is written that was given to Write before.
	Flush(ctx context.Context) error
}

// Lines is a Log that writes each entry as one line and with one Write.
type Lines struct {
	mu  sync.Mutex // guards what follows
	buf []byte
	w   io.Writer
}

// NewLines writes to w.
func NewLines(w io.Writer) *Lines { return &Lines{w: w} }

// maxKeptLine keeps one long line, as of a panic, from occupying memory for ever.
const maxKeptLine = 64 << 10

// Write writes one line.
func (l *Lines) Write(e *Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := append(e.Append(l.buf[:0]), '\n')
	if cap(line) <= maxKeptLine {
		l.buf = line
	}
	l.w.Write(line)
}

// Flush does nothing: Write has written.
func (l *Lines) Flush(context.Context) error { return nil }
