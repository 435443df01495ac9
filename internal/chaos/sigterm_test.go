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
func (p *process) underLoad(c *caller, n, concurrent int, stopped func(outcome) bool) []result {
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
		results := p.underLoad(p.caller(concurrent), n, concurrent, notRight)
		if code := p.exit(); code != 0 {
			t.Errorf("it ended with %v\n%s", p.cmd.ProcessState, &p.stderr)
		}
		noneLost(t, scenario, log, results, n, concurrent)
	}
}

func notRight(o outcome) bool { return o != right }

// noneLost holds that a server answered n calls and more, and refused each caller a
// connection in the end.
func noneLost(t *testing.T, scenario string, log *lines, results []result, n, concurrent int) {
	t.Helper()
	sent := len(results) - concurrent
	report(scenario, count(t, results, log.of(results, sent), want{outcomes: map[outcome]int{right: sent, refusedConnection: concurrent}}))
	log.noMore(t)
	if sent < n {
		t.Errorf("it ended after %d calls, before it was told to", sent)
	}
}

// The same, of the server that terminates TLS itself under the default policy, over
// both protocols that it speaks: HTTP/2 has a frame to say goodbye.
func TestStandaloneTLSSIGTERM(t *testing.T) {
	const processes, n, concurrent = 2, 1000, 16
	for _, row := range []struct {
		scenario string
		http2    bool
	}{{"SIGTERM under load, standalone with TLS, HTTP/1.1", false}, {"SIGTERM under load, standalone with TLS, HTTP/2", true}} {
		t.Run(row.scenario, func(t *testing.T) {
			for range processes {
				s := newStage(t)
				log := newLines()
				env, flags := s.directPolicy()
				p := startStandaloneAs(t, log, env, flags...)
				results := p.underLoad(s.directCaller(p, concurrent, row.http2), n, concurrent, notRight)
				if code := p.exit(); code != 0 {
					t.Errorf("it ended with %v\n%s", p.cmd.ProcessState, &p.stderr)
				}
				noneLost(t, row.scenario, log, results, n, concurrent)
			}
		})
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
		results := p.underLoad(p.caller(concurrent), n, concurrent, func(o outcome) bool { return o != right && o != "503" })
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
