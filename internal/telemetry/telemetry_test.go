package telemetry

import (
	"bytes"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func TestLine(t *testing.T) {
	var out bytes.Buffer
	NewLines(&out).Write(&Entry{
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
	NewLines(&out).Write(&Entry{Severity: Critical, Message: "cannot start"})
	if want := `{"severity":"CRITICAL","time":"0001-01-01T00:00:00Z","message":"cannot start"}` + "\n"; out.String() != want {
		t.Errorf("got %s, want %s", &out, want)
	}
}

// TestAppend holds Append to what package json writes: for an entry with every
// field set, and for each with one of them zero.
func TestAppend(t *testing.T) {
	var full Entry
	fields := fill(reflect.ValueOf(&full).Elem())
	if len(fields) < 70 {
		t.Fatalf("%d fields: they are not found any more", len(fields))
	}
	compare := func(what string) {
		t.Helper()
		want, err := json.Marshal(&full, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
		if err != nil {
			t.Fatal(err)
		}
		if got := full.Append([]byte("x")); string(got) != "x"+string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", what, got[1:], want)
		}
		var line, payload map[string]any
		if err := json.Unmarshal(want, &line); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(full.AppendPayload(nil), &payload); err != nil {
			t.Fatal(err)
		}
		for name := range line {
			if strings.HasPrefix(name, "logging.googleapis.com/") || name == "httpRequest" || name == "severity" || name == "time" {
				delete(line, name)
			}
		}
		if !reflect.DeepEqual(line, payload) {
			t.Errorf("%s: payload %v, want %v", what, payload, line)
		}
	}
	compare("all fields")
	for _, field := range fields {
		kept := reflect.New(field.Type()).Elem()
		kept.Set(field)
		field.SetZero()
		compare("without a " + field.Type().String())
		field.Set(kept)
	}
	for _, text := range []string{"", "é \u2028 \x00 \" \\ <a>", "\xff half \xc3", strings.Repeat("x", 100_000)} {
		full.Error = text
		compare("a text")
	}
	for _, n := range []float64{0.001, 0.01, 0.1, 1, 1.5, 12.34, 999.999, 30_000_000} {
		full.Micros.Total, full.Budget.Left = n, n
		compare("a number")
	}
}

// fill sets every field below v to something, and gives them all.
func fill(v reflect.Value) (fields []reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 25, 8, 0, 0, 123456789, time.FixedZone("", 3600))))
			return []reflect.Value{v}
		}
		fields = append(fields, v)
		for i := range v.NumField() {
			fields = append(fields, fill(v.Field(i))...)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fields = append([]reflect.Value{v}, fill(v.Elem())...)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fields = append([]reflect.Value{v}, append(fill(v.Index(0)), fill(v.Index(1))...)...)
	case reflect.String:
		v.SetString("text")
		fields = append(fields, v)
	case reflect.Int, reflect.Int64:
		v.SetInt(-7)
		fields = append(fields, v)
	case reflect.Float64:
		v.SetFloat(1.25)
		fields = append(fields, v)
	case reflect.Bool:
		v.SetBool(true)
		fields = append(fields, v)
	}
	return fields
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
	log, days, age := NewLines(discard{}), 90, 3600
	e := &Entry{Severity: Info, Time: time.Now(), Message: "confirm: answered", Trace: "projects/p/traces/0af7651916cd43dd8448eb211c80319c", SpanID: "00f067aa0ba902b7",
		Request:     HTTPRequest{Method: "POST", URL: "/shirts", Status: 200, RequestSize: 1595, ResponseSize: 200, Latency: "0.001235s"},
		Labels:      Labels{Kind: KindCall, Outcome: "answered", Tag: "confirm", Identity: "google", Source: "google-lb", Revision: "shirts-00012-abc"},
		Call:        Call{ResponseID: "7e3c3b2e-2a67-4b9f-bd4e-8d1f8b9d8b11", Session: "projects/p/locations/global/agents/a/sessions/s", Page: "Start", Language: "en", Query: "text", QueryBytes: 31, Parameters: 2, Messages: 1},
		Certificate: Certificate{Fingerprint: strings.Repeat("0f", 32), DaysLeft: &days, PinDaysLeft: &days, Cached: true},
		Token:       Token{Caller: "service-123456789012@gcp-sa-dialogflow.iam.gserviceaccount.com", Cached: true, KeySetAge: &age},
		Budget:      Budget{Total: 4000, Used: 1.235, Left: 3998.765},
		Micros:      &Micros{Edge: 0.512, Certificate: 2.345, Token: 3.456, Verification: 6.313, Request: 12.25, Route: 0.125, Handler: 7.5, Response: 1.5, Total: 37.125}}
	b.ReportAllocs()
	for b.Loop() {
		log.Write(e)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
