package emulator

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"example.com/cxhook/verify"
)

// Mode says what becomes of clients without a verified certificate.
type Mode string

const (
	Strict  Mode = "strict"  // REJECT_INVALID: the handshake fails
	Lenient Mode = "lenient" // ALLOW_INVALID_OR_MISSING_CLIENT_CERT: the backend is told, and decides
)

// LoadBalancerConfig is what forwarding rule, target proxy, ServerTlsPolicy,
// TrustConfig and backend service say together.
type LoadBalancerConfig struct {
	// Certificate is the server's.
	Certificate tls.Certificate
	// TrustStore verifies client certificates. Strict mode needs one; without
	// it, lenient mode verifies nothing.
	TrustStore TrustStore
	// Mode has no default.
	Mode Mode
	// Headers names the headers that are set; the zero value is
	// verify.DefaultGoogleLBHeaders. A name that is "" is not in the list, and
	// what a client sends under the name that it should have passes through, as
	// it does with Google.
	Headers verify.GoogleLBHeaders
	// EdgeHeader is set to EdgeSecret; "" is verify.DefaultEdgeHeader. Without a
	// secret the header is not in the list, and passes through.
	EdgeHeader, EdgeSecret string
	// Backend is the function, as scheme and host: paths are forwarded untouched.
	Backend *url.URL
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// OnCall is told of each request before its answer is sent and once more, Whole,
	// when it has been; and of each handshake that failed, of those that strict mode
	// refuses before the client learns it. It runs on several goroutines. It may be
	// nil.
	OnCall func(Observation)
	// ErrorLog gets what net/http has to say; nil throws it away.
	ErrorLog *log.Logger
}

// Observation is what the load balancer saw of a request or a failed handshake.
type Observation struct {
	Time        time.Time
	Client      string // address and port
	TLSVersion  string // as "TLS 1.3"
	CipherSuite string
	ServerName  string
	Resumed     bool
	// Refused is why the handshake failed. Where it is not nil, the fields of a
	// request below are empty.
	Refused error
	// Present says that the client sent a certificate and, unless the handshake
	// failed, has its key.
	Present bool
	// Verified says that its chain leads to the trust store; Problem is Google's
	// word for why not.
	Verified bool
	Problem  string
	// Subject and Issuer are the certificate's; Chain is all that was presented, leaf
	// first.
	Subject, Issuer string
	Chain           []*x509.Certificate

	Method, Path, Protocol string
	// Trace is the id that the function's log line carries, 32 hex digits.
	Trace string
	// Header holds the certificate headers as the function gets them. The edge
	// secret is not among them.
	Header http.Header
	// Replaced names the headers that the client had sent itself, of those that
	// are set.
	Replaced []string
	// Status is the function's, or 502.
	Status int
	// BackendError is why the function could not be reached.
	BackendError error
	Took         time.Duration // up to the answer's header, or to the refusal

	// Whole says that the call has ended; before, bodies are as far as they came.
	Whole bool
	// RequestHeader is what the client sent, its Authorization and whatever it says
	// under our names included. The headers that are set here are not in it.
	RequestHeader http.Header
	// RequestBody is the body's first MaxBodyBytes, and RequestBytes its whole length.
	RequestBody  []byte
	RequestBytes int64
	// The same of what the client is sent.
	ResponseHeader http.Header
	ResponseBody   []byte
	ResponseBytes  int64
}

// LoadBalancer is Google's global external Application Load Balancer with
// frontend mutual TLS, in front of one backend.
type LoadBalancer struct {
	cfg       LoadBalancerConfig
	tls       *tls.Config
	backend   atomic.Pointer[url.URL]
	edge      atomic.Pointer[string] // the edge secret; "" is none
	policy    atomic.Pointer[policy]
	faults    atomic.Uint32
	names     []string // of the headers that are set, canonical
	srv       *http.Server
	proxy     *httputil.ReverseProxy
	transport *http.Transport
}

// NewLoadBalancer checks the configuration; every mistake is reported at once.
func NewLoadBalancer(cfg LoadBalancerConfig) (*LoadBalancer, error) {
	if cfg.Headers == (verify.GoogleLBHeaders{}) {
		cfg.Headers = verify.DefaultGoogleLBHeaders()
	}
	if cfg.EdgeHeader == "" {
		cfg.EdgeHeader = verify.DefaultEdgeHeader
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.OnCall == nil {
		cfg.OnCall = func(Observation) {}
	}
	if cfg.ErrorLog == nil {
		cfg.ErrorLog = log.New(io.Discard, "", 0)
	}
	lb := &LoadBalancer{cfg: cfg}
	var problems []error
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("emulator: load balancer: "+format, args...))
	}
	if err := checkPolicy(cfg.TrustStore, cfg.Mode); err != nil {
		problems = append(problems, err)
	}
	if len(cfg.Certificate.Certificate) == 0 {
		wrong("no server certificate")
	}
	if b := cfg.Backend; b == nil || b.Scheme != "http" && b.Scheme != "https" || b.Host == "" || strings.Trim(b.Path, "/") != "" || b.RawQuery != "" {
		wrong("backend %v; want a URL of scheme and host alone", cfg.Backend)
	}
	set := cfg.Headers.Variables()
	if cfg.EdgeSecret != "" {
		set = append(set, [2]string{cfg.EdgeHeader, "the edge secret"})
	}
	for _, pair := range set {
		if pair[0] == "" {
			continue
		}
		name := textproto.CanonicalMIMEHeaderKey(pair[0])
		if slices.Contains(lb.names, name) {
			wrong("header %s is set twice, the second time to %s", name, pair[1])
		}
		lb.names = append(lb.names, name)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}

	lb.SetBackend(cfg.Backend)
	lb.SetEdgeSecret(cfg.EdgeSecret)
	lb.policy.Store(&policy{cfg.TrustStore, cfg.Mode})
	lb.tls = &tls.Config{Certificates: []tls.Certificate{cfg.Certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		ClientAuth: tls.RequestClientCert, Time: cfg.Now}
	// Each connection has a clone of this; with a key of its own, each would
	// refuse the others' session tickets.
	var ticket [32]byte
	rand.Read(ticket[:])
	lb.tls.SetSessionTicketKeys([][32]byte{ticket})
	lb.transport = &http.Transport{DisableCompression: true, // or it would ask for gzip where the client did not
		DialContext: dialLoopback, ResponseHeaderTimeout: backendTimeout,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: idleTimeout, MaxResponseHeaderBytes: 128 << 10}
	lb.proxy = &httputil.ReverseProxy{Rewrite: lb.rewrite, Transport: lb.transport, ModifyResponse: lb.answered, ErrorHandler: lb.unreachable, ErrorLog: cfg.ErrorLog}
	lb.srv = newServer(http.HandlerFunc(lb.forward), cfg.ErrorLog)
	lb.srv.TLSConfig = lb.tls.Clone() // says that HTTP/2 is spoken; http.Server writes to it
	lb.srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c.(*tls.Conn).NetConn())
	}
	return lb, nil
}

// SetBackend sends the requests that come from now on to another function, as a
// new revision that gets all traffic: scheme and host.
func (lb *LoadBalancer) SetBackend(u *url.URL) { lb.backend.Store(u) }

// SetEdgeSecret sends another secret from now on, as an update of the backend
// service's header list that has spread. "" takes the header out of the list, so
// that a client's own passes through.
func (lb *LoadBalancer) SetEdgeSecret(secret string) { lb.edge.Store(&secret) }

// SetPolicy judges the handshakes from now on by another ServerTlsPolicy. strict
// mode needs a trust store with a root. Connections that are there stay.
func (lb *LoadBalancer) SetPolicy(t TrustStore, m Mode) error {
	if err := checkPolicy(t, m); err != nil {
		return err
	}
	lb.policy.Store(&policy{t, m})
	return nil
}

// policy is a ServerTlsPolicy with its TrustConfig.
type policy struct {
	TrustStore
	mode Mode
}

func checkPolicy(t TrustStore, m Mode) error {
	switch {
	case m != Strict && m != Lenient:
		return fmt.Errorf("emulator: load balancer: mode %q; want %s or %s", m, Strict, Lenient)
	case m == Strict && len(t.Roots) == 0:
		return errors.New("emulator: load balancer: strict mode needs a trust store with a root")
	}
	return nil
}

// Serve forwards what comes in on l, a plain TCP listener, until Shutdown, and
// returns nil then.
func (lb *LoadBalancer) Serve(l net.Listener) error {
	h := newHandshakes(l, lb)
	defer h.Close()
	if err := lb.srv.Serve(h); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown ends Serve, after the requests under way or with ctx.
func (lb *LoadBalancer) Shutdown(ctx context.Context) error {
	err := lb.srv.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, lb.srv.Close())
	}
	lb.transport.CloseIdleConnections()
	return err
}

type (
	connKey struct{} // of the request's *clientConn
	callKey struct{} // of its *call
)

// observe begins an observation with what the connection shows.
func (lb *LoadBalancer) observe(conn *clientConn, cs *tls.ConnectionState) Observation {
	seen := Observation{Time: lb.cfg.Now(), Client: conn.RemoteAddr().String(), ServerName: cs.ServerName, Resumed: cs.DidResume}
	if cs.Version != 0 {
		seen.TLSVersion, seen.CipherSuite = tls.VersionName(cs.Version), tls.CipherSuiteName(cs.CipherSuite)
	}
	if v := conn.verdict; v != nil {
		seen.Present, seen.Verified, seen.Problem = v.leaf != nil, v.verified(), v.problem
		if v.leaf != nil {
			seen.Subject, seen.Issuer = v.leaf.Subject.String(), v.leaf.Issuer.String()
			seen.Chain = append([]*x509.Certificate{v.leaf}, v.chain...)
		}
	}
	return seen
}

func (lb *LoadBalancer) forward(w http.ResponseWriter, r *http.Request) {
	conn := r.Context().Value(connKey{}).(*clientConn)
	c := &call{seen: lb.observe(conn, r.TLS), trace: traceOf(r.Header, randomUint64)}
	c.seen.Header = certificateHeaders(lb.cfg.Headers, conn.verdict)
	c.pass(w, r, func(w http.ResponseWriter, r *http.Request) {
		lb.broken(c, w, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
	}, lb.cfg.Now, lb.cfg.OnCall)
}

// rewrite makes the function's request of the client's. It runs after the hop's
// own headers were removed, with those that "Connection" names: a client cannot
// have removed what is set here.
func (lb *LoadBalancer) rewrite(pr *httputil.ProxyRequest) {
	c := pr.In.Context().Value(callKey{}).(*call)
	out := pr.Out
	backend := lb.backend.Load()
	out.URL.Scheme, out.URL.Host = backend.Scheme, backend.Host
	out.URL.RawQuery = pr.In.URL.RawQuery // a proxy that repairs queries hides what the function has to refuse
	out.Trailer = nil                     // headers by another way

	// net/http has made each name canonical, however it was written. All that are
	// ours are set below, and so replaced.
	for _, name := range lb.names {
		if _, sent := pr.In.Header[name]; sent {
			c.seen.Replaced = append(c.seen.Replaced, name)
		}
	}
	for name, values := range c.seen.Header {
		out.Header[name] = slices.Clone(values)
	}
	if secret := *lb.edge.Load(); secret != "" {
		out.Header.Set(lb.cfg.EdgeHeader, secret)
	}

	client, _, _ := net.SplitHostPort(pr.In.RemoteAddr)
	balancer := ""
	if addr, ok := pr.In.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		balancer, _, _ = net.SplitHostPort(addr.String())
	}
	out.Header.Set("X-Forwarded-For", strings.Join(append(slices.Clone(pr.In.Header["X-Forwarded-For"]), client, balancer), ","))
	out.Header.Set("X-Forwarded-Proto", "https")
	out.Header.Set("Via", strings.Join(append(slices.Clone(pr.In.Header["Via"]), "1.1 google"), ", "))
	out.Header.Set("X-Cloud-Trace-Context", c.trace.String())
}

// answered runs before anything of the answer is sent.
func (lb *LoadBalancer) answered(resp *http.Response) error {
	resp.Header.Add("Via", "1.1 google")
	return resp.Request.Context().Value(callKey{}).(*call).breakAnswer(resp)
}

// unreachable answers for a function that did not.
func (lb *LoadBalancer) unreachable(w http.ResponseWriter, r *http.Request, err error) {
	r.Context().Value(callKey{}).(*call).seen.BackendError = err
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusBadGateway)
	io.WriteString(w, badGateway)
}

// badGateway is Google's page.
const badGateway = `
<html><head>
<meta http-equiv="content-type" content="text/html;charset=utf-8">
<title>502 Server Error</title>
</head>
<body text=#000000 bgcolor=#ffffff>
<h1>Error: Server Error</h1>
<h2>The server encountered a temporary error and could not complete your request.<p>Please try again in 30 seconds.</h2>
<h2></h2>
</body></html>
`

func randomUint64() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:])
}
