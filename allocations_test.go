//go:build !race

// Under the race detector pools keep less, on purpose: see sync.Pool.

package webhook

import (
	"io"
	"net/http"
	"testing"
)

// The budget of BenchmarkHook's call: 70 when this was written.
func TestHookAllocations(t *testing.T) {
	d := newDirect(t, func(cfg *Config) { cfg.Log = io.Discard })
	body, w := sampleBody(t), &discardWriter{header: http.Header{}}
	request := testing.AllocsPerRun(100, func() { d.request(body) })
	call := testing.AllocsPerRun(100, func() { d.hook.ServeHTTP(w, d.request(body)) })
	if n := call - request; w.status != http.StatusOK || n > 80 {
		t.Errorf("%v allocations a call (status %d), want 80 at most", n, w.status)
	}
}
