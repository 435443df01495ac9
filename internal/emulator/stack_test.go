package emulator

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/cxhook/verify"
)

const (
	testSecret   = "edge-secret-edge-secret-edge-secret"
	testAudience = "https://webhook.example/shirts"
	testProject  = "123456789012"
)

// clock is a time that a test moves on.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock() *clock {
	c := &clock{}
	now := time.Now()
	c.at.Store(&now)
	return c
}

func (c *clock) now() time.Time { return *c.at.Load() }

func (c *clock) advance(d time.Duration) {
	later := c.now().Add(d)
	c.at.Store(&later)
}

// pki is one for all tests: nothing in it changes.
var pki = sync.OnceValue(func() *PKI {
	p, err := NewPKI(time.Now())
	if err != nil {
		panic(err)
	}
	return p
})

// stack is a load balancer in front of a backend that keeps what it is sent.
type stack struct {
	lb      *LoadBalancer
	address string
	seen    chan Observation
	got     chan *http.Request // with the body read
}

// newStack starts one; edit changes the usual configuration. A nil answer is {}.
func newStack(t *testing.T, mode Mode, answer http.HandlerFunc, edit func(*LoadBalancerConfig)) *stack {
	t.Helper()
	s := &stack{seen: make(chan Observation, 16), got: make(chan *http.Request, 16)}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Errorf("backend: %v", err)
		}
		s.got <- r
		if answer == nil {
			io.WriteString(w, "{}")
			return
		}
		answer(w, r)
	}))
	t.Cleanup(backend.Close)
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pki().ServerCertificate("webhook.example", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	cfg := LoadBalancerConfig{Certificate: certificate, TrustStore: pki().TrustStore("google", "google-legacy", "custom"), Mode: mode,
		EdgeSecret: testSecret, Backend: target, OnCall: func(o Observation) {
			if o.Whole || o.Refused != nil { // once for each call
				s.seen <- o
			}
		}}
	if edit != nil {
		edit(&cfg)
	}
	if s.lb, err = NewLoadBalancer(cfg); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.lb.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.lb.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func clientCertificate(t *testing.T, kind string) *tls.Certificate {
	t.Helper()
	cert, err := pki().ClientCertificate(kind)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// clientTLS trusts the load balancer and presents cert, or none.
func clientTLS(cert *tls.Certificate) *tls.Config {
	if cert == nil {
		cert = &tls.Certificate{}
	}
	return &tls.Config{RootCAs: pki().ServerRoots(), ServerName: "webhook.example",
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }}
}

// dialogflow calls the stack with a valid bearer of nobody.
func (s *stack) dialogflow(t *testing.T, edit func(*DialogflowConfig)) *Dialogflow {
	t.Helper()
	cfg := DialogflowConfig{WebhookURL: testAudience, Address: s.address, ServerRoots: pki().ServerRoots(), ClientCertificate: clientCertificate(t, "google"),
		Token: func(context.Context) (string, error) { return "ey.ey.sig", nil }}
	if edit != nil {
		edit(&cfg)
	}
	d, err := NewDialogflow(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.CloseIdleConnections)
	return d
}

// send makes the sample call.
func send(t *testing.T, d *Dialogflow, header http.Header) *Exchange {
	t.Helper()
	body, err := SampleCall(Sample{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := d.Call(t.Context(), Call{Body: body, Header: header})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// issuer serves its keys for all tests.
var issuer = sync.OnceValues(func() (*Issuer, string) {
	i, err := NewIssuer(nil)
	if err != nil {
		panic(err)
	}
	return i, httptest.NewServer(i).URL + KeysPath
})

// newVerifier is the function's own judgement, with our roots and keys.
func newVerifier(t *testing.T, edit func(*verify.Config)) *verify.Verifier {
	t.Helper()
	_, keys := issuer()
	identity := func(id verify.Identity) verify.Identity {
		var err error
		if id.Roots, id.Intermediates, err = verify.ParseCABundle(pki().Bundle(id.Name)); err != nil {
			t.Fatal(err)
		}
		return id
	}
	cfg := verify.Config{
		Edge:        verify.EdgeConfig{Secrets: []string{testSecret}},
		Certificate: verify.CertificateConfig{Identities: []verify.Identity{identity(verify.GoogleIdentity()), identity(verify.GoogleLegacyIdentity())}},
		Token:       verify.TokenConfig{Audiences: []string{testAudience}, ProjectNumbers: []string{testProject}, KeysURL: keys},
	}
	if edit != nil {
		edit(&cfg)
	}
	v, err := verify.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// token mints one of a kind.
func token(t *testing.T, kind string) string {
	t.Helper()
	i, _ := issuer()
	s, err := i.Token(kind, testAudience, testProject)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verifierServer is a function that does nothing but judge.
type verifierServer struct {
	url  string
	code chan verify.Code // of each call; "" where it was let in
}

func newVerifierServer(t *testing.T) *verifierServer {
	f := &verifierServer{code: make(chan verify.Code, 1)}
	let := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.code <- ""
		io.WriteString(w, "{}")
	})
	s := httptest.NewServer(newVerifier(t, nil).Middleware(let, func(w http.ResponseWriter, _ *http.Request, _ *verify.Report, err *verify.Error) {
		f.code <- err.Code
		w.WriteHeader(err.Status())
	}))
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}
