package chaos

import (
	"fmt"
	"maps"
	"os"
	"sync"
	"testing"
	"text/tabwriter"
)

// outcome is what a caller was told: a status, or what broke.
type outcome string

const (
	right   outcome = "200"     // and the body is the handler's, byte for byte
	timeout outcome = "timeout" // no whole answer in the caller's time
	broken  outcome = "answer"  // the connection broke before a whole answer came
)

// result is one call, as its caller saw it.
type result struct {
	trace   string // of the call's line
	outcome outcome
	detail  string // for whoever reads a failure
}

// tally is what became of the calls of one scenario.
type tally struct {
	sent, right, refused, lost int
	lines                      int // that the function wrote for them
}

// want says how many calls end how, and how many lines the function writes for
// those that are not answered: a refused call has one if it got that far.
type want struct {
	outcomes     map[outcome]int
	refusedLines int
}

// count holds results against the expectation, and the callers' side against the
// function's: lines has the number of lines by trace.
func count(t *testing.T, results []result, lines map[string]int, w want) tally {
	t.Helper()
	tl := tally{sent: len(results)}
	got := map[outcome]int{}
	refusedLines := 0
	var odd []string
	for _, r := range results {
		n := lines[r.trace]
		tl.lines += n
		got[r.outcome]++
		switch {
		case w.outcomes[r.outcome] == 0:
			tl.lost++
			odd = append(odd, fmt.Sprintf("%s: %s", r.outcome, r.detail))
		case r.outcome == right && n != 1:
			tl.lost++
			odd = append(odd, fmt.Sprintf("answered, and has %d lines", n))
		case r.outcome == closedConnection && n > 0: // it was accepted
			tl.lost++
			odd = append(odd, fmt.Sprintf("has a line and no answer: %s", r.detail))
		case n > 1:
			tl.lost++
			odd = append(odd, fmt.Sprintf("%s, and has %d lines", r.outcome, n))
		case r.outcome == right:
			tl.right++
		default:
			tl.refused++
			refusedLines += n
		}
	}
	if !maps.Equal(got, w.outcomes) || tl.lost > 0 {
		t.Errorf("%d calls came to %v, want %v; lost %d: %q", tl.sent, got, w.outcomes, tl.lost, odd[:min(len(odd), 3)])
	}
	if refusedLines != w.refusedLines {
		t.Errorf("the function has %d lines of calls that were refused, want %d", refusedLines, w.refusedLines)
	}
	return tl
}

// table is what the run prints at its end.
var table struct {
	sync.Mutex
	rows map[string]tally
	keys []string
}

// report adds a scenario's calls to its row of the table.
func report(scenario string, tl tally) {
	table.Lock()
	defer table.Unlock()
	if table.rows == nil {
		table.rows = map[string]tally{}
	}
	sum, known := table.rows[scenario]
	if !known {
		table.keys = append(table.keys, scenario)
	}
	sum.sent += tl.sent
	sum.right += tl.right
	sum.refused += tl.refused
	sum.lost += tl.lost
	sum.lines += tl.lines
	table.rows[scenario] = sum
}

func printTable() {
	if len(table.keys) == 0 {
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "scenario\tcalls sent\tanswered right\trefused right\tlost\tlines of the function")
	var sum tally
	for _, key := range table.keys {
		tl := table.rows[key]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", key, tl.sent, tl.right, tl.refused, tl.lost, tl.lines)
		sum = tally{sum.sent + tl.sent, sum.right + tl.right, sum.refused + tl.refused, sum.lost + tl.lost, sum.lines + tl.lines}
	}
	fmt.Fprintf(w, "all\t%d\t%d\t%d\t%d\t%d\n", sum.sent, sum.right, sum.refused, sum.lost, sum.lines)
	w.Flush()
}
