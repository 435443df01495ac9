package main

import (
	"math"
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, tt := range []struct {
		values         []float64
		median, lo, hi float64
	}{
		{[]float64{3}, 3, 3, 3},
		{[]float64{4, 1}, 2.5, 1, 4},
		{[]float64{9, 1, 5}, 5, 1, 9},
		{[]float64{1, 2, 100, 3}, 2.5, 1, 100},
	} {
		values := slices.Clone(tt.values)
		s := summarize(values)
		if s.Median != tt.median || s.Min != tt.lo || s.Max != tt.hi || !slices.Equal(s.Values, tt.values) {
			t.Errorf("%v: got %+v", tt.values, s)
		}
	}
}

// The ratio is that of the rounds, not of the medians: here each round has the same.
func TestRatios(t *testing.T) {
	r := ratios(summarize([]float64{10, 40, 20}), summarize([]float64{5, 20, 10}))
	if r.Median != 2 || r.Min != 2 || r.Max != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestLine(t *testing.T) {
	a, b := line([]float64{0, 10, 1000}, []float64{5, 25, 2005})
	if math.Abs(a-5) > 1e-9 || math.Abs(b-2) > 1e-9 {
		t.Errorf("got %v + %v x", a, b)
	}
}

func TestRound(t *testing.T) {
	for _, tt := range []struct {
		v    float64
		n    int
		want float64
	}{{0, 3, 0}, {1234.5678, 4, 1235}, {0.00123456, 3, 0.00123}, {-98765, 2, -99000}} {
		if got := round(tt.v, tt.n); math.Abs(got-tt.want) > math.Abs(tt.want)*1e-12 {
			t.Errorf("%v to %d digits: got %v, want %v", tt.v, tt.n, got, tt.want)
		}
	}
}

func TestGoal(t *testing.T) {
	at := func(v float64) Summary { return summarize([]float64{v}) }
	for _, tt := range []struct {
		want, ratio float64
		most, met   bool
	}{{0.65, 0.66, false, true}, {0.65, 0.65, false, true}, {0.65, 0.64, false, false}, {1.5, 1.4, true, true}, {1.5, 1.5, true, true}, {1.5, 1.6, true, false}} {
		if g := newGoal("", tt.want, tt.most, at(tt.ratio)); g.Met != tt.met {
			t.Errorf("%s, measured %v: met is %v", g.wanted(), tt.ratio, g.Met)
		}
	}
}

func TestParseInits(t *testing.T) {
	const output = `init internal/bytealg @0.008 ms, 0 ms clock, 0 bytes, 0 allocs
{"severity":"INFO"}
init example.com/x @1.9 ms, 0.79 ms clock, 16568 bytes, 49 allocs
init runtime @0.1 ms, 0.061 ms clock, 0 bytes, 0 allocs
init broken @0.1 ms, 0.06
`
	want := []Init{{"example.com/x", 0.79, 16568, 49}, {"runtime", 0.061, 0, 0}, {"internal/bytealg", 0, 0, 0}}
	if got := parseInits([]byte(output)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseCount(t *testing.T) {
	got, err := parseCount([]byte("==12== Cachegrind\n==12== I   refs:      1,145,587,662\n"))
	if err != nil || got != 1145587662 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseCount([]byte("==12== killed\n")); err == nil {
		t.Error("a log without a count has one")
	}
}
