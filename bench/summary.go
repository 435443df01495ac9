package main

import (
	"math"
	"slices"
)

// Summary is what is shown of a figure that was measured several times.
type Summary struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Values []float64 `json:"values"` // in the order of the rounds
}

// summarize needs at least one value.
func summarize(values []float64) Summary {
	sorted := slices.Sorted(slices.Values(values))
	return Summary{Median: median(sorted), Min: sorted[0], Max: sorted[len(sorted)-1], Values: values}
}

// median of values that are sorted; of an even number, the mean of the middle two.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratios divides round by round: what made a round slow did so for both.
func ratios(a, b Summary) Summary {
	n := min(len(a.Values), len(b.Values))
	r := make([]float64, n)
	for i := range r {
		r[i] = a.Values[i] / b.Values[i]
	}
	return summarize(r)
}

// line fits y = a + b·x by least squares, each point weighted by 1/y², so that small
// values count as much as large ones.
func line(x, y []float64) (a, b float64) {
	var w, wx, wy, wxx, wxy float64
	for i := range x {
		k := 1 / (y[i] * y[i])
		w, wx, wy, wxx, wxy = w+k, wx+k*x[i], wy+k*y[i], wxx+k*x[i]*x[i], wxy+k*x[i]*y[i]
	}
	b = (w*wxy - wx*wy) / (w*wxx - wx*wx)
	return (wy - b*wx) / w, b
}

// round keeps n significant digits.
func round(v float64, n int) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	scale := math.Pow(10, float64(n-1)-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}
