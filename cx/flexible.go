package cx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
)

// flexible is the http.Handler of a Flexible function.
type flexible[In, Out any] struct {
	runner
	f func(context.Context, In) (Out, error)
}

// Flexible makes an http.Handler of a function from JSON to JSON, for flexible
// webhooks and OpenAPI tools (Mux.Path): those bring a body of the
// agent's own design instead of a WebhookRequest. It has the limits, the budget,
// the recovery and the errors of a Mux. In is decoded exactly, as requests are;
// members that In lacks are ignored.
//
// POST, PUT and PATCH are served; for a flexible webhook with another method use
// an http.Handler of your own.
//
// That a call comes from a flexible webhook of your project proves nothing about
// its body: whoever may edit the agent writes it.
func Flexible[In, Out any](f func(context.Context, In) (Out, error)) http.Handler {
	return &flexible[In, Out]{f: f}
}

func (h *flexible[In, Out]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := newExchange(w, r)
	buf := x.readBody(http.MethodPost, http.MethodPut, http.MethodPatch)
	if buf == nil {
		return
	}
	if x.call.Route == "" {
		x.call.Route = r.URL.Path
	}
	if n := h.overruns.Load(); n >= MaxOverruns {
		putBuffer(buf)
		x.overloaded(n)
		return
	}
	// In and Out may bring methods that decode and encode them: these run where a
	// handler runs, within the budget and under its recovery.
	answer, err := runOn(r.Context(), &h.runner, x.call.Start.Add(x.call.Budget), func(ctx context.Context) ([]byte, error) {
		return h.serve(ctx, buf)
	})
	var malformed *malformedError
	var refused *refusedError
	switch {
	case errors.Is(err, errLate):
		x.call.Late, x.call.Overruns = true, h.overruns.Load()
		x.fail(http.StatusGatewayTimeout, lateCheck(x.call.Budget), errLate)
		return
	case errors.As(err, &malformed):
		x.fail(http.StatusBadRequest, Check{Station: stationRequest, Name: "body", Code: codeBodyMalformed, Presented: fmt.Sprintf("%d bytes", x.call.BytesIn), Expected: fmt.Sprintf("JSON for a %T", *new(In))}, malformed.error)
		return
	case errors.As(err, &refused):
		x.refuse(refused.error)
		return
	case err != nil:
		x.failHandler(err)
		return
	}
	x.pass(stationHandler, "answer", "a response", "a response")
	x.pass(stationResponse, "response", "JSON", "JSON")
	writeJSON(w, http.StatusOK, answer)
}

// malformedError and refusedError keep what cannot be decoded and encoded apart
// from what the function says.
type (
	malformedError struct{ error }
	refusedError   struct{ error }
)

// serve decodes, calls and encodes. It gives the buffer back.
func (h *flexible[In, Out]) serve(ctx context.Context, buf *bytes.Buffer) ([]byte, error) {
	in := new(In)
	if err := json.Unmarshal(buf.Bytes(), in); err != nil {
		putBuffer(buf)
		return nil, &malformedError{decodeError(err)}
	}
	putBuffer(buf)
	out, err := h.f(ctx, *in)
	if err != nil {
		return nil, err
	}
	answer, err := json.Marshal(out, json.Deterministic(true))
	if err != nil {
		return nil, &refusedError{err}
	}
	if len(answer) > MaxResponseBytes {
		return nil, &refusedError{&SizeError{len(answer)}}
	}
	return answer, nil
}
