package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/cxhook/internal/freeport"
	"example.com/cxhook/verify"
)

// What the client sends under the balancer's names never arrives, in whatever way
// it is sent; what it sends under other names does.
func TestForgedHeadersReplaced(t *testing.T) {
	s := newStack(t, Lenient, nil, nil)
	forged, err := ForgedHeaders(verify.GoogleLBHeaders{}, clientCertificate(t, "google"))
	if err != nil {
		t.Fatal(err)
	}
	forged.Set(verify.DefaultEdgeHeader, testSecret)
	var canonical, lower, twice strings.Builder
	for name, values := range forged {
		fmt.Fprintf(&canonical, "%s: %s\r\n", name, values[0])
		fmt.Fprintf(&lower, "%s: %s\r\n", strings.ToLower(name), values[0])
		fmt.Fprintf(&twice, "%s: %s\r\n%s: %s\r\n", strings.ToUpper(name), values[0], name, values[0])
	}
	const all = 15
	for _, tt := range []struct {
		name, lines string
		body        string
		replaced    int
	}{
		{"none", "", "", 0},
		{"canonical", canonical.String(), "", all},
		{"lower case", lower.String(), "", all},
		{"twice, in two cases", twice.String(), "", all},
		{"named by Connection", "Connection: X-Client-Cert-Leaf, x-client-cert-present, X-Cxhook-Edge\r\n", "", 0},
		{"sent and named by Connection", "Connection: X-Client-Cert-Present\r\nX-Client-Cert-Present: true\r\n", "", 1},
		{"in trailers", "Transfer-Encoding: chunked\r\nTrailer: X-Client-Cert-Leaf\r\n", "2\r\n{}\r\n0\r\nX-Client-Cert-Leaf: :AA==:\r\n\r\n", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", s.address, clientTLS(nil))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST /shirts HTTP/1.1\r\nHost: webhook.example\r\nX_Client_Cert_Present: mine\r\n%s\r\n%s", tt.lines, tt.body)
			r, o := <-s.got, <-s.seen
			wantUntouched(t, r)
			if len(o.Replaced) != tt.replaced {
				t.Errorf("observed %d names replaced, want %d: %v", len(o.Replaced), tt.replaced, o.Replaced)
			}
			if got := r.Header.Get("X_client_cert_present"); got != "mine" { // another name, to Google and to us
				t.Errorf("X_Client_Cert_Present: %q", got)
			}
			if got, ok := r.Header["Accept-Encoding"]; ok { // the client did not ask
				t.Errorf("Accept-Encoding: %q", got)
			}
			if len(r.Trailer) != 0 {
				t.Errorf("trailers %v", r.Trailer)
			}
		})
	}
	t.Run("over HTTP/2", func(t *testing.T) {
		cfg := clientTLS(nil)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}}
		defer client.CloseIdleConnections()
		req, err := http.NewRequest(http.MethodPost, "https://"+s.address+"/shirts", nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range forged { // two of each: net/http writes both names in lower case
			req.Header[name], req.Header[strings.ToLower(name)] = values, values
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		r, o := <-s.got, <-s.seen
		wantUntouched(t, r)
		if resp.ProtoMajor != 2 || o.Protocol != "HTTP/2.0" || len(o.Replaced) != all {
			t.Errorf("%s, observed %+v", resp.Proto, o)
		}
	})
}

// wantUntouched wants the headers of a client without a certificate.
func wantUntouched(t *testing.T, r *http.Request) {
	t.Helper()
	want := http.Header{"X-Client-Cert-Present": {"false"}, "X-Client-Cert-Chain-Verified": {"false"}, "X-Client-Cert-Error": {"client_cert_not_provided"}, "X-Cxhook-Edge": {testSecret}}
	for _, v := range verify.DefaultGoogleLBHeaders().Variables() {
		if name := http.CanonicalHeaderKey(v[0]); want[name] == nil {
			want[name] = []string{""}
		}
	}
	for name, values := range want {
		if got := r.Header[name]; len(got) != 1 || got[0] != values[0] {
			t.Errorf("%s: %q, want %q", name, got, values)
		}
	}
}

// A name that is not in the backend service's list is the client's.
func TestNameNotInTheList(t *testing.T) {
	s := newStack(t, Lenient, nil, func(cfg *LoadBalancerConfig) {
		cfg.Headers = verify.DefaultGoogleLBHeaders()
		cfg.Headers.Leaf, cfg.EdgeSecret = "", ""
	})
	send(t, s.dialogflow(t, nil), http.Header{"X-Client-Cert-Leaf": {"mine"}, "X-Cxhook-Edge": {"mine"}, "X-Client-Cert-Chain": {"mine"}})
	h := (<-s.got).Header
	if h.Get("X-Client-Cert-Leaf") != "mine" || h.Get("X-Cxhook-Edge") != "mine" || h.Get("X-Client-Cert-Chain") == "mine" {
		t.Errorf("%v", h)
	}
}

func TestForwarding(t *testing.T) {
	s := newStack(t, Lenient, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(418)
		io.WriteString(w, "short and stout")
	}, nil)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: clientTLS(clientCertificate(t, "google"))}}
	defer client.CloseIdleConnections()
	for _, tt := range []struct {
		name             string
		trace, forwarded string // the client's
		wantTrace        string
	}{
		{"plain", "", "", ""},
		{"in a trace", "0123456789abcdef0123456789abcdef/42;o=0", "203.0.113.9", "0123456789abcdef0123456789abcdef"},
		{"in no trace", "00000000000000000000000000000000/1", "", ""},
		{"in half a trace", "0123456789abcdef/1", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodPut, "https://"+s.address+"//a/../b%2fc?x=1;y=%zz", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "webhook.example"
			if tt.trace != "" {
				req.Header.Set("X-Cloud-Trace-Context", tt.trace)
			}
			if tt.forwarded != "" {
				req.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != 418 || string(body) != "short and stout" || resp.Header.Get("X-Answer") != "yes" || resp.Header.Get("Via") != "1.1 google" {
				t.Errorf("%s %q %v %v", resp.Status, body, resp.Header, err)
			}
			r, o := <-s.got, <-s.seen
			if r.RequestURI != "//a/../b%2fc?x=1;y=%zz" || r.Method != http.MethodPut || r.Host != "webhook.example" || r.ContentLength != 4 {
				t.Errorf("%s %s, host %s, %d bytes", r.Method, r.RequestURI, r.Host, r.ContentLength)
			}
			for name, want := range map[string]string{"Via": "1.1 google", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "", "Accept-Encoding": "gzip",
				"X-Forwarded-For": strings.TrimPrefix(tt.forwarded+",127.0.0.1,127.0.0.1", ",")} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			id, rest, _ := strings.Cut(r.Header.Get("X-Cloud-Trace-Context"), "/")
			span, options, _ := strings.Cut(rest, ";")
			if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" || span == "" || strings.Trim(span, "0123456789") != "" || options != "o=1" || o.Trace != id {
				t.Errorf("trace %q, observed %q", r.Header.Get("X-Cloud-Trace-Context"), o.Trace)
			}
			if continued := id == strings.Split(tt.trace, "/")[0]; continued != (tt.wantTrace != "") {
				t.Errorf("trace %s, from the client's %q", id, tt.trace)
			}
			if o.Status != 418 || o.Method != http.MethodPut || o.Path != "//a/../b/c" || o.Subject != clientCertificate(t, "google").Leaf.Subject.String() || len(o.Header) != 14 || o.Header.Get("X-Cxhook-Edge") != "" {
				t.Errorf("observed %+v", o)
			}
		})
	}
}

func TestBackendUnreachable(t *testing.T) {
	port, err := freeport.Pick()
	if err != nil {
		t.Fatal(err)
	}
	s := newStack(t, Strict, nil, func(cfg *LoadBalancerConfig) { cfg.Backend = &url.URL{Scheme: "http", Host: "127.0.0.1:" + port} })
	x, o := send(t, s.dialogflow(t, nil), nil), <-s.seen
	if x.Status != 502 || x.ResponseHeader.Get("Content-Type") != "text/html; charset=UTF-8" || !bytes.Contains(x.Response, []byte("<title>502 Server Error</title>")) || x.Event() != "webhook.error" {
		t.Errorf("%d %v %s", x.Status, x.ResponseHeader, x.Response)
	}
	if o.Status != 502 || o.BackendError == nil || o.Trace == "" {
		t.Errorf("observed %+v", o)
	}
}

func TestLoadBalancerLimits(t *testing.T) {
	s := newStack(t, Lenient, nil, nil)
	d := s.dialogflow(t, nil)
	if x := send(t, d, http.Header{"X-Padding": {strings.Repeat("a", maxHeaderBytes/2)}}); x.Status != 200 {
		t.Errorf("half of the limit: %d", x.Status)
	}
	if x := send(t, d, http.Header{"X-Padding": {strings.Repeat("a", maxHeaderBytes+8192)}}); x.Status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("over the limit: %d %v", x.Status, x.Err)
	}
	if v := s.lb.srv; v.ReadHeaderTimeout == 0 || v.ReadTimeout == 0 || v.WriteTimeout == 0 || v.IdleTimeout == 0 || v.MaxHeaderBytes == 0 {
		t.Error("a limit of the server is not set")
	}
	if i, _ := issuer(); i.srv.ReadHeaderTimeout == 0 || i.srv.ReadTimeout == 0 || i.srv.WriteTimeout == 0 || i.srv.IdleTimeout == 0 || i.srv.MaxHeaderBytes == 0 {
		t.Error("a limit of the issuer's server is not set")
	}
}

// Shutdown waits for a request under way, and not for a handshake.
func TestShutdown(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		io.WriteString(w, "{}")
	}))
	defer backend.Close()
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := newStack(t, Lenient, nil, func(cfg *LoadBalancerConfig) { cfg.Backend = target })
	half, err := net.Dial("tcp", s.address) // never says anything
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	d := s.dialogflow(t, nil)
	answered := make(chan *Exchange, 1)
	go func() { answered <- send(t, d, nil) }()
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- s.lb.Shutdown(context.Background()) }()
	if _, err := half.Read(make([]byte, 1)); err == nil {
		t.Error("the half-open connection is served")
	}
	select {
	case err := <-ended:
		t.Errorf("Shutdown did not wait: %v", err)
	default:
	}
	close(leave)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if x := <-answered; x.Status != 200 {
		t.Errorf("%d %v", x.Status, x.Err)
	}
	if _, err := net.Dial("tcp", s.address); err == nil {
		t.Error("listens still")
	}
}

func TestLoadBalancerConfig(t *testing.T) {
	good := func() LoadBalancerConfig {
		certificate, err := pki().ServerCertificate("webhook.example")
		if err != nil {
			t.Fatal(err)
		}
		return LoadBalancerConfig{Certificate: certificate, TrustStore: pki().TrustStore("google"), Mode: Strict, EdgeSecret: testSecret, Backend: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}}
	}
	for _, tt := range []struct {
		name string
		edit func(*LoadBalancerConfig)
		want string
	}{
		{"good", func(*LoadBalancerConfig) {}, ""},
		{"lenient without a trust store", func(c *LoadBalancerConfig) { c.Mode, c.TrustStore = Lenient, TrustStore{} }, ""},
		{"strict without a trust store", func(c *LoadBalancerConfig) { c.TrustStore = TrustStore{} }, "strict mode needs a trust store with a root"},
		{"no mode", func(c *LoadBalancerConfig) { c.Mode = "" }, `mode ""; want strict or lenient`},
		{"no certificate", func(c *LoadBalancerConfig) { c.Certificate = tls.Certificate{} }, "no server certificate"},
		{"no backend", func(c *LoadBalancerConfig) { c.Backend = nil }, "backend <nil>; want a URL of scheme and host alone"},
		{"backend with a path", func(c *LoadBalancerConfig) { c.Backend.Path = "/x" }, "backend http://127.0.0.1:1/x; want a URL of scheme and host alone"},
		{"a name twice", func(c *LoadBalancerConfig) {
			c.Headers = verify.DefaultGoogleLBHeaders()
			c.Headers.Leaf = "x-client-cert-CHAIN"
		}, "header X-Client-Cert-Chain is set twice, the second time to client_cert_chain"},
		{"the edge header too", func(c *LoadBalancerConfig) { c.EdgeHeader = "x-client-cert-present" }, "header X-Client-Cert-Present is set twice, the second time to the edge secret"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good()
			tt.edit(&cfg)
			_, err := NewLoadBalancer(cfg)
			if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && got != "emulator: load balancer: "+tt.want {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := NewLoadBalancer(LoadBalancerConfig{}); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("of three mistakes, not all are reported: %v", err)
	}
}
