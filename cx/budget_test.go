package cx_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/cxhook/cx"
)

// routed gives the handler of one route.
func routed(t *testing.T, r cx.Route) http.Handler {
	t.Helper()
	m := cx.NewMux()
	m.Route(r)
	return handlerOf(t, m)
}

// deaf gives a handler that ignores its context until release is closed.
func deaf(release <-chan struct{}) cx.HandlerFunc {
	return func(context.Context, *cx.Request) (*cx.Response, error) {
		<-release
		return cx.Say("too late"), nil
	}
}

const lateBody = `{"fulfillmentResponse":{"messages":[{"text":{"text":["one moment"]}}]}}`

func TestBudget(t *testing.T) {
	listens := cx.HandlerFunc(func(ctx context.Context, _ *cx.Request) (*cx.Response, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("stock: %w", ctx.Err())
	})
	moment := func(*cx.Request) *cx.Response { return cx.Say("one moment") }
	for _, tt := range []struct {
		name   string
		route  cx.Route
		start  time.Duration // before now: what verification took
		budget time.Duration // of the webhook
		status int
		body   string
		after  time.Duration
		deaf   bool
	}{
		{name: "handler that ignores its context", deaf: true, status: 504, after: 4 * time.Second},
		{name: "handler that ignores its context, Late", route: cx.Route{Late: moment}, deaf: true, status: 200, body: lateBody, after: 4 * time.Second},
		{name: "handler that returns the context's error", route: cx.Route{Handler: listens}, status: 504, after: 4 * time.Second},
		{name: "the same, Late", route: cx.Route{Handler: listens, Late: moment}, status: 200, body: lateBody, after: 4 * time.Second},
		{name: "Late without an answer", route: cx.Route{Handler: listens, Late: func(*cx.Request) *cx.Response { return nil }}, status: 504, after: 4 * time.Second},
		{name: "Late that panics", route: cx.Route{Handler: listens, Late: func(*cx.Request) *cx.Response { panic("late") }}, status: 504, after: 4 * time.Second},
		{name: "Late that ends its goroutine", route: cx.Route{Handler: listens, Late: func(*cx.Request) *cx.Response { runtime.Goexit(); return nil }}, status: 504, after: 4 * time.Second},
		{name: "Late that is slow", route: cx.Route{Handler: listens, Late: func(*cx.Request) *cx.Response { time.Sleep(time.Minute); return cx.Say("x") }}, status: 504, after: 4*time.Second + 100*time.Millisecond},
		{name: "what verification took counts", start: time.Second, deaf: true, status: 504, after: 3 * time.Second},
		{name: "the webhook's budget", budget: time.Second, deaf: true, status: 504, after: time.Second},
		{name: "the route's budget", route: cx.Route{Budget: 20 * time.Second}, budget: time.Second, deaf: true, status: 504, after: 20 * time.Second},
		{name: "in time", route: cx.Route{Handler: cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) {
			time.Sleep(4*time.Second - 1)
			return cx.Say("ok"), nil
		})}, status: 200, body: okBody, after: 4*time.Second - 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				if tt.deaf {
					tt.route.Handler = deaf(release)
				}
				tt.route.Tag = "t"
				h := routed(t, tt.route)
				r, call := newRequest(t, tagged)
				call.Start, call.Budget = time.Now().Add(-tt.start), tt.budget
				begin := time.Now()
				got := serve(h, r, call)
				if took := time.Since(begin); took != tt.after {
					t.Errorf("answered after %v, want %v", took, tt.after)
				}
				late := tt.status == 504 || tt.body == lateBody
				if tt.status == 504 {
					got.failed(t, 504, "handler_late")
				} else if got.status != 200 || got.body != tt.body {
					t.Errorf("got %d %s", got.status, got.body)
				}
				if call.Late != late || (late && call.Code != "handler_late") || (tt.deaf && call.Overruns != 1) {
					t.Errorf("late %v, code %q, %d overruns", call.Late, call.Code, call.Overruns)
				}
				if want := tt.start + tt.after; late && tt.route.Late == nil && call.Budget != want {
					t.Errorf("the call says that its budget was %v, want %v", call.Budget, want)
				}
				if strings.Contains(tt.name, "panics") && !strings.Contains(call.Err.Error(), "panic: late") {
					t.Errorf("the panic is lost: %v", call.Err)
				}
				close(release)
				time.Sleep(time.Minute) // until every goroutine has returned
			})
		})
	}
}

func TestRemaining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left []time.Duration
		h := answering(t, func(ctx context.Context, _ *cx.Request) (*cx.Response, error) {
			left = append(left, cx.Remaining(ctx))
			time.Sleep(3 * time.Second)
			left = append(left, cx.Remaining(ctx))
			<-ctx.Done()
			left = append(left, cx.Remaining(ctx))
			return cx.Say("x"), nil
		})
		post(t, h, tagged)
		synctest.Wait()
		if fmt.Sprint(left) != "[4s 1s 0s]" {
			t.Errorf("remaining %v", left)
		}
	})
	if cx.Remaining(context.Background()) != math.MaxInt64 {
		t.Error("a context without a deadline has all the time in the world")
	}
}

func TestCallerGone(t *testing.T) {
	for _, listens := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			h := answering(t, func(ctx context.Context, _ *cx.Request) (*cx.Response, error) {
				if listens {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				<-release
				return cx.Say("x"), nil
			})
			r, call := newRequest(t, tagged)
			ctx, cancel := context.WithCancel(r.Context())
			time.AfterFunc(time.Second, cancel)
			got := serve(h, r.WithContext(ctx), call)
			got.failed(t, 503, "caller_gone")
			if call.Late {
				t.Error("a call whose caller has gone is not late")
			}
			close(release)
		})
	}
}

// Handlers that overrun are bounded, and counted down when they return.
func TestOverrunsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		m := cx.NewMux()
		m.Route(cx.Route{Tag: "deaf", Handler: deaf(release)})
		m.Route(cx.Route{Tag: "t", Handler: cx.HandlerFunc(sayOK)})
		h := handlerOf(t, m)
		var wg sync.WaitGroup
		for range cx.MaxOverruns {
			wg.Go(func() { post(t, h, `{"fulfillmentInfo":{"tag":"deaf"}}`).failed(t, 504, "handler_late") })
		}
		wg.Wait()
		got := post(t, h, tagged)
		got.failed(t, 503, "overloaded")
		if got.call.Overruns != cx.MaxOverruns {
			t.Errorf("%d overruns, want %d", got.call.Overruns, cx.MaxOverruns)
		}
		close(release)
		synctest.Wait()
		post(t, h, tagged).answered(t)
		// They have all been counted down: one more overrun is the only one.
		block := make(chan struct{})
		one := routed(t, cx.Route{Tag: "t", Handler: deaf(block)})
		if got := post(t, one, tagged); got.call.Overruns != 1 {
			t.Errorf("%d overruns, want 1", got.call.Overruns)
		}
		close(block)
	})
}

// A handler that panics after it was answered for takes nobody with it.
func TestPanicAfterTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := answering(t, func(ctx context.Context, _ *cx.Request) (*cx.Response, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			panic("nobody listens")
		})
		post(t, h, tagged).failed(t, 504, "handler_late")
		time.Sleep(2 * time.Second)
		synctest.Wait()
	})
}

// A body that trickles in does not outlive the budget, and a refusal does not wait
// for it: on a real connection, since only there reads have deadlines. Where this
// breaks, the test hangs.
func TestSlowBody(t *testing.T) {
	calls := make(chan *cx.Call, 1)
	h := answering(t, sayOK)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := new(cx.Call)
		if r.URL.Path == "/late" { // the budget is over, so that the test does not have to wait
			call.Start, call.Budget = time.Now().Add(-time.Second), time.Second
		} else {
			call.Budget = time.Hour
		}
		h.ServeHTTP(w, r.WithContext(cx.WithCall(r.Context(), call)))
		calls <- call
	}))
	defer srv.Close()
	for _, tt := range []struct {
		request string
		status  int
		code    string
	}{
		{"POST /late HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100", 408, "body_incomplete"},
		{"POST /late HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked", 408, "body_incomplete"},
		{"PUT / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100", 405, "method_not_allowed"},
		{"POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 100", 415, "content_type_unsupported"},
		{"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2000000", 413, "body_too_large"},
	} {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s\r\nHost: x\r\n\r\n", tt.request)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if call := <-calls; err != nil || resp.StatusCode != tt.status || string(body) != errorBody(tt.status) || call.Code != tt.code {
			t.Errorf("%s: got %d %q, %v, code %q", tt.request, resp.StatusCode, body, err, call.Code)
		}
		conn.Close()
	}
}

// The deadline for the body ends with the body: the connection serves the next
// call, and a handler may take longer than what was left for reading.
func TestConnectionIsKept(t *testing.T) {
	h := answering(t, sayOK)
	srv := httptest.NewServer(h)
	defer srv.Close()
	for i := range 3 {
		kept := false
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { kept = info.Reused }})
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, strings.NewReader(tagged))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if kept != (i > 0) || resp.Close {
			t.Errorf("call %d: kept %v, closes %v", i, kept, resp.Close)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || string(body) != okBody {
			t.Errorf("got %d %q, %v", resp.StatusCode, body, err)
		}
	}
}

func TestLateIsNotAnOrdinaryError(t *testing.T) {
	// A time-out of the handler's own, within the budget, is a plain error.
	synctest.Test(t, func(t *testing.T) {
		h := answering(t, func(ctx context.Context, _ *cx.Request) (*cx.Response, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		})
		got := post(t, h, tagged)
		got.failed(t, 500, "handler_error")
		if got.call.Late || !errors.Is(got.call.Err, context.DeadlineExceeded) {
			t.Errorf("late %v, %v", got.call.Late, got.call.Err)
		}
	})
}
