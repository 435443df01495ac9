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
// webhooks and OpenAPI tools (webhook.Config.Paths): those bring a body of the
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
	in := new(In)
	err := json.Unmarshal(buf.Bytes(), in)
	putBuffer(buf)
	if err != nil {
		x.fail(http.StatusBadRequest, Check{Station: stationRequest, Name: "body", Code: codeBodyMalformed, Presented: fmt.Sprintf("%d bytes", x.call.BytesIn), Expected: fmt.Sprintf("JSON for a %T", *in)}, err)
		return
	}
	x.pass(stationRequest, "body", "JSON", "JSON")
	if n := h.overruns.Load(); n >= MaxOverruns {
		x.overloaded(n)
		return
	}
	out, err := runOn(r.Context(), &h.runner, x.call.Start.Add(x.call.Budget), func(ctx context.Context) (Out, error) { return h.f(ctx, *in) })
	switch {
	case errors.Is(err, errLate):
		x.call.Late, x.call.Overruns = true, h.overruns.Load()
		x.fail(http.StatusGatewayTimeout, lateCheck(x.call.Budget), errLate)
		return
	case err != nil:
		x.failHandler(err)
		return
	}
	x.pass(stationHandler, "answer", "a response", "a response")
	answer := buffers.Get().(*bytes.Buffer)
	defer putBuffer(answer)
	if err := json.MarshalWrite(answer, out, json.Deterministic(true)); err != nil {
		x.refuse(err)
		return
	}
	if answer.Len() > MaxResponseBytes {
		x.refuse(&SizeError{answer.Len()})
		return
	}
	x.pass(stationResponse, "response", "JSON", "JSON")
	writeJSON(w, http.StatusOK, answer.Bytes())
}
