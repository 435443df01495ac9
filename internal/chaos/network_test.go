package chaos

import (
	"testing"
	"time"
)

// What is wrong with the network between the load balancer and the function, and
// what the agent sees of it. Nobody gets a wrong answer, and nobody waits longer
// than the agent's patience; when the network is well again, so are the calls.
func TestNetwork(t *testing.T) {
	const n = 20
	all := func(o outcome) map[outcome]int { return map[outcome]int{o: n} }
	for _, row := range []struct {
		scenario string
		toxics   []toxic
		patience time.Duration
		want     want
	}{
		{"latency of 300 ms", []toxic{{"latency", downstream, map[string]any{"latency": 300}}}, 0, want{outcomes: all(right)}},
		{"jitter of ±100 ms, both ways", []toxic{{"latency", downstream, map[string]any{"latency": 100, "jitter": 100}}, {"latency", upstream, map[string]any{"latency": 100, "jitter": 100}}}, 0, want{outcomes: all(right)}},
		{"latency over the agent's patience", []toxic{{"latency", downstream, map[string]any{"latency": 3000}}}, 2 * time.Second, want{all(timeout), n}},
		{"request reset", []toxic{{"reset_peer", upstream, map[string]any{"timeout": 0}}}, 0, want{all("502"), 0}},
		{"answer reset", []toxic{{"reset_peer", downstream, map[string]any{"timeout": 0}}}, 0, want{all("502"), n}},
		{"half-open: the request does not come", []toxic{{"timeout", upstream, map[string]any{"timeout": 0}}}, 2 * time.Second, want{all(timeout), 0}},
		{"half-open: the answer does not come", []toxic{{"timeout", downstream, map[string]any{"timeout": 0}}}, 2 * time.Second, want{all(timeout), n}},
		{"2 KB/s, both ways", []toxic{{"bandwidth", downstream, map[string]any{"rate": 2}}, {"bandwidth", upstream, map[string]any{"rate": 20}}}, 0, want{outcomes: all(right)}},
		{"packets of 64 bytes, 2 ms apart", []toxic{{"slicer", upstream, map[string]any{"average_size": 64, "size_variation": 0, "delay": 2000}}}, 0, want{outcomes: all(right)}},
		{"request cut off in its headers", []toxic{{"limit_data", upstream, map[string]any{"bytes": 1000}}}, 0, want{all("502"), 0}},
		{"answer cut off in its headers", []toxic{{"limit_data", downstream, map[string]any{"bytes": 50}}}, 0, want{all("502"), n}},
		{"answer cut off in its body", []toxic{{"limit_data", downstream, map[string]any{"bytes": 200}}}, 0, want{all(broken), n}},
	} {
		t.Run(row.scenario, func(t *testing.T) {
			p := newPath(t, nil)
			p.count("before each fault of the network", p.calls(n), want{outcomes: all(right)})
			p.front = newLink(t, p.address) // has no connections that were made before the fault
			p.front.add(row.toxics...)
			p.balancer.SetBackend(p.front.backend())
			if row.patience > 0 { // all at once, or it takes long
				p.patience, p.concurrent = row.patience, n
			}
			p.count(row.scenario, p.calls(n), row.want)
			p.patience, p.concurrent = 0, 0
			p.front.mend()
			p.recovers("after each fault of the network")
		})
	}
}
