package emulator

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/cxhook/verify"
)

// What passes is kept, however the bodies are sent; more than the bound is counted.
func TestBodiesKept(t *testing.T) {
	large := strings.Repeat("0123456789", 7<<10)
	s := newStack(t, Lenient, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, r.Header.Get("Say"))
		http.NewResponseController(w).Flush()
		if r.Header.Get("Say") == "much" {
			io.WriteString(w, large)
		}
	}, nil)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: clientTLS(clientCertificate(t, "google"))}}
	defer client.CloseIdleConnections()
	for _, tt := range []struct {
		name, body, say string
		chunked         bool
		asked, answered int64
	}{
		{"a body", `{"a":1}`, "little", false, 7, 6},
		{"in chunks", `{"a":1}`, "little", true, 7, 6},
		{"none", "", "", false, 0, 0},
		{"large ones", large, "much", false, 70 << 10, 70<<10 + 4},
		{"large ones, in chunks", large, "much", true, 70 << 10, 70<<10 + 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var body io.Reader = strings.NewReader(tt.body)
			if tt.chunked {
				body = io.MultiReader(body)
			}
			req, err := http.NewRequest(http.MethodPost, "https://"+s.address+"/shirts", body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{"Authorization": {"Bearer ey"}, "Say": {tt.say}, "X-Client-Cert-Present": {"mine"}}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || int64(len(got)) != tt.answered {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			<-s.got
			o := <-s.seen
			for _, side := range []struct {
				name  string
				all   []byte
				kept  []byte
				n     int64
				wantN int64
			}{{"request", []byte(tt.body), o.RequestBody, o.RequestBytes, tt.asked}, {"response", got, o.ResponseBody, o.ResponseBytes, tt.answered}} {
				if !bytes.Equal(side.kept, side.all[:min(len(side.all), MaxBodyBytes)]) || side.n != side.wantN {
					t.Errorf("%s: %d bytes kept of %d, want %d", side.name, len(side.kept), side.n, side.wantN)
				}
			}
			if o.RequestHeader.Get("Authorization") != "Bearer ey" || o.RequestHeader.Get("X-Client-Cert-Present") != "mine" || o.RequestHeader.Get(verify.DefaultEdgeHeader) != "" {
				t.Errorf("request header %v", o.RequestHeader)
			}
			if o.ResponseHeader.Get("X-Answer") != "yes" || o.Status != http.StatusTeapot {
				t.Errorf("response %d %v", o.Status, o.ResponseHeader)
			}
			leaf := clientCertificate(t, "google")
			if len(o.Chain) != len(leaf.Certificate) || !o.Chain[0].Equal(leaf.Leaf) {
				t.Errorf("chain of %d", len(o.Chain))
			}
		})
	}
}

// A call is told of before its answer is sent, and again when it has ended; also
// where it ends badly.
func TestToldTwice(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"answered", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") }, `false 200 "", true 200 "{}"`},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "{}")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, `false 200 "", true 200 "{}"`},
		{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, `false 502 "", true 502 ` + strconv.Quote(badGateway)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan Observation, 3)
			s := newStack(t, Lenient, tt.answer, func(cfg *LoadBalancerConfig) { cfg.OnCall = func(o Observation) { seen <- o } })
			send(t, s.dialogflow(t, nil), nil)
			var got []string
			for range 2 {
				o := <-seen
				got = append(got, fmt.Sprintf("%v %d %q", o.Whole, o.Status, o.ResponseBody))
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
			if len(seen) > 0 {
				t.Error("told a third time")
			}
		})
	}
}

// A plain front tells the same, without a certificate, and begins the trace.
func TestRecord(t *testing.T) {
	var traces []string
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		traces = append(traces, r.Header.Get("X-Cloud-Trace-Context"))
		if r.URL.Path == "/silent" {
			return
		}
		io.Copy(w, r.Body)
	}))
	defer backend.Close()
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan Observation, 8)
	front := httptest.NewServer(Record(&httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) { pr.SetURL(target) }}, time.Now, func(o Observation) { seen <- o }))
	defer front.Close()
	const trace = "0123456789abcdef0123456789abcdef"
	for _, tt := range []struct{ path, body, trace string }{
		{"/w", "{}", ""},
		{"/w", "{}", trace + "/1"},
		{"/silent", "", ""},
	} {
		req, err := http.NewRequest(http.MethodPost, front.URL+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		if tt.trace != "" {
			req.Header.Set("X-Cloud-Trace-Context", tt.trace)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		first, last := <-seen, <-seen
		if first.Whole || !last.Whole || first.Trace != last.Trace || first.Status != 200 {
			t.Errorf("first %+v\nlast %+v", first, last)
		}
		if last.Method != "POST" || last.Path != tt.path || last.Protocol != "HTTP/1.1" || last.Status != 200 || last.Client == "" || last.Took <= 0 || last.TLSVersion != "" || last.Present ||
			string(last.RequestBody) != tt.body || string(last.ResponseBody) != tt.body || last.RequestHeader.Get("X-Cloud-Trace-Context") != tt.trace {
			t.Errorf("%+v", last)
		}
		if got := traces[len(traces)-1]; !strings.HasPrefix(got, last.Trace+"/") || tt.trace != "" && last.Trace != trace {
			t.Errorf("the function's trace %q, told %q, the client's %q", got, last.Trace, tt.trace)
		}
	}
	// One that writes nothing has answered 200 all the same.
	w := httptest.NewRecorder()
	Record(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), time.Now, func(o Observation) { seen <- o }).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if first, last := <-seen, <-seen; w.Code != 200 || first.Status != 200 || last.Status != 200 {
		t.Errorf("%d, %d, %d", w.Code, first.Status, last.Status)
	}
}
