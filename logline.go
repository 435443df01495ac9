package webhook

import (
	"net/http"
	"strings"
	"time"

	"example.com/cxhook/internal/telemetry"
	"example.com/cxhook/verify"
)

// begin notes what the log line needs of the request's headers.
func (h *Hook) begin(r *http.Request) *telemetry.Entry {
	trace := telemetry.TraceOf(r.Header)
	return &telemetry.Entry{
		Trace: trace.Name(h.cfg.Project), SpanID: trace.SpanID, Sampled: trace.Sampled,
		Request: telemetry.HTTPRequest{Method: clip(r.Method), URL: clip(r.URL.EscapedPath()), RequestSize: max(r.ContentLength, 0)},
	}
}

// maxLogged bounds what a caller's own words may take in a line.
const maxLogged = 256

func clip(s string) string {
	if len(s) > maxLogged {
		s = strings.ToValidUTF8(s[:maxLogged], "") + "…"
	}
	return s
}

// finish completes the line and writes it.
func (h *Hook) finish(e *telemetry.Entry, rec *record, sw *statusWriter) {
	call, now := rec.call, time.Now()
	took := now.Sub(call.Start)
	e.Time = now
	e.Request.Status, e.Request.ResponseSize, e.Request.Latency = sw.status, sw.bytes, telemetry.Latency(took)
	if call.BytesIn > 0 {
		e.Request.RequestSize = int64(call.BytesIn)
	}
	e.Labels = telemetry.Labels{Reason: call.Code, Tag: call.Tag}
	if call.Err != nil {
		e.Error = call.Err.Error()
	}
	if call.Summary != nil {
		e.Call = call.Summary
	}
	if rec.report != nil {
		e.Labels.Identity = rec.report.Identity
	}
	if rec.denied != nil {
		e.Labels.Reason = string(rec.denied.Code)
		refusal := verifyCheck(&rec.denied.Check)
		refusal.Outcome = ""
		e.Refusal = &refusal
		if rec.denied.Cause != nil {
			e.Error = rec.denied.Cause.Error()
		}
	}
	if e.Refusal == nil {
		for i := range call.Checks {
			if c := &call.Checks[i]; c.Outcome == "fail" {
				e.Refusal = &telemetry.Check{Station: c.Station, Name: c.Name, Code: c.Code, Presented: c.Presented, Expected: c.Expected}
			}
		}
	}
	e.Labels.Outcome, e.Severity = outcome(rec, sw.status)
	e.Message = message(e, call.Route)
	if rec.report != nil && rec.report.WouldRefuse != "" { // the check is among the warnings below
		if e.Severity == telemetry.Info {
			e.Severity = telemetry.Warning
		}
		e.Message += "; report only: the certificate would be refused: " + string(rec.report.WouldRefuse)
	}
	e.Micros = micros(rec, took)
	e.Checks = h.checks(rec)
	h.log.Write(e)
}

// outcome names what came of the call, and how much an operator should care.
func outcome(rec *record, status int) (string, telemetry.Severity) {
	switch {
	case rec.call.Late && status < 400:
		return "late", telemetry.Warning // the agent heard the late answer
	case status == http.StatusGatewayTimeout:
		return "late", telemetry.Error
	case status == http.StatusServiceUnavailable:
		return "unavailable", telemetry.Error
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return "refused", telemetry.Warning
	case status >= 500:
		return "failed", telemetry.Error
	case status >= 400:
		return "invalid", telemetry.Warning
	default:
		return "answered", telemetry.Info
	}
}

func message(e *telemetry.Entry, route string) string {
	what := e.Labels.Tag
	if what == "" {
		what = route
	}
	if what == "" {
		what = "call"
	}
	if e.Labels.Reason == "" {
		return what + ": " + e.Labels.Outcome
	}
	return what + ": " + e.Labels.Outcome + ": " + e.Labels.Reason
}

func micros(rec *record, total time.Duration) *telemetry.Micros {
	m := &telemetry.Micros{Total: us(total)}
	if rec.report != nil {
		m.Edge, m.Certificate, m.Token = us(rec.report.Took[verify.StationEdge]), us(rec.report.Took[verify.StationCertificate]), us(rec.report.Took[verify.StationToken])
	}
	for i := range rec.call.Checks {
		c := &rec.call.Checks[i]
		switch c.Station {
		case "request":
			m.Request += us(c.Took)
		case "route":
			m.Route += us(c.Took)
		case "handler":
			m.Handler += us(c.Took)
		case "response":
			m.Response += us(c.Took)
		}
	}
	return m
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// checks lists all checks where Config.LogChecks asks for it, and else those
// that warn.
func (h *Hook) checks(rec *record) []telemetry.Check {
	var list []telemetry.Check
	if rec.report != nil {
		for i := range rec.report.Checks {
			if c := &rec.report.Checks[i]; h.cfg.LogChecks || c.Outcome == verify.Warn {
				list = append(list, verifyCheck(c))
			}
		}
	}
	if h.cfg.LogChecks {
		for i := range rec.call.Checks {
			c := &rec.call.Checks[i]
			list = append(list, telemetry.Check{Station: c.Station, Name: c.Name, Outcome: c.Outcome, Code: c.Code, Presented: c.Presented, Expected: c.Expected})
		}
	}
	return list
}

func verifyCheck(c *verify.Check) telemetry.Check {
	out := telemetry.Check{Station: string(c.Station), Name: c.Name, Outcome: string(c.Outcome), Code: string(c.Code), Expected: c.Expected, Rule: c.Rule, Hint: c.Hint}
	if c.Unverified {
		out.Unverified = c.Presented
	} else {
		out.Presented = c.Presented
	}
	return out
}
