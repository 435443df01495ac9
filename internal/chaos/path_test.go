package chaos

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	webhook "example.com/cxhook"
	"example.com/cxhook/cx"
	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

const (
	project    = "123456789012"
	edgeSecret = "0123456789abcdef0123456789abcdef"
)

// clock is the one that proofs are judged by. It runs, and can be set.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time        { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) jump(by time.Duration) { c.ahead.Add(int64(by)) }

// path is the whole way of a call in one process, over real TCP and TLS:
//
//	Dialogflow → load balancer → front → function → keys → issuer
//
// of which front and keys can be broken.
type path struct {
	t           *testing.T
	pki         *emulator.PKI
	issuer      *emulator.Issuer // tells the time by google
	google      *clock
	function    *clock
	front, keys *link
	answer      atomic.Pointer[http.HandlerFunc] // in the issuer's place; nil is none
	address     string                           // of the function
	url         string                           // of the webhook
	listener    net.Listener                     // of the load balancer
	balancer    *emulator.LoadBalancer
	log         *lines
	patience    time.Duration          // of Dialogflow; 0 is its own
	concurrent  int                    // calls at a time; 0 is callers
	token       func() (string, error) // nil has the issuer make a new one for each call
}

// pki is made once: its keys are slow to make.
var pki = sync.OnceValues(func() (*emulator.PKI, error) { return emulator.NewPKI(time.Now()) })

// newStage starts what stands around the function, except for the load balancer:
// that comes with balance, when the function is there.
func newStage(t *testing.T) *path {
	t.Helper()
	noLeaks(t)
	p := &path{t: t, google: new(clock), function: new(clock), log: newLines()}
	var err error
	if p.pki, err = pki(); err != nil {
		t.Fatal(err)
	}
	if p.issuer, err = emulator.NewIssuer(p.google.now); err != nil {
		t.Fatal(err)
	}
	p.keys = newLink(t, p.serve(http.HandlerFunc(p.serveKeys)))
	p.listener = p.listen()
	p.url = "https://" + p.listener.Addr().String() + "/shirts-agent-webhook"
	return p
}

// balance starts the load balancer, before a backend.
func (p *path) balance(backend string) {
	p.t.Helper()
	certificate, err := p.pki.ServerCertificate("127.0.0.1")
	if err != nil {
		p.t.Fatal(err)
	}
	p.balancer, err = emulator.NewLoadBalancer(emulator.LoadBalancerConfig{Certificate: certificate, TrustStore: p.pki.TrustStore("google", "google-legacy"),
		Mode: emulator.Strict, EdgeSecret: edgeSecret, Backend: &url.URL{Scheme: "http", Host: backend}})
	if err != nil {
		p.t.Fatal(err)
	}
	go p.balancer.Serve(p.listener)
	p.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.balancer.Shutdown(ctx); err != nil {
			p.t.Errorf("load balancer: %v", err)
		}
	})
}

// newPath starts everything in this process; adjust, which may be nil, changes the
// function's configuration, and breaks what is to be broken from the beginning.
func newPath(t *testing.T, adjust func(*path, *webhook.Config)) *path {
	t.Helper()
	p := newStage(t)
	cfg := webhook.Config{Log: p.log, Verify: verify.Config{
		Edge:        verify.EdgeConfig{Secrets: []string{edgeSecret}},
		Certificate: verify.CertificateConfig{Identities: []verify.Identity{p.identity(verify.GoogleIdentity()), p.identity(verify.GoogleLegacyIdentity())}},
		Token:       verify.TokenConfig{Audiences: []string{p.url}, ProjectNumbers: []string{project}, KeysURL: "http://" + p.keys.address() + emulator.KeysPath},
		Now:         p.function.now,
	}}
	if adjust != nil {
		adjust(p, &cfg)
	}
	t.Cleanup(func() { p.log.noMore(t) })
	hook, err := webhook.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.address = p.serve(hook)
	p.front = newLink(t, p.address)
	p.balance(p.front.address())
	return p
}

func (p *path) serveKeys(w http.ResponseWriter, r *http.Request) {
	if h := p.answer.Load(); h != nil {
		(*h)(w, r)
		return
	}
	p.issuer.ServeHTTP(w, r)
}

// answerKeys answers fetches of keys in the issuer's place; nil gives it back to the
// issuer.
func (p *path) answerKeys(h http.HandlerFunc) {
	if h == nil {
		p.answer.Store(nil)
		return
	}
	p.answer.Store(&h)
}

func (p *path) listen() net.Listener {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	return l
}

// serve serves h with the timeouts of cmd/local's function, and gives its address.
func (p *path) serve(h http.Handler) string {
	p.t.Helper()
	l := p.listen()
	server := newServer(h)
	go server.Serve(l)
	p.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			p.t.Errorf("a call is still under way: %v", err)
			server.Close()
		}
	})
	return l.Addr().String()
}

func (p *path) identity(id verify.Identity) verify.Identity {
	var err error
	if id.Roots, id.Intermediates, err = verify.ParseCABundle(p.pki.Bundle(id.Name)); err != nil {
		p.t.Fatal(err)
	}
	return id
}

// callers is how many calls are under way at a time.
const callers = 4

// calls makes n calls as an agent does, and gives what became of them. Connections
// are kept from one to the next, and closed at the end.
func (p *path) calls(n int) []result {
	p.t.Helper()
	certificate, err := p.pki.ClientCertificate("google")
	if err != nil {
		p.t.Fatal(err)
	}
	token := func(context.Context) (string, error) {
		if p.token != nil {
			return p.token()
		}
		return p.issuer.Token("valid", p.url, project)
	}
	d, err := emulator.NewDialogflow(emulator.DialogflowConfig{WebhookURL: p.url, ServerRoots: p.pki.ServerRoots(), ClientCertificate: certificate, Token: token, Timeout: p.patience})
	if err != nil {
		p.t.Fatal(err)
	}
	defer d.CloseIdleConnections()
	results := make([]result, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(orElse(p.concurrent, callers), n) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				results[i], _ = call(p.t, d)
			}
		})
	}
	wg.Wait()
	return results
}

// call makes one call, whose session no other has. The exchange is nil if none could
// be made.
func call(t *testing.T, d *emulator.Dialogflow) (result, *emulator.Exchange) {
	r := result{trace: newTrace()}
	body, answer := sample(t, r.trace)
	x, err := d.Call(t.Context(), emulator.Call{Body: body, Header: traceHeader(r.trace), Verbatim: true})
	switch {
	case err != nil:
		r.outcome, r.detail = "no call", err.Error()
	case x.Failed != "":
		r.outcome, r.detail = outcome(x.Failed), x.Err.Error()
	case x.Status == http.StatusOK && !bytes.Equal(x.Response, answer):
		r.outcome, r.detail = "wrong answer", string(x.Response)
	default:
		r.outcome = outcome(strconv.Itoa(x.Status))
	}
	return r, x
}

func newTrace() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func traceHeader(trace string) http.Header {
	return http.Header{"X-Cloud-Trace-Context": {trace + "/1"}}
}

// sample gives a call to the example's handlers and the answer that is right.
func sample(t *testing.T, session string) (body, answer []byte) {
	body, err := emulator.SampleCall(emulator.Sample{Session: session})
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	req, err := cx.DecodeRequest(body)
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	answer, err = cx.EncodeResponse(cx.Say("Thank you! One large, red shirt is on its way to you.").
		WithParameter("order", struct {
			ID    string `json:"id"`
			Color string `json:"color"`
			Size  string `json:"size"`
		}{req.IdempotencyKey()[:8], "red", "large"}))
	if err != nil {
		t.Error(err)
	}
	return body, answer
}

// recovers waits until a call is answered again; then all are.
func (p *path) recovers(scenario string) {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		first := p.calls(1)
		p.log.forget(first) // it may have come too early
		if first[0].outcome == right {
			break
		}
		if time.Now().After(deadline) {
			p.t.Fatal("calls fail for 20 s after everything was mended")
		}
	}
	p.count(scenario, p.calls(20), want{outcomes: map[outcome]int{right: 20}})
}

// count waits for the lines of the calls, counts, and reports.
func (p *path) count(scenario string, results []result, w want) {
	p.t.Helper()
	report(scenario, count(p.t, results, p.log.of(results, w.outcomes[right]+w.refusedLines), w))
}

func orElse(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}
