package webhook

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/cxhook/cx"
	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// path is the whole way of a call, over real TLS: Dialogflow, the load balancer,
// the function, the keys. Only roots and key URL differ from the cloud's.
type path struct {
	t      *testing.T
	pki    *emulator.PKI
	issuer *emulator.Issuer
	hook   *Hook
	url    string // of the webhook, through the load balancer
	direct string // of the function
	log    *lockedBuffer

	balancer *emulator.LoadBalancer
	cfg      Config // of the function
}

const (
	testProject = "123456789012"
	testSecret  = "0123456789abcdef0123456789abcdef"
)

// keyMaterial is made once: RSA keys are slow to make.
var keyMaterial = sync.OnceValues(func() (*emulator.PKI, *emulator.Issuer) {
	pki, err := emulator.NewPKI(time.Now())
	if err != nil {
		panic(err)
	}
	issuer, err := emulator.NewIssuer(time.Now)
	if err != nil {
		panic(err)
	}
	return pki, issuer
})

// newKeyServer serves the issuer's keys and gives their URL.
func newKeyServer(t testing.TB, issuer *emulator.Issuer) string {
	keys := httptest.NewServer(issuer)
	t.Cleanup(keys.Close)
	return keys.URL + emulator.KeysPath
}

// newPath starts everything; adjust may change the function's configuration.
func newPath(t *testing.T, adjust func(*Config)) *path {
	t.Helper()
	p := &path{t: t, log: new(lockedBuffer)}
	p.pki, p.issuer = keyMaterial()
	keysURL := newKeyServer(t, p.issuer)
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.url = "https://" + front.Addr().String() + "/shirts-agent-webhook"

	cfg := Config{Log: p.log, Project: "shirts", LogChecks: true, Verify: verify.Config{
		Edge:        verify.EdgeConfig{Secrets: []string{testSecret}},
		Certificate: verify.CertificateConfig{Identities: []verify.Identity{p.identity(verify.GoogleIdentity()), p.identity(verify.GoogleLegacyIdentity())}},
		Token:       verify.TokenConfig{Audiences: []string{p.url}, ProjectNumbers: []string{testProject}, KeysURL: keysURL},
	}}
	if adjust != nil {
		adjust(&cfg)
	}
	p.cfg = cfg
	backend := p.revision(cfg)
	certificate, err := p.pki.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	p.balancer, err = emulator.NewLoadBalancer(emulator.LoadBalancerConfig{
		Certificate: certificate, TrustStore: p.pki.TrustStore("google", "google-legacy", "custom"), Mode: emulator.Lenient,
		EdgeSecret: testSecret, Backend: backend,
	})
	if err != nil {
		t.Fatal(err)
	}
	go p.balancer.Serve(front)
	t.Cleanup(func() {
		if err := p.balancer.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// revision starts a function, and gives where the load balancer finds it.
func (p *path) revision(cfg Config) *url.URL {
	p.t.Helper()
	var err error
	if p.hook, err = New(p.t.Context(), cfg); err != nil {
		p.t.Fatal(err)
	}
	function := httptest.NewServer(p.hook)
	p.t.Cleanup(function.Close)
	p.direct = function.URL
	backend, err := url.Parse(function.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	return backend
}

// identity is one of Google's with the emulator's roots.
func (p *path) identity(id verify.Identity) verify.Identity {
	var err error
	if id.Roots, id.Intermediates, err = verify.ParseCABundle(p.pki.Bundle(id.Name)); err != nil {
		p.t.Fatal(err)
	}
	return id
}

// caller says how a call differs from a good one.
type caller struct {
	certificate, token string // kinds; "" is the good one
	header             http.Header
	body               string // "" is the sample call
}

func (p *path) call(c caller) *emulator.Exchange {
	p.t.Helper()
	certificate, err := p.pki.ClientCertificate(orElse(c.certificate, "google"))
	if err != nil {
		p.t.Fatal(err)
	}
	d, err := emulator.NewDialogflow(emulator.DialogflowConfig{
		WebhookURL: p.url, ServerRoots: p.pki.ServerRoots(), ClientCertificate: certificate,
		Token: func(context.Context) (string, error) {
			return p.issuer.Token(orElse(c.token, "valid"), p.url, testProject)
		},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	defer d.CloseIdleConnections()
	body := []byte(c.body)
	if c.body == "" {
		if body, err = emulator.SampleCall(emulator.Sample{}); err != nil {
			p.t.Fatal(err)
		}
	}
	x, err := d.Call(p.t.Context(), emulator.Call{Body: body, Header: c.header, Verbatim: true})
	if err != nil {
		p.t.Fatal(err)
	}
	return x
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// line is what the tests read of a line of the log.
type line struct {
	Severity string
	Message  string
	Trace    string                                          `json:"logging.googleapis.com/trace"`
	Labels   struct{ Outcome, Reason, Tag, Identity string } `json:"logging.googleapis.com/labels"`
	Request  struct{ Status int }                            `json:"httpRequest"`
	Error    string
}

// lines gives the log's lines about calls; there is one for each call.
func (p *path) lines() []line {
	p.t.Helper()
	var list []line
	for text := range strings.Lines(p.log.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			p.t.Fatalf("%v in %s", err, text)
		}
		if l.Request.Status != 0 {
			list = append(list, l)
		}
	}
	return list
}

// oneLine gives the log's only line.
func (p *path) oneLine() line {
	p.t.Helper()
	lines := p.lines()
	if len(lines) != 1 {
		p.t.Fatalf("%d lines in the log, want one:\n%s", len(lines), p.log)
	}
	return lines[0]
}

func TestSampleCall(t *testing.T) {
	for _, certificate := range []string{"google", "legacy"} {
		t.Run(certificate, func(t *testing.T) {
			p := newPath(t, nil)
			x := p.call(caller{certificate: certificate})
			if x.Status != http.StatusOK || !bytes.Contains(x.Response, []byte("One large, red shirt")) || !bytes.Contains(x.Response, []byte(`"order":{"id":`)) {
				t.Errorf("got %d %s", x.Status, x.Response)
			}
			l := p.oneLine()
			identity := map[string]string{"google": "google", "legacy": "google-legacy"}[certificate]
			if l.Severity != "INFO" || l.Labels.Outcome != "answered" || l.Labels.Reason != "" || l.Labels.Tag != "confirm" || l.Labels.Identity != identity || !strings.HasPrefix(l.Trace, "projects/shirts/traces/") {
				t.Errorf("got %+v", l)
			}
		})
	}
}

// A caller who is refused is refused first, whatever else is wrong with the call.
func TestRefusals(t *testing.T) {
	for _, row := range []struct {
		name   string
		caller caller
		status int
		reason string
	}{
		{"another's certificate", caller{certificate: "mallory"}, 403, "cert_identity_unknown"},
		{"another CA", caller{certificate: "rogue"}, 403, "cert_not_verified"},
		{"expired certificate", caller{certificate: "expired"}, 403, "cert_expired"},
		{"no certificate", caller{certificate: "none"}, 403, "cert_missing"},
		{"no token", caller{token: "none"}, 401, "token_missing"},
		{"expired token", caller{token: "expired"}, 401, "token_expired"},
		{"another audience", caller{token: "wrong-audience"}, 401, "token_wrong_audience"},
		{"another project", caller{token: "wrong-email"}, 401, "token_wrong_email"},
		{"alg none", caller{token: "unsigned"}, 401, "token_unsigned"},
		{"short ES256", caller{token: "es256-short"}, 401, "token_wrong_algorithm"},
		{"another key", caller{token: "other-key"}, 401, "token_bad_signature"},
		{"no certificate and no token", caller{certificate: "none", token: "none"}, 403, "cert_missing"},
	} {
		for _, body := range []string{"", "{broken", strings.Repeat("x", cx.MaxRequestBytes+1)} {
			t.Run(fmt.Sprintf("%s, %d bytes", row.name, len(body)), func(t *testing.T) {
				p := newPath(t, nil)
				row.caller.body = body
				x := p.call(row.caller)
				want := `{"error":{"code":` + fmt.Sprint(row.status) + `,"message":"` + http.StatusText(row.status) + `"}}` + "\n"
				if x.Status != row.status || string(x.Response) != want {
					t.Errorf("got %d %s, want %d %s", x.Status, x.Response, row.status, want)
				}
				if got := x.ResponseHeader.Get("WWW-Authenticate"); (got == "Bearer") != (row.status == 401) {
					t.Errorf("WWW-Authenticate: %q", got)
				}
				if l := p.oneLine(); l.Labels.Reason != row.reason || l.Labels.Outcome != "refused" || l.Severity != "WARNING" {
					t.Errorf("got %+v, want reason %s", l, row.reason)
				}
			})
		}
	}
}

// Forged headers do not pass the load balancer, and going round it does not help.
func TestForgedHeaders(t *testing.T) {
	p := newPath(t, nil)
	genuine, err := p.pki.ClientCertificate("google")
	if err != nil {
		t.Fatal(err)
	}
	forged, err := emulator.ForgedHeaders(verify.DefaultGoogleLBHeaders(), genuine)
	if err != nil {
		t.Fatal(err)
	}
	forged.Set(verify.DefaultEdgeHeader, "a guess of the edge secret")
	if x := p.call(caller{certificate: "none", header: forged}); x.Status != http.StatusForbidden {
		t.Errorf("through the balancer: got %d, want 403", x.Status)
	}
	if x := p.call(caller{header: forged}); x.Status != http.StatusOK {
		t.Errorf("through the balancer, with the certificate too: got %d, want 200", x.Status)
	}
	token, err := p.issuer.Token("valid", p.url, testProject)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		secret string
		status int
		reason string
	}{{"", 403, "edge_secret_missing"}, {"a guess of the edge secret", 403, "edge_secret_wrong"}, {testSecret, 200, ""}} {
		body, err := emulator.SampleCall(emulator.Sample{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.direct, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = forged.Clone()
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set(verify.DefaultEdgeHeader, row.secret)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		lines := p.lines()
		if got := lines[len(lines)-1]; resp.StatusCode != row.status || got.Labels.Reason != row.reason {
			t.Errorf("round the balancer with %q: got %d %s, want %d %s", row.secret, resp.StatusCode, got.Labels.Reason, row.status, row.reason)
		}
	}
}

// testAgent has a handler for each way to fail.
func testAgent(_ context.Context, m *cx.Mux) (func(context.Context) error, error) {
	handle := func(tag string, f cx.HandlerFunc) { m.Route(cx.Route{Tag: tag, Handler: f}) }
	handle("ok", func(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say("50% off"), nil })
	handle("panic", func(context.Context, *cx.Request) (*cx.Response, error) { panic("out of shirts") })
	handle("silent", func(context.Context, *cx.Request) (*cx.Response, error) { return nil, nil })
	handle("error", func(context.Context, *cx.Request) (*cx.Response, error) { return nil, errors.New("no stock") })
	handle("teapot", func(context.Context, *cx.Request) (*cx.Response, error) {
		return nil, &cx.Error{Status: http.StatusServiceUnavailable, Err: errors.New("no tea")}
	})
	handle("long", func(context.Context, *cx.Request) (*cx.Response, error) {
		return cx.Say(strings.Repeat("x", cx.MaxResponseBytes)), nil
	})
	m.Route(cx.Route{Tag: "late", Budget: 50 * time.Millisecond, Handler: cx.HandlerFunc(func(ctx context.Context, _ *cx.Request) (*cx.Response, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	cx.Handle(m, "count", func(_ context.Context, _ *cx.Request, p struct {
		Count int `cx:"count"`
	}) (*cx.Response, error) {
		return cx.Sayf("%d shirts", p.Count), nil
	})
	return nil, nil
}

func TestBadInput(t *testing.T) {
	tag := func(tag string) string { return `{"fulfillmentInfo":{"tag":"` + tag + `"}}` }
	for _, row := range []struct {
		name, body  string
		contentType string
		status      int
		reason      string
		severity    string
		log         string // in the line's error
	}{
		{"fine", tag("ok"), "", 200, "", "INFO", ""},
		{"charset", tag("ok"), "application/json; charset=utf-8", 200, "", "INFO", ""},
		{"content type", tag("ok"), "text/plain", 415, "content_type_unsupported", "WARNING", ""},
		{"too large", strings.Repeat(" ", cx.MaxRequestBytes) + tag("ok"), "", 413, "body_too_large", "WARNING", ""},
		{"large", strings.Repeat(" ", cx.MaxRequestBytes-len(tag("ok"))) + tag("ok"), "", 200, "", "INFO", ""},
		{"broken", "{", "", 400, "body_malformed", "WARNING", "the JSON ends too early"},
		{"duplicate member", `{"fulfillmentInfo":{"tag":"ok","tag":"panic"}}`, "", 400, "body_malformed", "WARNING", "/fulfillmentInfo/tag at byte 31: the member occurs twice"},
		{"unknown tag", tag("Ok"), "", 400, "tag_unknown", "WARNING", "is it spelt as in the agent?"},
		{"unbindable", `{"fulfillmentInfo":{"tag":"count"},"sessionInfo":{"parameters":{"count":"two"}}}`, "", 400, "parameter_invalid", "WARNING", `session parameter "count": want an integer, have a text`},
		{"bindable", `{"fulfillmentInfo":{"tag":"count"},"sessionInfo":{"parameters":{"count":2.0}}}`, "", 200, "", "INFO", ""},
		{"panic", tag("panic"), "", 500, "handler_panic", "ERROR", "panic: out of shirts"},
		{"neither", tag("silent"), "", 500, "handler_silent", "ERROR", ""},
		{"error", tag("error"), "", 500, "handler_error", "ERROR", "no stock"},
		{"error with a status", tag("teapot"), "", 503, "handler_error", "ERROR", "no tea"},
		{"long answer", tag("long"), "", 500, "response_too_large", "ERROR", "Dialogflow accepts 65536"},
		{"late", tag("late"), "", 504, "handler_late", "ERROR", "the budget ended first"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newPath(t, func(cfg *Config) { cfg.Register = testAgent })
			header := http.Header{}
			if row.contentType != "" {
				header.Set("Content-Type", row.contentType)
			}
			x := p.call(caller{body: row.body, header: header})
			if x.Status != row.status {
				t.Errorf("got %d %s, want %d", x.Status, x.Response, row.status)
			}
			if want := fmt.Sprintf(`{"error":{"code":%d,"message":"%s"}}`+"\n", row.status, http.StatusText(row.status)); row.status != 200 && string(x.Response) != want {
				t.Errorf("the caller reads %s, want %s", x.Response, want)
			}
			l := p.oneLine()
			if l.Labels.Reason != row.reason || l.Severity != row.severity || !strings.Contains(l.Error, row.log) || l.Request.Status != row.status {
				t.Errorf("got %+v\nwant %s, %s, %q", l, row.reason, row.severity, row.log)
			}
		})
	}
}

func TestMethod(t *testing.T) {
	p := newPath(t, nil)
	token, err := p.issuer.Token("valid", p.url, testProject)
	if err != nil {
		t.Fatal(err)
	}
	genuine, err := p.pki.ClientCertificate("google")
	if err != nil {
		t.Fatal(err)
	}
	header, err := emulator.ForgedHeaders(verify.DefaultGoogleLBHeaders(), genuine) // what the balancer would set
	if err != nil {
		t.Fatal(err)
	}
	header.Set(verify.DefaultEdgeHeader, testSecret)
	for _, row := range []struct {
		method string
		token  bool
		status int
	}{{"GET", true, 405}, {"DELETE", true, 405}, {"GET", false, 401}, {"POST", true, 415}} {
		r := httptest.NewRequest(row.method, "/", nil)
		r.Header = header.Clone()
		if row.token {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		p.hook.ServeHTTP(w, r)
		if w.Code != row.status || (w.Header().Get("Allow") == "POST") != (row.status == 405) {
			t.Errorf("%s, token %v: got %d with Allow %q, want %d", row.method, row.token, w.Code, w.Header().Get("Allow"), row.status)
		}
	}
}

// Keys that cannot be had are our fault: 503, and nobody was refused.
func TestKeysUnreachable(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	defer down.Close()
	p := newPath(t, func(cfg *Config) { cfg.Verify.Token.KeysURL = down.URL })
	if x := p.call(caller{}); x.Status != http.StatusServiceUnavailable || x.Event() != "webhook.error.unavailable" {
		t.Errorf("got %d %s", x.Status, x.Event())
	}
	if l := p.oneLine(); l.Labels.Reason != "keys_unavailable" || l.Labels.Outcome != "unavailable" || l.Severity != "ERROR" {
		t.Errorf("got %+v", l)
	}
}

// No handler and no line of the log sees what proved the call, or what was said.
func TestSecrets(t *testing.T) {
	seen := make(chan http.Header, 1)
	p := newPath(t, func(cfg *Config) {
		cfg.Paths = map[string]http.Handler{"/shirts-agent-webhook": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header })}
	})
	if x := p.call(caller{}); x.Status != http.StatusOK {
		t.Fatalf("got %d", x.Status)
	}
	header := <-seen
	for _, name := range append([]string{"Authorization", verify.DefaultEdgeHeader}, headerNames()...) {
		if values, ok := header[http.CanonicalHeaderKey(name)]; ok {
			t.Errorf("the handler sees %s: %q", name, values)
		}
	}
	p = newPath(t, nil)
	p.call(caller{})
	p.call(caller{token: "wrong-audience"})
	p.call(caller{body: `{"text":"I want to buy a large red shirt","fulfillmentInfo":{"tag":"nosuch"},"sessionInfo":{"parameters":{"color":"red"}}}`})
	for _, secret := range []string{testSecret, "eyJ", "I want to buy", "shirt is on its way", `"red"`} {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, p.log)
		}
	}
}

func headerNames() []string {
	var names []string
	for _, v := range verify.DefaultGoogleLBHeaders().Variables() {
		names = append(names, v[0])
	}
	return names
}

// A caller cannot fill the log with a long path.
func TestLongPath(t *testing.T) {
	p := newPath(t, nil)
	p.hook.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/"+strings.Repeat("x", 60_000), nil))
	if p.oneLine(); len(p.log.String()) > 4_000 {
		t.Errorf("the line has %d bytes", len(p.log.String()))
	}
}

// A stranger whose body never comes is answered all the same, and hung up on; one
// whose body is there keeps the connection.
func TestRefusedBodyThatNeverComes(t *testing.T) {
	p := newPath(t, nil)
	address := strings.TrimPrefix(p.direct, "http://")
	for _, row := range []struct {
		body  string
		close bool
	}{{"", true}, {strings.Repeat("x", 10), false}} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil { // a test that hangs says nothing
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n%s", row.body)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%d bytes of 10: %v", len(row.body), err)
		}
		if resp.StatusCode != http.StatusForbidden || resp.Close != row.close {
			t.Errorf("%d bytes of 10: got %d, close %v; want 403, close %v", len(row.body), resp.StatusCode, resp.Close, row.close)
		}
	}
}

// Probes learn that the function is there, on their exact paths alone.
func TestProbes(t *testing.T) {
	p := newPath(t, nil)
	for _, row := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/live", 200}, {"HEAD", "/ready", 200}, {"POST", "/live", 403}, {"GET", "/live/", 403}, {"GET", "//live", 403},
		{"GET", "/%6cive", 403}, {"GET", "/live?x", 403}, {"GET", "/livez", 403}, {"GET", "/", 403},
	} {
		w := httptest.NewRecorder()
		p.hook.ServeHTTP(w, httptest.NewRequest(row.method, row.path, nil))
		if w.Code != row.status || row.status == 200 && w.Body.String() != "ok\n" {
			t.Errorf("%s %s: got %d %q, want %d", row.method, row.path, w.Code, w.Body, row.status)
		}
	}
	if n := len(p.lines()); n != 7 {
		t.Errorf("%d lines in the log, want one for each call that is no probe", n)
	}
}

// Strangers cannot occupy the function: above the bound they are answered 503
// without being looked at, and places are given back.
func TestUnprovedBound(t *testing.T) {
	p := newPath(t, nil)
	p.hook.unproved.Store(MaxUnproved)
	if x := p.call(caller{}); x.Status != http.StatusServiceUnavailable {
		t.Errorf("at the bound: got %d, want 503", x.Status)
	}
	p.hook.unproved.Store(MaxUnproved - 1)
	for range 3 { // a place that is not given back would be missed by the second call
		if x := p.call(caller{}); x.Status != http.StatusOK {
			t.Errorf("below the bound: got %d, want 200", x.Status)
		}
		if x := p.call(caller{token: "none"}); x.Status != http.StatusUnauthorized {
			t.Errorf("below the bound, refused: got %d, want 401", x.Status)
		}
	}
	if n := p.hook.unproved.Load(); n != MaxUnproved-1 {
		t.Errorf("%d unproved calls left over", n-(MaxUnproved-1))
	}
}

// Everything that is wrong is said at once, and what was built is released.
func TestNewReportsEverything(t *testing.T) {
	closed := false
	_, err := New(t.Context(), Config{
		Concurrency: -1,
		Paths:       map[string]http.Handler{"no-slash": http.NotFoundHandler()},
		Register: func(_ context.Context, m *cx.Mux) (func(context.Context) error, error) {
			cx.Handle(m, "", func(context.Context, *cx.Request, struct{}) (*cx.Response, error) { return nil, nil })
			m.Path("no-slash", http.NotFoundHandler())
			return func(context.Context) error { closed = true; return nil }, errors.New("no stock")
		},
	})
	for _, want := range []string{"Token.Audiences", "Token.ProjectNumbers", "Edge.Secrets", "no stock", "Concurrency: -1; want", "empty tag", `path "no-slash": want`, `path "no-slash": it is in Config.Paths, and the agent registers it too`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %q in it", err, want)
		}
	}
	if !closed {
		t.Error("the agent's dependencies were not released")
	}
}

// lockedBuffer is a log that several goroutines write and the test reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
