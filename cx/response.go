package cx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxResponseBytes is the largest response that Dialogflow accepts. Larger ones
// are refused before they are sent.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/webhook (Webhook response)
const MaxResponseBytes = 64 << 10

// Response is the body of an answer: Google's WebhookResponse, v3 and v3beta1.
// The zero Response is valid: it says nothing and changes nothing.
//
// The methods that begin with With change the Response and return it, so that
// calls can be chained. A Response is not safe for use by several goroutines.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/reference/rest/v3/WebhookResponse
type Response struct {
	// FulfillmentResponse is what the end user hears.
	FulfillmentResponse FulfillmentResponse `json:"fulfillmentResponse,omitzero"`
	// PageInfo changes the form of the current page: see ParameterInfo.
	PageInfo PageInfo `json:"pageInfo,omitzero"`
	// SessionInfo sets session parameters, and with null deletes them.
	SessionInfo SessionInfo `json:"sessionInfo,omitzero"`
	// Payload goes to the integration (QueryResult.webhook_payloads): a JSON object.
	Payload jsontext.Value `json:"payload,omitzero"`
	// TargetPage and TargetFlow, names as projects/…, say where the conversation
	// goes on; at most one of them is set.
	TargetPage string `json:"targetPage,omitzero"`
	TargetFlow string `json:"targetFlow,omitzero"`

	err error // of a With method that could not do what it was asked
}

// FulfillmentResponse is a list of messages.
type FulfillmentResponse struct {
	Messages []ResponseMessage `json:"messages,omitzero"`
	// MergeBehavior defaults to Append.
	MergeBehavior MergeBehavior `json:"mergeBehavior,omitzero"`
}

// MergeBehavior says what happens to the messages that the agent has queued.
type MergeBehavior string

// What happens to the queued messages.
const (
	Append  MergeBehavior = "APPEND"  // ours come after them
	Replace MergeBehavior = "REPLACE" // ours come instead of them
)

// Check says why Dialogflow would refuse the response, or nil: two transitions,
// a message of no kind or of two, a value that is no object where one is owed, a
// state that no webhook may set. The size is EncodeResponse's to check.
func (r *Response) Check() error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if r.err != nil {
		problems = append(problems, r.err)
	}
	if r.TargetPage != "" && r.TargetFlow != "" {
		problem("targetPage and targetFlow are both set; a response has one transition at most")
	}
	for i := range r.FulfillmentResponse.Messages {
		if err := r.FulfillmentResponse.Messages[i].check(); err != nil {
			problem("fulfillmentResponse.messages[%d]: %w", i, err)
		}
	}
	switch b := r.FulfillmentResponse.MergeBehavior; b {
	case "", Append, Replace:
	default:
		problem("fulfillmentResponse.mergeBehavior: %q; want APPEND or REPLACE", b)
	}
	if err := checkObject("payload", r.Payload); err != nil {
		problems = append(problems, err)
	}
	for i, p := range r.PageInfo.FormInfo.ParameterInfo {
		if !slices.Contains([]ParameterState{"", StateEmpty, StateInvalid, StateFilled}, p.State) {
			problem("pageInfo.formInfo.parameterInfo[%d].state: %q; want EMPTY, INVALID or FILLED", i, p.State)
		}
	}
	return errors.Join(problems...)
}

// SizeError says that a response is too large for Dialogflow.
type SizeError struct{ Bytes int }

func (e *SizeError) Error() string {
	return fmt.Sprintf("the response has %d bytes; Dialogflow accepts %d", e.Bytes, MaxResponseBytes)
}

// EncodeResponse checks a response and writes it as JSON. Errors are those of
// Check, of values that cannot be encoded, and a *SizeError above
// MaxResponseBytes.
func EncodeResponse(r *Response) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(r, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	if len(body) > MaxResponseBytes {
		return nil, &SizeError{len(body)}
	}
	return body, nil
}
