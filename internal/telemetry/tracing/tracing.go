// Package tracing makes an OpenTelemetry span of each call, where the standard
// OTEL_ variables say where spans go. Otherwise there is no tracer, and a call
// pays for one comparison.
//
// The SDK and its exporter, OTLP over HTTP, are linked in always: 0.3 MB and
// 0.2 ms of a start. OTLP over gRPC would be another exporter, and is refused.
//
// Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
package tracing

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/cxhook/internal/telemetry"
)

// The variables that decide whether and where; the SDK reads all others itself.
const (
	envDisabled = "OTEL_SDK_DISABLED"
	envExporter = "OTEL_TRACES_EXPORTER"
)

// A variable for traces goes before the one for everything.
var (
	envEndpoint = []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"}
	envProtocol = []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}
)

func first(names []string) (name, value string) {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return name, value
		}
	}
	return "", ""
}

// Wanted says whether the variables ask for spans. The error is of variables that
// ask for what there is not.
func Wanted() (bool, error) {
	if strings.EqualFold(os.Getenv(envDisabled), "true") {
		return false, nil
	}
	endpointName, endpoint := first(envEndpoint)
	switch exporter := os.Getenv(envExporter); exporter {
	case "none":
		return false, nil
	case "otlp":
	case "":
		if endpoint == "" {
			return false, nil
		}
	default:
		return false, fmt.Errorf("%s: %q; want otlp or none", envExporter, exporter)
	}
	var problems []error
	if name, protocol := first(envProtocol); protocol != "" && protocol != "http/protobuf" {
		problems = append(problems, fmt.Errorf("%s: %q; want http/protobuf", name, protocol))
	}
	if endpoint != "" {
		if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			problems = append(problems, fmt.Errorf("%s: want an http or https URL, as http://localhost:4318", endpointName))
		}
	}
	return len(problems) == 0, errors.Join(problems...)
}

// Endpoint is where spans go, without what may be secret in a URL.
func Endpoint() string {
	_, endpoint := first(envEndpoint)
	u, err := url.Parse(endpoint)
	if err != nil || endpoint == "" {
		return "the default endpoint"
	}
	return u.Scheme + "://" + u.Host
}

// Tracer makes spans and sends them in batches. It is safe for use by several
// goroutines.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// New makes a Tracer of the OTEL_ variables. failed hears of spans that could not
// be sent; there is one for the whole process.
func New(ctx context.Context, failed func(error)) (*Tracer, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	// Later ones go first: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
	attributes, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(service()...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { failed(fmt.Errorf("tracing: %w", err)) }))
	p := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(attributes))
	return &Tracer{p, p.Tracer("example.com/cxhook")}, nil
}

func service() []attribute.KeyValue {
	list := []attribute.KeyValue{attribute.String("service.name", "cxhook")}
	if name := os.Getenv("K_SERVICE"); name != "" {
		list = []attribute.KeyValue{attribute.String("service.name", name), attribute.String("service.version", os.Getenv("K_REVISION"))}
	}
	return list
}

// Flush sends the spans that have ended.
func (t *Tracer) Flush(ctx context.Context) error { return t.provider.ForceFlush(ctx) }

// Shutdown sends the spans that have ended, and stops.
func (t *Tracer) Shutdown(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Start begins the span of a call that arrived at start, under the trace that the
// call came with. What handlers send on with the context is below it.
func (t *Tracer) Start(ctx context.Context, parent telemetry.Trace, start time.Time) (context.Context, trace.Span) {
	if id, err := trace.TraceIDFromHex(parent.ID); err == nil {
		cfg := trace.SpanContextConfig{TraceID: id, Remote: true}
		// A span id of zeros, which a caller may send, is no parent.
		if cfg.SpanID, err = trace.SpanIDFromHex(parent.SpanID); err != nil {
			cfg.SpanID = trace.SpanID{0: 1} // the SDK takes a trace over with a parent alone
		}
		if parent.Sampled {
			cfg.TraceFlags = trace.FlagsSampled
		}
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(cfg))
	}
	return t.tracer.Start(ctx, "webhook", trace.WithTimestamp(start), trace.WithSpanKind(trace.SpanKindServer))
}

// TraceOf gives the trace that the span belongs to, and the span in it.
func TraceOf(span trace.Span) telemetry.Trace {
	sc := span.SpanContext()
	return telemetry.Trace{ID: sc.TraceID().String(), SpanID: sc.SpanID().String(), Sampled: sc.IsSampled()}
}

// End ends the span with what the entry says of the call, and makes a span below it
// of each station, one after the other: what lies between stations is left out. route is the tag or path that was served; "" if none was.
func (t *Tracer) End(span trace.Span, route string, start time.Time, e *telemetry.Entry) {
	if span.IsRecording() {
		t.describe(span, route, start, e)
	}
	span.End(trace.WithTimestamp(e.Time))
}

func (t *Tracer) describe(span trace.Span, route string, start time.Time, e *telemetry.Entry) {
	if route != "" {
		span.SetName("webhook " + route)
	}
	span.SetAttributes(attribute.String("http.request.method", e.Request.Method), attribute.String("url.path", e.Request.URL), attribute.Int("http.response.status_code", e.Request.Status),
		attribute.Int64("http.request.body.size", e.Request.RequestSize), attribute.Int64("http.response.body.size", e.Request.ResponseSize))
	e.Labels.Each(func(name, value string) {
		if name != "cxhook" {
			span.SetAttributes(attribute.String("cxhook."+name, value))
		}
	})
	if e.Request.Status >= 500 {
		span.SetStatus(codes.Error, e.Labels.Reason)
	}
	if e.Micros == nil {
		return
	}
	at, ctx := start, trace.ContextWithSpan(context.Background(), span)
	e.Micros.Each(func(station string, micros float64) {
		end := at.Add(time.Duration(micros * float64(time.Microsecond)))
		_, child := t.tracer.Start(ctx, station, trace.WithTimestamp(at))
		child.End(trace.WithTimestamp(end))
		at = end
	})
}
