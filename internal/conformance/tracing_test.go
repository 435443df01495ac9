package conformance

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	webhook "example.com/cxhook"
)

// receiver takes spans as OTLP over HTTP.
//
// Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
type receiver struct {
	mu       sync.Mutex
	spans    []*tracepb.Span
	resource map[string]string
	problems []string
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var req collectorpb.ExportTraceServiceRequest
	if err == nil {
		err = (proto.UnmarshalOptions{}).Unmarshal(body, &req)
	}
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.problems = append(c.problems, fmt.Sprintf("%s %s, %s: %v", r.Method, r.URL, r.Header.Get("Content-Type"), err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, rs := range req.ResourceSpans {
		for _, a := range rs.Resource.Attributes {
			c.resource[a.Key] = a.Value.GetStringValue()
		}
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
	answer, _ := proto.Marshal(new(collectorpb.ExportTraceServiceResponse)) // an empty message
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Write(answer)
}

func newReceiver(t *testing.T) (*receiver, string) {
	c := &receiver{resource: map[string]string{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return c, server.URL
}

// TestTracing: a trace id from either header is in the line and in the span that a
// receiver gets, and the two point at each other.
func TestTracing(t *testing.T) {
	c, url := newReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	t.Setenv("K_SERVICE", "")
	t.Setenv("OTEL_SERVICE_NAME", "shirts")
	const id, parent = "0af7651916cd43dd8448eb211c80319%d", "00f067aa0ba902b7"
	rows := []struct {
		name, tag string
		header    []string
		id        string // of the trace; "" is any
		parent    string
		sampled   bool
		status    int
	}{
		{"traceparent", "ok", []string{"Traceparent", "00-" + fmt.Sprintf(id, 1) + "-" + parent + "-01"}, fmt.Sprintf(id, 1), parent, true, 200},
		{"X-Cloud-Trace-Context", "ok", []string{"X-Cloud-Trace-Context", fmt.Sprintf(id, 2) + "/67667974448284343;o=1"}, fmt.Sprintf(id, 2), parent, true, 200},
		{"both", "ok", []string{"Traceparent", "00-" + fmt.Sprintf(id, 3) + "-" + parent + "-01", "X-Cloud-Trace-Context", strings.Repeat("a", 32) + "/1;o=1"}, fmt.Sprintf(id, 3), parent, true, 200},
		{"an error", "error", []string{"Traceparent", "00-" + fmt.Sprintf(id, 4) + "-" + parent + "-01"}, fmt.Sprintf(id, 4), parent, true, 500},
		{"neither", "ok", nil, "", "", true, 200},
		{"not sampled", "ok", []string{"Traceparent", "00-" + fmt.Sprintf(id, 5) + "-" + parent + "-00"}, fmt.Sprintf(id, 5), parent, false, 200},
	}
	var log bytes.Buffer
	hook := newHook(t, func(cfg *webhook.Config) { cfg.Tracing, cfg.Log = true, &log })
	for _, row := range rows {
		if got := call(hook, row.tag, row.header...); got != row.status {
			t.Errorf("%s: got %d", row.name, got)
		}
	}
	if err := hook.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.problems) > 0 {
		t.Fatal(c.problems)
	}
	if c.resource["service.name"] != "shirts" {
		t.Errorf("resource %v", c.resource)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")[1:] // without the start
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			line := lineOf(t, lines[i])
			trace, _ := strings.CutPrefix(line["logging.googleapis.com/trace"].(string), "projects/shirts/traces/")
			if row.id != "" && trace != row.id || len(trace) != 32 {
				t.Errorf("the line has trace %q, want %q", trace, row.id)
			}
			root, below := c.of(trace)
			if !row.sampled {
				if root != nil || line["logging.googleapis.com/spanId"] != row.parent || line["logging.googleapis.com/trace_sampled"] != nil {
					t.Errorf("a call that is not sampled has %v, and the line %v", root, line)
				}
				return
			}
			if root == nil {
				t.Fatal("no span")
			}
			if hex.EncodeToString(root.ParentSpanId) != row.parent || root.Kind != tracepb.Span_SPAN_KIND_SERVER || root.Name != "webhook "+row.tag {
				t.Errorf("span %v", root)
			}
			if line["logging.googleapis.com/spanId"] != hex.EncodeToString(root.SpanId) || line["logging.googleapis.com/trace_sampled"] != true {
				t.Errorf("the line points at %v, the span is %x", line["logging.googleapis.com/spanId"], root.SpanId)
			}
			attributes := map[string]string{}
			for _, a := range root.Attributes {
				attributes[a.Key] = a.Value.GetStringValue() + strings.TrimPrefix(fmt.Sprint(a.Value.GetIntValue()), "0")
			}
			for name, want := range map[string]string{"http.response.status_code": fmt.Sprint(row.status), "url.path": "/shirts", "cxhook.tag": row.tag} {
				if attributes[name] != want {
					t.Errorf("attribute %s is %q, want %q", name, attributes[name], want)
				}
			}
			if failed := root.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR; failed != (row.status == 500) || failed && root.Status.Message != "handler_error" {
				t.Errorf("status %v", root.Status)
			}
			var stations []string
			for _, s := range below {
				if s.EndTimeUnixNano < s.StartTimeUnixNano || s.StartTimeUnixNano < root.StartTimeUnixNano {
					t.Errorf("span %s does not lie in the call", s.Name)
				}
				stations = append(stations, s.Name)
			}
			if got := strings.Join(stations, " "); got != map[int]string{200: "request route handler response", 500: "request route handler"}[row.status] {
				t.Errorf("stations %s", got)
			}
		})
	}
}

// of gives the span of a call, and those below it, by the trace.
func (c *receiver) of(trace string) (root *tracepb.Span, below []*tracepb.Span) {
	for _, s := range c.spans {
		if hex.EncodeToString(s.TraceId) == trace && s.Kind == tracepb.Span_SPAN_KIND_SERVER {
			root = s
		}
	}
	for _, s := range c.spans {
		if root != nil && bytes.Equal(s.TraceId, root.TraceId) && bytes.Equal(s.ParentSpanId, root.SpanId) {
			below = append(below, s)
		}
	}
	return root, below
}

// A receiver that refuses is nobody's trouble but the operator's.
func TestTracingRefused(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	var log bytes.Buffer
	hook := newHook(t, func(cfg *webhook.Config) { cfg.Tracing, cfg.Log = true, &log })
	if got := call(hook, "ok"); got != 200 {
		t.Errorf("got %d", got)
	}
	_ = hook.Close(context.Background()) // it may say so too
	if text := log.String(); strings.Count(text, `"message":"ok: answered"`) != 1 || !strings.Contains(text, "a fault of the telemetry; calls go on") {
		t.Errorf("got\n%s", text)
	}
}
