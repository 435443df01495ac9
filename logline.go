package webhook

import (
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"example.com/cxhook/cx"
	"example.com/cxhook/internal/telemetry"
	"example.com/cxhook/internal/telemetry/tracing"
	"example.com/cxhook/verify"
)

// callLine is a call's entry of the log, with room for what the entry points to: one
// allocation for all of it.
type callLine struct {
	telemetry.Entry
	trace   telemetry.Trace // that the call came with
	span    trace.Span      // nil without tracing
	path    string          // of Config.Paths; "" if the agent was called
	refusal telemetry.Check
	micros  telemetry.Micros

	daysLeft, pinDaysLeft, keySetAge int
}

// begin notes what the log line needs of the request, before the headers that
// proved it are taken away.
func (h *Hook) begin(l *callLine, r *http.Request) {
	l.trace = telemetry.TraceOf(r.Header)
	l.Request = telemetry.HTTPRequest{Method: clip(r.Method), URL: clip(r.URL.EscapedPath()), RequestSize: max(r.ContentLength, 0)}
}

// maxLogged bounds what a caller's own words may take in a line, maxLoggedError
// what a handler's may: a stack has some kilobytes.
const (
	maxLogged      = 256
	maxLoggedError = 16 << 10
)

func clip(s string) string { return clipTo(s, maxLogged) }

func clipTo(s string, limit int) string {
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// finish completes the line and writes it, and ends the call's span.
func (h *Hook) finish(rec *record, sw *statusWriter) {
	l, call, now := &rec.line, &rec.call, time.Now()
	took := now.Sub(call.Start)
	l.Time = now
	l.Request.Status, l.Request.ResponseSize, l.Request.Latency = sw.status, sw.bytes, telemetry.Latency(took)
	if call.BytesIn > 0 {
		l.Request.RequestSize = int64(call.BytesIn)
	}
	l.Labels = telemetry.Labels{Kind: telemetry.KindCall, Reason: call.Code, Tag: call.Tag, Path: l.path, Revision: h.revision}
	if call.Err != nil {
		l.Error = clipTo(call.Err.Error(), maxLoggedError)
	}
	if s := call.Summary; s != nil {
		l.Call = telemetry.Call{ResponseID: clip(s.ResponseID), Session: clip(s.Session), Page: clip(s.Page), Intent: clip(s.Intent), Language: clip(s.Language),
			Query: s.Query, QueryBytes: s.QueryBytes, Parameters: s.Parameters, Messages: s.Messages}
	}
	l.Budget = telemetry.Budget{Total: ms(call.Budget), Used: ms(took), Left: ms(max(call.Budget-took, 0))}
	l.Overruns = call.Overruns
	if rec.report != nil {
		h.proofs(l, rec.report, now)
	}
	h.refusal(rec)
	l.Labels.Outcome, l.Severity = outcome(rec, sw.status)
	l.Message = message(&l.Entry, call.Route)
	if rec.report != nil && rec.report.WouldRefuse != "" { // the check is among the warnings below
		if l.Severity == telemetry.Info {
			l.Severity = telemetry.Warning
		}
		l.Message += "; report only: the certificate would be refused: " + string(rec.report.WouldRefuse)
	}
	l.addMicros(rec, took)
	l.Checks = h.checks(rec)
	if l.span != nil {
		if l.span.IsRecording() || l.trace.ID == "" { // else nobody will see the span
			l.trace = tracing.TraceOf(l.span)
		}
		h.tracer.End(l.span, call.Route, call.Start, &l.Entry)
	}
	l.Trace, l.SpanID, l.Sampled = l.trace.Name(h.cfg.Project), l.trace.SpanID, l.trace.Sampled
	h.log.Write(&l.Entry)
}

// proofs says what is known of the caller, and what of that ends some day.
func (h *Hook) proofs(l *callLine, rep *verify.Report, now time.Time) {
	l.Labels.Identity, l.Labels.Source = rep.Identity, rep.Source
	l.Certificate = telemetry.Certificate{Fingerprint: rep.Fingerprint, Unverified: rep.Claimed.Fingerprint, Cached: rep.CertificateCached}
	if !rep.NotAfter.IsZero() {
		l.daysLeft, l.Certificate.DaysLeft = verify.Expiry{NotAfter: rep.NotAfter}.Days(now), &l.daysLeft
	}
	if rep.Source != "" && !h.pinEnd.IsZero() {
		l.pinDaysLeft, l.Certificate.PinDaysLeft = verify.Expiry{NotAfter: h.pinEnd}.Days(now), &l.pinDaysLeft
	}
	l.Token = telemetry.Token{Caller: rep.Caller, UnverifiedEmail: rep.Claimed.Email, UnverifiedAudience: rep.Claimed.Audience, Cached: rep.TokenCached}
	// Keys are fetched when a token wants them. Of a call without one, their age
	// would say how long nobody has called.
	if rep.Caller != "" || rep.Reached(verify.StationSession) {
		if age, ok := h.verifier.KeySetAge(now); ok {
			l.keySetAge, l.Token.KeySetAge = int(age/time.Second), &l.keySetAge
		}
	}
	for i := range rep.Checks {
		if c := &rep.Checks[i]; c.Outcome == verify.Warn {
			if l.Labels.Warnings != "" {
				l.Labels.Warnings += ","
			}
			l.Labels.Warnings += string(c.Code)
		}
	}
}

// refusal says which check failed the call, if one did.
func (h *Hook) refusal(rec *record) {
	l := &rec.line
	if rec.denied != nil {
		l.Labels.Reason = string(rec.denied.Code)
		l.refusal = verifyCheck(&rec.denied.Check)
		l.refusal.Outcome = ""
		l.Refusal = &l.refusal
		if rec.denied.Cause != nil {
			l.Error = clipTo(rec.denied.Cause.Error(), maxLoggedError)
		}
		return
	}
	for i := range rec.call.Checks {
		if c := &rec.call.Checks[i]; c.Outcome == "fail" {
			l.refusal = callCheck(c)
			l.refusal.Outcome = ""
			l.Refusal = &l.refusal
		}
	}
}

// outcome names what came of the call, and how much an operator should care.
func outcome(rec *record, status int) (string, telemetry.Severity) {
	switch {
	case rec.call.Late && status < 400:
		return "late", telemetry.Warning // the agent heard the late answer
	case status == http.StatusGatewayTimeout:
		return "late", telemetry.Error
	case rec.call.Code == codeStopping:
		return "unavailable", telemetry.Warning // it is meant
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

func (l *callLine) addMicros(rec *record, total time.Duration) {
	m, rep, call := &l.micros, rec.report, &rec.call
	l.Micros = m
	m.Total, m.Queue = us(total), us(rec.queued)
	if rep != nil {
		for _, at := range rep.Took {
			t := us(at.Took)
			m.Verification += t
			switch at.Station {
			case verify.StationEdge:
				m.Edge = t
			case verify.StationCertificate:
				m.Certificate = t
			case verify.StationToken:
				m.Token = t
			case verify.StationBasic:
				m.Basic = t
			case verify.StationHeader:
				m.Header = t
			case verify.StationAgent:
				m.Agent = t
			case verify.StationSession:
				m.Session = t
			}
		}
	}
	for i := range call.Checks {
		c := &call.Checks[i]
		switch c.Station {
		case "request":
			m.Request += us(c.Took)
		case "route":
			// Agent and session are judged between the request and its route.
			m.Route += max(us(c.Took)-m.Agent-m.Session, 0)
		case "handler":
			m.Handler += us(c.Took)
		case "response":
			m.Response += us(c.Took)
		}
	}
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// ms gives milliseconds to three places.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

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
			list = append(list, callCheck(&rec.call.Checks[i]))
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

func callCheck(c *cx.Check) telemetry.Check {
	return telemetry.Check{Station: c.Station, Name: c.Name, Outcome: c.Outcome, Code: c.Code, Presented: c.Presented, Expected: c.Expected}
}
