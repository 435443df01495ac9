package main

import (
	"fmt"
	"io"
	"strings"
)

// writeMarkdown writes the report as tables that docs/performance.md can hold.
func (r *Report) writeMarkdown(w io.Writer) error {
	m := &tables{w: w}
	pinned := "contestants pinned to one core, load and key server to another"
	if !r.Machine.Pinned {
		pinned = "one core, which contestants and load share: not comparable"
	}
	m.printf("%s, %s; %d × %s, Linux %s, %s; %s; medians of %d rounds (min–max).\n", r.Date.Format("2006-01-02"), "`"+r.Command+"`", r.Machine.Cores, r.Machine.CPU, r.Machine.Kernel, r.Machine.Go, pinned, r.Rounds)
	if others := r.others(); others > quiet {
		m.printf("\n**The machine was not quiet**: other processes had up to %.0f %% of the two cores. Calls per second and latencies are worth nothing; CPU per call is inflated for all, its ratios less so.\n", 100*others)
	}
	r.servingTable(m)
	r.goalTable(m)
	r.latencyTable(m)
	r.scalingTables(m)
	r.coldTable(m)
	r.memoryTable(m)
	r.costTable(m)
	return m.err
}

// others is the largest share of the cores that other processes had in the closed
// loops, by medians.
func (r *Report) others() (most float64) {
	for _, c := range r.Contestants {
		if c.Serving != nil {
			most = max(most, c.Serving.Others.Median)
		}
	}
	return most
}

func (r *Report) servingTable(m *tables) {
	var rows [][]string
	for _, c := range r.Contestants {
		if c.LeftOut != "" {
			rows = append(rows, []string{c.Name, c.What, "left out: " + c.LeftOut, "", "", "", "", "", ""})
			continue
		}
		if s := c.Serving; s != nil {
			rows = append(rows, []string{c.Name, c.What, spread(s.PerSecond, 0), spread(s.CPUPerCall, 1), fmt.Sprintf("%.0f", s.PerCPUSecond.Median), fmt.Sprintf("%.1f", s.LoadPerCall.Median),
				fmt.Sprintf("%.2f", s.P50.Median/1e3), fmt.Sprintf("%.2f", s.P99.Median/1e3), megabytes(s.RSS)})
		}
	}
	m.table(fmt.Sprintf("Closed loop, %d connections", connections), []string{"", "what", "calls/s", "CPU µs/call", "calls per CPU-second", "load µs/call", "p50 ms", "p99 ms", "RSS MB"}, rows)
}

func (r *Report) latencyTable(m *tables) {
	if r.Latency == nil {
		return
	}
	var rows [][]string
	for _, l := range r.Latency.Rates {
		rows = append(rows, []string{l.Contestant, fmt.Sprintf("%.0f (%.0f %% of e's maximum)", l.Rate, 100*l.Share), spread(l.P50, 0), spread(l.P99, 0), spread(l.LateP99, 0)})
	}
	m.table("Open loop, latency from the moment that a call was due", []string{"", "calls/s", "p50 µs", "p99 µs", "sent late, p99 µs"}, rows)
}

func (r *Report) goalTable(m *tables) {
	var rows [][]string
	for _, g := range r.Goals {
		met := "met"
		if !g.Met {
			met = "**not met**"
		}
		if g.Doubt != "" {
			met = g.Doubt
		}
		rows = append(rows, []string{g.Name, g.wanted(), spread(g.Ratio, 2), met})
	}
	m.table("Goals", []string{"ratio", "wanted", "measured", ""}, rows)
}

func spread(s Summary, digits int) string {
	if s.Min == s.Max {
		return fmt.Sprintf("%.*f", digits, s.Median)
	}
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, s.Median, digits, s.Min, digits, s.Max)
}

func megabytes(n uint64) string { return fmt.Sprintf("%.1f", float64(n)/1e6) }

// tables writes Markdown and keeps the first error.
type tables struct {
	w   io.Writer
	err error
}

func (t *tables) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// table writes nothing if there are no rows.
func (t *tables) table(title string, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	t.printf("\n**%s**\n\n| %s |\n|%s\n", title, strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range rows {
		t.printf("| %s |\n", strings.Join(row, " | "))
	}
}
