package cx_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/cxhook/cx"
)

// outcome is what became of one call.
type outcome struct {
	status int
	body   string
	header http.Header
	call   *cx.Call
}

// newRequest makes the HTTP request of a call with this body.
func newRequest(t testing.TB, body string) (*http.Request, *cx.Call) {
	t.Helper()
	call := new(cx.Call)
	r := httptest.NewRequestWithContext(cx.WithCall(t.Context(), call), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r, call
}

func serve(h http.Handler, r *http.Request, call *cx.Call) outcome {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return outcome{w.Code, w.Body.String(), w.Header(), call}
}

// post sends one body.
func post(t testing.TB, h http.Handler, body string) outcome {
	t.Helper()
	r, call := newRequest(t, body)
	return serve(h, r, call)
}

// handlerOf gives the handler of a Mux that must be without mistakes.
func handlerOf(t testing.TB, m *cx.Mux) http.Handler {
	t.Helper()
	h, err := m.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// answering gives the handler of one route with the tag "t".
func answering(t testing.TB, f cx.HandlerFunc) http.Handler {
	t.Helper()
	m := cx.NewMux()
	m.Route(cx.Route{Tag: "t", Handler: f})
	return handlerOf(t, m)
}

// tagged is a body for answering's route.
const tagged = `{"fulfillmentInfo":{"tag":"t"}}`

func sayOK(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say("ok"), nil }

const okBody = `{"fulfillmentResponse":{"messages":[{"text":{"text":["ok"]}}]}}`

// errorBody is all that a caller learns of a failure.
func errorBody(status int) string {
	return fmt.Sprintf("{\"error\":{\"code\":%d,\"message\":%q}}\n", status, http.StatusText(status))
}

// failed checks status, body and reason code of a refusal, and what the log has.
func (o outcome) failed(t *testing.T, status int, code string) {
	t.Helper()
	if o.status != status || o.body != errorBody(status) || o.call.Code != code {
		t.Errorf("got %d %q, code %q (%v)\nwant %d %q, code %q", o.status, o.body, o.call.Code, o.call.Err, status, errorBody(status), code)
	}
	if ct := o.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
	if n := len(o.call.Checks); n == 0 || o.call.Checks[n-1].Outcome != "fail" || o.call.Checks[n-1].Code != code {
		t.Errorf("checks %+v: want the last to fail with %q", o.call.Checks, code)
	}
}

// answered checks that the call was answered as by sayOK.
func (o outcome) answered(t *testing.T) {
	t.Helper()
	if o.status != http.StatusOK || o.body != okBody || o.call.Code != "" || o.call.Err != nil {
		t.Errorf("got %d %q, code %q, %v\nwant 200 %q", o.status, o.body, o.call.Code, o.call.Err, okBody)
	}
	for _, c := range o.call.Checks {
		if c.Outcome != "pass" {
			t.Errorf("check %+v", c)
		}
	}
}

// text gives everything that a call leaves for the log.
func (o outcome) text() string {
	return fmt.Sprintf("%v %+v %+v %s %s", o.call.Err, o.call.Checks, o.call.Summary, o.call.Tag, o.call.Code)
}

var errStock = errors.New("the stock cannot be reached")

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }
