package console

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/emulator"
)

// Stack is what the console looks at and makes calls with. Its methods are safe
// for use by several goroutines.
type Stack interface {
	// Info says what stands where.
	Info() Info
	// Send makes one call, and gives its id when it is done. A call that is
	// refused, or fails on the way, is not an error; one that cannot be made is: a
	// *RequestError where the Send is at fault.
	Send(ctx context.Context, s Send) (id int, err error)
	// Curl writes what curl needs to make a call again into files, and gives the
	// line. body is what is sent. A call that only somebody else can make is a
	// *RequestError.
	Curl(c *Call, body []byte) (Curl, error)
	// Sessions names those that the agent keeps, the latest used first.
	Sessions() []string
	// Session gives what is kept of one; ok is false where that is nothing.
	Session(name string) (state emulator.SessionState, ok bool)
	// Reset forgets one, and says whether there was something to forget.
	Reset(name string) bool
	// Faults lists what can be broken on purpose, and what is.
	Faults() []Fault
	// SetFault breaks or mends one thing; an unknown name is a *RequestError.
	SetFault(name string, on bool) error
}

// Info says what stands where, and what can be asked for.
type Info struct {
	Run         string   `json:"run"`      // names the console's run: its token is good for as long as this stays the same
	URL         string   `json:"url"`      // of the webhook, as an agent would have it
	Function    string   `json:"function"` // its own address
	Mode        string   `json:"mode"`     // lenient, strict, direct or public
	Policy      string   `json:"policy"`
	KeysURL     string   `json:"keysUrl"`
	Agent       string   `json:"agent"`  // that the sessions belong to
	Routes      []Route  `json:"routes"` // of the function
	Paths       []string `json:"paths"`  // of flexible webhooks and tools
	ClientCerts []string `json:"clientCerts"`
	Tokens      []string `json:"tokens"`
	Spoofs      []string `json:"spoofs"`
	Build       string   `json:"build,omitzero"` // what is wrong with the code, where it does not build; the code before it runs on
	Restarts    int      `json:"restarts"`       // of the function, for new code
}

// Route is a route of the function's.
type Route struct {
	Tag          string      `json:"tag"` // "" for a match and the fallback
	Name         string      `json:"name"`
	Fallback     bool        `json:"fallback,omitzero"`
	BudgetMillis int64       `json:"budgetMillis,omitzero"` // 0 is the webhook's own
	Parameters   []Parameter `json:"parameters,omitzero"`   // what its handler takes
}

// Parameter is what a handler takes, out of its struct.
type Parameter struct {
	Name     string      `json:"name"`
	Source   string      `json:"source"` // session, form, intent or original
	Type     string      `json:"type"`   // as "an integer", "a text", "a list"
	Required bool        `json:"required,omitzero"`
	Default  string      `json:"default,omitzero"`
	Values   []string    `json:"values,omitzero"` // of an enumeration
	Members  []Parameter `json:"members,omitzero"`
}

// Send is a call that somebody asks for.
type Send struct {
	// Request is the WebhookRequest. Without one, it is Google's sample call, with
	// Tag, Session (an id) and Parameters in place of its own.
	Request    jsontext.Value            `json:"request,omitzero"`
	Tag        string                    `json:"tag,omitzero"`
	Session    string                    `json:"session,omitzero"`
	Parameters map[string]jsontext.Value `json:"parameters,omitzero"` // null takes one away
	// Body is sent byte for byte, and leaves the session alone.
	Body []byte `json:"body,omitzero"`
	// Path is another of the function's than the webhook's own.
	Path string `json:"path,omitzero"`
	// ClientCert and Token are kinds of Info's; "" is google and valid. Spoof is an
	// attacker's way.
	ClientCert string `json:"clientCert,omitzero"`
	Token      string `json:"token,omitzero"`
	Spoof      string `json:"spoof,omitzero"`
	// RouteTarget says that the route that calls has a transition target, so that
	// the agent does not notice a failure.
	RouteTarget bool `json:"routeTarget,omitzero"`
	// Header is sent besides, and in place of what is there.
	Header http.Header `json:"header,omitzero"`

	Source   string `json:"-"`
	ReplayOf int    `json:"-"`
}

// Curl is how curl makes a call.
type Curl struct {
	Line string `json:"line"`
	Note string `json:"note"` // for how long the line is good
}

// Fault is something that can be broken on purpose.
type Fault struct {
	Name string `json:"name"`
	Help string `json:"help"`
	On   bool   `json:"on"`
}

// RequestError is something that cannot be done as it was asked for.
type RequestError struct{ Problem string }

func (e *RequestError) Error() string { return e.Problem }

// Refusef makes a RequestError.
func Refusef(format string, args ...any) error { return &RequestError{fmt.Sprintf(format, args...)} }
