package webhook

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"example.com/cxhook/cx"
)

// BenchmarkHook is one call in the steady state: everything proved, certificate and
// token remembered, routed, answered, and its line written. The network is left out.
func BenchmarkHook(b *testing.B) {
	d := newDirect(b, func(cfg *Config) { cfg.Log = io.Discard })
	body, w := sampleBody(b), &discardWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		w.status = 0
		d.hook.ServeHTTP(w, d.request(body))
		if w.status != http.StatusOK {
			b.Fatalf("got %d", w.status)
		}
	}
}

// BenchmarkLine is what the log line of such a call costs, from the first look at
// the headers to the last byte.
func BenchmarkLine(b *testing.B) {
	d := newDirect(b, func(cfg *Config) { cfg.Log = io.Discard })
	r, done := d.request(sampleBody(b)), &record{call: cx.Call{Start: time.Now(), Budget: cx.DefaultBudget}}
	sw := &statusWriter{ResponseWriter: &discardWriter{header: http.Header{}}}
	d.hook.verified.ServeHTTP(sw, r.WithContext(context.WithValue(cx.WithCall(r.Context(), &done.call), recordKey{}, done)))
	if sw.status != http.StatusOK || done.report == nil {
		b.Fatalf("got %d", sw.status)
	}
	r = d.request("")
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01")
	b.ReportAllocs()
	for b.Loop() {
		done.line = callLine{}
		d.hook.begin(&done.line, r)
		d.hook.finish(done, sw)
	}
}

// discardWriter is a ResponseWriter that keeps the status alone.
type discardWriter struct {
	header http.Header
	status int
}

func (w *discardWriter) Header() http.Header             { return w.header }
func (w *discardWriter) WriteHeader(status int)          { w.status = status }
func (w *discardWriter) Write(b []byte) (int, error)     { return len(b), nil }
func (w *discardWriter) SetReadDeadline(time.Time) error { return nil }
