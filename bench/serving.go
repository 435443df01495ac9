package main

import (
	"context"
	"math/rand/v2"
)

// Serving is the closed loop's part of the report. Latencies are the closed loop's
// own, of a server that is never idle.
type Serving struct {
	PerSecond    Summary `json:"callsPerSecond"`
	PerCPUSecond Summary `json:"callsPerCPUSecond"`
	CPUPerCall   Summary `json:"cpuMicrosecondsPerCall"`
	LoadPerCall  Summary `json:"loadMicrosecondsPerCall"` // CPU of the load's core: a caller that costs more than the server is what is measured
	P50          Summary `json:"p50Microseconds"`
	P99          Summary `json:"p99Microseconds"`
	Others       Summary `json:"othersShare"` // of the two cores' time, that other processes took
	RSS          uint64  `json:"rssBytes"`    // after the last round
}

// connections of the closed loops: enough that a server is never idle.
const connections = 32

// serving drives all contestants in turns, in an order that changes each round.
func (s *stage) serving(ctx context.Context) error {
	var targets []*target
	for _, c := range s.list {
		t, err := s.begin(ctx, c)
		if err != nil {
			return err
		}
		defer t.stop()
		targets = append(targets, t)
	}
	progress("serving: warming %d contestants", len(targets))
	for _, t := range targets {
		if _, err := closedLoop(t, connections, s.opts.time); err != nil {
			return err
		}
	}
	signatures, err := newBare()
	if err != nil {
		return err
	}
	rounds := map[string][]*measured{}
	order := rand.New(rand.NewPCG(s.report.Seed, 0))
	for round := range s.opts.rounds {
		progress("serving: round %d of %d", round+1, s.opts.rounds)
		for _, i := range order.Perm(len(targets)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			t := targets[i]
			if _, err := closedLoop(t, connections, s.opts.time/10); err != nil { // its caches are the processor's again
				return err
			}
			m, err := closedLoop(t, connections, s.opts.time)
			if err != nil {
				return err
			}
			rounds[t.name] = append(rounds[t.name], m)
		}
		if err := signatures.round(s.opts.time / 4); err != nil {
			return err
		}
	}
	s.report.Bare = signatures.summary()
	for _, t := range targets {
		of := func(f func(*measured) float64) Summary {
			var values []float64
			for _, m := range rounds[t.name] {
				values = append(values, round(f(m), 5))
			}
			return summarize(values)
		}
		rss, err := t.rss()
		if err != nil {
			return err
		}
		s.report.contestant(t.name).Serving = &Serving{
			PerSecond: of((*measured).perSecond), PerCPUSecond: of((*measured).perCPUSecond), CPUPerCall: of((*measured).cpuPerCall), LoadPerCall: of((*measured).loadPerCall),
			P50: of(func(m *measured) float64 { return m.quantile(50) }), P99: of(func(m *measured) float64 { return m.quantile(99) }),
			Others: of((*measured).othersShare), RSS: rss}
	}
	return nil
}
