package telemetry

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// FuzzTraceOf holds that a trace which is read is one that may stand in a line, and
// that of a traceparent OpenTelemetry reads the same.
func FuzzTraceOf(f *testing.F) {
	for _, seed := range [][2]string{
		{"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", ""}, {"", "0af7651916cd43dd8448eb211c80319c/123;o=1"}, {"cc-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-ff-what", "x"},
		{"ff-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", "0AF7651916cd43dd8448eb211c80319c/0"}, {"00-00000000000000000000000000000000-0000000000000000-00", "/;"}, {"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-03", "0af7651916cd43dd8448eb211c80319c/99999999999999999999;o=1;o=0"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, parent, cloud string) {
		got := TraceOf(http.Header{"Traceparent": {parent}, "X-Cloud-Trace-Context": {cloud}})
		hex := func(s string, digits int) bool {
			return len(s) == digits && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
		}
		if got != (Trace{}) && (!hex(got.ID, 32) || got.SpanID != "" && !hex(got.SpanID, 16)) {
			t.Errorf("%q, %q: %+v", parent, cloud, got)
		}
		theirs := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": parent}))
		ours, ok := parseTraceparent(parent)
		if theirs.IsValid() && !ok {
			t.Errorf("OpenTelemetry reads %q as %v, and we do not read it", parent, theirs)
		}
		if theirs.IsValid() && ok && (ours.ID != theirs.TraceID().String() || ours.SpanID != theirs.SpanID().String() || ours.Sampled != theirs.IsSampled()) {
			t.Errorf("%q: ours %+v, OpenTelemetry's %v %v", parent, ours, theirs.TraceID(), theirs.SpanID())
		}
		if c, ok := parseCloudTrace(cloud); ok && c.SpanID != "" {
			if n, err := strconv.ParseUint(c.SpanID, 16, 64); err != nil || !strings.Contains(cloud, strconv.FormatUint(n, 10)) {
				t.Errorf("%q: span %q", cloud, c.SpanID)
			}
		}
	})
}

// FuzzAppend holds that whatever a caller sends, its line is one line of UTF-8, and
// what package json writes of the same entry.
func FuzzAppend(f *testing.F) {
	for _, seed := range [][2]string{{"", ""}, {"confirm", "a text"}, {"\x00\x1f\x7f", "\u2028 \" \\ </script>"}, {"\xff half \xc3", "\n{\"severity\":\"EMERGENCY\"}"}} {
		f.Add(seed[0], seed[1], 1.5, int64(7))
	}
	f.Fuzz(func(t *testing.T, a, b string, x float64, n int64) {
		if x = float64(int64(x*1000)) / 1000; !(x >= 0 && x < 1e9) {
			return // times are thousandths that are not negative, and less than years
		}
		days := int(n)
		e := &Entry{Severity: Warning, Message: a, Trace: b, SpanID: a, Sampled: n%2 == 0, Error: b, Overruns: n,
			Request: HTTPRequest{Method: a, URL: b, Status: int(n), RequestSize: n, Latency: a}, Labels: Labels{Kind: a, Outcome: b, Tag: a, Path: b, Identity: a, Warnings: b},
			Call: Call{ResponseID: a, Session: b, Page: a, Intent: b, Language: a, Query: b, QueryBytes: days}, Certificate: Certificate{Unverified: b, DaysLeft: &days}, Token: Token{UnverifiedEmail: a, UnverifiedAudience: b},
			Budget: Budget{Total: x, Left: x}, Refusal: &Check{Presented: a, Unverified: b, Hint: a}, Checks: []Check{{Name: b, Unverified: a}}, Micros: &Micros{Total: x, Basic: x}, Start: &Start{Policy: a, Warnings: []string{b}}}
		got := e.Append(nil)
		if bytes.ContainsAny(got, "\n\r") || !utf8.Valid(got) {
			t.Fatalf("not one line of UTF-8: %q", got)
		}
		want, err := json.Marshal(e, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}
