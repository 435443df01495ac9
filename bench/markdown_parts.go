package main

import (
	"fmt"
	"strings"
)

func (r *Report) coldTable(m *tables) {
	var rows [][]string
	for _, c := range r.Contestants {
		if s := c.Cold; s != nil {
			size := "–"
			if c.Binary > 0 {
				size = megabytes(uint64(c.Binary))
			}
			rss := s.RSS
			rows = append(rows, []string{c.Name, spread(s.Listening, 1), spread(s.First, 1), spread(s.Fetch, 1), spread(s.Rest, 1), fmt.Sprintf("%.2f", s.InitTotal), megabytes(uint64(rss.Median)), size})
		}
	}
	m.table(fmt.Sprintf("Cold start, from the fork, disk cache warm; go build -trimpath -ldflags \"%s\"", ldflags),
		[]string{"", "listening ms", "first answer ms", "key fetch ms (loopback)", "first answer without it ms", "inits ms", "RSS MB", "binary MB"}, rows)
	rows = nil
	for _, name := range []string{"e", "d", "b"} {
		if c := r.contestant(name); c != nil && c.Cold != nil {
			var list []string
			for _, i := range c.Cold.Init {
				list = append(list, fmt.Sprintf("%s %.2f", i.Package, i.Milliseconds))
			}
			rows = append(rows, []string{name, strings.Join(list, ", ")})
		}
	}
	m.table("Costliest inits, ms (GODEBUG=inittrace=1, one start)", []string{"", ""}, rows)
}

func (r *Report) scalingTables(m *tables) {
	for _, s := range r.Scaling {
		head := []string{s.Unit}
		for _, c := range s.Curves {
			head = append(head, c.Contestant+" calls/s", c.Contestant+" CPU µs/call", c.Contestant+" p99 ms")
		}
		var rows [][]string
		for i, p := range s.Curves[0].Points {
			row := []string{fmt.Sprint(p.Size)}
			for _, c := range s.Curves {
				p := c.Points[i]
				row = append(row, fmt.Sprintf("%.0f", p.PerSecond.Median), fmt.Sprintf("%.1f", p.CPUPerCall.Median), fmt.Sprintf("%.2f", p.P99.Median/1e3))
			}
			rows = append(rows, row)
		}
		m.table("By "+s.Of, head, rows)
		if s.Of == "body" {
			for _, c := range s.Curves {
				a, b := c.perByte()
				m.printf("\n%s: %.1f µs and %.2f µs a KiB, within %.0f %%.\n", c.Contestant, a, b*1024, 100*c.offLine(a, b))
			}
		}
	}
}

// perByte is the straight line through a curve of body sizes: microseconds, and
// microseconds a byte.
func (c *ScaleCurve) perByte() (a, b float64) {
	var x, y []float64
	for _, p := range c.Points {
		x, y = append(x, float64(p.Size)), append(y, p.CPUPerCall.Median)
	}
	return line(x, y)
}

// offLine is how far from it the points are at most, as a part of each.
func (c *ScaleCurve) offLine(a, b float64) (worst float64) {
	for _, p := range c.Points {
		off := (a+b*float64(p.Size))/p.CPUPerCall.Median - 1
		worst = max(worst, off, -off)
	}
	return worst
}

func (r *Report) memoryTable(m *tables) {
	if r.Memory == nil {
		return
	}
	rows := [][]string{{"after the first call", megabytes(r.Memory.Start)}}
	for _, p := range r.Memory.Steady {
		rows = append(rows, []string{fmt.Sprintf("after %d calls with one token", p.Calls), megabytes(p.RSS)})
	}
	last := len(r.Memory.Distinct) - 1
	for i, p := range r.Memory.Distinct {
		if i == last || p.Calls*10 == r.Memory.Distinct[last].Calls {
			rows = append(rows, []string{fmt.Sprintf("after %d calls, each with a token of its own", p.Calls), megabytes(p.RSS)})
		}
	}
	m.table("Memory of e", []string{"", "RSS MB"}, rows)
}

func (r *Report) costTable(m *tables) {
	if b := r.Bare; b != nil {
		m.table("Signatures alone, on the server's core", []string{"", "CPU µs"}, [][]string{
			{"RSA-2048, PKCS #1 v1.5, SHA-256: verify", spread(b.RSA, 1)}, {"ECDSA P-256: verify", spread(b.ECDSA, 1)}})
	}
	i := r.Instructions
	if i == nil {
		return
	}
	var rows [][]string
	for _, c := range r.Contestants {
		if n, ok := i.PerCall[c.Name]; ok {
			rows = append(rows, []string{c.Name, fmt.Sprintf("%.0f", n/1e3)})
		}
	}
	m.table("Instructions a call, user space alone ("+i.Tool+")", []string{"", "thousands"}, rows)
	m.printf("\nperf stat here: `%s`.", i.Perf)
	for _, why := range i.LeftOut {
		m.printf(" Not counted: %s.", why)
	}
	m.printf("\n")
}
