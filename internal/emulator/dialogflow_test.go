package emulator

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The request line and headers of Google's page, on the wire.
func TestRequestOnTheWire(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	head := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 8<<10)
		n, _ := conn.Read(buf)
		first, _, _ := strings.Cut(string(buf[:n]), "\r\n\r\n")
		head <- first
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	}()
	d, err := NewDialogflow(DialogflowConfig{WebhookURL: "http://www.example.com/shirts-agent-webhook", Address: l.Addr().String(),
		Token: func(context.Context) (string, error) { return "ey.ey.sig", nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.CloseIdleConnections()
	x := send(t, d, http.Header{"x-webhook": {"header"}})
	got := map[string]bool{}
	for _, line := range strings.Split(<-head, "\r\n") {
		got[line] = true
	}
	want := []string{"POST /shirts-agent-webhook HTTP/1.1", "Host: www.example.com", "Authorization: Bearer ey.ey.sig", "Content-Type: application/json",
		"Connection: keep-alive", "Accept: */*", "User-Agent: Google-Dialogflow", "Accept-Encoding: gzip, deflate, br", "X-Webhook: header",
		fmt.Sprintf("Content-Length: %d", len(x.Request))}
	for _, line := range want {
		if !got[line] {
			t.Errorf("no line %q", line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, want %d: %v", len(got), len(want), got)
	}
	if x.Failed != "" || x.Status != 200 || x.Timings.Total <= 0 || x.Timings.Connect <= 0 || x.Timings.FirstByte <= 0 || x.Timings.Handshake != 0 || x.TLS != nil {
		t.Errorf("%+v", x)
	}
}

func TestConnectionReused(t *testing.T) {
	s := newStack(t, Strict, nil, nil)
	d := s.dialogflow(t, nil)
	first, second := send(t, d, nil), send(t, d, nil)
	if first.Reused || first.Timings.Handshake <= 0 || first.TLS.Server != "CN=webhook.example" {
		t.Errorf("first call: %+v", first)
	}
	if !second.Reused || second.Timings.Handshake != 0 || second.Timings.Connect != 0 || second.TLS == nil || *second.TLS != *first.TLS {
		t.Errorf("second call: %+v", second)
	}
}

func TestAnswerEncodings(t *testing.T) {
	const answer = `{"payload":{"a":1}}`
	packed := func(w io.WriteCloser, b *bytes.Buffer, s string) string {
		io.WriteString(w, s)
		w.Close()
		return b.String()
	}
	zip := func(s string) string { var b bytes.Buffer; return packed(gzip.NewWriter(&b), &b, s) }
	deflate := func(s string) string { var b bytes.Buffer; return packed(zlib.NewWriter(&b), &b, s) }
	// 14 bytes of JSON are around the padding.
	sized := func(n int) string { return `{"payload":"` + strings.Repeat("x", n-14) + `"}` }
	const tooLarge = "the response is larger than the 65536 bytes that Dialogflow takes"
	for _, tt := range []struct {
		name, encoding, body string
		want, problem        string
	}{
		{"plain", "", answer, answer, ""},
		{"identity", "identity", answer, answer, ""},
		{"gzip", "gzip", zip(answer), answer, ""},
		{"deflate", "Deflate", deflate(answer), answer, ""},
		{"br", "br", answer, "", `the emulator cannot read a response in Content-Encoding "br"`},
		{"no gzip", "gzip", answer, "", "gzip: invalid header"},
		{"cut gzip", "gzip", zip(answer)[:20], "", "unexpected EOF"},
		{"64 KiB", "", sized(MaxResponseBytes), sized(MaxResponseBytes), ""},
		{"over 64 KiB", "", sized(MaxResponseBytes + 1), "", tooLarge},
		{"64 KiB packed", "gzip", zip(sized(MaxResponseBytes)), sized(MaxResponseBytes), ""},
		{"over 64 KiB packed", "gzip", zip(sized(MaxResponseBytes + 1)), "", tooLarge},
		{"empty", "", "", "", "the response is empty; a webhook that has nothing to say answers {}"},
		{"not JSON", "", "ok", "ok", "the response is no WebhookResponse: "},
		{"a list", "", "[]", "[]", "the response is no WebhookResponse: "},
		{"a name twice", "", `{"payload":{},"payload":{}}`, `{"payload":{},"payload":{}}`, "the response is no WebhookResponse: "},
		{"both targets", "", `{"targetPage":"p","targetFlow":"f"}`, `{"targetPage":"p","targetFlow":"f"}`, "response: targetPage and targetFlow are both set; they are a oneof"},
		{"parameters a list", "", `{"sessionInfo":{"parameters":[]}}`, `{"sessionInfo":{"parameters":[]}}`, "response: sessionInfo: parameters: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tt.encoding != "" {
					w.Header().Set("Content-Encoding", tt.encoding)
				}
				io.WriteString(w, tt.body)
			}))
			defer server.Close()
			d, err := NewDialogflow(DialogflowConfig{WebhookURL: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			defer d.CloseIdleConnections()
			x := send(t, d, nil)
			if x.Status != 200 || tt.problem == "" && (x.Failed != "" || string(x.Response) != tt.want) {
				t.Errorf("status %d, %q %v, %d bytes", x.Status, x.Failed, x.Err, len(x.Response))
			}
			if tt.problem != "" && (x.Err == nil || !strings.HasPrefix(x.Err.Error(), tt.problem) || x.Event() != "webhook.error" || x.Failed == StageHandshake) {
				t.Errorf("%q %v, event %q; want %q", x.Failed, x.Err, x.Event(), tt.problem)
			}
		})
	}
}

func TestEvents(t *testing.T) {
	for status, want := range map[int]string{200: "", 204: "", 301: "webhook.error", 400: "webhook.error.bad-request", 401: "webhook.error.rejected",
		403: "webhook.error.rejected", 404: "webhook.error.not-found", 413: "webhook.error", 500: "webhook.error", 503: "webhook.error.unavailable", 504: "webhook.error"} {
		if got := (&Exchange{Status: status}).Event(); got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
}

// A webhook that redirects is not followed: the bearer would go with it.
func TestRedirect(t *testing.T) {
	followed := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		followed = followed || r.URL.Path == "/elsewhere"
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	d, err := NewDialogflow(DialogflowConfig{WebhookURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer d.CloseIdleConnections()
	if x := send(t, d, nil); x.Status != http.StatusTemporaryRedirect || followed {
		t.Errorf("status %d, followed %t", x.Status, followed)
	}
}

func TestFailures(t *testing.T) {
	listen := func(t *testing.T, serve func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					serve(conn)
				}()
			}
		}()
		return l.Addr().String()
	}
	silent := func(conn net.Conn) { io.Copy(io.Discard, conn) }
	for _, tt := range []struct {
		name   string
		edit   func(t *testing.T, cfg *DialogflowConfig)
		failed Stage
		event  string
		err    string // part of it
	}{
		{"nobody listens", func(t *testing.T, cfg *DialogflowConfig) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			cfg.Address = l.Addr().String()
		}, StageConnect, "webhook.error.not-found", "connection refused"},
		{"no TLS", func(t *testing.T, cfg *DialogflowConfig) {
			cfg.Address = listen(t, func(conn net.Conn) { io.WriteString(conn, "220 mail.example ESMTP\r\n"); silent(conn) })
		}, StageHandshake, "webhook.error", "the TLS handshake failed: "},
		{"closed in the handshake", func(t *testing.T, cfg *DialogflowConfig) { cfg.Address = listen(t, func(net.Conn) {}) },
			StageHandshake, "webhook.error", "the TLS handshake failed: "},
		{"unknown server", func(_ *testing.T, cfg *DialogflowConfig) { cfg.ServerRoots = x509.NewCertPool() },
			StageHandshake, "webhook.error", "certificate signed by unknown authority"},
		{"another server", func(_ *testing.T, cfg *DialogflowConfig) { cfg.WebhookURL = "https://other.example/" },
			StageHandshake, "webhook.error", "not other.example"},
		{"silent in the handshake", func(t *testing.T, cfg *DialogflowConfig) {
			cfg.Address, cfg.Timeout = listen(t, silent), 50*time.Millisecond
		}, StageTimeout, "webhook.error.timeout", "no answer within 50ms"},
		{"silent", func(t *testing.T, cfg *DialogflowConfig) {
			cfg.Address, cfg.WebhookURL, cfg.Timeout = listen(t, silent), "http://webhook.example/", 50*time.Millisecond
		}, StageTimeout, "webhook.error.timeout", "no answer within 50ms"},
		{"silent in the answer", func(t *testing.T, cfg *DialogflowConfig) {
			cfg.Address, cfg.WebhookURL, cfg.Timeout = listen(t, func(conn net.Conn) {
				conn.Read(make([]byte, 8<<10))
				io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n{")
				silent(conn)
			}), "http://webhook.example/", 50*time.Millisecond
		}, StageTimeout, "webhook.error.timeout", "no answer within 50ms"},
		{"closed before the answer", func(t *testing.T, cfg *DialogflowConfig) {
			cfg.Address, cfg.WebhookURL = listen(t, func(conn net.Conn) { conn.Read(make([]byte, 8<<10)) }), "http://webhook.example/"
		}, StageAnswer, "webhook.error", "EOF"},
		{"closed in the answer", func(t *testing.T, cfg *DialogflowConfig) {
			cfg.Address, cfg.WebhookURL = listen(t, func(conn net.Conn) {
				conn.Read(make([]byte, 8<<10))
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
			}), "http://webhook.example/"
		}, StageAnswer, "webhook.error", "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStack(t, Strict, nil, nil)
			x := send(t, s.dialogflow(t, func(cfg *DialogflowConfig) { tt.edit(t, cfg) }), nil)
			if x.Failed != tt.failed || x.Event() != tt.event || x.Err == nil || !strings.Contains(x.Err.Error(), tt.err) || x.Timings.Total <= 0 {
				t.Errorf("%q %v, event %q; want %q %q, event %q", x.Failed, x.Err, x.Event(), tt.failed, tt.err, tt.event)
			}
			if (tt.failed == StageConnect || tt.failed == StageHandshake) && x.Status != 0 {
				t.Errorf("status %d", x.Status)
			}
		})
	}
}

// Google's load balancer refuses without an alert: the connection is closed. One
// that has sent a session ticket had accepted the certificate.
func TestRefusedWithoutAWord(t *testing.T) {
	for _, accepted := range []bool{false, true} {
		t.Run(fmt.Sprintf("accepted %t", accepted), func(t *testing.T) { refusedWithoutAWord(t, accepted) })
	}
}

func refusedWithoutAWord(t *testing.T, accepted bool) {
	s := newStack(t, Lenient, nil, nil)
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	front.TLS = &tls.Config{Certificates: []tls.Certificate{s.lb.cfg.Certificate}, ClientAuth: tls.RequestClientCert, SessionTicketsDisabled: !accepted}
	front.StartTLS()
	defer front.Close()
	d := s.dialogflow(t, func(cfg *DialogflowConfig) { cfg.Address = front.Listener.Addr().String() })
	x := send(t, d, nil)
	if accepted {
		if x.Failed != StageAnswer || x.Status != 0 || x.Err.Error() != "EOF" {
			t.Errorf("%q %v", x.Failed, x.Err)
		}
		return
	}
	if x.Failed != StageHandshake || x.Status != 0 || !strings.HasPrefix(x.Err.Error(), "the server closed the connection right after the TLS handshake") {
		t.Errorf("%q %v", x.Failed, x.Err)
	}
}

func TestCallRefuses(t *testing.T) {
	s := newStack(t, Strict, nil, nil)
	good, err := SampleCall(Sample{})
	if err != nil {
		t.Fatal(err)
	}
	noToken := errors.New("no token today")
	for _, tt := range []struct {
		name string
		body string
		edit func(*DialogflowConfig)
		want string
	}{
		{"good", string(good), nil, ""},
		{"no bearer", string(good), func(cfg *DialogflowConfig) { cfg.Token = nil }, ""},
		{"in an environment", `{"sessionInfo":{"session":"projects/p/locations/l/agents/a/environments/e/sessions/s"}}`, nil, ""},
		{"empty", "", nil, "the body is no WebhookRequest: "},
		{"broken", "{", nil, "the body is no WebhookRequest: "},
		{"a name twice", `{"text":"a","text":"b"}`, nil, "the body is no WebhookRequest: "},
		{"no session", "{}", nil, `sessionInfo.session: "" is no session name: want projects/PROJECT/locations/LOCATION/agents/AGENT/sessions/SESSION`},
		{"exact names", `{"SessionInfo":{"session":"projects/p/locations/l/agents/a/sessions/s"}}`, nil, `sessionInfo.session: "" is no session name`},
		{"half a session", `{"sessionInfo":{"session":"projects/p/agents/a/sessions/s"}}`, nil, "sessionInfo.session: "},
		{"session a number", `{"sessionInfo":{"session":1}}`, nil, "sessionInfo: session: "},
		{"sessionInfo a list", `{"sessionInfo":[]}`, nil, "sessionInfo: "},
		{"parameters a list", `{"sessionInfo":{"session":"projects/p/locations/l/agents/a/sessions/s","parameters":[]}}`, nil, "sessionInfo: parameters: "},
		{"no token", string(good), func(cfg *DialogflowConfig) {
			cfg.Token = func(context.Context) (string, error) { return "", noToken }
		}, "token: no token today"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, err := s.dialogflow(t, tt.edit).Call(t.Context(), Call{Body: []byte(tt.body)})
			if (x == nil) == (err == nil) {
				t.Fatalf("%v and %v", x, err)
			}
			if tt.want == "" && (err != nil || x.Status != 200) || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "emulator: Dialogflow: "+tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if tt.name == "no token" && !errors.Is(err, noToken) {
				t.Error("the cause is lost")
			}
		})
	}
	t.Run("ended", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("ctrl-C")
		cancel(cause)
		if x, err := s.dialogflow(t, nil).Call(ctx, Call{Body: good}); x != nil || !errors.Is(err, cause) {
			t.Errorf("%v, %v", x, err)
		}
	})
	t.Run("broken, verbatim", func(t *testing.T) {
		x, err := s.dialogflow(t, nil).Call(t.Context(), Call{Body: []byte("{"), Verbatim: true})
		if err != nil || x.Status != 200 || string(x.Request) != "{" {
			t.Errorf("%+v, %v", x, err)
		}
	})
}

func TestDialogflowConfig(t *testing.T) {
	for _, tt := range []struct {
		cfg  DialogflowConfig
		want string
	}{
		{DialogflowConfig{WebhookURL: "https://webhook.example/x?y=z", Timeout: 30 * time.Second}, ""},
		{DialogflowConfig{}, `webhook URL ""; want https://HOST/PATH`},
		{DialogflowConfig{WebhookURL: "ftp://webhook.example"}, `webhook URL "ftp://webhook.example"; want https://HOST/PATH`},
		{DialogflowConfig{WebhookURL: "https:///x"}, `webhook URL "https:///x"; want https://HOST/PATH`},
		{DialogflowConfig{WebhookURL: "https://a b/"}, "webhook URL: parse "},
		{DialogflowConfig{WebhookURL: "https://webhook.example", Timeout: 31 * time.Second}, "timeout 31s; Dialogflow takes up to 30s"},
		{DialogflowConfig{WebhookURL: "https://webhook.example", Timeout: -1}, "timeout -1ns; "},
	} {
		_, err := NewDialogflow(tt.cfg)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "emulator: Dialogflow: "+tt.want)) {
			t.Errorf("error %v, want %q", err, tt.want)
		}
	}
}
