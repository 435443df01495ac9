package chaos

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	soakRate    = 100 // calls a second
	soakWorkers = 16  // calls at a time at most; more would wait
)

// TestSoak calls the function for a long time by the whole path, under the default
// policy: mutual TLS to the balancer, in turn on kept connections, with resumed
// sessions and with full handshakes. No call may fail, and what the function's
// process uses must not grow.
//
// CXHOOK_TEST_SOAK is how long, as 20m; CXHOOK_TEST_SOAK_SVG a file that gets a
// picture of it.
func TestSoak(t *testing.T) {
	duration := 12 * time.Second
	if s := os.Getenv("CXHOOK_TEST_SOAK"); s != "" {
		var err error
		if duration, err = time.ParseDuration(s); err != nil || duration < 12*time.Second || duration > 24*time.Hour {
			t.Fatalf("CXHOOK_TEST_SOAK=%s: want a duration from 12s to 24h, as 20m", s)
		}
	} else {
		t.Logf("CXHOOK_TEST_SOAK is not set: %v, and not the 20m of the documents", duration)
	}
	p, function := newSoak(t)
	certificate, err := p.pki.ClientCertificate("google")
	if err != nil {
		t.Fatal(err)
	}
	p.answered("soak: before", 100) // connections, keys and caches are there

	begin, cpu := time.Now(), function.cpu(t)
	done := make(chan []shot, 1)
	go func() {
		done <- (&load{p: p, certificate: certificate, rate: soakRate, duration: duration, workers: soakWorkers}).run(t)
	}()
	every := time.NewTicker(max(duration/600, 200*time.Millisecond))
	defer every.Stop()
	var samples []usage
	var shots []shot
	for shots == nil {
		select {
		case shots = <-done:
		case <-every.C:
			u := function.usage(t)
			u.at = time.Since(begin)
			samples = append(samples, u)
		}
	}
	cpu = function.cpu(t) - cpu

	n := int(duration.Seconds() * soakRate)
	results := make([]result, len(shots))
	for i, s := range shots {
		results[i] = s.result
	}
	p.count("soak: "+duration.String(), results, want{outcomes: map[outcome]int{right: n}})
	checkModes(t, shots)
	checkFlat(t, samples)
	printSoak(shots, samples, cpu)
	if file := os.Getenv("CXHOOK_TEST_SOAK_SVG"); file != "" {
		if err := drawSoak(file, shots, samples, duration); err != nil {
			t.Error(err)
		}
	}
}

// newSoak is newPath with the function in a process of its own.
func newSoak(t *testing.T) (*path, *watched) {
	t.Helper()
	noLeaks(t)
	p := newStage(t)
	p.token = renewed(func() (string, error) { return p.issuer.Token("valid", p.url, project) })
	env := append(p.environment(), "CXHOOK_EDGE_SECRET="+edgeSecret)
	function := startWatched(t, p.log, env)
	t.Cleanup(func() {
		function.questions.Close()
		if code := function.exit(); code != 0 {
			t.Errorf("the function ended with %v", function.cmd.ProcessState)
		}
		p.log.noMore(t)
	})
	p.balance(function.address)
	return p, function
}

// checkModes holds that the calls came by their sessions as they were meant to. The
// first of each worker has no connection to keep, and no ticket.
func checkModes(t *testing.T, shots []shot) {
	t.Helper()
	var other [modes]int
	for _, s := range shots {
		if s.as != s.mode {
			other[s.mode]++
		}
	}
	if other[kept] > soakWorkers || other[resumed] > soakWorkers || other[full] > 0 {
		t.Errorf("calls that were not made as they should: %d on kept connections, %d with resumed sessions, %d with full handshakes; want at most one of each worker, of the first two kinds", other[kept], other[resumed], other[full])
	}
}

// What the function's process may use more in the last third of the time than in the
// middle one, by their medians. The first third is for caches to fill.
const (
	moreRSS         = 0.10 // of the middle third's
	moreGoroutines  = 8
	moreDescriptors = 8
)

func checkFlat(t *testing.T, samples []usage) {
	t.Helper()
	if len(samples) < 9 {
		t.Fatalf("%d samples, which say nothing", len(samples))
	}
	third := len(samples) / 3
	middle, last := samples[third:2*third], samples[2*third:]
	check := func(name string, value func(usage) int, more func(int) int) {
		before, after := median(middle, value), median(last, value)
		if after > before+more(before) {
			t.Errorf("%s grow: the median is %d in the middle third, %d in the last, %d is allowed", name, before, after, before+more(before))
		}
	}
	check("resident bytes", func(u usage) int { return u.rss }, func(n int) int { return int(float64(n) * moreRSS) })
	check("goroutines", func(u usage) int { return u.goroutines }, func(int) int { return moreGoroutines })
	check("descriptors", func(u usage) int { return u.descriptors }, func(int) int { return moreDescriptors })
}

func median(samples []usage, value func(usage) int) int {
	values := make([]int, len(samples))
	for i, u := range samples {
		values[i] = value(u)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// histogram is of microseconds up to a minute, to three digits.
func histogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Minute.Microseconds(), 3)
}

// printSoak says what the documents have.
func printSoak(shots []shot, samples []usage, cpu time.Duration) {
	var by [modes]*hdrhistogram.Histogram
	for m := range by {
		by[m] = histogram()
	}
	for _, s := range shots {
		by[s.mode].RecordValue(s.took.Microseconds())
	}
	for m, h := range by {
		fmt.Printf("soak: %s: %d calls, p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.1f ms\n", mode(m), h.TotalCount(),
			ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(99)), ms(h.ValueAtQuantile(99.9)), ms(h.Max()))
	}
	third := len(samples) / 3
	for i, name := range []string{"first", "middle", "last"} {
		part := samples[i*third : (i+1)*third]
		fmt.Printf("soak: %s third, medians: %.1f MiB resident, %d goroutines, %d descriptors\n", name,
			float64(median(part, func(u usage) int { return u.rss }))/(1<<20), median(part, func(u usage) int { return u.goroutines }), median(part, func(u usage) int { return u.descriptors }))
	}
	fmt.Printf("soak: the function used %.2f ms of processor time a call\n", float64(cpu.Microseconds())/1000/float64(len(shots)))
}

func ms(micros int64) float64 { return float64(micros) / 1000 }
