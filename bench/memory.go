package main

import (
	"context"
	"errors"
	"fmt"
)

// Memory is what e keeps of the calls that it has answered.
type Memory struct {
	Start    uint64        `json:"startBytes"` // after the first call
	Steady   []MemoryPoint `json:"steady"`     // the same call again and again
	Distinct []MemoryPoint `json:"distinct"`   // each call with a token that was never seen
	Growth   float64       `json:"growth"`     // of Distinct, the last point over the one at a tenth of it
}

// MemoryPoint is the resident memory after so many calls.
type MemoryPoint struct {
	Calls int    `json:"calls"`
	RSS   uint64 `json:"rssBytes"`
}

// tokenBatch is how many tokens are made at a time: a million of them would not fit
// beside the server.
const tokenBatch = 10_000

// memory drives e with a million calls of the steady state, and then anew with
// -tokens distinct ones. RSA signatures take the time.
func (s *stage) memory(ctx context.Context) error {
	for _, c := range s.list {
		if c.name == "e" {
			m := new(Memory)
			s.report.Memory = m
			return errors.Join(s.steadyMemory(ctx, c, m), s.distinctMemory(ctx, c, m))
		}
	}
	return nil
}

func (s *stage) steadyMemory(ctx context.Context, c contestant, m *Memory) error {
	t, err := s.begin(ctx, c)
	if err != nil {
		return err
	}
	defer t.stop()
	if m.Start, err = t.rss(); err != nil {
		return err
	}
	total := 1_000_000
	if s.opts.quick {
		total = 20_000
	}
	for _, until := range []int{total / 10, total} {
		progress("memory: %d calls", until)
		done := 0
		if len(m.Steady) > 0 {
			done = m.Steady[len(m.Steady)-1].Calls
		}
		if _, err := exactly(t, connections, until-done); err != nil {
			return err
		}
		if err := m.add(&m.Steady, t, until); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *stage) distinctMemory(ctx context.Context, c contestant, m *Memory) error {
	t, err := s.begin(ctx, c)
	if err != nil {
		return err
	}
	defer t.stop()
	total := s.opts.tokens
	for done := 0; done < total; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(tokenBatch, total-done, max(total/10, 1))
		progress("memory: %d of %d distinct tokens", done, total)
		calls, err := s.world.distinct(1_000_000_000+done, n, false)
		if err != nil {
			return err
		}
		// As many as there are: each connection begins with a call of its own.
		if _, err := exactly(&target{process: t.process, answer: t.answer, next: cycle(calls)}, min(connections, n), n-min(connections, n)); err != nil {
			return fmt.Errorf("distinct tokens: %w", err)
		}
		done += n
		if err := m.add(&m.Distinct, t, done); err != nil {
			return err
		}
	}
	for _, p := range m.Distinct {
		if p.Calls == total/10 {
			m.Growth = round4(float64(m.Distinct[len(m.Distinct)-1].RSS) / float64(p.RSS))
		}
	}
	return nil
}

func (m *Memory) add(to *[]MemoryPoint, t *target, calls int) error {
	rss, err := t.rss()
	*to = append(*to, MemoryPoint{calls, rss})
	return err
}
