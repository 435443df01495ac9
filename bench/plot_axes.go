package main

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
)

// percentiles is an axis of 1-10^-x: 0, 90, 99, 99.9, 99.99 %.
type percentiles struct{}

func (percentiles) Ticks(_, maximum float64) []plot.Tick {
	var ticks []plot.Tick
	for x := 0.0; x <= maximum+1e-9; x++ {
		ticks = append(ticks, plot.Tick{Value: x, Label: fmt.Sprintf("%.4g %%", 100*(1-math.Pow(10, -x)))})
	}
	return ticks
}

// plain is an axis of six or so steps, in plain numbers.
type plain struct{}

func (plain) Ticks(_, maximum float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10(maximum)))
	for _, part := range []float64{0.5, 0.2, 0.1} {
		if maximum/step < 4 {
			step = math.Pow(10, math.Floor(math.Log10(maximum))) * part
		}
	}
	var ticks []plot.Tick
	for i := 0.0; i*step <= maximum; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: shortNumber(i * step)})
	}
	return ticks
}

// powers is a logarithmic axis with few labels, in plain numbers.
type powers struct{}

func (powers) Ticks(minimum, maximum float64) []plot.Tick {
	var ticks []plot.Tick
	steps := []float64{1, 2, 5}
	if maximum > 2e3*minimum {
		steps = steps[:1]
	}
	for p := math.Floor(math.Log10(minimum)); p <= math.Ceil(math.Log10(maximum)); p++ {
		for _, m := range steps {
			if v := m * math.Pow(10, p); v >= minimum*0.999 && v <= maximum*1.001 {
				ticks = append(ticks, plot.Tick{Value: v, Label: shortNumber(v)})
			}
		}
	}
	return ticks
}

func shortNumber(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%g M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%g k", v/1e3)
	default:
		return fmt.Sprintf("%.5g", v)
	}
}
