package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	webhook "example.com/cxhook"
	"example.com/cxhook/cx"
	"example.com/cxhook/internal/telemetry"
	"example.com/cxhook/internal/telemetry/cloudlog"
	"example.com/cxhook/verify"
)

// loggingServer is Cloud Logging's service, as far as it is written to.
type loggingServer struct {
	loggingpb.UnimplementedLoggingServiceV2Server
	hold chan struct{} // nil, or closed when writes may go on

	mu       sync.Mutex
	requests []*loggingpb.WriteLogEntriesRequest
}

func (s *loggingServer) WriteLogEntries(ctx context.Context, r *loggingpb.WriteLogEntriesRequest) (*loggingpb.WriteLogEntriesResponse, error) {
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	return &loggingpb.WriteLogEntriesResponse{}, nil
}

// entries gives what was written, without the client's word about itself.
func (s *loggingServer) entries() (list []*loggingpb.LogEntry, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		for _, e := range r.Entries {
			if !strings.HasSuffix(e.LogName, "diagnostic-log") {
				list = append(list, e)
			}
		}
	}
	return list, len(s.requests)
}

// faults collects what the log says of itself.
type faults struct {
	mu   sync.Mutex
	list []string
}

func (f *faults) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, err.Error())
}

func (f *faults) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.list, "\n")
}

func newCloudLog(t *testing.T, s *loggingServer) (*cloudlog.Log, *faults) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	loggingpb.RegisterLoggingServiceV2Server(server, s)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	failed := new(faults)
	log, err := cloudlog.New(t.Context(), "shirts", failed.add, option.WithEndpoint(l.Addr().String()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	return log, failed
}

// both writes lines and sends entries.
type both struct {
	*telemetry.Lines
	client *cloudlog.Log
}

func (b both) Write(e *telemetry.Entry) {
	b.Lines.Write(e)
	b.client.Write(e)
}

func (b both) Flush(ctx context.Context) error { return b.client.Flush(ctx) }

// newHook is a webhook that anybody may call, with one handler for each way to end.
func newHook(t *testing.T, adjust func(*webhook.Config)) *webhook.Hook {
	t.Helper()
	cfg := webhook.Config{
		Project: "shirts", Verify: verify.Config{Policy: verify.PolicyInsecureNone, DangerNotProduction: true},
		Register: func(_ context.Context, m *cx.Mux) (func(context.Context) error, error) {
			m.Route(cx.Route{Tag: "ok", Handler: cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say("hello"), nil })})
			m.Route(cx.Route{Tag: "error", Handler: cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) { return nil, errors.New("no \"stock\" \xff") })})
			return nil, nil
		},
	}
	adjust(&cfg)
	hook, err := webhook.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return hook
}

func call(hook http.Handler, tag string, header ...string) int {
	r := httptest.NewRequest(http.MethodPost, "/shirts?who=nobody", strings.NewReader(`{"text":"two shirts","languageCode":"en","fulfillmentInfo":{"tag":"`+tag+`"}}`))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	hook.ServeHTTP(w, r)
	return w.Code
}

// TestCloudLogging: through Cloud Logging's client the service is told what a line
// on standard output tells the agent that collects it, in batches, and all of it
// before the end.
func TestCloudLogging(t *testing.T) {
	service := new(loggingServer)
	client, failed := newCloudLog(t, service)
	var lines bytes.Buffer
	hook := newHook(t, func(cfg *webhook.Config) {
		cfg.LogTo, cfg.LogClient = webhook.LogCloud, both{telemetry.NewLines(&lines), client}
	})
	const calls = 40
	for i := range calls {
		call(hook, []string{"ok", "error", "nosuch"}[i%3], "Traceparent", fmt.Sprintf("00-%032x-00f067aa0ba902b7-01", i+1))
	}
	if err := hook.Close(t.Context()); err != nil { // what is written is sent
		t.Fatal(err)
	}
	entries, requests := service.entries()
	want := strings.Split(strings.TrimSuffix(lines.String(), "\n"), "\n")
	if len(entries) != len(want) || len(want) != calls+1 { // and the start
		t.Fatalf("%d entries of %d lines, want %d", len(entries), len(want), calls+1)
	}
	if requests >= len(entries)/2 {
		t.Errorf("%d requests for %d entries: they are not sent in batches", requests, len(entries))
	}
	for i, e := range entries {
		if diff := cmp.Diff(lineOf(t, want[i]), lineOfEntry(t, e)); diff != "" {
			t.Errorf("line %d (-line +entry):\n%s", i, diff)
		}
	}
	first := service.requests[0]
	if first.LogName != "projects/shirts/logs/cxhook" || first.Resource.GetType() != "generic_task" || first.Resource.Labels["project_id"] != "shirts" {
		t.Errorf("log %s of %v", first.LogName, first.Resource)
	}
	if failed.String() != "" {
		t.Error(failed)
	}
	if err := client.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// lineOf gives a line's fields, as the collecting agent reads them.
func lineOf(t *testing.T, text string) map[string]any {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return line
}

// lineOfEntry writes a LogEntry as such a line.
func lineOfEntry(t *testing.T, e *loggingpb.LogEntry) map[string]any {
	t.Helper()
	line := e.GetJsonPayload().AsMap()
	line["severity"] = e.Severity.String()
	line["time"] = e.Timestamp.AsTime().Local().Format(time.RFC3339Nano)
	labels := map[string]any{}
	for name, value := range e.Labels {
		labels[name] = value
	}
	line["logging.googleapis.com/labels"] = labels
	if e.Trace != "" {
		line["logging.googleapis.com/trace"], line["logging.googleapis.com/spanId"], line["logging.googleapis.com/trace_sampled"] = e.Trace, e.SpanId, e.TraceSampled
	}
	if r := e.HttpRequest; r != nil {
		line["httpRequest"] = map[string]any{"requestMethod": r.RequestMethod, "requestUrl": r.RequestUrl, "status": float64(r.Status),
			"requestSize": fmt.Sprint(r.RequestSize), "responseSize": fmt.Sprint(r.ResponseSize), "latency": telemetry.Latency(r.Latency.AsDuration())}
	}
	return line
}

// What is written and not flushed is sent at the end; what comes after is dropped.
func TestCloudLoggingClose(t *testing.T) {
	service := new(loggingServer)
	client, _ := newCloudLog(t, service)
	for range 10 {
		client.Write(&telemetry.Entry{Severity: telemetry.Info, Message: "one of ten"})
	}
	if err := client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if entries, _ := service.entries(); len(entries) != 10 {
		t.Errorf("%d entries, want 10", len(entries))
	}
	client.Write(&telemetry.Entry{Message: "too late"})
	if err := errors.Join(client.Flush(t.Context()), client.Close(t.Context())); err != nil {
		t.Error(err)
	}
}

// A service that does not answer holds no call up: what is too much is dropped and
// counted, and the end comes in time.
func TestCloudLoggingDown(t *testing.T) {
	service := &loggingServer{hold: make(chan struct{})}
	client, failed := newCloudLog(t, service)
	const many, words = 20_000, 1000
	start := time.Now()
	for range many {
		client.Write(&telemetry.Entry{Severity: telemetry.Info, Message: strings.Repeat("x", words)})
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("%d entries took %v", many, took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flushed: %v", err)
	}
	if err := client.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "entries are lost") {
		t.Errorf("closed: %v", err)
	}
	close(service.hold)
	if err := client.Close(t.Context()); err != nil && !strings.Contains(err.Error(), "bundler") {
		t.Errorf("closed once the service answers: %v", err)
	}
	entries, _ := service.entries()
	if n := len(entries); n < 1000 || n >= many {
		t.Errorf("%d entries of %d arrived", n, many)
	}
	if text := failed.String(); !strings.Contains(text, "were dropped") && !strings.Contains(text, "overflow") {
		t.Errorf("nothing is said of what was dropped: %.500s", text)
	}
}
