package main

import "fmt"

// Goal is a ratio that is aimed at: see docs/performance.md.
type Goal struct {
	Name  string  `json:"name"`
	Want  float64 `json:"want"`
	Most  bool    `json:"atMost"`          // the ratio must not exceed Want; else it must reach it
	Ratio Summary `json:"ratio"`           // round by round
	Met   bool    `json:"met"`             // judged by the median
	Doubt string  `json:"doubt,omitempty"` // why it cannot be judged by this run
}

// quiet is how much of the two cores other processes may have for latencies to be
// the contestants' own.
const quiet = 0.05

func newGoal(name string, want float64, most bool, ratio Summary) Goal {
	return Goal{Name: name, Want: want, Most: most, Ratio: ratio, Met: most == (ratio.Median <= want) || ratio.Median == want}
}

func (g Goal) wanted() string {
	sign := "≥"
	if g.Most {
		sign = "≤"
	}
	return fmt.Sprintf("%s %.4g", sign, g.Want)
}

// judge fills the goals in for which there is enough.
func (r *Report) judge() {
	e := r.contestant("e")
	if e == nil {
		return
	}
	for _, g := range []struct {
		other string
		want  float64
	}{{"a0", 0.65}, {"b", 1.8}, {"d", 8}, {"d0", 8}, {"n", 10}, {"g", 0.9}} {
		if o := r.contestant(g.other); o != nil && o.Serving != nil && e.Serving != nil {
			r.Goals = append(r.Goals, newGoal(fmt.Sprintf("calls per CPU-second, e / %s", g.other), g.want, false, ratios(e.Serving.PerCPUSecond, o.Serving.PerCPUSecond)))
		}
	}
	if er, dr := r.contestant("er"), r.contestant("dr"); er != nil && dr != nil && er.Serving != nil && dr.Serving != nil {
		r.Goals = append(r.Goals, newGoal("the same with a chain as Dialogflow's, er / dr", 8, false, ratios(er.Serving.PerCPUSecond, dr.Serving.PerCPUSecond)))
	}
	if f := r.contestant("f"); f != nil && f.Serving != nil && e.Serving != nil {
		// What f may cost is e and the signatures that it verifies.
		allowed := make([]float64, len(r.Bare.RSA.Values))
		for i := range allowed {
			allowed[i] = r.Bare.RSA.Values[i] + ecdsaOfCall*r.Bare.ECDSA.Values[i] + e.Serving.CPUPerCall.Values[i]
		}
		r.Goals = append(r.Goals, newGoal("CPU per call, f / (e + its RSA and ECDSA)", 1.15, true, ratios(f.Serving.CPUPerCall, summarize(allowed))))
	}
	if d := r.contestant("d"); d != nil && d.Cold != nil && e.Cold != nil {
		r.Goals = append(r.Goals,
			newGoal("cold start without the key fetch, e / d", 1, true, ratios(e.Cold.Rest, d.Cold.Rest)),
			newGoal("RSS after the first call, e / d", 1, true, ratios(e.Cold.RSS, d.Cold.RSS)))
	}
	if m := r.Memory; m != nil && m.Growth != 0 {
		last := m.Distinct[len(m.Distinct)-1].Calls
		r.Goals = append(r.Goals, newGoal(fmt.Sprintf("RSS after %d distinct tokens / after %d", last, last/10), 1.1, true, summarize([]float64{m.Growth})))
	}
	if l := r.Latency; l != nil {
		e, a0 := l.at("e", halfRate), l.at("a0", halfRate)
		g := newGoal("p99 at half of e's maximum rate, e / a0", 1.5, true, ratios(e.P99, a0.P99))
		if others := max(e.Others.Median, a0.Others.Median); others > quiet {
			g.Doubt = fmt.Sprintf("not to be judged: other processes had %.0f %% of the cores", 100*others)
		}
		r.Goals = append(r.Goals, g)
	}
}
