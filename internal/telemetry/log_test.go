package telemetry

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// slow is a writer that lets others run before it takes what it is given.
type slow struct {
	mu    sync.Mutex
	taken bytes.Buffer
	empty int // writes of nothing
}

func (s *slow) Write(b []byte) (int, error) {
	runtime.Gosched()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(b) == 0 {
		s.empty++
	}
	return s.taken.Write(b)
}

func (s *slow) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.taken.String(), text)
}

// Whoever wrote a line finds it written, and every line is there once and whole.
func TestLinesAreWritten(t *testing.T) {
	const writers, each = 16, 50
	out := new(slow)
	l := NewLines(out)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				line := fmt.Sprintf("line %d of %d", j, i)
				if l.Write(&Entry{Severity: Info, Message: line}); !out.has(`"` + line + `"`) {
					t.Errorf("%s: Write has returned, and it is not written", line)
				}
			}
		})
	}
	wg.Wait()
	if out.empty > 0 {
		t.Errorf("%d writes of nothing", out.empty)
	}
	times := map[string]int{}
	for line := range strings.Lines(out.taken.String()) {
		times[line]++
	}
	var once bytes.Buffer
	for i := range writers {
		for j := range each {
			once.Reset()
			NewLines(&once).Write(&Entry{Severity: Info, Message: fmt.Sprintf("line %d of %d", j, i)})
			if n := times[once.String()]; n != 1 {
				t.Errorf("line %d of %d is there %d times", j, i, n)
			}
		}
	}
	if got, want := len(times), writers*each; got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
}

// counted counts what is written, by one at a time.
type counted struct{ lines, writes int }

func (c *counted) Write(b []byte) (int, error) {
	c.lines += bytes.Count(b, []byte("\n"))
	c.writes++
	return len(b), nil
}

// Lines that are ready at the same time go out together.
func TestLinesTogether(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that one runs at a time
	const writers, rounds = 8, 40
	out := new(counted)
	l := NewLines(out)
	for range rounds {
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() { l.Write(&Entry{Severity: Info, Message: "together"}) })
		}
		wg.Wait()
	}
	if out.lines != writers*rounds {
		t.Fatalf("%d lines, want %d", out.lines, writers*rounds)
	}
	if out.writes > writers*rounds/2 { // the scheduler takes some out of their turn
		t.Errorf("%d writes for %d lines that were ready %d at a time", out.writes, writers*rounds, writers)
	}
}
