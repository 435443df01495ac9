package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// Cold is what a start costs: from the fork to the first call that is answered, with
// the program in the disk's cache.
type Cold struct {
	Listening Summary `json:"listeningMilliseconds"` // the port is open
	First     Summary `json:"firstAnswerMilliseconds"`
	Fetch     Summary `json:"keyFetchMilliseconds"` // of First; seen by the key server, on loopback; 0 where nobody fetches
	Rest      Summary `json:"withoutKeyFetchMilliseconds"`
	RSS       Summary `json:"rssBytes"`         // after that first call
	Init      []Init  `json:"inits,omitempty"`  // the costliest, of one start
	InitTotal float64 `json:"initMilliseconds"` // all of them
}

// Init is what the initialisation of a package costs.
type Init struct {
	Package      string  `json:"package"`
	Milliseconds float64 `json:"milliseconds"`
	Bytes        int     `json:"bytes"`
	Allocations  int     `json:"allocations"`
}

// coldStarts is how often each contestant is started.
func (s *stage) coldStarts() int { return 3 * s.opts.rounds }

// shownInits is how many packages are named.
const shownInits = 12

// cold starts contestants in turns, one at a time.
func (s *stage) cold(ctx context.Context) error {
	// The key server must not wait for the thread that sleeps until a port is open.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	type start struct{ listening, first, fetch, rss float64 }
	starts := map[string][]start{}
	for round := range s.coldStarts() {
		if round%5 == 0 {
			progress("cold: round %d of %d", round+1, s.coldStarts())
		}
		for _, c := range s.list {
			if c.fresh { // the same program as e
				continue
			}
			listening, first, rss, err := s.coldStart(ctx, c)
			if err != nil {
				return err
			}
			starts[c.name] = append(starts[c.name], start{milliseconds(listening), milliseconds(first), milliseconds(s.keys.lastFetch()), float64(rss)})
		}
	}
	for _, c := range s.list {
		list := starts[c.name]
		if len(list) == 0 {
			continue
		}
		of := func(f func(start) float64) Summary {
			var values []float64
			for _, x := range list {
				values = append(values, round(f(x), 4))
			}
			return summarize(values)
		}
		cold := &Cold{Listening: of(func(x start) float64 { return x.listening }), First: of(func(x start) float64 { return x.first }), Fetch: of(func(x start) float64 { return x.fetch }),
			Rest: of(func(x start) float64 { return x.first - x.fetch }), RSS: of(func(x start) float64 { return x.rss })}
		s.report.contestant(c.name).Cold = cold
		if c.program != "n" {
			inits, err := s.inits(ctx, c)
			if err != nil {
				return err
			}
			for _, i := range inits {
				cold.InitTotal += i.Milliseconds
			}
			cold.Init = inits[:min(shownInits, len(inits))]
		}
	}
	return nil
}

// coldStart starts a contestant and calls it as soon as it listens.
func (s *stage) coldStart(ctx context.Context, c contestant, env ...string) (listening, first time.Duration, rss uint64, err error) {
	s.keys.reset()
	p, err := start(c, s.binaries[c.program], append(env, s.settings(c)...))
	if err != nil {
		return 0, 0, 0, err
	}
	defer p.stop()
	at, err := p.ready(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	x, closer, err := dial(&target{process: p})
	if err != nil {
		return 0, 0, 0, err
	}
	defer closer.Close()
	err = x.do(s.calls(c)(), s.answer)
	now := time.Now()
	if err != nil && !(c.json && x.answer.StatusCode() == 200 && sameJSON(x.answer.Body(), s.answer)) {
		return 0, 0, 0, fmt.Errorf("contestant %s, first call: %w\n%s", c.name, err, p.output)
	}
	rss, err = p.rss()
	return at.Sub(p.began), now.Sub(p.began), rss, err
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// inits starts a contestant with the runtime's trace of its initialisation, and gives
// the packages by cost, the costliest first.
func (s *stage) inits(ctx context.Context, c contestant) ([]Init, error) {
	p, err := start(c, s.binaries[c.program], append([]string{"GODEBUG=inittrace=1"}, s.settings(c)...))
	if err != nil {
		return nil, err
	}
	_, err = p.ready(ctx)
	p.stop()
	if err != nil {
		return nil, err
	}
	inits := parseInits([]byte(p.output.String()))
	if len(inits) == 0 {
		return nil, errors.New("contestant " + c.name + ": no trace of its initialisation in its output")
	}
	return inits, nil
}

// initLine is a line of GODEBUG=inittrace=1, as package runtime documents it.
var initLine = regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, (\S+) ms clock, (\d+) bytes, (\d+) allocs$`)

func parseInits(output []byte) []Init {
	var list []Init
	for _, m := range initLine.FindAllSubmatch(output, -1) {
		clock, err := strconv.ParseFloat(string(m[2]), 64)
		size, err2 := strconv.Atoi(string(m[3]))
		allocations, err3 := strconv.Atoi(string(m[4]))
		if err := errors.Join(err, err2, err3); err != nil {
			continue // the pattern lets nothing of this kind pass
		}
		list = append(list, Init{string(m[1]), clock, size, allocations})
	}
	slices.SortStableFunc(list, func(a, b Init) int { return cmp.Compare(b.Milliseconds, a.Milliseconds) })
	return list
}
