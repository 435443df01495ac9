package telemetry

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// writes keeps what each Write wrote, as the messages in it.
type writes struct{ messages []string }

func (w *writes) Write(b []byte) (int, error) {
	var messages []string
	for line := range strings.Lines(string(b)) {
		_, message, _ := strings.Cut(line, `"message":"`)
		message, _, _ = strings.Cut(message, `"`)
		messages = append(messages, message)
	}
	w.messages = append(w.messages, strings.Join(messages, " "))
	return len(b), nil
}

// TestHeldLines: lines are written at once where nobody else is about to write, and
// together with others where somebody is, after HoldTime at the latest.
func TestHeldLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out writes
		var busy atomic.Bool
		l := NewLines(&out, busy.Load)
		write := func(message string) { l.Write(&Entry{Message: message}) }
		want := func(when string, messages ...string) {
			t.Helper()
			synctest.Wait()
			l.mu.Lock()
			defer l.mu.Unlock()
			if got, want := strings.Join(out.messages, "|"), strings.Join(messages, "|"); got != want {
				t.Errorf("%s: written %q, want %q", when, got, want)
			}
			out.messages = nil
		}

		write("a")
		want("alone", "a")

		busy.Store(true)
		write("b")
		time.Sleep(HoldTime - 1)
		write("c")
		want("before the time")
		time.Sleep(1)
		want("on time", "b c")
		time.Sleep(time.Hour)
		want("long after")

		for range 2 { // a timer that has fired, and one that runs
			write("d")
			busy.Store(false)
			write("e")
			want("with the last", "d e")
			busy.Store(true)
			write("f")
			l.Flush(t.Context())
			want("flushed", "f")
			l.Flush(t.Context())
			want("flushed again")
		}

		long := strings.Repeat("x", maxHeld)
		write("g")
		write(long)
		want("as much as may be held", "g "+long)
		time.Sleep(HoldTime)
		want("after that")
		if cap(l.held) > 2*maxHeld {
			t.Errorf("%d bytes are kept", cap(l.held))
		}
	})
}
