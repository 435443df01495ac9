package main

import "fmt"

// Goal is a ratio that issue "Speed" asks for.
type Goal struct {
	Name  string  `json:"name"`
	Want  float64 `json:"want"`
	Most  bool    `json:"atMost"` // the ratio must not exceed Want; else it must reach it
	Ratio Summary `json:"ratio"`  // round by round
	Met   bool    `json:"met"`    // judged by the median
}

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
}
