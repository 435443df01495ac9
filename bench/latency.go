package main

import (
	"context"
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is the open loop's part of the report: latencies at fixed rates.
type Latency struct {
	Max   float64       `json:"maximumCallsPerSecond"` // of e, in the closed loop
	Rates []LatencyRate `json:"rates"`
}

// LatencyRate is one contestant at one rate.
type LatencyRate struct {
	Contestant string    `json:"contestant"`
	Share      float64   `json:"share"` // of e's maximum
	Rate       float64   `json:"callsPerSecond"`
	P50        Summary   `json:"p50Microseconds"`
	P99        Summary   `json:"p99Microseconds"`
	LateP99    Summary   `json:"lateP99Microseconds"` // how late the load sent its calls
	Others     Summary   `json:"othersShare"`         // of the two cores' time, that other processes took
	Quantiles  []float64 `json:"quantiles"`           // microseconds, at quantileAxis; each the median of the rounds
}

// shares are the fixed rates, as parts of e's maximum; the goal is judged at halfRate.
var shares = []float64{0.25, halfRate, 0.75}

const halfRate = 0.5

// quantileAxis has the points of the distribution, evenly spaced as the tail is shown:
// 1-10^-x.
func quantileAxis() []float64 {
	var axis []float64
	for x := 0.0; x <= 4; x += 0.05 {
		axis = append(axis, 100*(1-math.Pow(10, -x)))
	}
	return axis
}

// latency drives a0 and e at the same rates, in turns.
func (s *stage) latency(ctx context.Context) error {
	var targets []*target
	for _, c := range s.list {
		if c.name != "a0" && c.name != "e" {
			continue
		}
		t, err := s.begin(ctx, c)
		if err != nil {
			return err
		}
		defer t.stop()
		if _, err := closedLoop(t, connections, s.opts.time); err != nil {
			return err
		}
		targets = append(targets, t)
	}
	if len(targets) != 2 {
		progress("latency: skipped: it needs the contestants a0 and e")
		return nil
	}
	l := new(Latency)
	s.report.Latency = l
	if r := s.report.contestant("e").Serving; r != nil {
		l.Max = r.PerSecond.Median
	} else {
		m, err := closedLoop(targets[1], connections, s.opts.time)
		if err != nil {
			return err
		}
		l.Max = m.perSecond()
	}
	axis := quantileAxis()
	for _, share := range shares {
		p50, p99, lates, others := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
		rounds := map[string][]*hdrhistogram.Histogram{}
		for round := range s.opts.rounds {
			progress("latency: %.0f calls/s, round %d of %d", l.Max*share, round+1, s.opts.rounds)
			for i := range targets {
				t := targets[(i+round)%2]
				m, late, err := openLoop(ctx, t, connections, l.Max*share, 2*s.opts.time)
				if err != nil {
					return fmt.Errorf("at %.0f calls/s: %w", l.Max*share, err)
				}
				p50[t.name] = append(p50[t.name], round4(m.quantile(50)))
				p99[t.name] = append(p99[t.name], round4(m.quantile(99)))
				lates[t.name] = append(lates[t.name], round4(float64(late.ValueAtQuantile(99))/1e3))
				others[t.name] = append(others[t.name], round4(m.othersShare()))
				rounds[t.name] = append(rounds[t.name], m.latency)
			}
		}
		for _, t := range targets {
			r := LatencyRate{Contestant: t.name, Share: share, Rate: round4(l.Max * share), P50: summarize(p50[t.name]), P99: summarize(p99[t.name]), LateP99: summarize(lates[t.name]), Others: summarize(others[t.name])}
			for _, q := range axis {
				var values []float64
				for _, round := range rounds[t.name] {
					values = append(values, float64(round.ValueAtQuantile(q))/1e3)
				}
				r.Quantiles = append(r.Quantiles, round4(summarize(values).Median))
			}
			l.Rates = append(l.Rates, r)
		}
	}
	return nil
}

// at gives what was measured of a contestant at a share; nil if nothing was.
func (l *Latency) at(contestant string, share float64) *LatencyRate {
	for i := range l.Rates {
		if r := &l.Rates[i]; r.Contestant == contestant && r.Share == share {
			return r
		}
	}
	return nil
}

func round4(v float64) float64 { return round(v, 4) }
