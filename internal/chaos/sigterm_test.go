package chaos

import (
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// underLoad calls without a pause, tells the process to end when n calls have been
// answered, and goes on until connections are refused. stopped says which outcome
// is the last that a caller gets.
func (p *process) underLoad(n, concurrent int, stopped func(outcome) bool) []result {
	p.t.Helper()
	c := p.caller(concurrent)
	var answered atomic.Int64
	results := make([][]result, concurrent)
	var wg sync.WaitGroup
	for i := range concurrent {
		wg.Go(func() {
			for {
				r := c.call()
				results[i] = append(results[i], r)
				if stopped(r.outcome) {
					return
				}
				if answered.Add(1) == int64(n) {
					p.signal(syscall.SIGTERM)
				}
			}
		})
	}
	wg.Wait()
	var all []result
	for _, list := range results {
		all = append(all, list...)
	}
	return all
}

// SIGTERM to the standalone server under load: every call that it takes is
// answered, and the others are refused a connection. No caller who kept a connection
// finds it closed under a call.
func TestStandaloneSIGTERM(t *testing.T) {
	const scenario, processes, n, concurrent = "SIGTERM under load, standalone", 10, 5000, 16 // 50,000 calls
	noLeaks(t)
	for range processes {
		log := newLines()
		p := startStandalone(t, log)
		results := p.underLoad(n, concurrent, func(o outcome) bool { return o != right })
		if code := p.exit(); code != 0 {
			t.Errorf("it ended with %v\n%s", p.cmd.ProcessState, &p.stderr)
		}
		sent := len(results) - concurrent
		report(scenario, count(t, results, log.of(results, sent), want{outcomes: map[outcome]int{right: sent, refusedConnection: concurrent}}))
		log.noMore(t)
		if sent < n {
			t.Errorf("it ended after %d calls, before it was told to", sent)
		}
	}
}

// SIGTERM under functions-framework, whose listener stays open: every call in flight
// is answered, later ones get 503, and none that has a line of the log is without an
// answer.
func TestFrameworkSIGTERM(t *testing.T) {
	const scenario, processes, n, concurrent = "SIGTERM under load, functions-framework", 4, 2500, 16
	noLeaks(t)
	for range processes {
		log := newLines()
		p := startFramework(t, log)
		results := p.underLoad(n, concurrent, func(o outcome) bool { return o != right && o != "503" })
		if code := p.exit(); code != 0 {
			t.Errorf("it ended with %v\n%s", p.cmd.ProcessState, &p.stderr)
		}
		got := map[outcome]int{}
		for i, r := range results {
			if r.outcome == closedConnection && log.reason[r.trace] == "stopping" {
				results[i].outcome = unsent // the process ended before the 503 was sent
			}
			got[results[i].outcome]++
		}
		refusedLines := got["503"] + got[unsent]
		report(scenario, count(t, results, log.of(results, got[right]+refusedLines), want{got, refusedLines}))
		log.noMore(t)
		last := got[refusedConnection] + got[closedConnection] + got[unsent]
		if got[right] < n || got["503"] == 0 || last != concurrent || got[right]+got["503"]+last != len(results) {
			t.Errorf("%d calls came to %v; want %d answered, then 503, and each of %d callers a broken connection in the end", len(results), got, n, concurrent)
		}
	}
}

// unsent is a 503 that a process did not send before its end.
const unsent outcome = "503, not sent"
