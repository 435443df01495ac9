package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// DefaultTimeout is for how long Dialogflow waits for a webhook unless it is
	// told otherwise.
	DefaultTimeout = 5 * time.Second
	// MaxResponseBytes is the largest response that Dialogflow takes.
	//
	// Source: https://cloud.google.com/dialogflow/cx/docs/concept/webhook
	MaxResponseBytes = 64 << 10
)

// DialogflowConfig is an agent's webhook resource, and the network that it is
// called over.
type DialogflowConfig struct {
	// WebhookURL is the webhook's URL, as in the console.
	WebhookURL string
	// Address, if set, is dialled in place of the URL's host: it stands for DNS.
	// What is dialled is on this machine, or the call fails: no other is reached,
	// and no name looked up.
	Address string
	// ServerRoots verify the webhook's certificate; nil is those of the system.
	ServerRoots *x509.CertPool
	// ClientCertificate is presented where the server asks for one; nil is none.
	ClientCertificate *tls.Certificate
	// Token gives the bearer of a call; "" sends no Authorization header. A nil
	// Token gives none.
	Token func(context.Context) (string, error)
	// Timeout is for one attempt, the handshake included; 0 is DefaultTimeout.
	Timeout time.Duration
	// Retries is how often a call is made again that met the timeout, or whose
	// connection failed or broke; 0 is never. Dialogflow tries again once.
	Retries int
	// Now is the clock of sessions and timings; nil is time.Now.
	Now func() time.Time
}

// Dialogflow calls a webhook as a CX agent does, and keeps the agent's sessions.
// It is safe for use by several goroutines.
type Dialogflow struct {
	cfg       DialogflowConfig
	url       *url.URL
	transport *http.Transport
	tickets   tickets
	sessions  *sessions
}

// tickets counts the session tickets that servers sent, besides keeping them. In
// TLS 1.3 a server sends them when it has accepted the client's certificate.
type tickets struct {
	tls.ClientSessionCache
	n atomic.Int64
}

func (t *tickets) Put(key string, state *tls.ClientSessionState) {
	t.n.Add(1)
	t.ClientSessionCache.Put(key, state)
}

// NewDialogflow checks the configuration. It does not touch the network.
func NewDialogflow(cfg DialogflowConfig) (*Dialogflow, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	u, err := url.Parse(cfg.WebhookURL)
	if err != nil {
		return nil, fmt.Errorf("emulator: Dialogflow: webhook URL: %w", err)
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("emulator: Dialogflow: webhook URL %q; want https://HOST/PATH", cfg.WebhookURL)
	}
	if cfg.Timeout < 0 || cfg.Timeout > 30*time.Second {
		return nil, fmt.Errorf("emulator: Dialogflow: timeout %v; Dialogflow takes up to 30s", cfg.Timeout)
	}
	if cfg.Retries < 0 {
		return nil, fmt.Errorf("emulator: Dialogflow: %d retries", cfg.Retries)
	}
	d := &Dialogflow{cfg: cfg, url: u, sessions: newSessions(cfg.Now)}
	d.tickets.ClientSessionCache = tls.NewLRUClientSessionCache(16)
	d.transport = &http.Transport{ // HTTP/1.1 alone, and no proxy
		DisableCompression: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: idleTimeout, MaxResponseHeaderBytes: 128 << 10,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if cfg.Address != "" {
				address = cfg.Address
			}
			return dialLoopback(ctx, network, address)
		},
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.ServerRoots, Time: cfg.Now, ClientSessionCache: &d.tickets,
			// Not Certificates: crypto/tls would withhold one that it thinks does
			// not suit the server.
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if cfg.ClientCertificate == nil {
					return &tls.Certificate{}, nil
				}
				return cfg.ClientCertificate, nil
			}},
	}
	return d, nil
}

// Caller makes another client of the same agent's, with the same sessions: as the
// configuration says, except for Now.
func (d *Dialogflow) Caller(cfg DialogflowConfig) (*Dialogflow, error) {
	cfg.Now = d.cfg.Now
	other, err := NewDialogflow(cfg)
	if err == nil {
		other.sessions = d.sessions
	}
	return other, err
}

// CloseIdleConnections makes the next call shake hands again.
func (d *Dialogflow) CloseIdleConnections() { d.transport.CloseIdleConnections() }

// Call is one fulfillment that calls the webhook.
type Call struct {
	// Body is the WebhookRequest. What the session keeps is added to it; what it
	// says itself, it says to the session too.
	Body []byte
	// Header is added to the request, and replaces what is there by name: the
	// request headers of the webhook resource, or an attacker's.
	Header http.Header
	// Verbatim sends Body as it is, and leaves the session alone: for a replay, or
	// for a body that is none.
	Verbatim bool
	// RouteTarget says that the route has a transition target: the agent goes there
	// whatever becomes of the webhook, and sees no event.
	RouteTarget bool
	// Attempt, if set, is called before each attempt, and gives headers for that one
	// alone. before is the attempt that failed, nil at first.
	Attempt func(before *Exchange) http.Header
}

// Stage is a part of a call that can fail.
type Stage string

const (
	StageConnect   Stage = "connect"   // no connection to the webhook's host
	StageHandshake Stage = "handshake" // no TLS session, or one that the server ended over our certificate
	StageTimeout   Stage = "timeout"   // no whole answer in time
	StageAnswer    Stage = "answer"    // the connection broke before a whole answer came
	StageResponse  Stage = "response"  // the answer is no WebhookResponse
)

// Exchange is a call and what came of it.
type Exchange struct {
	Request       []byte      // the body, as it was sent
	RequestHeader http.Header // as it was sent, the bearer included

	// Failed says where the call failed and Err why; both are zero if an answer
	// came. Its status may still be one of refusal: see Event.
	Failed Stage
	Err    error

	Status         int // 0 where no HTTP answer came
	ResponseHeader http.Header
	Response       []byte // the body, decoded

	// Before is the attempt that was made before this one; nil if this is the first.
	// Retried says that another came after it, whose outcome is the call's.
	Before  *Exchange
	Retried bool
	// RouteTarget is the Call's.
	RouteTarget bool
	// Heard is what the user hears, as ResponseMessages: see [Turn]. It is nil for a
	// verbatim call.
	Heard []jsontext.Value

	TLS     *TLSState // nil where there was no TLS session
	Reused  bool      // the connection was there from an earlier call
	Timings Timings
}

// TLSState is what the client knows of its TLS session.
type TLSState struct {
	Version, CipherSuite string
	Server               string // subject of the server's certificate
	Resumed              bool
}

// Timings are the times that parts of a call took; zero where a part was not
// reached or, on a connection of an earlier call, not needed.
type Timings struct {
	Connect, Handshake time.Duration
	FirstByte          time.Duration // from the request's start to the answer's first byte
	Total              time.Duration
}

// Event is the event that the agent sees of a call: "" if the webhook succeeded,
// else one of webhook.error and its kinds. Where the route has a transition target,
// the agent sees none: see [Exchange.Silent].
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/handler (built-in events)
func (x *Exchange) Event() string {
	if x.RouteTarget || x.Retried {
		return ""
	}
	return x.failure()
}

// Silent says that the webhook failed and the agent does not notice.
func (x *Exchange) Silent() bool { return x.RouteTarget && !x.Retried && x.failure() != "" }

func (x *Exchange) failure() string {
	switch {
	case x.Failed == StageConnect, x.Failed == "" && x.Status == http.StatusNotFound:
		return "webhook.error.not-found"
	case x.Failed == StageTimeout:
		return "webhook.error.timeout"
	case x.Failed != "":
		return "webhook.error"
	}
	switch s := x.Status; {
	case s >= 200 && s < 300:
		return ""
	case s == http.StatusBadRequest:
		return "webhook.error.bad-request"
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return "webhook.error.rejected"
	case s == http.StatusServiceUnavailable:
		return "webhook.error.unavailable"
	default:
		return "webhook.error"
	}
}

// Call sends one WebhookRequest and applies the response to the session. What the
// network and the webhook do wrong is in the Exchange, the last attempt's; the error
// is for a call that could not be made: a body that is no WebhookRequest, no token,
// or an ended ctx. Exactly one of the results is nil.
func (d *Dialogflow) Call(ctx context.Context, c Call) (*Exchange, error) {
	body, session := c.Body, ""
	if !c.Verbatim {
		var err error
		if body, session, err = d.sessions.request(c.Body); err != nil {
			return nil, fmt.Errorf("emulator: Dialogflow: %w", err)
		}
	}
	token := ""
	if d.cfg.Token != nil {
		var err error
		if token, err = d.cfg.Token(ctx); err != nil {
			return nil, fmt.Errorf("emulator: Dialogflow: token: %w", err)
		}
	}
	// Source: https://cloud.google.com/dialogflow/cx/docs/concept/mtls (sample call)
	header := http.Header{"Content-Type": {"application/json"}, "Connection": {"keep-alive"}, "Accept": {"*/*"},
		"User-Agent": {"Google-Dialogflow"}, "Accept-Encoding": {"gzip, deflate, br"}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	add := func(more http.Header) {
		for name, values := range more {
			header[textproto.CanonicalMIMEHeaderKey(name)] = values
		}
	}
	add(c.Header)

	var x *Exchange
	for n := 0; n == 0 || n <= d.cfg.Retries && x.passing(); n++ {
		if x != nil {
			x.Retried = true
		}
		if c.Attempt != nil {
			add(c.Attempt(x))
		}
		next, err := d.attempt(ctx, header.Clone(), body)
		if err != nil {
			return nil, err
		}
		next.Before, next.RouteTarget = x, c.RouteTarget
		x = next
	}
	if c.Verbatim {
		return x, nil
	}
	if x.failure() == "" {
		heard, err := d.sessions.response(session, body, x.Response)
		if err == nil {
			x.Heard = heard
			return x, nil
		}
		x.Failed, x.Err = StageResponse, err
	}
	d.sessions.failed(session, body, x)
	return x, nil
}

// passing says whether another attempt may succeed.
func (x *Exchange) passing() bool {
	return x.Failed == StageTimeout || x.Failed == StageConnect || x.Failed == StageAnswer
}

// attempt makes one, as far as the network goes. Only an ended ctx is an error.
func (d *Dialogflow) attempt(ctx context.Context, header http.Header, body []byte) (*Exchange, error) {
	limited, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	watch := newStopwatch(d.cfg.Now)
	tickets := d.tickets.n.Load()
	req, err := http.NewRequestWithContext(watch.trace(limited), http.MethodPost, d.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("emulator: Dialogflow: %w", err)
	}
	req.Header = header

	x := &Exchange{Request: body, RequestHeader: header.Clone()}
	resp, err := d.transport.RoundTrip(req) // a client would follow redirects
	if err == nil {
		x.Status, x.ResponseHeader = resp.StatusCode, resp.Header
		x.Response, err = readBody(resp)
		resp.Body.Close()
	}
	watch.fill(x)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("emulator: Dialogflow: %w", context.Cause(ctx))
	}
	if err != nil {
		x.Failed, x.Err = watch.failure(err, x.Status != 0, d.tickets.n.Load() > tickets)
		if limited.Err() != nil {
			x.Failed, x.Err = StageTimeout, fmt.Errorf("no answer within %v", d.cfg.Timeout)
		}
	}
	return x, nil
}

// failure tells at which stage a round trip failed. accepted says that a server has
// accepted our certificate meanwhile.
func (w *stopwatch) failure(err error, answered, accepted bool) (Stage, error) {
	var op *net.OpError
	alert := errors.As(err, &op) && op.Op == "remote error" // crypto/tls has no other sign of one
	w.mu.Lock()
	defer w.mu.Unlock()
	var unfit *responseError
	switch {
	case errors.As(err, &unfit):
		return StageResponse, err
	case answered:
		return StageAnswer, err
	case !w.connected:
		return StageConnect, err
	case w.handshakeErr != nil || alert:
		// A TLS 1.3 client has finished its handshake before the server judges
		// the certificate: the refusal is the first thing that it reads.
		return StageHandshake, fmt.Errorf("the TLS handshake failed: %w", err)
	case w.tls != nil && !w.reused && !w.firstByteSeen && !accepted:
		// So Google's load balancer refuses a certificate: without a word.
		return StageHandshake, fmt.Errorf("the server closed the connection right after the TLS handshake, as one does that refuses the client certificate: %w", err)
	default:
		return StageAnswer, err
	}
}

// responseError is an answer that Dialogflow cannot use.
type responseError struct{ problem string }

func (e *responseError) Error() string { return e.problem }

// limitedReader gives an error where io.LimitReader gives EOF.
type limitedReader struct {
	r    io.Reader
	left int
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p[:min(len(p), l.left+1)])
	if l.left -= n; l.left < 0 {
		return 0, &responseError{fmt.Sprintf("the response is larger than the %d bytes that Dialogflow takes", MaxResponseBytes)}
	}
	return n, err
}
