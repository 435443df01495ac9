// Package cloudlog writes the log through Cloud Logging's client, for where nobody
// collects standard output: the standalone server, virtual machines. On Cloud Run
// it would cost every start half a millisecond, and every entry ten times what the
// line does, for nothing; so the function does not import it.
package cloudlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/logging"
	"google.golang.org/api/option"
	"google.golang.org/genproto/googleapis/api/monitoredres"

	"example.com/cxhook/internal/telemetry"
)

const (
	// LogID is the log's name: projects/PROJECT/logs/cxhook.
	LogID = "cxhook"

	// maxQueued bounds the entries that wait to be encoded, maxBuffered the bytes
	// that wait to be sent; beyond them entries are dropped, and that is reported.
	// Calls never wait for the log.
	maxQueued   = 4096
	maxBuffered = 8 << 20
	// batchDelay is for how long entries are collected before they are sent.
	batchDelay = time.Second
)

// Log sends entries in batches. It is safe for use by several goroutines.
type Log struct {
	client *logging.Client
	logger *logging.Logger
	failed func(error)
	queue  chan queued
	lost   atomic.Int64 // entries dropped since that was last reported

	closing sync.RWMutex // held to read while something is put into the queue
	closed  bool
	ended   chan struct{} // closed when everything is sent, and the client has ended
	err     error         // of its end; may be read once ended is closed
}

// queued is an entry, or, where that is nil, somebody who waits for those before.
type queued struct {
	entry   *telemetry.Entry
	flushed chan<- error
}

// New connects to the project's Cloud Logging, with the machine's own credentials
// unless opts say otherwise. It does not wait for the network. failed hears of what
// could not be sent, not too often; it must be safe for use by several goroutines.
func New(ctx context.Context, project string, failed func(error), opts ...option.ClientOption) (*Log, error) {
	if project == "" {
		return nil, errors.New("cloud logging: no project id; set GOOGLE_CLOUD_PROJECT")
	}
	client, err := logging.NewClient(ctx, "projects/"+project, opts...)
	if err != nil {
		return nil, fmt.Errorf("cloud logging: %w", err)
	}
	l := &Log{client: client, failed: failed, queue: make(chan queued, maxQueued), ended: make(chan struct{})}
	client.OnError = l.report
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	// Given, and not asked of the metadata server: that takes up to 15 s.
	l.logger = client.Logger(LogID, logging.CommonResource(&monitoredres.MonitoredResource{Type: "generic_task", Labels: map[string]string{
		"project_id": project, "location": "global", "namespace": LogID, "job": "webhook", "task_id": host,
	}}), logging.DelayThreshold(batchDelay), logging.BufferedByteLimit(maxBuffered))
	go l.send()
	return l, nil
}

// Write puts the entry into the queue; it must not be changed afterwards.
func (l *Log) Write(e *telemetry.Entry) {
	l.closing.RLock()
	defer l.closing.RUnlock()
	if l.closed {
		l.lost.Add(1)
		return
	}
	select {
	case l.queue <- queued{entry: e}:
	default:
		l.lost.Add(1)
	}
}

// Flush sends what was written before.
func (l *Log) Flush(ctx context.Context) error {
	flushed := make(chan error, 1)
	l.closing.RLock()
	if l.closed {
		l.closing.RUnlock()
		return nil
	}
	select {
	case l.queue <- queued{flushed: flushed}:
		l.closing.RUnlock()
	case <-ctx.Done():
		l.closing.RUnlock()
		return ctx.Err()
	}
	select {
	case err := <-flushed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("cloud logging: entries are not sent yet: %w", ctx.Err())
	}
}

// Close sends what was written, and ends the client. What is not sent when ctx
// ends goes on being sent for as long as the process lives.
func (l *Log) Close(ctx context.Context) error {
	l.closing.Lock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	l.closing.Unlock()
	select {
	case <-l.ended:
		return l.err
	case <-ctx.Done():
		return fmt.Errorf("cloud logging: entries are lost: %w", ctx.Err())
	}
}

// send takes entries out of the queue until it is closed, and then ends the client.
func (l *Log) send() {
	defer close(l.ended)
	for q := range l.queue {
		l.reportLost()
		if q.flushed != nil {
			q.flushed <- l.logger.Flush()
			continue
		}
		l.logger.Log(EntryOf(q.entry))
	}
	l.reportLost()
	l.err = l.client.Close()
}

func (l *Log) reportLost() {
	if n := l.lost.Swap(0); n > 0 {
		l.failed(fmt.Errorf("cloud logging: %d entries were dropped: more come than can be sent", n))
	}
}

// report is the client's OnError. What was refused, or could not be sent within the
// client's own retries, is lost.
func (l *Log) report(err error) { l.failed(fmt.Errorf("cloud logging: %w", err)) }

// EntryOf gives an entry as the client wants it. The payload is the line's, without
// what has fields of its own.
func EntryOf(e *telemetry.Entry) logging.Entry {
	out := logging.Entry{
		Severity: logging.ParseSeverity(string(e.Severity)), Timestamp: e.Time, Payload: json.RawMessage(e.AppendPayload(nil)),
		Trace: e.Trace, SpanID: e.SpanID, TraceSampled: e.Sampled, Labels: map[string]string{},
	}
	e.Labels.Each(func(name, value string) { out.Labels[name] = value })
	if r := e.Request; r != (telemetry.HTTPRequest{}) {
		latency, err := time.ParseDuration(r.Latency)
		if err != nil { // not reached: telemetry.Latency wrote it
			latency = 0
		}
		out.HTTPRequest = &logging.HTTPRequest{
			Request: &http.Request{Method: r.Method, URL: &url.URL{Opaque: r.URL}},
			Status:  r.Status, RequestSize: r.RequestSize, ResponseSize: r.ResponseSize, Latency: latency,
		}
	}
	return out
}
