package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"
)

// stage holds the built programs and the world, and starts contestants on it.
type stage struct {
	*world
	list     []contestant
	binaries map[string]binary // by program
	steady   []byte            // the call of the steady state
	fresh    [][]byte          // calls of contestant f; made when first needed
	distinct int               // how many of those
	opts     options
	report   *Report
}

// begin starts a contestant, waits until it listens, and checks that it answers what
// all answer.
func (s *stage) begin(ctx context.Context, c contestant, env ...string) (*target, error) {
	p, err := start(c, s.binaries[c.program], append(env, s.settings(c)...))
	if err != nil {
		return nil, err
	}
	if _, err = p.ready(ctx); err == nil {
		var t *target
		if t, err = s.aim(p); err == nil {
			return t, nil
		}
	}
	p.stop()
	return nil, err
}

// settings are the environment that a contestant is configured by.
func (s *stage) settings(c contestant) []string {
	if c.policy != nil {
		return c.policy
	}
	return s.env
}

// aim makes one call and compares its answer: byte by byte, or as JSON.
func (s *stage) aim(p *process) (*target, error) {
	t := &target{process: p, answer: s.answer, next: func() []byte { return s.steady }}
	if p.fresh {
		var err error
		if t.next, err = s.freshCalls(); err != nil {
			return nil, err
		}
	}
	x, closer, err := dial(t)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	if !p.json {
		if err := x.do(t.next(), s.answer); err != nil {
			return nil, fmt.Errorf("contestant %s: %w; want 200: %s\n%s", p.name, err, s.answer, p.output)
		}
		return t, nil
	}
	// Its bytes are the same for as long as the program is.
	if err := x.do(t.next(), nil); err != nil && x.answer.StatusCode() != 200 {
		return nil, fmt.Errorf("contestant %s: %w\n%s", p.name, err, p.output)
	}
	t.answer = bytes.Clone(x.answer.Body())
	if !sameJSON(t.answer, s.answer) {
		return nil, fmt.Errorf("contestant %s answers %s; want %s", p.name, t.answer, s.answer)
	}
	return t, nil
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// freshCalls gives calls of which each has a token and a leaf that the server has
// forgotten, or never seen: each comes again only after all others.
func (s *stage) freshCalls() (func() []byte, error) {
	if s.fresh == nil {
		progress("making %d tokens and client certificates", s.distinct)
		begin := time.Now()
		var err error
		if s.fresh, err = s.world.distinct(0, s.distinct, true); err != nil {
			return nil, err
		}
		progress("made in %.0f s", time.Since(begin).Seconds())
	}
	return cycle(s.fresh), nil
}

// cycle gives one after the other, for any number of goroutines.
func cycle(calls [][]byte) func() []byte {
	var n atomic.Uint64
	return func() []byte { return calls[(n.Add(1)-1)%uint64(len(calls))] }
}
