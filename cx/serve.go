package cx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// served is a route, ready to be called.
type served struct {
	route   *Route
	name    string
	handler HandlerFunc
}

// server is the http.Handler of a Mux. It is safe for use by several goroutines.
type server struct {
	runner
	keepRaw  bool
	admit    func(context.Context, *Request) error // nil admits every call
	byTag    map[string]*served
	byPath   map[string]http.Handler
	tags     []string // in the order of registration
	matches  []*served
	fallback *served
}

// ServeHTTP answers a call: request → admit → route → handler → response; a call to
// a path of its own is that path's.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := s.byPath[r.URL.Path]; h != nil {
		callOf(r).Route = r.URL.Path
		h.ServeHTTP(w, r)
		return
	}
	x := newExchange(w, r)
	req := s.read(x)
	if req == nil {
		return
	}
	if s.admit != nil {
		if err := s.admit(x.r.Context(), req); err != nil {
			x.call.Code, x.call.Err = codeNotAdmitted, err
			WriteError(x.w, statusOf(err))
			return
		}
	}
	route := s.find(x, req)
	if route == nil {
		return
	}
	if resp := s.call(x, route, req); resp != nil {
		x.respond(resp)
	}
}

// read gives the request, or nil if it has answered.
func (s *server) read(x *exchange) *Request {
	buf := x.readBody(http.MethodPost)
	if buf == nil {
		return nil
	}
	defer putBuffer(buf)
	req, err := DecodeRequest(buf.Bytes())
	if err != nil {
		x.fail(http.StatusBadRequest, Check{Station: stationRequest, Name: "body", Code: codeBodyMalformed, Presented: fmt.Sprintf("%d bytes", buf.Len()), Expected: "a WebhookRequest as JSON"}, err)
		return nil
	}
	if s.keepRaw {
		req.Raw = bytes.Clone(buf.Bytes())
	}
	summary := req.Summary()
	x.call.Tag, x.call.Summary = clip(req.FulfillmentInfo.Tag), &summary
	x.pass(stationRequest, "body", "a WebhookRequest", "a WebhookRequest")
	return req
}

// find gives the route of a request, or nil if it has answered.
func (s *server) find(x *exchange, req *Request) *served {
	route := s.byTag[req.FulfillmentInfo.Tag]
	if route == nil {
		var err error
		if route, err = s.match(req); err != nil {
			x.failHandler(err)
			return nil
		}
	}
	if route == nil {
		route = s.fallback
	}
	if route == nil {
		x.fail(http.StatusBadRequest, Check{Station: stationRoute, Name: "tag", Code: codeTagUnknown, Presented: clip(req.FulfillmentInfo.Tag), Expected: "one of " + strings.Join(s.tags, ", ")},
			errors.New("no handler is registered for this tag; is it spelt as in the agent?"))
		return nil
	}
	x.call.Route = route.name
	x.pass(stationRoute, "tag", route.name, route.name)
	return route
}

// match gives the first route whose Match says yes, or nil; the error is its panic.
func (s *server) match(req *Request) (route *served, err error) {
	defer func() {
		if p := recover(); p != nil {
			route, err = nil, &panicError{p, debug.Stack()}
		}
	}()
	for _, m := range s.matches {
		if m.route.Match(req) {
			return m, nil
		}
	}
	return nil, nil
}

// call runs the route's handler and gives what to answer, or nil if it has
// answered.
func (s *server) call(x *exchange, route *served, req *Request) *Response {
	budget := x.call.Budget
	if route.route.Budget > 0 {
		budget = route.route.Budget
		x.call.Budget = budget
	}
	if n := s.overruns.Load(); n >= MaxOverruns {
		x.overloaded(n)
		return nil
	}
	resp, err := runOn(x.r.Context(), &s.runner, x.call.Start.Add(budget), func(ctx context.Context) (*Response, error) {
		return route.handler(ctx, req)
	})
	if errors.Is(err, errLate) {
		return s.late(x, route, req, budget)
	}
	if err != nil {
		if resp := inForm(req, err); resp != nil {
			x.call.Err = err
			x.pass(stationHandler, "answer", "sent back to the form", "a response")
			return resp
		}
		x.failHandler(err)
		return nil
	}
	if resp == nil {
		x.fail(http.StatusInternalServerError, Check{Station: stationHandler, Name: "answer", Code: codeHandlerSilent, Presented: "neither a response nor an error", Expected: "one of them"}, nil)
		return nil
	}
	x.pass(stationHandler, "answer", "a response", "a response")
	return resp
}

// late gives the route's late answer, or nil if it has answered 504.
func (s *server) late(x *exchange, route *served, req *Request, budget time.Duration) *Response {
	x.call.Late, x.call.Overruns = true, s.overruns.Load()
	var resp *Response
	cause := errLate
	if route.route.Late != nil {
		var err error
		ctx := context.WithoutCancel(x.r.Context())
		resp, err = runOn(ctx, &s.runner, time.Now().Add(lateGrace), func(context.Context) (*Response, error) {
			return route.route.Late(req), nil
		})
		if err != nil {
			cause = fmt.Errorf("%w; its Late: %w", errLate, err)
		}
	}
	check := lateCheck(budget)
	if resp == nil {
		x.fail(http.StatusGatewayTimeout, check, cause)
		return nil
	}
	check.Outcome = "fail"
	x.record(check)
	x.call.Code, x.call.Err = codeHandlerLate, cause
	return resp
}

// lateGrace is what a Late has to make its answer in.
const lateGrace = 100 * time.Millisecond

func lateCheck(budget time.Duration) Check {
	return Check{Station: stationHandler, Name: "budget", Code: codeHandlerLate, Presented: "no answer", Expected: "an answer within " + budget.String()}
}

// overloaded answers 503: n handlers still run although their callers were
// answered.
func (x *exchange) overloaded(n int64) {
	x.call.Overruns = n
	x.fail(http.StatusServiceUnavailable, Check{Station: stationHandler, Name: "overruns", Code: codeOverloaded, Presented: fmt.Sprint(n), Expected: fmt.Sprintf("fewer than %d handlers that overran their budget", MaxOverruns)}, nil)
}

// failHandler answers for a handler that failed.
func (x *exchange) failHandler(err error) {
	check := Check{Station: stationHandler, Name: "answer", Code: codeHandlerError, Presented: "an error", Expected: "a response"}
	status := statusOf(err)
	var panicked *panicError
	var bind BindError
	var invalid *InvalidError
	switch {
	case errors.As(err, &panicked):
		check.Code, check.Presented, status = codeHandlerPanic, "a panic", http.StatusInternalServerError
	case errors.Is(err, errSilent):
		check.Code, check.Presented = codeHandlerSilent, errSilent.Error()
	case errors.As(err, &bind), errors.As(err, &invalid):
		check.Name, check.Code, check.Presented, check.Expected, status = "parameters", codeParameterInvalid, clip(err.Error()), "parameters that fit the handler", http.StatusBadRequest
	case x.r.Context().Err() != nil && errors.Is(err, context.Canceled):
		check.Code, check.Presented, status = codeCallerGone, "the caller hung up", http.StatusServiceUnavailable
	}
	x.fail(status, check, err)
}

// respond encodes the response and sends it, or 500 if Dialogflow would refuse it.
func (x *exchange) respond(resp *Response) {
	body, err := EncodeResponse(resp)
	if err != nil {
		x.refuse(err)
		return
	}
	x.pass(stationResponse, "response", "a valid WebhookResponse", "a valid WebhookResponse")
	writeJSON(x.w, http.StatusOK, body)
}

// refuse answers 500 for a response that Dialogflow would refuse.
func (x *exchange) refuse(err error) {
	check := Check{Station: stationResponse, Name: "response", Code: codeResponseRefused, Presented: "a response that Dialogflow would refuse", Expected: "a valid response"}
	var size *SizeError
	if errors.As(err, &size) {
		check.Name, check.Code, check.Presented, check.Expected = "size", codeResponseTooLarge, fmt.Sprintf("%d bytes", size.Bytes), fmt.Sprintf("at most %d bytes", MaxResponseBytes)
	}
	x.fail(http.StatusInternalServerError, check, fmt.Errorf("route %q: %w", x.call.Route, err))
}
