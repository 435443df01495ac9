package chaos

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	webhook "example.com/cxhook"
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
	causes      sync.Map // of its 502s, errors by trace
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
	t.Cleanup(func() { p.listener.Close() }) // the load balancer has, if there is one
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
		Mode: emulator.Strict, EdgeSecret: edgeSecret, Backend: &url.URL{Scheme: "http", Host: backend},
		OnCall: func(o emulator.Observation) {
			if o.Whole && o.BackendError != nil {
				p.causes.Store(o.Trace, o.BackendError)
			}
		}})
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
