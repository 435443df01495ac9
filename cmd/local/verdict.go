package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/internal/telemetry"
)

// The stations of a call, in order.
var stations = []string{"handshake", "headers", "edge", "certificate", "token", "request", "route", "handler", "response"}

// verdict is what came of one check on the call's way.
type verdict struct {
	Station   string `json:"station"`
	Check     string `json:"check"`
	Outcome   string `json:"outcome"` // pass, fail or skip
	Code      string `json:"code"`
	Presented string `json:"presented"`
	Expected  string `json:"expected"`

	hint string // what to change
}

// direct is the way of a call to a function that terminates TLS itself.
const direct = "direct"

// logLine is what the stack reads of a line of the function's log.
type logLine struct {
	Severity string           `json:"severity"`
	Level    string           `json:"level"` // of lines that are not about a call
	Message  string           `json:"message"`
	Msg      string           `json:"msg"`
	Address  string           `json:"address"`
	Trace    string           `json:"logging.googleapis.com/trace"`
	Error    string           `json:"error"`
	Labels   telemetry.Labels `json:"logging.googleapis.com/labels"`
	Request  *struct {
		Status int `json:"status"`
	} `json:"httpRequest"`
	Refusal *telemetry.Check  `json:"refusal"`
	Checks  []telemetry.Check `json:"checks"`
	Micros  *telemetry.Micros `json:"us"`
}

func parseLogLine(b []byte) (logLine, error) {
	var line logLine
	err := json.Unmarshal(b, &line)
	return line, err
}

// report is one call and what became of it, as `call --json` prints it.
type report struct {
	Status   int                `json:"status"` // 0: the handshake failed
	Verdicts []verdict          `json:"verdicts"`
	Response jsontext.Value     `json:"response"` // null where there was none
	Timings  map[string]float64 `json:"timings"`  // microseconds, by station, and "total"

	Note string `json:"note,omitzero"` // of an attack that passes: why

	failure error    // what the client saw, where there was no whole answer
	event   string   // what the agent's event handlers see; "" if the call succeeded
	log     *logLine // nil where the call did not reach the function
}

// judge puts together what the client, the load balancer and the function saw.
// seen and log are nil where the call did not get that far.
// way is how the call went round the load balancer; "" is through it.
func judge(x *emulator.Exchange, way string, seen *emulator.Observation, log *logLine) *report {
	r := &report{Status: x.Status, Timings: map[string]float64{"total": us(x.Timings.Total)}, failure: x.Err, event: x.Event(), log: log}
	if way == "" || way == direct {
		r.Verdicts = append(r.Verdicts, handshakeVerdict(x, seen))
		r.Timings["handshake"] = us(x.Timings.Handshake)
		if way == "" && seen != nil && seen.Refused == nil {
			r.Verdicts = append(r.Verdicts, headersVerdict(seen))
		}
	}
	if log != nil {
		for _, c := range log.Checks {
			r.Verdicts = append(r.Verdicts, verdictOf(c))
		}
		if m := log.Micros; m != nil {
			for station, t := range map[string]float64{"edge": m.Edge, "certificate": m.Certificate, "token": m.Token, "request": m.Request, "route": m.Route, "handler": m.Handler, "response": m.Response} {
				r.Timings[station] = t
			}
		}
	}
	if x.Failed != "" && x.Failed != emulator.StageConnect && x.Failed != emulator.StageHandshake {
		r.Verdicts = append(r.Verdicts, verdict{Station: "response", Check: "received", Outcome: "fail", Code: "client_" + string(x.Failed), Presented: x.Err.Error(), Expected: "a WebhookResponse in time"})
	}
	r.skipOthers(way)
	switch r.Response = x.Response; {
	case len(x.Response) == 0:
		r.Response = jsontext.Value("null")
	case !r.Response.IsValid(): // the load balancer's own page, for instance
		r.Response, _ = jsontext.AppendQuote(nil, strings.ToValidUTF8(string(x.Response), "\uFFFD"))
	}
	return r
}

// handshakeVerdict says what the TLS handshake came to. In strict mode the load
// balancer's word for what is wrong with the certificate is the code.
func handshakeVerdict(x *emulator.Exchange, seen *emulator.Observation) verdict {
	v := verdict{Station: "handshake", Check: "TLS", Outcome: "pass", Presented: "no client certificate", Expected: "TLS 1.2 or 1.3, and in strict mode a client certificate that verifies"}
	if seen != nil && seen.Present {
		v.Presented = "client certificate " + seen.Subject
	}
	if x.TLS != nil {
		v.Presented = x.TLS.Version + ", " + v.Presented
	}
	if x.Failed == emulator.StageConnect || x.Failed == emulator.StageHandshake {
		v.Outcome, v.Code = "fail", string(x.Failed)+"_failed"
		if seen != nil && seen.Problem != "" {
			v.Code = seen.Problem
		}
		v.hint = x.Err.Error()
	}
	return v
}

// headersVerdict is what the load balancer told the function of the certificate.
func headersVerdict(seen *emulator.Observation) verdict {
	set, empty := 0, 0
	for _, values := range seen.Header {
		if set++; values[0] == "" {
			empty++
		}
	}
	v := verdict{Station: "headers", Check: "set", Outcome: "pass", Expected: "14 headers of the client certificate and the edge secret",
		Presented: fmt.Sprintf("%d headers of the client certificate, %d of them empty, and the edge secret", set, empty)}
	if n := len(seen.Replaced); n > 0 {
		v.Presented += fmt.Sprintf("; the client's own %s replaced", strings.Join(seen.Replaced, ", "))
	}
	return v
}

// verdictOf is a check of the function's. A warning has passed.
func verdictOf(c telemetry.Check) verdict {
	v := verdict{Station: c.Station, Check: c.Name, Outcome: "pass", Code: c.Code, Presented: c.Presented, Expected: c.Expected, hint: c.Hint}
	if c.Outcome == "fail" {
		v.Outcome = "fail"
	}
	if v.Presented == "" {
		v.Presented = c.Unverified
	}
	return v
}

// skipOthers adds the stations that the call did not pass, in their places.
func (r *report) skipOthers(way string) {
	var all []verdict
	for _, station := range stations {
		n := len(all)
		for _, v := range r.Verdicts {
			if v.Station == station {
				all = append(all, v)
			}
		}
		if len(all) == n {
			why := "the call did not get here"
			if way == direct && station == "headers" {
				why = "no load balancer: TLS ends in the function"
			} else if way != "" && (station == "handshake" || station == "headers") {
				why = "the call went round the load balancer"
			}
			all = append(all, verdict{Station: station, Check: "reached", Outcome: "skip", Presented: why, Expected: "a call that gets here"})
		}
	}
	r.Verdicts = all
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
