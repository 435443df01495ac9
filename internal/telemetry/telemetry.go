// Package telemetry writes what became of a call: one line of JSON each, in the
// form that Cloud Logging reads from a container's standard output.
//
// Nothing that a caller said is in it: no text, no parameter, no token.
//
// Source: https://cloud.google.com/logging/docs/structured-logging
package telemetry

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/logging"
	"github.com/go-json-experiment/json"
)

// Severity is Cloud Logging's name of a severity, as "WARNING".
type Severity string

// The severities in use. Their names come from the logging client, so that they
// are Cloud Logging's own; importing more of it would cost each call 60
// allocations and write a time that the collecting agent cannot read.
var (
	Info     = severity(logging.Info)
	Warning  = severity(logging.Warning)
	Error    = severity(logging.Error)
	Critical = severity(logging.Critical)
)

func severity(s logging.Severity) Severity { return Severity(strings.ToUpper(s.String())) }

// Entry is a line of the log. Times and latencies are of the call.
type Entry struct {
	Severity Severity    `json:"severity"`
	Time     time.Time   `json:"time"`
	Message  string      `json:"message"`
	Trace    string      `json:"logging.googleapis.com/trace,omitzero"`
	SpanID   string      `json:"logging.googleapis.com/spanId,omitzero"`
	Sampled  bool        `json:"logging.googleapis.com/trace_sampled,omitzero"`
	Request  HTTPRequest `json:"httpRequest,omitzero"`
	Labels   Labels      `json:"logging.googleapis.com/labels,omitzero"`
	// Error is the cause, for operators: what a library or a handler returned.
	Error   string  `json:"error,omitzero"`
	Call    any     `json:"call,omitzero"` // ids, sizes, language: the cx.Summary of the request
	Refusal *Check  `json:"refusal,omitzero"`
	Checks  []Check `json:"checks,omitzero"`
	Micros  *Micros `json:"us,omitzero"`
}

// HTTPRequest is Cloud Logging's structure of that name. The URL is without its
// query.
type HTTPRequest struct {
	Method       string `json:"requestMethod"`
	URL          string `json:"requestUrl"`
	Status       int    `json:"status"`
	RequestSize  int64  `json:"requestSize,string"`
	ResponseSize int64  `json:"responseSize,string"`
	Latency      string `json:"latency"` // seconds, as "0.001234s"
}

// Labels are what metrics and alerts select by.
type Labels struct {
	Outcome  string `json:"outcome"` // answered, refused, invalid, failed, late or unavailable
	Reason   string `json:"reason,omitzero"`
	Tag      string `json:"tag,omitzero"`
	Identity string `json:"identity,omitzero"` // of the client certificate
}

// Check is one thing that was judged on the call's way.
type Check struct {
	Station    string `json:"station"`
	Name       string `json:"check"`
	Outcome    string `json:"outcome,omitzero"`
	Code       string `json:"code,omitzero"`
	Presented  string `json:"presented,omitzero"`
	Unverified string `json:"unverified_presented,omitzero"` // in place of Presented: an attacker's text for all we know
	Expected   string `json:"expected,omitzero"`
	Rule       string `json:"rule,omitzero"`
	Hint       string `json:"hint,omitzero"`
}

// Micros is the time spent at each station, in microseconds.
type Micros struct {
	Edge        float64 `json:"edge"`
	Certificate float64 `json:"certificate"`
	Token       float64 `json:"token"`
	Request     float64 `json:"request"`
	Route       float64 `json:"route"`
	Handler     float64 `json:"handler"`
	Response    float64 `json:"response"`
	Total       float64 `json:"total"`
}

// Log writes entries to a stream, one line and one Write each. It is safe for
// use by several goroutines.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
	w   io.Writer
}

// NewLog writes to w.
func NewLog(w io.Writer) *Log { return &Log{w: w} }

// Write writes one line. What cannot be written is lost: a call must not fail
// because its log does.
func (l *Log) Write(e *Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
	if err := json.MarshalWrite(&l.buf, e, json.Deterministic(true)); err != nil {
		l.buf.Reset()
		fmt.Fprintf(&l.buf, `{"severity":"ERROR","message":"a log entry could not be encoded","error":%s}`, strconv.Quote(err.Error()))
	}
	l.buf.WriteByte('\n')
	l.w.Write(l.buf.Bytes())
}

// Latency writes a duration as Cloud Logging wants it.
func Latency(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) + "s" }
