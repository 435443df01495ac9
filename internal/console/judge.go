package console

import (
	"fmt"
	"strings"
	"time"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/internal/telemetry"
)

// Stations are those that every call has to pass, in order.
var Stations = []string{"handshake", "headers", "edge", "certificate", "token", "request", "route", "handler", "response"}

// after says behind which of them a station comes that only some policies have.
var after = map[string][]string{"token": {"basic", "header"}, "request": {"agent", "session"}}

// Verdict is what came of one check on the call's way.
type Verdict struct {
	Station   string `json:"station"`
	Check     string `json:"check"`
	Outcome   string `json:"outcome"` // pass, warn, fail or skip
	Code      string `json:"code"`
	Presented string `json:"presented"`
	Expected  string `json:"expected"`
	Rule      string `json:"rule,omitzero"` // that decided
	Hint      string `json:"hint,omitzero"` // what to change
}

// Ways that pass no load balancer, but are no attacker's.
const (
	Direct = "direct" // to a function that terminates TLS itself
	Tunnel = "tunnel" // through one that terminates TLS
)

// judge says what became of a call at each station, as far as it is known.
func (e *entry) judge() ([]Verdict, map[string]float64) {
	var all []Verdict
	timings := map[string]float64{"total": e.total()}
	way := e.way()
	if way == "" || way == Direct {
		if e.exchange != nil || e.seen != nil {
			all = append(all, e.handshake())
		}
		if e.exchange != nil {
			timings["handshake"] = us(e.exchange.Timings.Handshake)
		}
		if way == "" && e.seen != nil && e.seen.Refused == nil {
			all = append(all, headersVerdict(e.seen))
		}
	}
	if e.line != nil {
		for _, c := range e.line.Checks {
			all = append(all, verdictOf(c))
		}
		if m := e.line.Micros; m != nil {
			m.Each(func(station string, us float64) { timings[station] = us })
		}
	}
	switch x := e.exchange; {
	case x != nil && x.Failed != "" && x.Failed != emulator.StageConnect && x.Failed != emulator.StageHandshake:
		all = append(all, Verdict{Station: "response", Check: "received", Outcome: "fail", Code: "client_" + string(x.Failed), Presented: x.Err.Error(), Expected: "a WebhookResponse in time"})
	case e.seen != nil && e.seen.BackendError != nil:
		all = append(all, Verdict{Station: "response", Check: "forwarded", Outcome: "fail", Code: "backend_failed", Presented: e.seen.BackendError.Error(), Expected: "an answer of the function"})
	}
	return inOrder(all, way), timings
}

// way is how the call went round the load balancer; "" is through it.
func (e *entry) way() string {
	if e.sent != nil {
		return e.sent.Way
	}
	switch {
	case e.seen == nil && e.line != nil:
		return Direct
	case e.seen != nil && e.seen.Refused == nil && e.seen.TLSVersion == "":
		return Tunnel
	}
	return ""
}

// total is the time for the whole call, in microseconds, as the outermost one who
// looked at a clock saw it.
func (e *entry) total() float64 {
	switch {
	case e.exchange != nil:
		return us(e.exchange.Timings.Total)
	case e.seen != nil:
		return us(e.seen.Took)
	case e.line != nil && e.line.Micros != nil:
		return e.line.Micros.Total
	}
	return 0
}

// handshake says what the TLS handshake came to. In strict mode the load balancer's
// word for what is wrong with the certificate is the code.
func (e *entry) handshake() Verdict {
	v := Verdict{Station: "handshake", Check: "TLS", Outcome: "pass", Presented: "no client certificate", Expected: "TLS 1.2 or 1.3, and in strict mode a client certificate that verifies"}
	version := ""
	if e.seen != nil {
		version = e.seen.TLSVersion
		if e.seen.Present {
			v.Presented = "client certificate " + e.seen.Subject
		}
		if e.seen.Refused != nil {
			v.Outcome, v.Code, v.Hint = "fail", "handshake_failed", e.seen.Refused.Error()
		}
	} else if e.sent != nil && e.sent.Subject != "" {
		v.Presented = "client certificate " + e.sent.Subject
	}
	if x := e.exchange; x != nil {
		if x.TLS != nil {
			version = x.TLS.Version
		}
		if x.Failed == emulator.StageConnect || x.Failed == emulator.StageHandshake {
			v.Outcome, v.Code, v.Hint = "fail", string(x.Failed)+"_failed", x.Err.Error()
		}
	}
	if v.Outcome == "fail" && e.seen != nil && e.seen.Problem != "" {
		v.Code = e.seen.Problem
	}
	if version != "" {
		v.Presented = version + ", " + v.Presented
	}
	return v
}

// headersVerdict is what the load balancer told the function of the certificate.
func headersVerdict(seen *emulator.Observation) Verdict {
	set, empty := 0, 0
	for _, values := range seen.Header {
		if set++; values[0] == "" {
			empty++
		}
	}
	v := Verdict{Station: "headers", Check: "set", Outcome: "pass", Expected: "14 headers of the client certificate and the edge secret",
		Presented: fmt.Sprintf("%d headers of the client certificate, %d of them empty, and the edge secret", set, empty)}
	if n := len(seen.Replaced); n > 0 {
		v.Presented += fmt.Sprintf("; the client's own %s replaced", strings.Join(seen.Replaced, ", "))
	}
	return v
}

// verdictOf is a check of the function's.
func verdictOf(c telemetry.Check) Verdict {
	v := Verdict{Station: c.Station, Check: c.Name, Outcome: c.Outcome, Code: c.Code, Presented: c.Presented, Expected: c.Expected, Rule: c.Rule, Hint: c.Hint}
	if v.Presented == "" {
		v.Presented = c.Unverified
	}
	return v
}

// inOrder puts the verdicts in the stations' order, with a skip for each station
// that every call has to pass and that has none.
func inOrder(verdicts []Verdict, way string) []Verdict {
	var all []Verdict
	add := func(station string) (found bool) {
		for _, v := range verdicts {
			if v.Station == station {
				all, found = append(all, v), true
			}
		}
		return found
	}
	for _, station := range Stations {
		if !add(station) {
			all = append(all, skipped(station, way))
		}
		for _, other := range after[station] {
			add(other)
		}
	}
	return all
}

// skipped says why a station has no verdict.
func skipped(station, way string) Verdict {
	why := "the call did not get here"
	switch outer := station == "handshake" || station == "headers"; {
	case way == Direct && station == "headers":
		why = "no load balancer: TLS ends in the function"
	case way == Tunnel && outer:
		why = "no load balancer: TLS ends in the tunnel"
	case way != "" && way != Direct && outer:
		why = "the call went round the load balancer"
	}
	return Verdict{Station: station, Check: "reached", Outcome: "skip", Presented: why, Expected: "a call that gets here"}
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
