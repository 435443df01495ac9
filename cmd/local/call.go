package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// callCmd sends one call through a stack of its own, on free ports.
type callCmd struct {
	Args       []string `arg:"" optional:"" name:"TAG name=value" help:"The tag (confirm), and session parameters: JSON values, or else text."`
	Request    string   `help:"Send the WebhookRequest in this file, as it is, instead." placeholder:"FILE"`
	JSON       bool     `name:"json" help:"Print one JSON object: status, verdicts, response, timings."`
	ClientCert string   `name:"client-cert" enum:"google,legacy,mallory,rogue,expired,none" default:"google" help:"Who knocks: ${enum}. mallory has the right CA and the wrong name, rogue the reverse."`
	Token      string   `enum:"valid,none,expired,wrong-audience,wrong-email,unsigned,es256-short,other-key" default:"valid" help:"What it brings: ${enum}."`
	Spoof      string   `enum:",outsider,internal,replay,flexible" default:"" help:"Be an attacker. outsider: round the load balancer with forged headers and a genuine token of another account; internal: the same from inside, with a valid token; replay: a stolen token through the load balancer, by another customer's agent; flexible: a forged session in a genuine call, by a flexible webhook of the same project. The last two pass: docs/security.md says what closes them." placeholder:"outsider|internal|replay|flexible"`
	LBMode     string   `name:"lb-mode" enum:"lenient,strict" default:"lenient" help:"What the load balancer does with a certificate that it cannot verify: tell the function (lenient), or end the handshake (strict)."`
}

func (c *callCmd) Run(ctx context.Context, out *streams) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	lines := make(chan logLine, 16)
	s, err := startStack(ctx, stackConfig{mode: c.LBMode, stderr: out.err, onLine: func(l logLine) {
		select {
		case lines <- l:
		default: // a handler that logs much; ours is among the first
		}
	}})
	if err != nil {
		return err
	}
	rep, err := s.call(ctx, c, body, lines)
	if err := errors.Join(err, s.stop()); err != nil {
		return err
	}
	if rep.Status == 200 {
		rep.Note = undefended[c.Spoof]
	}
	if c.JSON {
		if err := json.MarshalWrite(out.out, rep, json.Deterministic(true)); err != nil {
			return err
		}
		fmt.Fprintln(out.out)
	} else {
		printReport(out.out, rep)
	}
	if rep.Status != 200 {
		return exitError(1)
	}
	return nil
}

// body is the WebhookRequest to send.
func (c *callCmd) body() ([]byte, error) {
	if c.Request != "" {
		if len(c.Args) > 0 {
			return nil, usagef("--request sends a file as it is; leave out the tag and the parameters")
		}
		b, err := os.ReadFile(c.Request)
		if err != nil {
			return nil, usagef("--request: %v", err)
		}
		if v := jsontext.Value(b); !v.IsValid() || v.Kind() != '{' {
			return nil, usagef("--request: %s is not a JSON object", c.Request)
		}
		return b, nil
	}
	sample := emulator.Sample{}
	if c.Spoof == "flexible" { // whoever edits the agent writes the body
		sample.Session = "somebody-elses-session"
	}
	for i, arg := range c.Args {
		name, value, isParameter := strings.Cut(arg, "=")
		switch {
		case !isParameter && i == 0:
			sample.Tag = arg
		case !isParameter:
			return nil, usagef("%q: want name=value", arg)
		case name == "":
			return nil, usagef("%q: the parameter has no name", arg)
		default:
			if sample.Parameters == nil {
				sample.Parameters = map[string]jsontext.Value{}
			}
			sample.Parameters[name] = parameterValue(value)
		}
	}
	return emulator.SampleCall(sample)
}

// parameterValue is JSON where that is what was written, and else text.
func parameterValue(s string) jsontext.Value {
	if v := jsontext.Value(s); v.IsValid() {
		return v
	}
	quoted, _ := jsontext.AppendQuote(nil, s)
	return quoted
}

// callTimeout is how long the fake Dialogflow waits: as long as the real one can be
// told to, so that the function's own limits show.
const callTimeout = 30 * time.Second

// lineTimeout is how long the line of the log may take after the answer.
const lineTimeout = 5 * time.Second

// call sends one call and waits for the function's line about it.
func (s *stack) call(ctx context.Context, c *callCmd, body []byte, lines <-chan logLine) (*report, error) {
	d, header, err := s.dialogflow(c)
	if err != nil {
		return nil, err
	}
	defer d.CloseIdleConnections()
	x, err := d.Call(ctx, emulator.Call{Body: body, Header: header, Verbatim: c.Request != ""})
	if err != nil {
		return nil, err
	}
	way, taken := c.way(), s.taken
	if s.direct {
		certificate, err := s.pki.ClientCertificate(c.ClientCert)
		if err != nil {
			return nil, err
		}
		way, taken = direct, func(string) *emulator.Observation { return observed(certificate) }
	}
	if x.Status == 0 { // it did not come to the function
		return judge(x, way, taken(""), nil), nil
	}
	timeout := time.NewTimer(lineTimeout)
	defer timeout.Stop()
	for {
		select {
		case line := <-lines:
			if line.Request == nil {
				continue // not about a call
			}
			trace := line.Trace[strings.LastIndex(line.Trace, "/")+1:]
			return judge(x, way, taken(trace), &line), nil
		case <-timeout.C:
			return nil, fmt.Errorf("the call was answered %d, but the function's log has no line about it", x.Status)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// way is how the call goes round the load balancer; "" is through it.
func (c *callCmd) way() string {
	if c.Spoof == "outsider" || c.Spoof == "internal" {
		return c.Spoof
	}
	return ""
}

// undefended says of the attacks that pass what they are, and what closes them.
var undefended = map[string]string{
	"replay":   "accepted, and not defended: Google's certificate is the same for all of its customers, so a token that was stolen within its hour passes from another customer's agent. A custom client certificate closes this (CXHOOK_IDENTITIES=custom).",
	"flexible": "accepted, and not defended: a flexible webhook of the same project sends any body with the genuine certificate and token. One project for each domain of trust, and as few editors as possible.",
}

// dialogflow is the caller that the flags describe, and what it sends besides.
func (s *stack) dialogflow(c *callCmd) (*emulator.Dialogflow, http.Header, error) {
	cfg := emulator.DialogflowConfig{WebhookURL: s.url, ServerRoots: s.serverRoots, Timeout: callTimeout}
	kind, token := c.ClientCert, c.Token
	switch c.Spoof {
	case "outsider": // has a Google account of its own, and so a genuine token
		kind, token = "google", "other-agent"
	case "replay", "flexible": // what Google itself sends for them, certificate and token
		kind, token = "google", "valid"
	case "internal": // has got hold of a token, and is past the ingress
		kind, token = "google", "valid"
	}
	certificate, err := s.pki.ClientCertificate(kind)
	if err != nil {
		return nil, nil, err
	}
	cfg.Token = func(context.Context) (string, error) { return s.issuer.Token(token, s.url, projectNumber) }
	var header http.Header
	if c.way() != "" {
		cfg.WebhookURL = "http://" + s.function.address + webhookPath
		if header, err = emulator.ForgedHeaders(verify.DefaultGoogleLBHeaders(), certificate); err != nil {
			return nil, nil, err
		}
	} else {
		cfg.ClientCertificate = certificate
	}
	d, err := emulator.NewDialogflow(cfg)
	return d, header, err
}
