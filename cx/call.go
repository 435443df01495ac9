package cx

import (
	"context"
	"math"
	"net/http"
	"time"
)

// Call is what became of one call, for the log: whoever serves a Mux's Handler or
// a Flexible puts one into the request's context (WithCall) and reads it when the
// handler has returned. It is not safe for use by several goroutines; agents'
// handlers have no business with it.
type Call struct {
	// Start is when the call arrived; its budget runs from there.
	Start time.Time
	// Budget is the time for the call; 0 is DefaultBudget. A route that has one of
	// its own puts it here.
	Budget time.Duration

	BytesIn int      // size of the body, as far as it was read
	Tag     string   // as the body has it; it may be unknown
	Route   string   // name of the route that took the call
	Summary *Summary // of the request; nil if it was not read, or is no WebhookRequest
	Checks  []Check  // everything that was judged, in order
	Code    string   // why the call failed, or was answered late; "" if it was answered
	Err     error    // the cause, for operators
	Late    bool     // the budget ended first
	// Overruns counts the handlers of this process that still run although their
	// callers were answered; it is set on late calls.
	Overruns int64
}

// Check is one thing that was judged on the call's way through this package.
type Check struct {
	Station   string // request, route, handler or response
	Name      string
	Outcome   string // pass or fail
	Code      string // reason of a failure
	Presented string // what came, without anything that the end user said
	Expected  string
	Took      time.Duration // since the check before
}

// The stations of a call in this package.
const (
	stationRequest  = "request"
	stationRoute    = "route"
	stationHandler  = "handler"
	stationResponse = "response"
)

// Reasons for which this package fails a call. They are stable: operators search
// for them.
const (
	codeMethod           = "method_not_allowed"
	codeContentType      = "content_type_unsupported"
	codeBodyTooLarge     = "body_too_large"
	codeBodyIncomplete   = "body_incomplete"
	codeBodyMalformed    = "body_malformed"
	codeNotAdmitted      = "not_admitted"
	codeTagUnknown       = "tag_unknown"
	codeParameterInvalid = "parameter_invalid"
	codeHandlerError     = "handler_error"
	codeHandlerPanic     = "handler_panic"
	codeHandlerSilent    = "handler_silent"
	codeHandlerLate      = "handler_late"
	codeCallerGone       = "caller_gone"
	codeOverloaded       = "overloaded"
	codeResponseRefused  = "response_refused"
	codeResponseTooLarge = "response_too_large"
)

type callKey struct{}

// WithCall attaches a Call to a request's context.
func WithCall(ctx context.Context, call *Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// callOf gives the request's Call, or a new one that nobody reads.
func callOf(r *http.Request) *Call {
	call, _ := r.Context().Value(callKey{}).(*Call)
	if call == nil {
		call = new(Call)
	}
	if call.Start.IsZero() {
		call.Start = time.Now()
	}
	if call.Budget == 0 {
		call.Budget = DefaultBudget
	}
	return call
}

// Remaining is the time that is left of the call's budget: 0 if it is over. A
// context without a deadline, as in a test, has all the time in the world.
func Remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return math.MaxInt64
	}
	return max(time.Until(deadline), 0)
}
