package tracing

import (
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"example.com/cxhook/internal/telemetry"
)

func TestWanted(t *testing.T) {
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	const here = "http://localhost:4318"
	for _, row := range []struct {
		name string
		env  []string
		want bool
		err  string
	}{
		{"nothing", nil, false, ""},
		{"endpoint", []string{"OTEL_EXPORTER_OTLP_ENDPOINT", here}, true, ""},
		{"endpoint of traces", []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", here + "/v1/traces"}, true, ""},
		{"exporter, default endpoint", []string{"OTEL_TRACES_EXPORTER", "otlp"}, true, ""},
		{"protocol alone", []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"}, false, ""},
		{"disabled", []string{"OTEL_EXPORTER_OTLP_ENDPOINT", here, "OTEL_SDK_DISABLED", "TRUE"}, false, ""},
		{"no exporter", []string{"OTEL_EXPORTER_OTLP_ENDPOINT", here, "OTEL_TRACES_EXPORTER", "none"}, false, ""},
		{"another exporter", []string{"OTEL_TRACES_EXPORTER", "console"}, false, `OTEL_TRACES_EXPORTER: "console"; want otlp or none`},
		{"gRPC", []string{"OTEL_EXPORTER_OTLP_ENDPOINT", here, "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, false, `OTEL_EXPORTER_OTLP_PROTOCOL: "grpc"; want http/protobuf`},
		{"gRPC for the others", []string{"OTEL_EXPORTER_OTLP_ENDPOINT", here, "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"}, true, ""},
		{"no URL", []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"}, false, "OTEL_EXPORTER_OTLP_ENDPOINT: want an http or https URL"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for i := 0; i < len(row.env); i += 2 {
				t.Setenv(row.env[i], row.env[i+1])
			}
			got, err := Wanted()
			if got != row.want || (err == nil) != (row.err == "") || err != nil && !strings.HasPrefix(err.Error(), row.err) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// What may be secret in the endpoint's URL is not shown.
func TestEndpoint(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	for endpoint, want := range map[string]string{"": "the default endpoint", "https://user:secret@collector.example.com/secret?key=secret": "https://collector.example.com"} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
		if got := Endpoint(); got != want {
			t.Errorf("%q: got %q, want %q", endpoint, got, want)
		}
	}
}

// A trace without a span to be below is taken over all the same.
func TestStartWithoutSpan(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
	tracer, err := New(t.Context(), func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	const id = "0af7651916cd43dd8448eb211c80319c"
	ctx, span := tracer.Start(t.Context(), telemetry.Trace{ID: id}, time.Now())
	if got := TraceOf(span); got.ID != id || got.SpanID == "" || trace.SpanContextFromContext(ctx).TraceID().String() != id {
		t.Errorf("got %+v", got)
	}
}
