package console

import (
	"bufio"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/cxhook/internal/emulator"
)

// noted is a Stack that makes no calls but notes what it was asked for.
type noted struct {
	ring *Ring
	sent []Send
}

func (n *noted) Info() Info {
	return Info{URL: "https://127.0.0.1:8443/w", Agent: "projects/p/locations/l/agents/a"}
}

func (n *noted) Send(_ context.Context, s Send) (int, error) {
	if s.ClientCert == "nobody" {
		return 0, Refusef("no client certificate nobody")
	}
	n.sent = append(n.sent, s)
	tr := trace(1000 + len(n.sent))
	id := n.ring.Begin(tr, Sent{Source: s.Source, ReplayOf: s.ReplayOf, ClientCert: s.ClientCert, Token: s.Token})
	n.ring.Exchanged(tr, exchange(200, confirm))
	n.ring.Observed(emulator.Observation{Trace: tr, Status: 502, BackendError: errors.New("no line")})
	return id, nil
}

func (n *noted) Curl(c *Call, body []byte) (Curl, error) {
	return Curl{Line: fmt.Sprintf("curl --data-binary '%s' # %d", body, c.ID)}, nil
}

func (n *noted) Sessions() []string { return []string{confirmSession} }

func (n *noted) Session(name string) (emulator.SessionState, bool) {
	return emulator.SessionState{Name: name, Page: "p"}, name == confirmSession
}

func (n *noted) Reset(name string) bool { return name == confirmSession }

// confirmSession is that of the calls.
const confirmSession = "projects/p/locations/l/agents/a/sessions/s"

func (n *noted) Faults() []Fault { return []Fault{{Name: "slow-handler"}} }

func (n *noted) SetFault(name string, on bool) error {
	if name != "slow-handler" {
		return Refusef("no fault %q", name)
	}
	return nil
}

func newTestServer(t *testing.T) (*Server, *noted) {
	n := &noted{ring: newTestRing()}
	saved, err := OpenSaved(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return NewServer(Config{Ring: n.ring, Stack: n, Saved: saved}), n
}

// ask makes a request as the page does, after change.
func ask(s *Server, method, path, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:4040"+path, strings.NewReader(body))
	r.Header.Set(TokenHeader, s.Token())
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// Nobody but the page and the commands of this machine's user gets in.
func TestForeignRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		method string
		change func(*http.Request)
		want   int
	}{
		"as the page does":             {"POST", nil, 200},
		"localhost":                    {"POST", func(r *http.Request) { r.Host = "localhost:4040" }, 200},
		"::1":                          {"POST", func(r *http.Request) { r.Host = "[::1]:4040" }, 200},
		"its own origin":               {"POST", func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:4040") }, 200},
		"rebound name":                 {"GET", func(r *http.Request) { r.Host = "rebound.example.com:4040" }, 403},
		"rebound name, without a port": {"GET", func(r *http.Request) { r.Host = "127.0.0.1.example.com" }, 403},
		"another address":              {"GET", func(r *http.Request) { r.Host = "192.0.2.1:4040" }, 403},
		"another origin":               {"POST", func(r *http.Request) { r.Header.Set("Origin", "https://example.com") }, 403},
		"another port's origin":        {"POST", func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:8000") }, 403},
		"an origin of none":            {"POST", func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"no token":                     {"POST", func(r *http.Request) { r.Header.Del(TokenHeader) }, 403},
		"a token of another run":       {"POST", func(r *http.Request) { r.Header.Set(TokenHeader, "x") }, 403},
		"reading without a token":      {"GET", func(r *http.Request) { r.Header.Del(TokenHeader) }, 200},
		"a bearer, without a token":    {"GET", func(r *http.Request) { r.Header.Del(TokenHeader); r.URL.RawQuery = "bearer=show" }, 403},
		"a bearer, with the token":     {"GET", func(r *http.Request) { r.URL.RawQuery = "bearer=show" }, 200},
	} {
		s, n := newTestServer(t)
		body := ""
		if tt.method == "POST" {
			body = `{"tag":"confirm"}`
		}
		w := ask(s, tt.method, "/api/calls", body, tt.change)
		if w.Code != tt.want {
			t.Errorf("%s: %d, want %d: %s", name, w.Code, tt.want, w.Body)
		}
		if made := len(n.sent); made != 0 && tt.want != 200 || made == 0 && tt.want == 200 && tt.method == "POST" {
			t.Errorf("%s: %d calls were made", name, made)
		}
	}
}

func TestAPI(t *testing.T) {
	s, n := newTestServer(t)
	n.ring.Exchanged(n.begin(Sent{Source: "trigger", ClientCert: "legacy", Token: "valid"}), exchange(200, confirm))
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string // in the answer
	}{
		{"GET", "/api/stack", "", 200, `"url":"https://127.0.0.1:8443/w"`},
		{"GET", "/api/calls?tag=confirm&session=s&status=200&verdict=pass", "", 200, `"id":1`},
		{"GET", "/api/calls?session=projects/p/locations/l/agents/a/sessions/s", "", 200, `"id":1`},
		{"GET", "/api/calls?tag=other", "", 200, "[]"},
		{"GET", "/api/calls?session=other", "", 200, "[]"},
		{"GET", "/api/calls?status=403", "", 200, "[]"},
		{"GET", "/api/calls?verdict=fail", "", 200, "[]"},
		{"GET", "/api/calls?verdict=maybe", "", 400, `verdict \"maybe\": want pass or fail`},
		{"GET", "/api/calls?status=ok", "", 400, `status \"ok\": want a number`},
		{"GET", "/api/stream?after=x", "", 400, `event \"x\": want a number`},
		{"GET", "/api/calls/1", "", 200, `"Authorization":["Bearer [redacted]"]`},
		{"GET", "/api/calls/1?bearer=show", "", 200, `"Authorization":["Bearer eyJ`},
		{"GET", "/api/calls/1/request", "", 200, confirm},
		{"GET", "/api/calls/1/response", "", 200, `{"payload":{}}`},
		{"GET", "/api/calls/77", "", 404, "there is no call 77 among the latest 500"},
		{"GET", "/api/calls/77/request", "", 404, "there is no call 77"},
		{"GET", "/api/calls/first", "", 400, `call \"first\": want its number`},
		{"POST", "/api/calls", `{"clientCert":"nobody"}`, 400, "no client certificate nobody"},
		{"POST", "/api/calls", `{"certificate":"google"}`, 400, "certificate"},
		{"POST", "/api/calls", `{`, 400, "the body:"},
		{"POST", "/api/calls", `{"tag":"` + strings.Repeat("x", maxBody) + `"}`, 413, "too large"},
		{"POST", "/api/calls/77/replay", "", 404, "there is no call 77"},
		{"POST", "/api/calls/1/replay", `{"exactly":true}`, 400, "exactly"},
		{"GET", "/api/faults", "", 200, `"name":"slow-handler"`},
		{"PUT", "/api/faults/slow-handler", `{"on":true}`, 200, `"name":"slow-handler"`},
		{"PUT", "/api/faults/none", `{"on":true}`, 400, `no fault \"none\"`},
		{"GET", "/api/saved", "", 200, "[]"},
		{"GET", "/api/saved/none", "", 404, `no conversation \"none\"`},
		{"PUT", "/api/saved/..%2Fx", `{"calls":[1]}`, 400, "want letters"},
		{"PUT", "/api/saved/x", `{"calls":[]}`, 400, "no calls to save"},
		{"PUT", "/api/saved/x", `{"calls":[1]}`, 400, "call 1 is under way"},
		{"GET", "/api/nothing", "", 404, "no GET /api/nothing in the API"},
		{"DELETE", "/api/calls", "", 404, "no DELETE /api/calls in the API"},
	} {
		w := ask(s, tt.method, tt.path, tt.body, nil)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s %s %.40s: %d %.200s, want %d %s", tt.method, tt.path, tt.body, w.Code, w.Body, tt.status, tt.want)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: header %v", tt.method, tt.path, w.Header())
		}
	}
}

func (n *noted) begin(s Sent) string {
	n.ring.Begin(trace(0), s)
	return trace(0)
}

// A replay sends the same bytes as the same caller; an exact one the same headers
// too.
func TestReplay(t *testing.T) {
	s, n := newTestServer(t)
	odd := "{ \"fulfillmentInfo\" : {\"tag\":\"confirm\"} }\n"
	tr := n.begin(Sent{Source: "trigger", ClientCert: "mallory", Token: "expired", Way: ""})
	x := exchange(403, odd)
	x.RequestHeader.Set("X-Own", "1")
	n.ring.Exchanged(tr, x)
	for _, body := range []string{"", `{"exact":true}`} {
		if w := ask(s, "POST", "/api/calls/1/replay", body, nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"replayOf":1`) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	for i, send := range n.sent {
		if string(send.Body) != odd || send.ClientCert != "mallory" || send.Token != "expired" || send.ReplayOf != 1 {
			t.Errorf("%+v", send)
		}
		if exact := i == 1; exact != (send.Header.Get("Authorization") != "") || exact != (send.Header.Get("X-Own") == "1") {
			t.Errorf("replay %d: header %v", i, send.Header)
		}
	}
	// What is not known whole cannot be sent again.
	n.ring.Logged(line(t, trace(5), 200, ""))
	if w := ask(s, "POST", "/api/calls/4/replay", "", nil); w.Code != 400 || !strings.Contains(w.Body.String(), "its body is not known") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A call from outside is shown and sent again as the load balancer saw it, when it
// has ended.
func TestOutside(t *testing.T) {
	s, n := newTestServer(t)
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "Google LLC"}, SerialNumber: big.NewInt(255), Raw: []byte("leaf"), DNSNames: []string{"example.com"}}
	o := emulator.Observation{Trace: trace(0), Path: "/w", TLSVersion: "TLS 1.3", Present: true, Chain: []*x509.Certificate{leaf, leaf}, Status: 200,
		RequestHeader: http.Header{"Authorization": {"Bearer ey.ey.s"}, "X-Own": {"1"}}, ResponseHeader: http.Header{"X-Answer": {"yes"}}}
	n.ring.Observed(o)
	n.ring.Logged(line(t, trace(0), 200, ""))
	if c := get(t, n.ring, 1); c.Done {
		t.Error("done before the answer has been sent")
	}
	o.Whole, o.RequestBody, o.RequestBytes, o.ResponseBody, o.ResponseBytes = true, []byte(confirm), int64(len(confirm)), []byte("{}"), 2
	n.ring.Observed(o)
	c := get(t, n.ring, 1)
	if !c.Done || c.Source != "outside" || c.Tag != "confirm" || c.Request.Body != confirm || c.Request.Truncated || c.Response.Body != "{}" || c.Response.Header.Get("X-Answer") != "yes" || !c.Exact {
		t.Errorf("%+v", c)
	}
	if len(c.Chain) != 2 || c.Chain[0].Serial != "ff" || c.Chain[0].Subject != "CN=Google LLC" || c.Chain[0].SANs[0] != "example.com" {
		t.Errorf("%+v", c.Chain)
	}
	if w := ask(s, "GET", "/api/calls/1", "", nil); !strings.Contains(w.Body.String(), `"Authorization":["Bearer [redacted]"]`) || strings.Contains(w.Body.String(), "ey.ey.s") {
		t.Error(w.Body)
	}
	for i, body := range []string{"", `{"exact":true}`} {
		if w := ask(s, "POST", "/api/calls/1/replay", body, nil); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if send := n.sent[i]; string(send.Body) != confirm || send.Path != "/w" || send.ClientCert != "" || send.Token != "" || (send.Header.Get("X-Own") == "1") != (i == 1) {
			t.Errorf("%+v", send)
		}
	}
	// Without certificate and token, and too long to be kept.
	n.ring.Observed(emulator.Observation{Trace: trace(9), TLSVersion: "TLS 1.3", Status: 401, Whole: true, RequestHeader: http.Header{"X-Own": {"1"}},
		RequestBody: []byte(strings.Repeat("x", emulator.MaxBodyBytes)), RequestBytes: 70 << 10})
	if c := get(t, n.ring, 4); !c.Request.Truncated || c.Request.Bytes != 70<<10 || len(c.Request.Body) != emulator.MaxBodyBytes || c.Exact || c.ClientCert != "none" || c.Token != "none" {
		t.Errorf("%+v", c.Summary)
	}
	if w := ask(s, "POST", "/api/calls/4/replay", "", nil); w.Code != 400 || !strings.Contains(w.Body.String(), "its body has 71680 bytes, of which 65536 are kept") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// Broken off, so that no line will come.
	n.ring.Observed(emulator.Observation{Trace: trace(8), TLSVersion: "TLS 1.3", Whole: true})
	if c := get(t, n.ring, 5); !c.Done || c.Verdict != "fail" || c.Status != 0 {
		t.Errorf("%+v", c.Summary)
	}
	// Through a tunnel, no certificate is to be seen.
	n.ring.Observed(emulator.Observation{Trace: trace(10), Status: 200, Whole: true})
	if c := get(t, n.ring, 6); c.Way != Tunnel || c.ClientCert != "" || c.Verdicts[0].Presented != "no load balancer: TLS ends in the tunnel" {
		t.Errorf("%+v", c)
	}
}

// What was saved can be listed, read, played, and is not written over.
func TestSaved(t *testing.T) {
	s, n := newTestServer(t)
	ask(s, "POST", "/api/calls", `{}`, nil)
	ask(s, "POST", "/api/calls", `{}`, nil)
	save := `{"calls":[2,1],"comment":"Guards an order."}`
	if w := ask(s, "PUT", "/api/saved/order", save, nil); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	file := filepath.Join(s.cfg.Saved.dir, "order.txtar")
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(text), "Guards an order.\n\n-- request --\n{\n  \"fulfillmentInfo\"") || strings.Count(string(text), "-- response 200 --\n") != 2 {
		t.Errorf("%v\n%s", err, text)
	}
	if w := ask(s, "PUT", "/api/saved/order", save, nil); w.Code != 400 || !strings.Contains(w.Body.String(), "is there already") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s, "PUT", "/api/saved/section", `{"calls":[1],"comment":"-- x --"}`, nil); w.Code != 400 || !strings.Contains(w.Body.String(), "cannot be read again") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s, "GET", "/api/saved", "", nil); w.Body.String() != "[\"order\"]\n" {
		t.Error(w.Body)
	}
	if w := ask(s, "GET", "/api/saved/order", "", nil); !strings.Contains(w.Body.String(), `"status":200`) || !strings.Contains(w.Body.String(), `"tag":"confirm"`) {
		t.Error(w.Body)
	}
	if w := ask(s, "POST", "/api/saved/order/play", "", nil); w.Body.String() != "{\"calls\":[3,4]}\n" || len(n.sent) != 4 || n.sent[2].Request == nil {
		t.Errorf("%s %+v", w.Body, n.sent)
	}
	if err := os.WriteFile(filepath.Join(s.cfg.Saved.dir, "broken.txtar"), []byte("-- request --\n{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSaved(s.cfg.Saved.dir); err == nil || !strings.Contains(err.Error(), "broken.txtar: request 1: not JSON") {
		t.Error(err)
	}
	if _, err := OpenSaved(file + "/none"); err == nil {
		t.Error("a folder that is not there was opened")
	}
	s.cfg.Saved = nil
	if w := ask(s, "PUT", "/api/saved/order", save, nil); w.Code != 400 || !strings.Contains(w.Body.String(), "start with --request DIR") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A stream begins where its reader was, and goes on.
func TestStream(t *testing.T) {
	s, n := newTestServer(t)
	n.ring.Begin(trace(1), Sent{})
	n.ring.Begin(trace(2), Sent{})
	srv := httptest.NewServer(s)
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", srv.URL+"/api/stream?session=s", nil)
	req.Header.Set("Last-Event-ID", "1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n.ring.Exchanged(trace(1), exchange(200, confirm)) // only now it is of session s
	lines := bufio.NewScanner(resp.Body)
	var got []string
	for lines.Scan() && lines.Text() != "" {
		got = append(got, lines.Text())
	}
	if len(got) != 3 || got[0] != "id: 3" || got[1] != "event: call" || !strings.Contains(got[2], `"id":1,`) {
		t.Errorf("%q", got)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Error(ct)
	}
}

// The commands find the stack that was started last, and not one that has ended.
func TestClient(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	if _, err := Connect(); !errors.Is(err, ErrNoStack) {
		t.Fatalf("%v", err)
	}
	s, n := newTestServer(t)
	srv := httptest.NewServer(s)
	withdraw, err := Announce(srv.URL, s.Token())
	if err != nil {
		t.Fatal(err)
	}
	file, _ := whereaboutsFile()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	c, err := Connect()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	call, err := c.Send(ctx, Send{Tag: "confirm"})
	if err != nil || call.ID != 1 || n.sent[0].Source != "trigger" {
		t.Fatalf("%+v, %v", call, err)
	}
	if again, err := c.Replay(ctx, 1, false); err != nil || again.ReplayOf != 1 {
		t.Errorf("%v", err)
	}
	var refused *RequestError
	if _, err := c.Call(ctx, 9); !errors.As(err, &refused) || !strings.Contains(err.Error(), "no call 9") {
		t.Errorf("%v", err)
	}
	if all, err := c.SetFault(ctx, "slow-handler", true); err != nil || len(all) != 1 {
		t.Errorf("%v %v", all, err)
	}
	stopped := errors.New("enough")
	if err := c.Stream(ctx, nil, func(s Summary) error { return stopped }); err != stopped {
		t.Errorf("%v", err)
	}
	if after, err := c.Latest(ctx); err != nil || after == "0" {
		t.Errorf("%s %v", after, err)
	}
	// A later stack's word is not withdrawn by an earlier one's end.
	withdrawLater, err := Announce("http://127.0.0.1:1", "later")
	if err != nil || withdraw() != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	srv.Close()
	if _, err := c.Send(ctx, Send{}); !errors.Is(err, ErrNoStack) {
		t.Errorf("%v", err)
	}
	if err := withdrawLater(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Dir(file) + "/*"); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}
