package chaos

import (
	"image/color"
	"os"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Colours that people who confuse red and green tell apart, on white.
//
// Source: M. Okabe, K. Ito, Color Universal Design, 2008
var (
	blue   = color.RGBA{0, 114, 178, 255}
	orange = color.RGBA{213, 94, 0, 255}
	green  = color.RGBA{0, 158, 115, 255}
)

// series is one line of a plot.
type series struct {
	name   string
	colour color.Color
	points plotter.XYs
}

// drawSoak draws latency, memory, and goroutines with descriptors over time, one
// below the other.
func drawSoak(file string, shots []shot, samples []usage, duration time.Duration) error {
	panels := []struct {
		title, y string
		lines    []series
	}{
		{"Latency at 100 calls/s, from the time a call was due to the end of its answer", "ms", latencies(shots, duration)},
		{"Resident memory of the function's process", "MiB", []series{{"resident", blue, over(samples, func(u usage) float64 { return float64(u.rss) / (1 << 20) })}}},
		{"Goroutines and descriptors of the function's process", "count", []series{
			{"goroutines", blue, over(samples, func(u usage) float64 { return float64(u.goroutines) })},
			{"descriptors", orange, over(samples, func(u usage) float64 { return float64(u.descriptors) })}}},
	}
	plots := make([][]*plot.Plot, len(panels))
	for i, panel := range panels {
		p := plot.New()
		p.BackgroundColor = color.White
		p.Title.Text, p.X.Label.Text, p.Y.Label.Text = panel.title, "time in minutes", panel.y
		p.Title.Padding = vg.Points(4)
		p.Y.Min = 0
		p.Legend.Top = true
		p.Add(plotter.NewGrid())
		for _, s := range panel.lines {
			line, err := plotter.NewLine(s.points)
			if err != nil {
				return err
			}
			line.Color, line.Width = s.colour, vg.Points(1.2)
			p.Add(line)
			p.Legend.Add(s.name, line)
		}
		p.Y.Min, p.Y.Max = 0, p.Y.Max*1.25 // room for the legend
		plots[i] = []*plot.Plot{p}
	}
	canvas := vgsvg.New(24*vg.Centimeter, 24*vg.Centimeter)
	whole := draw.New(canvas)
	whole.FillPolygon(color.White, []vg.Point{whole.Min, {X: whole.Max.X, Y: whole.Min.Y}, whole.Max, {X: whole.Min.X, Y: whole.Max.Y}})
	tiles := plot.Align(plots, draw.Tiles{Rows: len(plots), Cols: 1, PadX: vg.Points(8), PadY: vg.Points(10), PadTop: vg.Points(6), PadBottom: vg.Points(6), PadLeft: vg.Points(6), PadRight: vg.Points(12)}, whole)
	for i := range plots {
		plots[i][0].Draw(tiles[i][0])
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// latencies gives percentiles of sixty parts of the time.
func latencies(shots []shot, duration time.Duration) []series {
	const parts = 60
	list := []series{{name: "p50", colour: green}, {name: "p90", colour: blue}, {name: "p99", colour: orange}}
	for part := range parts {
		from, to := duration*time.Duration(part)/parts, duration*time.Duration(part+1)/parts
		h := histogram()
		for _, s := range shots {
			if s.due >= from && s.due < to {
				h.RecordValue(s.took.Microseconds())
			}
		}
		if h.TotalCount() == 0 {
			continue
		}
		for i, q := range []float64{50, 90, 99} {
			list[i].points = append(list[i].points, plotter.XY{X: ((from + to) / 2).Minutes(), Y: ms(h.ValueAtQuantile(q))})
		}
	}
	return list
}

func over(samples []usage, value func(usage) float64) plotter.XYs {
	points := make(plotter.XYs, len(samples))
	for i, u := range samples {
		points[i] = plotter.XY{X: u.at.Minutes(), Y: value(u)}
	}
	return points
}
