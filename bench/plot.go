package main

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Colours that can be told apart on white, by the colour-blind too (Okabe and Ito).
var (
	blue   = color.RGBA{0, 114, 178, 255}
	orange = color.RGBA{230, 159, 0, 255}
	green  = color.RGBA{0, 158, 115, 255}
	red    = color.RGBA{213, 94, 0, 255}
	purple = color.RGBA{204, 121, 167, 255}
	grey   = color.RGBA{150, 150, 150, 255}
)

var colourOf = map[string]color.Color{"a": grey, "a0": orange, "b": green, "d0": red, "d": red, "dr": red, "n": purple, "e": blue, "er": blue, "f": blue, "g": blue}

// shortName is what a contestant is in a picture.
var shortName = map[string]string{"a": "net/http", "a0": "functions-framework", "b": "cxpb, unverified", "d0": "idtoken and x509", "d": "the same, logging", "dr": "d, RSA chain", "er": "ours, RSA chain",
	"n": "Node, token alone", "e": "ours, steady state", "f": "ours, all new", "g": "ours, unverified"}

// draw writes the pictures of what was measured.
func (r *Report) draw(dir string) error {
	var problems []error
	save := func(name string, p *plot.Plot, width, height vg.Length) {
		problems = append(problems, savePlot(filepath.Join(dir, name+".svg"), p, width, height))
	}
	if p := r.speedPlot(); p != nil {
		save("speed", p, 18*vg.Centimeter, 9*vg.Centimeter)
	}
	if p := r.costPlot(); p != nil {
		save("cost", p, 18*vg.Centimeter, 8*vg.Centimeter)
	}
	if r.Latency != nil {
		save("latency", r.Latency.plot(), 18*vg.Centimeter, 10*vg.Centimeter)
	}
	for _, s := range r.Scaling {
		name := "scaling-" + strings.ReplaceAll(s.Of, " ", "-")
		cpu := func(p ScalePoint) float64 { return p.CPUPerCall.Median }
		save(name, s.plot("CPU per call (µs)", cpu), 14*vg.Centimeter, 8*vg.Centimeter)
		if s.Of == "connections" {
			save(name+"-throughput", s.plot("calls per second", func(p ScalePoint) float64 { return p.PerSecond.Median }), 14*vg.Centimeter, 8*vg.Centimeter)
			save(name+"-p99", s.plot("p99, closed loop (ms)", func(p ScalePoint) float64 { return p.P99.Median / 1e3 }), 14*vg.Centimeter, 8*vg.Centimeter)
		}
	}
	return errors.Join(problems...)
}

// savePlot writes a picture with a white background and a margin, so that it can be
// read on a dark page too.
func savePlot(file string, p *plot.Plot, width, height vg.Length) error {
	c := vgsvg.New(width, height)
	dc := draw.New(c)
	dc.SetColor(color.White)
	dc.Fill(dc.Rectangle.Path())
	const margin = 3 * vg.Millimeter
	p.BackgroundColor = color.White
	p.Draw(draw.Crop(dc, margin, -4*margin, margin, -margin))
	var svg bytes.Buffer
	if _, err := c.WriteTo(&svg); err != nil { // a Buffer takes everything
		return err
	}
	text := strings.ReplaceAll(svg.String(), "font-family:Liberation Sans;", "font-family:Liberation Sans,Arial,Helvetica,sans-serif;")
	return os.WriteFile(file, []byte(text), 0o644)
}

func newPlot(title, x, y string) *plot.Plot {
	plot.DefaultFont.Variant = "Sans"
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding, p.Legend.Padding = vg.Points(8), vg.Points(2)
	p.Title.TextStyle.Font.Size, p.Legend.TextStyle.Font.Size = vg.Points(13), vg.Points(10)
	grid := plotter.NewGrid()
	light := color.Gray{225}
	grid.Vertical.Color, grid.Horizontal.Color = light, light
	p.Add(grid)
	p.Legend.Top, p.Legend.Left = true, true
	return p
}

// must is for what fails only on values that are not numbers, or on lists that are
// empty; the callers have neither.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// speedPlot shows calls per CPU-second, the goals' unit; nil if they were not measured.
func (r *Report) speedPlot() *plot.Plot {
	p := newPlot("Calls per CPU-second", "calls per second of the server's CPU, median and range of the rounds", "")
	var names []string
	for _, c := range slices.Backward(r.Contestants) {
		if c.Serving == nil {
			continue
		}
		s := c.Serving.PerCPUSecond
		bar := must(plotter.NewBarChart(plotter.Values{s.Median}, vg.Points(14)))
		bar.Horizontal, bar.XMin, bar.Color, bar.LineStyle.Width = true, float64(len(names)), colourOf[c.Name], 0
		y := float64(len(names))
		spread := must(plotter.NewXErrorBars(struct {
			plotter.XYs
			plotter.XErrors
		}{plotter.XYs{{X: s.Median, Y: y}}, plotter.XErrors{{Low: s.Min - s.Median, High: s.Max - s.Median}}}))
		p.Add(bar, spread)
		names = append(names, c.Name+": "+shortName[c.Name])
	}
	if len(names) == 0 {
		return nil
	}
	p.NominalY(names...)
	p.X.Min, p.X.Tick.Marker = 0, plain{}
	return p
}

// costPlot shows what a call of e and f is made of, by subtraction.
func (r *Report) costPlot() *plot.Plot {
	cpu := map[string]float64{}
	for _, name := range []string{"a", "a0", "g", "e", "f"} {
		c := r.contestant(name)
		if c == nil || c.Serving == nil {
			return nil
		}
		cpu[name] = c.Serving.CPUPerCall.Median
	}
	signatures := r.Bare.RSA.Median + ecdsaOfCall*r.Bare.ECDSA.Median
	p := newPlot("Where the time of a call goes", "CPU per call (µs)", "")
	rows := []string{"f: token and leaf new", "e: both remembered", "g: nothing verified", "a0: framework alone"}
	var under *plotter.BarChart
	for _, part := range []struct {
		name   string
		color  color.Color
		values plotter.Values // by rows
	}{
		{"net/http, constant answer (a)", grey, plotter.Values{cpu["a"], cpu["a"], cpu["a"], cpu["a"]}},
		{"functions-framework (a0 − a)", orange, plotter.Values{cpu["a0"] - cpu["a"], cpu["a0"] - cpu["a"], cpu["a0"] - cpu["a"], cpu["a0"] - cpu["a"]}},
		{"decode, route, handler, encode, log (g − a0)", green, plotter.Values{cpu["g"] - cpu["a0"], cpu["g"] - cpu["a0"], cpu["g"] - cpu["a0"], 0}},
		{"proofs, remembered (e − g)", blue, plotter.Values{cpu["e"] - cpu["g"], cpu["e"] - cpu["g"], 0, 0}},
		{"RSA and ECDSA alone", red, plotter.Values{signatures, 0, 0, 0}},
		{"rest of new proofs: parsing, chain (f − e − those)", purple, plotter.Values{max(0, cpu["f"]-cpu["e"]-signatures), 0, 0, 0}},
	} {
		for i, v := range part.values {
			part.values[i] = max(0, v) // noise may turn a small difference round
		}
		bar := must(plotter.NewBarChart(part.values, vg.Points(18)))
		bar.Horizontal, bar.Color, bar.LineStyle.Width = true, part.color, 0
		if under != nil {
			bar.StackOn(under)
		}
		under = bar
		p.Add(bar)
		p.Legend.Add(part.name, bar)
	}
	p.NominalY(rows...)
	p.X.Min, p.X.Tick.Marker = 0, plain{}
	p.Legend.Left = false
	return p
}

// plot shows the whole distribution at each rate, in the open loop.
func (l *Latency) plot() *plot.Plot {
	p := newPlot("Latency at fixed rates, from the moment that a call was due", "percentile", "latency (µs), median of the rounds")
	axis := quantileAxis()
	dashes := [][]vg.Length{{vg.Points(1.5), vg.Points(2)}, nil, {vg.Points(5), vg.Points(3)}}
	for i, share := range shares {
		for _, name := range []string{"a0", "e"} {
			r := l.at(name, share)
			var xys plotter.XYs
			for j, q := range axis {
				xys = append(xys, plotter.XY{X: -math.Log10(1 - q/100), Y: max(r.Quantiles[j], 1)})
			}
			line := must(plotter.NewLine(xys))
			line.Color, line.Width, line.Dashes = colourOf[name], vg.Points(1.5), dashes[i]
			p.Add(line)
			p.Legend.Add(fmt.Sprintf("%s at %.0f calls/s", name, r.Rate), line)
		}
	}
	p.Y.Scale, p.Y.Tick.Marker, p.X.Tick.Marker = plot.LogScale{}, powers{}, percentiles{}
	p.Y.Min, p.Legend.Top, p.Legend.Left = 10, false, false // room for the legend below the curves
	return p
}

func (s *Scaling) plot(label string, value func(ScalePoint) float64) *plot.Plot {
	p := newPlot("By "+s.Of, s.Unit, label)
	low, high := math.Inf(1), 0.0
	for _, c := range s.Curves {
		var xys plotter.XYs
		for _, point := range c.Points {
			v := value(point)
			low, high = min(low, v), max(high, v)
			xys = append(xys, plotter.XY{X: float64(point.Size), Y: v})
		}
		line, points, err := plotter.NewLinePoints(xys)
		must(0, err)
		line.Color, line.Width, points.Color, points.Shape = colourOf[c.Contestant], vg.Points(1.5), colourOf[c.Contestant], draw.CircleGlyph{}
		p.Add(line, points)
		p.Legend.Add(c.Contestant, line, points)
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, powers{}
	if p.Y.Min, p.Y.Max = 0, high*1.3; high > 20*low {
		p.Y.Scale, p.Y.Tick.Marker, p.Y.Min, p.Y.Max = plot.LogScale{}, powers{}, low/1.5, high*1.5
	}
	return p
}
