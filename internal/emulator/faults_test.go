package emulator

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What is broken is seen as just that, and is whole again when it is mended. The
// function is asked, or is not.
func TestFaults(t *testing.T) {
	s := newStack(t, Strict, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"payload":{"a":1}}`) }, nil)
	for _, tt := range []struct {
		name   string
		fault  Fault
		failed Stage
		err    string
		status int
		body   string // its beginning
		asked  bool
	}{
		{"drop the request", DropRequest, StageAnswer, "EOF", 0, "", false},
		{"drop the answer", DropAnswer, StageAnswer, "EOF", 0, "", true},
		{"truncate the answer", TruncateAnswer, StageAnswer, "unexpected EOF", 200, `{"payload`, true},
		{"bad gateway", BadGateway, "", "", 502, badGateway, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.lb.SetFault(tt.fault, true)
			d := s.dialogflow(t, nil)
			x, o := send(t, d, nil), <-s.seen
			if x.Failed != tt.failed || x.Status != tt.status || string(x.Response) != tt.body || tt.err != "" && x.Err.Error() != tt.err || x.Event() != "webhook.error" {
				t.Errorf("%q %v, status %d, %q, event %q", x.Failed, x.Err, x.Status, x.Response, x.Event())
			}
			if len(s.got) != map[bool]int{false: 0, true: 1}[tt.asked] {
				t.Errorf("the function was asked %d times", len(s.got))
			}
			if o.Status != tt.status || !o.Whole || o.RequestBytes != int64(len(x.Request)) || (len(o.RequestBody) > 0) != tt.asked {
				t.Errorf("observed %+v", o)
			}
			for len(s.got) > 0 {
				<-s.got
			}
			s.lb.SetFault(tt.fault, false)
			if x := send(t, d, nil); x.Failed != "" || x.Status != 200 {
				t.Errorf("mended: %q %v %d", x.Failed, x.Err, x.Status)
			}
			<-s.got
			<-s.seen
		})
	}
}

// Two faults are broken and mended one by one.
func TestFaultsTogether(t *testing.T) {
	s := newStack(t, Strict, nil, nil)
	d := s.dialogflow(t, nil)
	s.lb.SetFault(BadGateway, true)
	s.lb.SetFault(DropAnswer, true)
	s.lb.SetFault(DropAnswer, false)
	if x := send(t, d, nil); x.Status != 502 {
		t.Errorf("%d %v", x.Status, x.Err)
	}
}

// The function is asked late, and not at all where the client gave up.
func TestSlowNetwork(t *testing.T) {
	if SlowNetworkDelay <= DefaultTimeout {
		t.Errorf("%v is no longer than Dialogflow waits", SlowNetworkDelay)
	}
	asks := func(t *testing.T, patience time.Duration) (asked time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			start := time.Now()
			lb := &LoadBalancer{proxy: &httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) { asked = time.Since(start) }, ErrorLog: log.New(io.Discard, "", 0),
				Transport: http.NewFileTransport(http.Dir(t.TempDir()))}}
			lb.SetFault(SlowNetwork, true)
			defer func() {
				if p := recover(); p != nil && p != http.ErrAbortHandler {
					panic(p)
				}
			}()
			lb.broken(&call{}, httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil).WithContext(ctx))
		})
		return asked
	}
	if got := asks(t, time.Minute); got != SlowNetworkDelay {
		t.Errorf("asked after %v", got)
	}
	if got := asks(t, DefaultTimeout); got != 0 {
		t.Errorf("asked after %v by a client that has gone", got)
	}
}

// The issuer's set is down or another, and so are the tokens of it.
func TestIssuerFaults(t *testing.T) {
	i, err := NewIssuer(nil)
	if err != nil {
		t.Fatal(err)
	}
	set := func() (int, string) {
		w := httptest.NewRecorder()
		i.ServeHTTP(w, httptest.NewRequest("GET", KeysPath, nil))
		return w.Code, w.Body.String()
	}
	_, first := set()
	i.SetDown(true)
	if code, body := set(); code != 503 || strings.Contains(body, "keys") {
		t.Errorf("down: %d %s", code, body)
	}
	i.SetDown(false)
	var sets, kids []string
	for _, on := range []bool{true, true, false} {
		if err := i.SetRotated(on); err != nil {
			t.Fatal(err)
		}
		code, body := set()
		token, err := i.Token("valid", testAudience, testProject)
		if code != 200 || err != nil {
			t.Fatal(code, err)
		}
		sets, kids = append(sets, body), append(kids, strings.Split(token, ".")[0])
	}
	if sets[0] == first || sets[1] != sets[0] || sets[2] != first || kids[0] != kids[1] || kids[0] == kids[2] {
		t.Errorf("sets %q, headers %q", sets, kids)
	}
}
