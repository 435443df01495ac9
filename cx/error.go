package cx

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Error fails the webhook with a status of the handler's choice, and with it
// chooses the event that the agent's event handlers see:
//
//	400 Bad Request          webhook.error.bad-request
//	401, 403                 webhook.error.rejected
//	503 Service Unavailable  webhook.error.unavailable
//	any other                webhook.error
//
// Statuses below 400, above 599 and 404, which reads as "URL not found", are
// sent as 500. The caller sees nothing of Err: words for the end user go into a
// Response.
//
// The event reaches an event handler only if the route that called the webhook
// has no transition target. If it has one, the conversation goes on as if nothing
// had happened.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/handler (webhook.error)
type Error struct {
	Status int
	Err    error // for the log; may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	}
	return e.Err.Error()
}

// Unwrap gives Err.
func (e *Error) Unwrap() error { return e.Err }

// statusOf is the status that an error of a handler fails the call with.
func statusOf(err error) int {
	var e *Error
	if errors.As(err, &e) && e.Status >= 400 && e.Status <= 599 && e.Status != http.StatusNotFound {
		return e.Status
	}
	return http.StatusInternalServerError
}

// InvalidError says that a parameter has a value that the handler cannot take:
// see Invalid.
type InvalidError struct {
	Parameter string
	Reason    string   // for the log
	Prompts   []string // what the end user hears; none leaves it to the agent's sys.invalid-parameter
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("parameter %q is invalid: %s", e.Parameter, e.Reason)
}

// Invalid sends the end user back to a parameter of the current page's form: the
// answer marks it as INVALID and says the prompts, as one text message with
// variants; without prompts the agent's sys.invalid-parameter handler speaks. A
// handler returns it, or a parameter struct's Validate does. Where the parameter
// is not in the form there is nowhere to go back to: the call fails with 400.
func Invalid(parameter, reason string, prompts ...string) error {
	return &InvalidError{Parameter: parameter, Reason: reason, Prompts: prompts}
}

// ParameterError says why a parameter cannot be bound. It names what came by its
// kind alone: parameters are what an end user said.
type ParameterError struct {
	Source Source
	Name   string // with members and positions, as "address.zip" or "sizes[2]"
	Want   string // as "an integer"
	Have   string // as "a text"; "nothing" if the parameter is missing

	parameter string // the name alone
}

func (e *ParameterError) Error() string {
	return fmt.Sprintf("%s parameter %q: want %s, have %s", e.Source, e.Name, e.Want, e.Have)
}

// BindError is everything that kept a call's parameters from being bound.
type BindError []*ParameterError

func (e BindError) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "; ")
}

// inForm gives the answer that sends the end user back to the form's parameters
// that err is about; nil if err is about anything else, or if one of them is not
// in the form.
func inForm(req *Request, err error) *Response {
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		if req.FormParameter(invalid.Parameter) == nil {
			return nil
		}
		resp := new(Response).WithInvalid(invalid.Parameter)
		if len(invalid.Prompts) > 0 {
			resp.WithText(invalid.Prompts...)
		}
		return resp
	}
	var bind BindError
	if !errors.As(err, &bind) {
		return nil
	}
	resp := new(Response)
	marked := map[string]bool{}
	for _, p := range bind {
		if req.FormParameter(p.parameter) == nil {
			return nil
		}
		if !marked[p.parameter] {
			marked[p.parameter] = true
			resp.WithInvalid(p.parameter)
		}
	}
	return resp
}
