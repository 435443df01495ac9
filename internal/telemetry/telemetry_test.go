package telemetry

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	var out bytes.Buffer
	NewLog(&out).Write(&Entry{
		Severity: Warning, Time: time.Date(2026, 11, 25, 8, 0, 0, 123456789, time.UTC), Message: "confirm: refused: token_expired",
		Trace: "projects/p/traces/0af7651916cd43dd8448eb211c80319c", SpanID: "00f067aa0ba902b7", Sampled: true,
		Request: HTTPRequest{Method: "POST", URL: "/shirts", Status: 401, RequestSize: 1595, ResponseSize: 47, Latency: Latency(1234567 * time.Nanosecond)},
		Labels:  Labels{Outcome: "refused", Reason: "token_expired", Identity: "google"},
		Refusal: &Check{Station: "token", Name: "expiry", Code: "token_expired", Unverified: "2026-11-25T06:00:00Z", Expected: "later than now"},
	})
	want := `{"severity":"WARNING","time":"2026-11-25T08:00:00.123456789Z","message":"confirm: refused: token_expired",` +
		`"logging.googleapis.com/trace":"projects/p/traces/0af7651916cd43dd8448eb211c80319c","logging.googleapis.com/spanId":"00f067aa0ba902b7","logging.googleapis.com/trace_sampled":true,` +
		`"httpRequest":{"requestMethod":"POST","requestUrl":"/shirts","status":401,"requestSize":"1595","responseSize":"47","latency":"0.001235s"},` +
		`"logging.googleapis.com/labels":{"outcome":"refused","reason":"token_expired","identity":"google"},` +
		`"refusal":{"station":"token","check":"expiry","code":"token_expired","unverified_presented":"2026-11-25T06:00:00Z","expected":"later than now"}}` + "\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

// An entry without a request, as at start, has no empty httpRequest.
func TestLineWithoutRequest(t *testing.T) {
	var out bytes.Buffer
	NewLog(&out).Write(&Entry{Severity: Critical, Message: "cannot start"})
	if want := `{"severity":"CRITICAL","time":"0001-01-01T00:00:00Z","message":"cannot start"}` + "\n"; out.String() != want {
		t.Errorf("got %s, want %s", &out, want)
	}
}

// What cannot be encoded is one line of JSON all the same.
func TestUnencodable(t *testing.T) {
	var out bytes.Buffer
	NewLog(&out).Write(&Entry{Severity: Info, Call: make(chan int)})
	if got := out.String(); !strings.HasPrefix(got, `{"severity":"ERROR","message":"a log entry could not be encoded","error":"`) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %s", got)
	}
}

func TestTraceOf(t *testing.T) {
	const id, span = "0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7"
	for _, row := range []struct {
		name, traceparent, cloud string
		want                     Trace
	}{
		{"none", "", "", Trace{}},
		{"w3c", "00-" + id + "-" + span + "-01", "", Trace{id, span, true}},
		{"w3c, not sampled", "00-" + id + "-" + span + "-00", "", Trace{id, span, false}},
		{"w3c goes first", "00-" + id + "-" + span + "-00", strings.Repeat("a", 32) + "/1;o=1", Trace{id, span, false}},
		{"w3c of a later version", "cc-" + id + "-" + span + "-01-what", "", Trace{id, span, true}},
		{"w3c version ff", "ff-" + id + "-" + span + "-01", "", Trace{}},
		{"w3c too long for version 00", "00-" + id + "-" + span + "-01-what", "", Trace{}},
		{"w3c in capitals", "00-" + strings.ToUpper(id) + "-" + span + "-01", "", Trace{}},
		{"w3c all zero", "00-" + strings.Repeat("0", 32) + "-" + span + "-01", "", Trace{}},
		{"w3c span all zero", "00-" + id + "-" + strings.Repeat("0", 16) + "-01", "", Trace{}},
		{"w3c broken, cloud good", "nonsense", id + "/1;o=1", Trace{id, "0000000000000001", true}},
		{"cloud, decimal span", "", id + "/67667974448284343", Trace{id, "00f067aa0ba902b7", false}},
		{"cloud without span", "", id, Trace{id, "", false}},
		{"cloud, span 0", "", id + "/0;o=1", Trace{id, "", true}},
		{"cloud, not sampled", "", id + "/1;o=0", Trace{id, "0000000000000001", false}},
		{"cloud, short id", "", "abc/1;o=1", Trace{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := http.Header{}
			h.Set("Traceparent", row.traceparent)
			h.Set("X-Cloud-Trace-Context", row.cloud)
			if got := TraceOf(h); got != row.want {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
}

func TestTraceName(t *testing.T) {
	for _, row := range [][3]string{{"abc", "p", "projects/p/traces/abc"}, {"abc", "", "abc"}, {"", "p", ""}} {
		if got := (Trace{ID: row[0]}).Name(row[1]); got != row[2] {
			t.Errorf("%q in %q: got %q, want %q", row[0], row[1], got, row[2])
		}
	}
}

func BenchmarkLine(b *testing.B) {
	log := NewLog(discard{})
	e := &Entry{Severity: Info, Time: time.Now(), Message: "confirm: answered", Trace: "projects/p/traces/0af7651916cd43dd8448eb211c80319c", SpanID: "00f067aa0ba902b7",
		Request: HTTPRequest{Method: "POST", URL: "/shirts", Status: 200, RequestSize: 1595, ResponseSize: 200, Latency: "0.001235s"},
		Labels:  Labels{Outcome: "answered", Tag: "confirm", Identity: "google"}, Micros: &Micros{Total: 12}}
	b.ReportAllocs()
	for b.Loop() {
		log.Write(e)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
