package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/console"
)

// callFlags say what is sent, and who sends it.
type callFlags struct {
	Args       []string `arg:"" optional:"" name:"TAG name=value" help:"The tag (confirm), and session parameters: JSON values, or else text."`
	Request    string   `help:"Send the WebhookRequest in this file, as it is, instead." placeholder:"FILE"`
	JSON       bool     `name:"json" help:"Print one JSON object: status, verdicts, response, timings."`
	ClientCert string   `name:"client-cert" enum:"google,legacy,mallory,rogue,expired,none" default:"google" help:"Who knocks: ${enum}. mallory has the right CA and the wrong name, rogue the reverse."`
	Token      string   `enum:"valid,none,expired,wrong-audience,wrong-email,unsigned,es256-short,other-key" default:"valid" help:"What it brings: ${enum}."`
	Spoof      string   `enum:",outsider,internal,replay,flexible" default:"" help:"Be an attacker. outsider: round the load balancer with forged headers and a genuine token of another account; internal: the same from inside, with a valid token; replay: a stolen token through the load balancer, by another customer's agent; flexible: a forged session in a genuine call, by a flexible webhook of the same project. The last two pass: docs/security.md says what closes them." placeholder:"outsider|internal|replay|flexible"`
}

// callCmd sends one call through a stack of its own, on free ports.
type callCmd struct {
	callFlags
	LBMode string `name:"lb-mode" enum:"lenient,strict" default:"lenient" help:"What the load balancer does with a certificate that it cannot verify: tell the function (lenient), or end the handshake (strict)."`
}

func (c *callCmd) Run(ctx context.Context, out *streams) error {
	send, err := c.send()
	if err != nil {
		return err
	}
	s, err := startStack(ctx, stackConfig{mode: c.LBMode, stderr: out.err, onNote: func(*console.Line) {}})
	if err != nil {
		return err
	}
	id, err := s.Send(ctx, send)
	if err := errors.Join(err, s.stop()); err != nil {
		return err
	}
	call, _, _ := s.ring.Call(id)
	return c.print(out.out, call)
}

// send is the call that the flags describe.
func (c *callFlags) send() (console.Send, error) {
	send := console.Send{ClientCert: c.ClientCert, Token: c.Token, Spoof: c.Spoof, Source: "trigger"}
	if c.Request != "" {
		if len(c.Args) > 0 {
			return send, usagef("--request sends a file as it is; leave out the tag and the parameters")
		}
		b, err := os.ReadFile(c.Request)
		if err != nil {
			return send, usagef("--request: %v", err)
		}
		if v := jsontext.Value(b); !v.IsValid() || v.Kind() != '{' {
			return send, usagef("--request: %s is not a JSON object", c.Request)
		}
		send.Body = b
		return send, nil
	}
	if c.Spoof == "flexible" { // whoever edits the agent writes the body
		send.Session = "somebody-elses-session"
	}
	for i, arg := range c.Args {
		name, value, isParameter := strings.Cut(arg, "=")
		switch {
		case !isParameter && i == 0:
			send.Tag = arg
		case !isParameter:
			return send, usagef("%q: want name=value", arg)
		case name == "":
			return send, usagef("%q: the parameter has no name", arg)
		default:
			if send.Parameters == nil {
				send.Parameters = map[string]jsontext.Value{}
			}
			send.Parameters[name] = parameterValue(value)
		}
	}
	return send, nil
}

// parameterValue is JSON where that is what was written, and else text.
func parameterValue(s string) jsontext.Value {
	if v := jsontext.Value(s); v.IsValid() {
		return v
	}
	quoted, _ := jsontext.AppendQuote(nil, s)
	return quoted
}

// print prints what became of a call. Only HTTP 200 with a whole answer is success.
func (c *callFlags) print(w io.Writer, call *console.Call) error {
	if c.JSON {
		if err := json.MarshalWrite(w, reportOf(call), json.Deterministic(true)); err != nil {
			return err
		}
		fmt.Fprintln(w)
	} else {
		printReport(w, call)
	}
	if call.Status != 200 || call.Failure != "" {
		return exitError(1)
	}
	return nil
}

// report is one call and what became of it, as --json prints it.
type report struct {
	Status   int                `json:"status"` // 0: the handshake failed
	Verdicts []verdict          `json:"verdicts"`
	Response jsontext.Value     `json:"response"`      // null where there was none
	Timings  map[string]float64 `json:"timings"`       // microseconds, by station, and "total"
	Note     string             `json:"note,omitzero"` // of an attack that passes: why
}

// verdict is what came of one check on the call's way.
type verdict struct {
	Station   string `json:"station"`
	Check     string `json:"check"`
	Outcome   string `json:"outcome"` // pass, fail or skip
	Code      string `json:"code"`
	Presented string `json:"presented"`
	Expected  string `json:"expected"`
}

func reportOf(c *console.Call) report {
	r := report{Status: c.Status, Response: jsontext.Value(c.Response.Body), Timings: c.Timings, Note: c.Note}
	for _, v := range c.Verdicts {
		if v.Outcome == "warn" { // it has passed
			v.Outcome = "pass"
		}
		r.Verdicts = append(r.Verdicts, verdict{v.Station, v.Check, v.Outcome, v.Code, v.Presented, v.Expected})
	}
	switch {
	case len(r.Response) == 0:
		r.Response = jsontext.Value("null")
	case !r.Response.IsValid(): // the load balancer's own page, for instance
		r.Response, _ = jsontext.AppendQuote(nil, c.Response.Body)
	}
	return r
}
