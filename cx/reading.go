package cx

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// DecodeRequest reads a WebhookRequest. It is exact: member names are
// case-sensitive, and duplicate members, invalid UTF-8 and two members of a
// oneof are refused. Unknown members are ignored. Errors are a *DecodeError. The
// Request does not alias body.
func DecodeRequest(body []byte) (*Request, error) {
	req := new(Request)
	if err := json.Unmarshal(body, req); err != nil {
		return nil, decodeError(err)
	}
	return req, nil
}

// DecodeError says why a body is refused: where in it, and what is wrong. It holds
// nothing of the body but the names of members on the way there.
type DecodeError struct {
	Path   string // JSON Pointer (RFC 6901); "" is the body as a whole
	Offset int64  // in bytes
	Reason string
}

func (e *DecodeError) Error() string {
	path := e.Path
	if path == "" {
		path = "/"
	}
	return fmt.Sprintf("%s at byte %d: %s", clip(path), e.Offset, e.Reason)
}

// fault is a reason of our own for which a body is refused.
type fault string

func (f fault) Error() string { return string(f) }

// refuse skips the next value and says why it is refused, and where.
func refuse(dec *jsontext.Decoder, reason string) error {
	if err := dec.SkipValue(); err != nil {
		return err
	}
	return &json.SemanticError{ByteOffset: dec.InputOffset(), JSONPointer: dec.StackPointer(), Err: fault(reason)}
}

// decodeError keeps of the JSON library's error what is not an end user's: its
// text may quote the value.
func decodeError(err error) error {
	e := &DecodeError{Reason: "malformed JSON"}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		e.Path, e.Offset = string(semantic.JSONPointer), semantic.ByteOffset
		e.Reason = "a value of another type than wanted"
		if semantic.JSONKind != 0 && semantic.GoType != nil {
			e.Reason = "want " + wanted(semantic.GoType) + ", have " + haveKind(semantic.JSONKind)
		}
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		e.Path, e.Offset, e.Reason = string(syntactic.JSONPointer), syntactic.ByteOffset, "malformed JSON"
	}
	var own fault
	switch {
	case errors.As(err, &own):
		e.Reason = string(own)
	case errors.Is(err, jsontext.ErrDuplicateName):
		e.Reason = "the member occurs twice"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Reason = "the JSON ends too early"
	}
	return e
}

// wanted names what a Go type takes, as JSON has it.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "a boolean"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "an object"
	default:
		return "a number"
	}
}

// decodeObject reads an object: each of its members is read by member, which may
// use the name until it reads on. null stands for no object at all.
func decodeObject(dec *jsontext.Decoder, member func(name []byte) error) error {
	switch dec.PeekKind() {
	case 'n':
		return dec.SkipValue()
	case '{':
	default:
		return refuse(dec, "want an object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := member(memberName(name)); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// memberName gives a member's name without its quotes.
func memberName(quoted jsontext.Value) []byte {
	for _, c := range quoted {
		if c == '\\' {
			name, _ := jsontext.AppendUnquote(nil, quoted) // the decoder has checked it
			return name
		}
	}
	return quoted[1 : len(quoted)-1]
}

// oneof reads a member of which an object may have one: seen remembers the first.
// null is no member.
func oneof(dec *jsontext.Decoder, seen *string, name string, into any) error {
	if dec.PeekKind() == 'n' {
		return dec.SkipValue()
	}
	if *seen != "" {
		return refuse(dec, *seen+" and "+name+" are both set; want one at most")
	}
	*seen = name
	return json.UnmarshalDecode(dec, into)
}

// UnmarshalJSONFrom reads the request's members one by one: only so is it known
// how many of the query's were there, and it saves the decoder's reflection.
func (r *Request) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == 'n' {
		return refuse(dec, "want an object")
	}
	query := ""
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "detectIntentResponseId":
			return json.UnmarshalDecode(dec, &r.DetectIntentResponseID)
		case "text":
			return oneof(dec, &query, "text", &r.Text)
		case "triggerIntent":
			return oneof(dec, &query, "triggerIntent", &r.TriggerIntent)
		case "transcript":
			return oneof(dec, &query, "transcript", &r.Transcript)
		case "triggerEvent":
			return oneof(dec, &query, "triggerEvent", &r.TriggerEvent)
		case "dtmfDigits":
			return oneof(dec, &query, "dtmfDigits", &r.DTMFDigits)
		case "languageCode":
			return json.UnmarshalDecode(dec, &r.LanguageCode)
		case "fulfillmentInfo":
			return json.UnmarshalDecode(dec, &r.FulfillmentInfo)
		case "intentInfo":
			return json.UnmarshalDecode(dec, &r.IntentInfo)
		case "pageInfo":
			return json.UnmarshalDecode(dec, &r.PageInfo)
		case "sessionInfo":
			return json.UnmarshalDecode(dec, &r.SessionInfo)
		case "messages":
			return json.UnmarshalDecode(dec, &r.Messages)
		case "payload":
			return decodeStruct(dec, &r.Payload)
		case "sentimentAnalysisResult":
			return json.UnmarshalDecode(dec, &r.SentimentAnalysisResult)
		case "languageInfo":
			return json.UnmarshalDecode(dec, &r.LanguageInfo)
		default:
			return dec.SkipValue()
		}
	})
}

// decodeStruct reads a google.protobuf.Struct: an object, or null for none.
func decodeStruct(dec *jsontext.Decoder, into *jsontext.Value) error {
	switch dec.PeekKind() {
	case 'n':
		return dec.SkipValue()
	case '{':
		return json.UnmarshalDecode(dec, into)
	default:
		return refuse(dec, "want an object")
	}
}

// UnmarshalJSONFrom reads a message's members one by one: a message has one kind.
func (m *ResponseMessage) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	kind := ""
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "text":
			return oneof(dec, &kind, "text", &m.Text)
		case "payload":
			if dec.PeekKind() == '{' || dec.PeekKind() == 'n' {
				return oneof(dec, &kind, "payload", &m.Payload)
			}
			return decodeStruct(dec, &m.Payload)
		case "conversationSuccess":
			return oneof(dec, &kind, "conversationSuccess", &m.ConversationSuccess)
		case "outputAudioText":
			return oneof(dec, &kind, "outputAudioText", &m.OutputAudioText)
		case "liveAgentHandoff":
			return oneof(dec, &kind, "liveAgentHandoff", &m.LiveAgentHandoff)
		case "endInteraction":
			return oneof(dec, &kind, "endInteraction", &m.EndInteraction)
		case "playAudio":
			return oneof(dec, &kind, "playAudio", &m.PlayAudio)
		case "mixedAudio":
			return oneof(dec, &kind, "mixedAudio", &m.MixedAudio)
		case "telephonyTransferCall":
			return oneof(dec, &kind, "telephonyTransferCall", &m.TelephonyTransferCall)
		case "knowledgeInfoCard":
			return oneof(dec, &kind, "knowledgeInfoCard", &m.KnowledgeInfoCard)
		case "toolCall":
			return oneof(dec, &kind, "toolCall", &m.ToolCall)
		case "responseType":
			return json.UnmarshalDecode(dec, &m.ResponseType)
		case "channel":
			return json.UnmarshalDecode(dec, &m.Channel)
		default:
			return dec.SkipValue()
		}
	})
}

// UnmarshalJSONFrom reads Text or SSML.
func (o *OutputAudioText) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	source := ""
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "text":
			return oneof(dec, &source, "text", &o.Text)
		case "ssml":
			return oneof(dec, &source, "ssml", &o.SSML)
		case "allowPlaybackInterruption":
			return json.UnmarshalDecode(dec, &o.AllowPlaybackInterruption)
		default:
			return dec.SkipValue()
		}
	})
}

// UnmarshalJSONFrom reads Audio or a URI.
func (s *AudioSegment) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	content := ""
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "audio":
			return oneof(dec, &content, "audio", &s.Audio)
		case "uri":
			return oneof(dec, &content, "uri", &s.URI)
		case "allowPlaybackInterruption":
			return json.UnmarshalDecode(dec, &s.AllowPlaybackInterruption)
		default:
			return dec.SkipValue()
		}
	})
}

// UnmarshalJSONFrom reads metadata, which is an object.
func (m *Metadata) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return decodeObject(dec, func(name []byte) error {
		if string(name) == "metadata" {
			return decodeStruct(dec, &m.Metadata)
		}
		return dec.SkipValue()
	})
}

// UnmarshalJSONFrom reads a tool's action and its input, which is an object.
func (t *ToolCall) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "tool":
			return json.UnmarshalDecode(dec, &t.Tool)
		case "action":
			return json.UnmarshalDecode(dec, &t.Action)
		case "inputParameters":
			return decodeStruct(dec, &t.InputParameters)
		default:
			return dec.SkipValue()
		}
	})
}
