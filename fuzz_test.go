package webhook

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/cxhook/cx"
	"example.com/cxhook/verify"
)

// server is the whole entry point as functions-framework serves it: net/http over
// a real loopback connection, with the full default policy behind it.
type server struct {
	net.Listener
	token, leaf, hash string // of a good call; its edge secret is testSecret
	sample            string // a good call's body

	lines  countingLog
	calls  atomic.Int64 // that reached the hook, probes left out
	faults faultLog     // what net/http complains of
	open   sync.Map     // connections
	next   atomic.Int64 // how many bytes come over the next connection
}

// Accept gives a connection that ends where the server would wait for bytes that
// will never come. A client that closed its side would do the same, but would also
// be taken for one who hung up, and the call that is being answered would end.
func (s *server) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	return &endingConn{conn, s.next.Load()}, err
}

type endingConn struct {
	net.Conn
	left int64
}

func (c *endingConn) Read(p []byte) (int, error) {
	if c.left == 0 && len(p) > 1 { // net/http waits with one byte for whom it answers
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p)
	c.left -= int64(n)
	return n, err
}

// methodHeader tells the client which method the server read: the answer to HEAD
// has no body, and what the client wrote need not be what the server read.
const methodHeader = "Test-Method"

func newServer(f *testing.F) *server {
	s := &server{sample: sampleBody(f)}
	d := newDirect(f, func(cfg *Config) { cfg.Log, cfg.LogChecks = &s.lines, true })
	lb := verify.DefaultGoogleLBHeaders()
	s.token, s.leaf, s.hash = d.token("valid"), d.header.Get(lb.Leaf), d.header.Get(lb.Fingerprint)
	s.lines.lines.Store(0)                                        // the line at the start
	if err := d.hook.verifier.Prefetch(f.Context()); err != nil { // its connection stays for some seconds
		f.Fatal(err)
	}
	before := runtime.NumGoroutine()
	srv := &http.Server{
		ErrorLog: log.New(&s.faults, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isProbe(r) {
				s.calls.Add(1)
			}
			w.Header().Set(methodHeader, r.Method)
			d.hook.ServeHTTP(w, r)
		}),
		ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateNew {
				s.open.Store(c, true)
			} else if state == http.StateClosed || state == http.StateHijacked {
				s.open.Delete(c)
			}
		},
	}
	var err error
	if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		f.Fatal(err)
	}
	go srv.Serve(s)
	f.Cleanup(func() {
		srv.Close()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			left := 0
			s.open.Range(func(any, any) bool { left++; return true })
			if left == 0 && runtime.NumGoroutine() <= before && d.hook.calls.Load() == 0 && d.hook.unproved.Load() == 0 {
				return
			}
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<16)
				f.Errorf("left behind: %d connections, %d goroutines more than before, %d calls, %d of them unproved\n%s",
					left, runtime.NumGoroutine()-before, d.hook.calls.Load(), d.hook.unproved.Load(), stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
	return s
}

// countingLog counts lines.
type countingLog struct {
	lines atomic.Int64
	mu    sync.Mutex
	wrong string // a write that was not one line of JSON
}

func (l *countingLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !json.Valid(p) || bytes.IndexByte(p, '\n') != len(p)-1 {
		l.wrong = string(p)
	}
	l.lines.Add(1)
	return len(p), nil
}

// faultLog keeps what net/http logs of a handler that panicked.
type faultLog struct {
	mu    sync.Mutex
	panic string
}

func (l *faultLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(p, []byte("panic")) {
		l.panic = string(p)
	}
	return len(p), nil
}

// The credentials of a good call differ from one process to the next, and a fuzzer
// has several: in what it makes these stand for them.
func (s *server) fill(text string) string {
	return strings.NewReplacer("{SECRET}", testSecret, "{TOKEN}", s.token, "{LEAF}", s.leaf, "{HASH}", s.hash, "{BODY}", s.sample, "{LENGTH}", fmt.Sprint(len(s.sample))).Replace(text)
}

const goodHead = "POST /shirts HTTP/1.1\r\nHost: webhook.example.com\r\nContent-Type: application/json\r\nAuthorization: Bearer {TOKEN}\r\nX-Cxhook-Edge: {SECRET}\r\n" +
	"X-Client-Cert-Present: true\r\nX-Client-Cert-Chain-Verified: true\r\nX-Client-Cert-Error:\r\nX-Client-Cert-Hash: {HASH}\r\nX-Client-Cert-Leaf: {LEAF}\r\nX-Client-Cert-Chain:\r\n" +
	"X-Client-Cert-Serial-Number:\r\nX-Client-Cert-Spiffe:\r\nX-Client-Cert-Uri-Sans:\r\nX-Client-Cert-Dnsname-Sans:\r\n" +
	"X-Client-Cert-Valid-Not-Before:\r\nX-Client-Cert-Valid-Not-After:\r\nX-Client-Cert-Issuer-Dn:\r\nX-Client-Cert-Subject-Dn:\r\n"

const goodCall = goodHead + "Content-Length: {LENGTH}\r\n\r\n{BODY}"

// exchange writes the bytes to a new connection, as they are, and reads every
// answer until the server closes. It holds what must be true of any bytes.
func (s *server) exchange(t testing.TB, raw string) (answers []*http.Response) {
	t.Helper()
	calls, lines := s.calls.Load(), s.lines.lines.Load()
	s.next.Store(int64(len(raw)))
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatalf("the server is gone: %v", err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil { // else ports run out: thousands of connections a second would wait for a minute each
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil { // a test that hangs says nothing
		t.Fatal(err)
	}
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		io.WriteString(conn, raw) // the server may hang up before it has read all
	}()
	defer func() { <-wrote }()
	for in := bufio.NewReader(conn); ; {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			ended(t, err)
			break
		}
		if resp.StatusCode < 200 {
			continue
		}
		if resp.Header.Get(methodHeader) != http.MethodHead {
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				ended(t, err)
				break
			}
			resp.Body = io.NopCloser(bytes.NewReader(body))
		} else {
			resp.Body = http.NoBody
		}
		answers = append(answers, resp)
	}
	called, logged := s.calls.Load()-calls, s.lines.lines.Load()-lines
	if called != logged {
		t.Errorf("%d calls, %d lines", called, logged)
	}
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	if s.lines.wrong != "" {
		t.Errorf("not one line of JSON: %q", s.lines.wrong)
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if s.faults.panic != "" {
		t.Errorf("a panic reached the server: %s", s.faults.panic)
	}
	return answers
}

// ended takes a connection that was closed, or reset because the server had bytes
// left to read.
func ended(t testing.TB, err error) {
	t.Helper()
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Fatal("the connection is neither answered nor closed")
	}
}

// FuzzServer writes bytes to a connection. Whatever they are, the server lives,
// ends the connection, writes one line a call, and answers 200 to no more requests
// than there are whole sets of credentials in the bytes.
func FuzzServer(f *testing.F) {
	s := newServer(f)
	body := `{"fulfillmentInfo":{"tag":"confirm"}}`
	chunked := strings.Replace(goodCall, "Content-Length: {LENGTH}\r\n\r\n{BODY}", "Transfer-Encoding: chunked\r\n\r\n", 1)
	seeds := []string{
		"", "\r\n", "\n", "GET", "HEAD /ready HTTP/1.0\r\n\r\n", "GET / HTTP/0.9\r\n\r\n", "GET /live HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x00\x05hello", "POST http://elsewhere.example/shirts HTTP/1.1\r\nHost: x\r\n\r\n",
		goodCall, goodCall + goodCall, strings.ReplaceAll(goodCall, "\r\n", "\n"), strings.Replace(goodCall, "POST", "HEAD", 1), strings.Replace(goodCall, "HTTP/1.1", "HTTP/1.0", 1),
		strings.Replace(goodCall, "{SECRET}", "a guess of the edge secret", 1), strings.Replace(goodCall, "Bearer {TOKEN}", "", 1), strings.Replace(goodCall, "{LEAF}", "", 1),
		strings.Replace(goodCall, "{LENGTH}", "1", 1), strings.Replace(goodCall, "{LENGTH}", "99999", 1), strings.Replace(goodCall, "{LENGTH}", "-1", 1), strings.Replace(goodCall, "{LENGTH}", "999999999999999999999", 1),
		chunked + "25\r\n" + body + "\r\n0\r\n\r\n", chunked + "25;x=y\r\n" + body + "\r\n0\r\nAuthorization: Bearer {TOKEN}\r\n\r\n", chunked + "ffffffffffffffff\r\nx", chunked + "0\r\n\r\n" + goodCall,
		strings.Replace(chunked, "Transfer-Encoding", "Content-Length: 5\r\nTransfer-Encoding", 1) + "0\r\n\r\n", strings.Replace(chunked, ": chunked", ": gzip, chunked", 1),
		strings.Replace(goodCall, "Authorization: ", "Authorization:\r\n ", 1), strings.Replace(goodCall, "Authorization:", "Authorization :", 1), strings.Replace(goodCall, "{TOKEN}", "{TOKEN}, Bearer {TOKEN}", 1),
		strings.Replace(goodCall, "X-Cxhook-Edge: {SECRET}", "X-Cxhook-Edge: {SECRET}\r\nx-cxhook-edge: {SECRET}", 1), strings.Replace(goodCall, "{SECRET}", "{SECRET}\x00", 1), strings.Replace(goodCall, "X-Cxhook-Edge", "X_Cxhook_Edge", 1),
		strings.Replace(goodCall, "X-Client-Cert-Leaf: {LEAF}", "Connection: X-Client-Cert-Leaf\r\nX-Client-Cert-Leaf: {LEAF}", 1), strings.Replace(goodCall, "Content-Type", "Expect: 100-continue\r\nContent-Type", 1),
		strings.Replace(goodCall, "{BODY}", strings.Repeat(" ", cx.MaxRequestBytes), 1), "POST / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 5000) + "\r\n\r\n", strings.Replace(goodCall, "application/json", "text/plain", 1),
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	for want, raw := range []string{"", goodCall, goodCall + goodCall} { // else the bound below would bound nothing
		if got := served(s.exchange(f, s.fill(raw))); got != want {
			f.Fatalf("%d good calls: %d are served", want, got)
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		raw := s.fill(string(input))
		sets := strings.Count(raw, s.token)
		for _, part := range []string{testSecret, strings.Trim(s.leaf, ":="), strings.Trim(s.hash, "=")} {
			sets = min(sets, strings.Count(raw, part))
		}
		if n := served(s.exchange(t, raw)); n > sets {
			t.Errorf("%d calls are served, and the bytes have %d sets of credentials", n, sets)
		}
	})
}

// served counts the answers that are an agent's.
func served(answers []*http.Response) (n int) {
	for _, resp := range answers {
		body, _ := io.ReadAll(resp.Body)
		switch {
		case resp.StatusCode != http.StatusOK:
		case string(body) == "ok\n" || resp.Header.Get(methodHeader) == http.MethodHead && resp.ContentLength <= 3: // a probe
		case resp.Header.Get(methodHeader) == "" && len(body) == 0: // net/http's own answer to OPTIONS *
		default:
			n++
		}
	}
	return n
}

// FuzzCall changes one header of a good call, in one of three ways, and its body,
// path and method. It is served only if what must be there is there unchanged, and
// the body is JSON to encoding/json too. $ in a value is the good value.
func FuzzCall(f *testing.F) {
	s := newServer(f)
	const set, add, remove = 0, 1, 2
	confirm := []byte(`{"fulfillmentInfo":{"tag":"confirm"},"sessionInfo":{"parameters":{"color":"red","size":"large"}}}`)
	f.Add("POST", "/shirts", "X-Absent", uint8(remove), "", confirm)
	f.Add("POST", "/shirts", "Authorization", uint8(set), "bearer  $", confirm)
	f.Add("POST", "/shirts", "authorization", uint8(add), "$", confirm)
	f.Add("POST", "/shirts?x=1", "X-Cxhook-Edge", uint8(set), "$ ", confirm)
	f.Add("PUT", "/live", "X-Client-Cert-Leaf", uint8(add), "$", []byte(`{}`))
	f.Add("POST", "/", "X-Client-Cert-Leaf", uint8(set), "$, $", []byte(`{"fulfillmentInfo":{"tag":"confirm","tag":"x"}}`))
	f.Add("POST", "/", "X-Client-Cert-Chain", uint8(set), "$", []byte("{\"text\":\"\xff\"}"))
	f.Add("POST", "/", "X-Client-Cert-Error", uint8(set), "client_cert_validation_failed", []byte(`[]`))
	f.Add("POST", "/", "X-Client-Cert-Hash", uint8(set), "$=", []byte(`{"sessionInfo":{"parameters":{"size":7}}}`))
	f.Add("POST", "/", "X-Client-Cert-Dnsname-Sans", uint8(set), "Ki5kaWFsb2dmbG93LmNvbQ==", confirm)
	f.Add("POST", "/", "Traceparent", uint8(set), "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", confirm)
	f.Add("POST", "/", "Content-Type", uint8(set), "application/json; charset=latin1", confirm)
	f.Fuzz(func(t *testing.T, method, path, name string, op uint8, value string, body []byte) {
		if strings.ContainsAny(method+path+name, " \r\n") || strings.ContainsAny(value, "\r\n") || method == "" || name == "" || strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "Transfer-Encoding") {
			return // what frames the request is FuzzServer's
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, path)
		changed := false
		for line := range strings.SplitSeq(strings.TrimSuffix(s.fill(goodHead), "\r\n"), "\r\n") {
			own, good, ok := strings.Cut(line, ": ")
			if !ok {
				own = strings.TrimSuffix(line, ":")
			}
			if strings.HasPrefix(line, "POST ") {
				continue
			}
			if !strings.EqualFold(own, name) {
				b.WriteString(line + "\r\n")
				continue
			}
			written := strings.ReplaceAll(value, "$", good)
			switch op {
			case set:
				changed = strings.Trim(written, " \t") != good
				fmt.Fprintf(&b, "%s: %s\r\n", name, written)
			case add:
				changed = true
				fmt.Fprintf(&b, "%s\r\n%s: %s\r\n", line, name, written)
			case remove:
				changed = true
			default:
				b.WriteString(line + "\r\n")
			}
		}
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
		if served(s.exchange(t, b.String())) == 0 {
			return
		}
		if method != http.MethodPost {
			t.Errorf("%s is served", method)
		}
		if _, err := cx.DecodeRequest(body); err != nil || !json.Valid(body) {
			t.Errorf("served, and the body is none: %v", err)
		}
		if !changed {
			return
		}
		switch {
		case strings.EqualFold(name, "Authorization"): // RFC 9110: the scheme in any case, and spaces behind it
			scheme, token, _ := strings.Cut(strings.Trim(strings.ReplaceAll(value, "$", "Bearer "+s.token), " \t"), " ")
			if op != set || !strings.EqualFold(scheme, "Bearer") || strings.TrimLeft(token, " ") != s.token {
				t.Errorf("served with Authorization changed (%d) to %q", op, value)
			}
		case strings.EqualFold(name, "X-Client-Cert-Leaf"), strings.EqualFold(name, "X-Client-Cert-Hash"): // with padding, or without
			good := s.leaf
			if strings.EqualFold(name, "X-Client-Cert-Hash") {
				good = s.hash
			}
			if got := strings.Trim(strings.ReplaceAll(value, "$", good), " \t"); op != set || strings.ReplaceAll(got, "=", "") != strings.ReplaceAll(good, "=", "") {
				t.Errorf("served with %s changed (%d) to %q", name, op, value)
			}
		case strings.EqualFold(name, "X-Cxhook-Edge"), strings.EqualFold(name, "X-Client-Cert-Present"), strings.EqualFold(name, "X-Client-Cert-Chain-Verified"):
			t.Errorf("served with %s changed (%d) to %q", name, op, value)
		}
	})
}
