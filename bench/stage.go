package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"sync/atomic"
)

// stage holds the built programs and the world, and starts contestants on it.
type stage struct {
	*world
	list     []contestant
	binaries map[string]binary // by program
	steady   []byte            // the call of the steady state
	rsa      *rsaWorld         // nil if nobody needs it
	fresh    [][]byte          // calls of contestant f; nil if it takes no part
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
	switch {
	case c.policy != nil:
		return c.policy
	case c.rsa:
		return s.rsa.env
	default:
		return s.env
	}
}

// calls gives the calls that a contestant gets.
func (s *stage) calls(c contestant) func() []byte {
	switch {
	case c.fresh:
		return cycle(s.fresh)
	case c.rsa:
		return func() []byte { return s.rsa.call }
	default:
		return func() []byte { return s.steady }
	}
}

// furnish makes the calls. Of those of contestant f, each has a token and a leaf that
// the server has forgotten, or never seen: each comes again only after all others.
func (s *stage) furnish(dir string) (err error) {
	s.steady = s.request(s.body, nil)
	for _, c := range s.list {
		if c.rsa && s.rsa == nil {
			progress("making RSA keys of 4096 bits")
			if s.rsa, err = s.newRSAWorld(filepath.Join(dir, "rsa.pem")); err != nil {
				return err
			}
		}
		if c.fresh && s.fresh == nil {
			progress("making %d tokens and client certificates", s.distinct)
			if s.fresh, err = s.world.distinct(0, s.distinct, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// aim makes one call and compares its answer: byte by byte, or as JSON.
func (s *stage) aim(p *process) (*target, error) {
	t := &target{process: p, answer: s.answer, next: s.calls(p.contestant)}
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

// cycle gives one after the other, for any number of goroutines.
func cycle(calls [][]byte) func() []byte {
	var n atomic.Uint64
	return func() []byte { return calls[(n.Add(1)-1)%uint64(len(calls))] }
}
