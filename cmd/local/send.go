package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/console"
	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// callTimeout is how long a single call waits: as long as Dialogflow can be told to,
// so that the function's own limits show. The stack that stays waits, and tries
// again, as Dialogflow does by default.
const callTimeout = 30 * time.Second

// retries are Dialogflow's, by the stack that stays.
const retries = 1

// lineTimeout is how long the line of the log may take after the answer.
const lineTimeout = 5 * time.Second

// defaultSession is the id of a session that nobody named.
const defaultSession = "session-test-001"

// undefended says of the attacks that pass what they are, and what closes them.
var undefended = map[string]string{
	"replay":   "accepted, and not defended: Google's certificate is the same for all of its customers, so a token that was stolen within its hour passes from another customer's agent. A custom client certificate closes this (CXHOOK_IDENTITIES=custom).",
	"flexible": "accepted, and not defended: a flexible webhook of the same project sends any body with the genuine certificate and token. One project for each domain of trust, and as few editors as possible.",
}

// spoofs are the ways of attackers.
var spoofs = []string{"outsider", "internal", "replay", "flexible"}

// Send makes one call and waits for everybody who has something to say of it. Each
// attempt is a call of the ring's; the id is the last one's.
func (s *stack) Send(ctx context.Context, send console.Send) (id int, err error) {
	body, err := bodyOf(s.withTag(send))
	if err != nil {
		return 0, err
	}
	d, sent, header, err := s.caller(send)
	if err != nil {
		return 0, err
	}
	sent.Body = body
	for name, values := range send.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	trace := ""
	x, err := d.Call(ctx, emulator.Call{Body: body, Header: header, Verbatim: send.Body != nil, RouteTarget: send.RouteTarget,
		Attempt: func(before *emulator.Exchange) http.Header {
			if before != nil {
				s.ring.Exchanged(trace, before)
			}
			trace = newTrace()
			sent.Attempt++
			id = s.ring.Begin(trace, sent)
			return http.Header{"X-Cloud-Trace-Context": {trace + "/1;o=1"}}
		}})
	d.CloseIdleConnections()
	if err != nil {
		s.ring.Drop(trace)
		return 0, console.Refusef("%v", err)
	}
	s.ring.Exchanged(trace, x)
	return id, s.settle(ctx, id)
}

// settle returns when all is known of a call.
func (s *stack) settle(ctx context.Context, id int) error {
	timeout := time.NewTimer(lineTimeout)
	defer timeout.Stop()
	for {
		call, changed, ok := s.ring.Call(id)
		if !ok || call.Done {
			return nil
		}
		select {
		case <-changed:
		case <-timeout.C:
			return fmt.Errorf("the call was answered %d, but the function's log has no line about it", call.Status)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// newTrace is what joins what Dialogflow, the load balancer and the function say of
// one call.
func newTrace() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// bodyOf is the WebhookRequest to send.
func bodyOf(send console.Send) ([]byte, error) {
	switch {
	case send.Body != nil:
		return send.Body, nil
	case send.Request != nil:
		return withSession(send.Request, send.Session)
	}
	body, err := emulator.SampleCall(emulator.Sample{Session: send.Session, Tag: send.Tag, Parameters: send.Parameters})
	if err != nil {
		return nil, console.Refusef("%v", err)
	}
	return body, nil
}

// withSession names the session of a request that has none: saved conversations
// leave it to whoever plays them.
func withSession(request jsontext.Value, id string) ([]byte, error) {
	if id == "" {
		id = defaultSession
	}
	var members, info map[string]jsontext.Value
	if err := json.Unmarshal(request, &members); err != nil || members == nil {
		return nil, console.Refusef("the request is no WebhookRequest: want a JSON object")
	}
	if v := members["sessionInfo"]; v != nil {
		if err := json.Unmarshal(v, &info); err != nil {
			return nil, console.Refusef("the request's sessionInfo: want a JSON object")
		}
	}
	if info["session"] != nil {
		return request, nil
	}
	if info == nil {
		info = map[string]jsontext.Value{}
	}
	var err error
	if info["session"], err = jsontext.AppendQuote(nil, emulator.DefaultAgent+"/sessions/"+id); err != nil {
		return nil, console.Refusef("session %q: %v", id, err)
	}
	if members["sessionInfo"], err = json.Marshal(info, json.Deterministic(true)); err != nil {
		return nil, err
	}
	return json.Marshal(members, json.Deterministic(true))
}

// caller is whom a Send describes, what is known of it, and what it sends besides.
func (s *stack) caller(send console.Send) (*emulator.Dialogflow, console.Sent, http.Header, error) {
	sent := console.Sent{Source: send.Source, ReplayOf: send.ReplayOf, ClientCert: send.ClientCert, Token: send.Token, Note: undefended[send.Spoof]}
	// What Dialogflow itself presents is what a fault changes.
	if sent.ClientCert = cmp.Or(sent.ClientCert, "google"); sent.ClientCert == "google" && s.isBroken(faultExpiredCertificate) {
		sent.ClientCert = "expired"
	}
	if sent.Token = cmp.Or(sent.Token, "valid"); sent.Token == "valid" && s.isBroken(faultWrongAudience) {
		sent.Token = "wrong-audience"
	}
	header := http.Header{}
	refuse := func(err error) (*emulator.Dialogflow, console.Sent, http.Header, error) {
		return nil, sent, nil, console.Refusef("%v", err)
	}
	if s.cfg.public != nil {
		return refuse(fmt.Errorf("this stack answers a real agent: only Google can make a token that it accepts"))
	}
	switch send.Spoof {
	case "":
	case "outsider": // has a Google account of its own, and so a genuine token
		sent.ClientCert, sent.Token, sent.Way = "google", "other-agent", send.Spoof
	case "internal": // has got hold of a token, and is past the ingress
		sent.ClientCert, sent.Token, sent.Way = "google", "valid", send.Spoof
	case "replay", "flexible": // what Google itself sends for them, certificate and token
		sent.ClientCert, sent.Token = "google", "valid"
	default:
		return refuse(fmt.Errorf("spoof %q: want one of %q", send.Spoof, spoofs))
	}
	if sent.Way != "" && s.balancer == nil {
		return refuse(fmt.Errorf("spoof %s goes round the load balancer, and there is none", send.Spoof))
	}
	certificate, err := s.pki.ClientCertificate(sent.ClientCert)
	if err != nil {
		return refuse(err)
	}
	if certificate != nil {
		sent.Subject = certificate.Leaf.Subject.String()
	}
	target := s.url
	if send.Path != "" {
		target = s.origin() + send.Path
	}
	cfg := emulator.DialogflowConfig{WebhookURL: target, ServerRoots: s.serverRoots, Timeout: cmp.Or(s.cfg.timeout, callTimeout), Retries: s.cfg.retries,
		Token: func(context.Context) (string, error) { return s.issuer.Token(sent.Token, s.url, projectNumber) }}
	switch {
	case sent.Way != "":
		cfg.WebhookURL = "http://" + s.running().address + webhookPath
		if header, err = emulator.ForgedHeaders(verify.DefaultGoogleLBHeaders(), certificate); err != nil {
			return refuse(err)
		}
	default:
		cfg.ClientCertificate = certificate
	}
	if s.cfg.direct != "" {
		sent.Way = console.Direct
	}
	d, err := s.agent.Caller(cfg)
	if err != nil {
		return refuse(err)
	}
	return d, sent, header, nil
}

// origin is the URL of the webhook without its path.
func (s *stack) origin() string { return strings.TrimSuffix(s.url, webhookPath) }

// startAgent makes the agent, whose sessions last as long as the stack.
func (s *stack) startAgent() (err error) {
	s.agent, err = emulator.NewDialogflow(emulator.DialogflowConfig{WebhookURL: s.url})
	return err
}
