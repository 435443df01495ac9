package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/cxhook/internal/emulator"
)

// at is when everything happens.
var at = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

func newTestRing() *Ring { return NewRing(func() time.Time { return at }) }

func trace(n int) string { return fmt.Sprintf("%032x", n+1) }

// line is the function's about a call.
func line(t *testing.T, trace string, status int, rest string) *Line {
	t.Helper()
	l, err := ParseLine(fmt.Appendf(nil, `{"message":"confirm: answered","logging.googleapis.com/trace":"projects/p/traces/%s","httpRequest":{"status":%d,"requestUrl":"/w"},"us":{"total":90,"token":30}%s}`, trace, status, rest))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func exchange(status int, body string) *emulator.Exchange {
	return &emulator.Exchange{Status: status, Request: []byte(body), RequestHeader: http.Header{"Authorization": {"Bearer eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhIn0.c2ln"}},
		Response: []byte(`{"payload":{}}`), TLS: &emulator.TLSState{Version: "TLS 1.3"}, Timings: emulator.Timings{Handshake: time.Millisecond, Total: 2 * time.Millisecond}}
}

const confirm = `{"fulfillmentInfo":{"tag":"confirm"},"sessionInfo":{"session":"projects/p/locations/l/agents/a/sessions/s"}}`

func get(t *testing.T, r *Ring, id int) *Call {
	t.Helper()
	c, _, ok := r.Call(id)
	if !ok {
		t.Fatalf("call %d is not there", id)
	}
	return c
}

// In whatever order the three tell of a call, it is one, and the same in the end.
func TestPartsInAnyOrder(t *testing.T) {
	const tr = "0af7651916cd43dd8448eb211c80319c"
	parts := []func(*Ring){
		func(r *Ring) { r.Exchanged(tr, exchange(200, confirm)) },
		func(r *Ring) {
			r.Observed(emulator.Observation{Trace: tr, Path: "/w", Present: true, Verified: true, Subject: "CN=Google LLC", Status: 200, TLSVersion: "TLS 1.3", Header: http.Header{"X-Client-Cert-Present": {"true"}}})
		},
		func(r *Ring) {
			r.Logged(line(t, tr, 200, `,"checks":[{"station":"token","check":"email","outcome":"pass","presented":"x"}]`))
		},
	}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		r := newTestRing()
		id := r.Begin(tr, Sent{Source: "trigger", ClientCert: "google", Token: "valid", Subject: "CN=Google LLC", Body: []byte(confirm)})
		if c := get(t, r, id); c.Done || c.Verdict != "" || c.Tag != "confirm" || c.Source != "trigger" {
			t.Errorf("under way: %+v", c.Summary)
		}
		for _, i := range order {
			parts[i](r)
		}
		c := get(t, r, id)
		want := Summary{ID: 1, Seq: 4, Time: at, Source: "trigger", Path: "/w", Tag: "confirm", Session: "projects/p/locations/l/agents/a/sessions/s", Status: 200, Verdict: "pass", Micros: 2000, Message: "confirm: answered", Done: true}
		if c.Summary != want {
			t.Errorf("order %v:\ngot  %+v\nwant %+v", order, c.Summary, want)
		}
		if c.Timings["handshake"] != 1000 || c.Timings["token"] != 30 || len(r.List()) != 1 {
			t.Errorf("order %v: timings %v, %d calls", order, c.Timings, len(r.List()))
		}
		if string(c.Bearer.Header) != `{"alg":"RS256"}` || string(c.Bearer.Claims) != `{"aud":"a"}` {
			t.Errorf("bearer %s %s", c.Bearer.Header, c.Bearer.Claims)
		}
	}
}

// What strict mode refuses in the handshake belongs to the call that is being sent
// with that certificate, and else is a call of its own.
func TestRefusedHandshake(t *testing.T) {
	r := newTestRing()
	refused := emulator.Observation{Refused: errors.New("bad certificate"), Present: true, Subject: "CN=Mallory", Problem: "client_cert_validation_failed"}
	r.Begin(trace(0), Sent{Subject: "CN=Google LLC"})
	id := r.Begin(trace(1), Sent{Source: "compose", Subject: "CN=Mallory"})
	r.Observed(refused)
	r.Exchanged(trace(1), &emulator.Exchange{Failed: emulator.StageHandshake, Err: errors.New("remote error")})
	c := get(t, r, id)
	if c.Status != 0 || c.Verdict != "fail" || c.Reason != "client_cert_validation_failed" || c.Event != "webhook.error" || !c.Done {
		t.Errorf("%+v", c.Summary)
	}
	r.Observed(refused)
	if c := get(t, r, 3); c.Source != "outside" || c.Reason != "client_cert_validation_failed" || !c.Done || c.Trace != "" {
		t.Errorf("%+v", c.Summary)
	}
}

func TestVerdicts(t *testing.T) {
	for name, tt := range map[string]struct {
		tell func(*Ring)
		want string // verdict, reason, event, done
	}{
		"nobody answers": {func(r *Ring) {
			r.Exchanged(trace(0), &emulator.Exchange{Failed: emulator.StageTimeout, Err: errors.New("late")})
		}, "fail client_timeout webhook.error.timeout true"},
		"the function is gone": {func(r *Ring) {
			r.Observed(emulator.Observation{Trace: trace(0), Status: 502, BackendError: errors.New("refused")})
			r.Exchanged(trace(0), exchange(502, confirm))
		}, "fail backend_failed webhook.error true"},
		"a refusal": {func(r *Ring) {
			r.Exchanged(trace(0), exchange(403, confirm))
			r.Logged(line(t, trace(0), 403, `,"checks":[{"station":"edge","outcome":"fail","code":"edge_missing"}]`))
		}, "fail edge_missing webhook.error.rejected true"},
		"answered, and no line yet": {func(r *Ring) { r.Exchanged(trace(0), exchange(200, confirm)) }, "pass   false"},
		"a warning": {func(r *Ring) {
			r.Exchanged(trace(0), exchange(200, confirm))
			r.Logged(line(t, trace(0), 200, `,"checks":[{"station":"certificate","outcome":"warn","code":"cert_other_intermediate"}]`))
		}, "pass   true"},
	} {
		r := newTestRing()
		id := r.Begin(trace(0), Sent{})
		tt.tell(r)
		c := get(t, r, id)
		if got := fmt.Sprint(c.Verdict, " ", c.Reason, " ", c.Event, " ", c.Done); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		for _, station := range Stations {
			if !slices.ContainsFunc(c.Verdicts, func(v Verdict) bool { return v.Station == station }) {
				t.Errorf("%s: station %s has no verdict", name, station)
			}
		}
	}
}

// A failure that the agent does not notice has no event, but says so.
func TestSilent(t *testing.T) {
	for _, target := range []bool{false, true} {
		r := newTestRing()
		id := r.Begin(trace(0), Sent{Attempt: 2})
		x := exchange(503, confirm)
		x.RouteTarget = target
		r.Exchanged(trace(0), x)
		if c := get(t, r, id); c.Silent != target || c.Verdict != "" && c.Verdict != "fail" || c.Attempt != 2 {
			t.Errorf("target %t: %+v", target, c)
		}
		r.Logged(line(t, trace(0), 503, ""))
		if c := get(t, r, id); (c.Event == "") != target || c.Verdict != "fail" {
			t.Errorf("target %t: %+v", target, c.Summary)
		}
	}
}

// Stations that only some policies have stand in their places, and are not missed
// where a policy has them not.
func TestStationsOfPolicies(t *testing.T) {
	r := newTestRing()
	id := r.Begin(trace(0), Sent{})
	r.Logged(line(t, trace(0), 403, `,"checks":[{"station":"session","outcome":"fail","code":"session_expired"},{"station":"header","outcome":"pass"},{"station":"token","outcome":"pass"}]`))
	var got []string
	for _, v := range get(t, r, id).Verdicts {
		got = append(got, v.Station)
	}
	if want := []string{"handshake", "headers", "edge", "certificate", "token", "header", "request", "session", "route", "handler", "response"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The oldest calls go, and with them what comes late of them becomes a call of
// somebody else's.
func TestRingForgets(t *testing.T) {
	r := newTestRing()
	for i := range RingSize + 3 {
		r.Begin(trace(i), Sent{})
	}
	list := r.List()
	if len(list) != RingSize || list[0].ID != RingSize+3 || list[RingSize-1].ID != 4 {
		t.Errorf("%d calls, from %d to %d", len(list), list[RingSize-1].ID, list[0].ID)
	}
	if _, _, ok := r.Call(3); ok {
		t.Error("call 3 is kept")
	}
	get(t, r, 4)
	r.Drop(trace(5))
	if _, _, ok := r.Call(6); ok || len(r.List()) != RingSize-1 {
		t.Error("a dropped call is kept")
	}
}

// Whoever reads on from where it was misses nothing and gets nothing twice.
func TestChanges(t *testing.T) {
	r := newTestRing()
	r.Begin(trace(0), Sent{})
	r.Begin(trace(1), Sent{})
	calls, seq, more := r.Changes(0)
	if len(calls) != 2 || calls[0].ID != 1 || seq != 2 {
		t.Fatalf("%+v, %d", calls, seq)
	}
	select {
	case <-more:
		t.Fatal("nothing has changed")
	default:
	}
	r.Exchanged(trace(0), exchange(200, confirm))
	<-more
	if calls, seq, _ = r.Changes(seq); len(calls) != 1 || calls[0].ID != 1 || seq != 3 {
		t.Errorf("%+v, %d", calls, seq)
	}
	if calls, _, _ = r.Changes(seq); len(calls) != 0 {
		t.Errorf("again: %+v", calls)
	}
	if calls, _, _ = r.Changes(1 << 40); len(calls) != 2 { // a reader of the stack before this one
		t.Errorf("of another stack: %+v", calls)
	}
}

// A call is told of once, when it is done.
func TestLive(t *testing.T) {
	r := newTestRing()
	r.Begin(trace(0), Sent{})
	r.Exchanged(trace(0), exchange(200, confirm))
	r.Logged(line(t, trace(0), 200, ""))
	live := r.Live()
	r.Begin(trace(1), Sent{})
	if calls, _ := live(); len(calls) != 0 {
		t.Errorf("%d calls", len(calls))
	}
	r.Exchanged(trace(1), &emulator.Exchange{Failed: emulator.StageTimeout, Err: errors.New("late")})
	if calls, _ := live(); len(calls) != 1 || calls[0].ID != 2 {
		t.Errorf("%+v", calls)
	}
	r.Logged(line(t, trace(1), 504, "")) // the function ends later
	if calls, _ := live(); len(calls) != 0 {
		t.Errorf("told twice: %+v", calls)
	}
}

func TestRingConcurrently(t *testing.T) {
	r := newTestRing()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 200 {
				tr := trace(1000*i + n)
				id := r.Begin(tr, Sent{})
				r.Exchanged(tr, exchange(200, confirm))
				r.Logged(line(t, tr, 200, ""))
				r.Call(id)
				if n%50 == 0 {
					r.Changes(0)
				}
			}
		})
	}
	wg.Wait()
	if len(r.List()) != RingSize {
		t.Errorf("%d calls", len(r.List()))
	}
}

// Bodies that are no text come through whole.
func TestMessage(t *testing.T) {
	for _, tt := range []struct {
		body  string
		bytes int64
		want  Message
	}{
		{"häh", 4, Message{Body: "häh", Bytes: 4}},
		{"\xff\x00", 2, Message{Body: "/wA=", Base64: true, Bytes: 2}},
		{"h\xc3", 9, Message{Body: "h\uFFFD", Bytes: 9, Truncated: true}},
	} {
		m := message(nil, []byte(tt.body), tt.bytes)
		if m.Body != tt.want.Body || m.Base64 != tt.want.Base64 || m.Truncated != tt.want.Truncated || m.Bytes != tt.want.Bytes || string(m.raw) != tt.body || m.Header == nil {
			t.Errorf("%q: %+v", tt.body, m)
		}
	}
}
