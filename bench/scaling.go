package main

import (
	"context"
	"fmt"
	"strconv"
)

// Scaling is how the cost of a call grows with one thing.
type Scaling struct {
	Of     string       `json:"of"` // connections, body, tokens or routes
	Unit   string       `json:"unit"`
	Curves []ScaleCurve `json:"curves"`
}

// ScaleCurve is one contestant's.
type ScaleCurve struct {
	Contestant string       `json:"contestant"`
	Points     []ScalePoint `json:"points"`
}

// ScalePoint is the closed loop at one size.
type ScalePoint struct {
	Size       int     `json:"size"`
	PerSecond  Summary `json:"callsPerSecond"`
	CPUPerCall Summary `json:"cpuMicrosecondsPerCall"`
	P99        Summary `json:"p99Microseconds"`
}

// The sizes. Tokens go beyond what is remembered; the largest body is the largest
// that is read (cx.MaxRequestBytes).
var (
	scaleConnections = []int{1, 10, 100, 1000}
	scaleBodies      = []int{2 << 10, 8 << 10, 32 << 10, 128 << 10, 512 << 10, 1020 << 10}
	scaleTokens      = []int{1, 10, 100, 200, 1000, 10000}
	scaleRoutes      = []int{1, 10, 100, 1000, 10000}
)

func (s *stage) scaling(ctx context.Context) error {
	for _, f := range []func(context.Context) (*Scaling, error){s.byConnections, s.byBody, s.byTokens, s.byRoutes} {
		c, err := f(ctx)
		if err != nil {
			return err
		}
		if len(c.Curves) > 0 {
			s.report.Scaling = append(s.report.Scaling, c)
		}
	}
	return nil
}

// curve measures a contestant at each size, in turns, with what prepare makes of it.
func (s *stage) curve(name string, sizes []int, prepare func(size int) (t *target, connections int, err error)) (ScaleCurve, error) {
	curve := ScaleCurve{Contestant: name}
	perSecond, cpu, p99 := make([][]float64, len(sizes)), make([][]float64, len(sizes)), make([][]float64, len(sizes))
	for round := range s.scaleRounds() {
		for i, size := range sizes {
			progress("scaling: %s, %d, round %d of %d", name, size, round+1, s.scaleRounds())
			t, n, err := prepare(size)
			if err != nil {
				return curve, err
			}
			if _, err := closedLoop(t, n, s.opts.time/4); err != nil {
				return curve, fmt.Errorf("size %d: %w", size, err)
			}
			m, err := closedLoop(t, n, s.opts.time)
			if err != nil {
				return curve, fmt.Errorf("size %d: %w", size, err)
			}
			perSecond[i], cpu[i], p99[i] = append(perSecond[i], round4(m.perSecond())), append(cpu[i], round4(m.cpuPerCall())), append(p99[i], round4(m.quantile(99)))
		}
	}
	for i, size := range sizes {
		curve.Points = append(curve.Points, ScalePoint{size, summarize(perSecond[i]), summarize(cpu[i]), summarize(p99[i])})
	}
	return curve, nil
}

func (s *stage) scaleRounds() int { return max(1, s.opts.rounds/2) }

// each runs f for those of the named contestants that take part.
func (s *stage) each(ctx context.Context, names []string, f func(*target) error) error {
	for _, name := range names {
		for _, c := range s.list {
			if c.name != name {
				continue
			}
			t, err := s.begin(ctx, c)
			if err != nil {
				return err
			}
			err = f(t)
			t.stop()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stage) byConnections(ctx context.Context) (*Scaling, error) {
	c := &Scaling{Of: "connections", Unit: "connections"}
	return c, s.each(ctx, []string{"a0", "e"}, func(t *target) error {
		curve, err := s.curve(t.name, scaleConnections, func(n int) (*target, int, error) { return t, n, nil })
		c.Curves = append(c.Curves, curve)
		return err
	})
}

func (s *stage) byBody(ctx context.Context) (*Scaling, error) {
	c := &Scaling{Of: "body", Unit: "bytes"}
	raws := map[int][]byte{}
	for _, size := range scaleBodies {
		body, err := s.padded(size)
		if err != nil {
			return nil, err
		}
		raws[size] = s.request(body, nil)
	}
	return c, s.each(ctx, []string{"a0", "b", "e"}, func(t *target) error {
		curve, err := s.curve(t.name, scaleBodies, func(size int) (*target, int, error) {
			sized := *t
			sized.next = func() []byte { return raws[size] }
			return &sized, connections, nil
		})
		c.Curves = append(c.Curves, curve)
		return err
	})
}

// byTokens drives e with so many tokens in turn; the leaf is always the same.
func (s *stage) byTokens(ctx context.Context) (*Scaling, error) {
	c := &Scaling{Of: "distinct tokens", Unit: "tokens"}
	sizes := scaleTokens
	for sizes[len(sizes)-1] > s.distinct {
		sizes = sizes[:len(sizes)-1]
	}
	return c, s.each(ctx, []string{"e"}, func(t *target) error {
		progress("scaling: making %d tokens", sizes[len(sizes)-1])
		calls, err := s.world.distinct(0, sizes[len(sizes)-1], false)
		if err != nil {
			return err
		}
		curve, err := s.curve(t.name, sizes, func(size int) (*target, int, error) {
			several := *t
			several.next = cycle(calls[:size])
			return &several, connections, nil
		})
		c.Curves = append(c.Curves, curve)
		return err
	})
}

// byRoutes starts e anew for each size.
func (s *stage) byRoutes(ctx context.Context) (*Scaling, error) {
	c := &Scaling{Of: "routes", Unit: "routes"}
	if e := s.report.contestant("e"); e == nil {
		return c, nil
	}
	targets := map[int]*target{}
	defer func() {
		for _, t := range targets {
			t.stop()
		}
	}()
	for _, n := range scaleRoutes {
		t, err := s.begin(ctx, contestantRoutes, "BENCH_ROUTES="+strconv.Itoa(n))
		if err != nil {
			return nil, err
		}
		targets[n] = t
	}
	curve, err := s.curve("e", scaleRoutes, func(n int) (*target, int, error) { return targets[n], connections, nil })
	c.Curves = append(c.Curves, curve)
	return c, err
}
