// Package telemetry says what became of a call: one entry each, as a line of JSON
// in the form that Cloud Logging reads from a container's standard output, or
// through Cloud Logging's client (package cloudlog); and as OpenTelemetry spans
// (package tracing) where somebody asks for them.
//
// Nothing that an end user said or is goes into it: no text, no parameter, no
// token.
//
// Source: https://cloud.google.com/logging/docs/structured-logging
package telemetry

import (
	"strconv"
	"time"
)

// Severity is Cloud Logging's name of a severity. Package cloudlog's tests hold
// the names to the logging client's; importing that here would cost every start
// half a millisecond, and the binary a megabyte.
type Severity string

// The severities in use.
const (
	Info     Severity = "INFO"
	Warning  Severity = "WARNING"
	Error    Severity = "ERROR"
	Critical Severity = "CRITICAL"
)

// Entry is a line of the log. Which fields there are, and how they are called, is
// what deploy/monitoring counts by: docs/operations.md lists them.
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
	Error       string      `json:"error,omitzero"`
	Call        Call        `json:"call,omitzero"`
	Certificate Certificate `json:"certificate,omitzero"`
	Token       Token       `json:"token,omitzero"`
	Budget      Budget      `json:"budget,omitzero"`
	Overruns    int64       `json:"overruns,omitzero"` // handlers that still run although their callers were answered
	Refusal     *Check      `json:"refusal,omitzero"`
	Checks      []Check     `json:"checks,omitzero"`
	Micros      *Micros     `json:"us,omitzero"`
	Start       *Start      `json:"start,omitzero"` // of the line at the start alone
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

// The kinds of lines, which metrics and alerts select by.
const (
	KindCall  = "call"
	KindStart = "start"
)

// Labels are what metrics and alerts select by.
type Labels struct {
	Kind     string `json:"cxhook,omitzero"`  // KindCall or KindStart; "" for all else
	Outcome  string `json:"outcome,omitzero"` // answered, refused, invalid, failed, late or unavailable
	Reason   string `json:"reason,omitzero"`
	Tag      string `json:"tag,omitzero"`
	Path     string `json:"path,omitzero"`     // of a flexible webhook or a tool, in place of a tag
	Identity string `json:"identity,omitzero"` // of the client certificate
	Source   string `json:"source,omitzero"`   // of the certificate, as "google-lb"
	Revision string `json:"revision,omitzero"` // of the Cloud Run service
	Warnings string `json:"warnings,omitzero"` // reason codes of what passed with a warning, joined by commas
}

// Call is what may be said of the request: ids, names that stand in the agent, and
// sizes.
type Call struct {
	ResponseID string `json:"responseId,omitzero"`
	Session    string `json:"session,omitzero"`
	Page       string `json:"page,omitzero"`
	Intent     string `json:"intent,omitzero"`
	Language   string `json:"language,omitzero"`
	Query      string `json:"query,omitzero"` // its form, as "text"
	QueryBytes int    `json:"queryBytes,omitzero"`
	Parameters int    `json:"parameters,omitzero"` // their number
	Messages   int    `json:"messages,omitzero"`   // their number
}

// Certificate is what is known of the client certificate; days are whole ones.
type Certificate struct {
	Fingerprint string `json:"sha256,omitzero"` // of the accepted leaf
	Unverified  string `json:"unverified_sha256,omitzero"`
	DaysLeft    *int   `json:"daysLeft,omitzero"`    // of the accepted leaf
	PinDaysLeft *int   `json:"pinDaysLeft,omitzero"` // of the pinned root or intermediate that ends first
	Cached      bool   `json:"cached,omitzero"`      // the chain was verified before
}

// Token is what is known of the ID token.
type Token struct {
	Caller             string `json:"caller,omitzero"`           // e-mail of the accepted token: a service agent's
	UnverifiedEmail    string `json:"unverified_email,omitzero"` // of a refused one; people's as a hash
	UnverifiedAudience string `json:"unverified_audience,omitzero"`
	Cached             bool   `json:"cached,omitzero"`    // the signature was verified before
	KeySetAge          *int   `json:"keySetAge,omitzero"` // seconds
}

// Budget is the time that the call had, in milliseconds.
type Budget struct {
	Total float64 `json:"total"`
	Used  float64 `json:"used"`
	Left  float64 `json:"left"` // 0 of a late call
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

// Micros is the time spent at each station, in microseconds. Stations that not
// every policy has are left out where they took no time.
type Micros struct {
	Edge         float64 `json:"edge"`
	Certificate  float64 `json:"certificate"`
	Token        float64 `json:"token"`
	Basic        float64 `json:"basic,omitzero"`
	Header       float64 `json:"header,omitzero"`
	Agent        float64 `json:"agent,omitzero"`
	Session      float64 `json:"session,omitzero"`
	Verification float64 `json:"verification"`   // all of the above
	Queue        float64 `json:"queue,omitzero"` // waiting for other calls to end
	Request      float64 `json:"request"`
	Route        float64 `json:"route"`
	Handler      float64 `json:"handler"`
	Response     float64 `json:"response"`
	Total        float64 `json:"total"`
}

// Each gives the stations where time was spent, in the order in which a call
// passes them.
func (m *Micros) Each(yield func(station string, micros float64)) {
	for _, s := range [...]struct {
		name   string
		micros float64
	}{
		{"edge", m.Edge}, {"certificate", m.Certificate}, {"token", m.Token}, {"basic", m.Basic}, {"header", m.Header}, {"queue", m.Queue}, {"request", m.Request},
		{"agent", m.Agent}, {"session", m.Session}, {"route", m.Route}, {"handler", m.Handler}, {"response", m.Response},
	} {
		if s.micros > 0 {
			yield(s.name, s.micros)
		}
	}
}

// Latency writes a duration as Cloud Logging wants it.
func Latency(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) + "s" }
