package cx

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Say answers with a text message. With several variants Dialogflow picks one.
func Say(variants ...string) *Response { return new(Response).WithText(variants...) }

// Sayf answers with one text message, formatted as fmt.Sprintf does.
func Sayf(format string, args ...any) *Response { return Say(fmt.Sprintf(format, args...)) }

// WithText adds a text message. With several variants Dialogflow picks one.
func (r *Response) WithText(variants ...string) *Response {
	return r.WithMessage(ResponseMessage{Text: &TextMessage{Text: variants}})
}

// WithTextf adds one text message, formatted as fmt.Sprintf does.
func (r *Response) WithTextf(format string, args ...any) *Response {
	return r.WithText(fmt.Sprintf(format, args...))
}

// WithSpeech adds a message to be read aloud as plain text, where the integration
// speaks.
func (r *Response) WithSpeech(text string) *Response {
	return r.WithMessage(ResponseMessage{OutputAudioText: &OutputAudioText{Text: text}})
}

// WithSSML adds a message to be read aloud as SSML.
func (r *Response) WithSSML(ssml string) *Response {
	return r.WithMessage(ResponseMessage{OutputAudioText: &OutputAudioText{SSML: ssml}})
}

// WithPayload adds a payload message for the integration: v is encoded as JSON
// and must become an object.
func (r *Response) WithPayload(v any) *Response {
	return r.WithMessage(ResponseMessage{Payload: r.encode("payload message", v)})
}

// WithHandoff adds a hand-off to a human; metadata, which may be nil, is encoded
// as JSON and must become an object.
func (r *Response) WithHandoff(metadata any) *Response {
	m := new(Metadata)
	if metadata != nil {
		m.Metadata = r.encode("hand-off metadata", metadata)
	}
	return r.WithMessage(ResponseMessage{LiveAgentHandoff: m})
}

// WithSuccess tells the integration that the conversation succeeded; metadata,
// which may be nil, is encoded as JSON and must become an object.
func (r *Response) WithSuccess(metadata any) *Response {
	m := new(Metadata)
	if metadata != nil {
		m.Metadata = r.encode("success metadata", metadata)
	}
	return r.WithMessage(ResponseMessage{ConversationSuccess: m})
}

// WithAudio plays an audio file: a URI that the integration can read.
func (r *Response) WithAudio(uri string) *Response {
	return r.WithMessage(ResponseMessage{PlayAudio: &PlayAudio{AudioURI: uri}})
}

// WithKnowledgeInfoCard tells a contact-centre integration to show its info card.
func (r *Response) WithKnowledgeInfoCard() *Response {
	return r.WithMessage(ResponseMessage{KnowledgeInfoCard: new(KnowledgeInfoCard)})
}

// WithToolCall asks the client to run an action of a tool; input, which may be nil,
// is encoded as JSON and must become an object.
func (r *Response) WithToolCall(tool, action string, input any) *Response {
	call := &ToolCall{Tool: tool, Action: action}
	if input != nil {
		call.InputParameters = r.encode("input of a tool", input)
	}
	return r.WithMessage(ResponseMessage{ToolCall: call})
}

// WithTransfer adds a transfer of the telephone call to an E.164 number.
func (r *Response) WithTransfer(phoneNumber string) *Response {
	return r.WithMessage(ResponseMessage{TelephonyTransferCall: &TelephonyTransferCall{PhoneNumber: phoneNumber}})
}

// WithMessage adds a message.
func (r *Response) WithMessage(m ResponseMessage) *Response {
	r.FulfillmentResponse.Messages = append(r.FulfillmentResponse.Messages, m)
	return r
}

// WithParameter sets a session parameter; v is encoded as JSON, and nil deletes
// the parameter. A value that cannot be encoded fails the call, naming it.
func (r *Response) WithParameter(name string, v any) *Response {
	if r.SessionInfo.Parameters == nil {
		r.SessionInfo.Parameters = Parameters{}
	}
	r.SessionInfo.Parameters[name] = r.encode(fmt.Sprintf("session parameter %q", name), v)
	return r
}

// WithInvalid marks a parameter of the current form as invalid, so that the
// agent asks for it again.
func (r *Response) WithInvalid(parameter string) *Response {
	r.PageInfo.FormInfo.ParameterInfo = append(r.PageInfo.FormInfo.ParameterInfo, ParameterInfo{DisplayName: parameter, State: StateInvalid})
	return r
}

// WithReplace makes the messages come instead of those that the agent has queued,
// not after them.
func (r *Response) WithReplace() *Response {
	r.FulfillmentResponse.MergeBehavior = Replace
	return r
}

// WithTargetPage goes on at a page, named as projects/…/flows/…/pages/ID: see
// Request.PageName for the pages of the current flow.
func (r *Response) WithTargetPage(name string) *Response {
	r.TargetPage = name
	return r
}

// WithTargetFlow goes on at a flow, named as projects/…/flows/ID.
func (r *Response) WithTargetFlow(name string) *Response {
	r.TargetFlow = name
	return r
}

// WithEndSession ends the session after the messages: it goes to the page
// END_SESSION of the flow that req comes from. It fails the call if req names no
// page.
func (r *Response) WithEndSession(req *Request) *Response {
	page := req.PageName("END_SESSION")
	if page == "" {
		r.err = errors.Join(r.err, errors.New("end of session: the request names no current page, so the flow is not known"))
	}
	return r.WithTargetPage(page)
}

func (r *Response) encode(what string, v any) jsontext.Value {
	raw, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		r.err = errors.Join(r.err, fmt.Errorf("%s: %w", what, err))
		return jsontext.Value("null")
	}
	return raw
}
