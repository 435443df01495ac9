package cx

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// ResponseMessage is one message to the end user or to the integration. Exactly
// one of the pointers and Payload is set: its kind. In requests these are the
// messages queued so far, and any kind may come. Dialogflow alone makes
// EndInteraction and MixedAudio: they are refused in a response. It ignores the
// other fields marked "output only", so that a message of a request may be sent
// back as it is.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/reference/rest/v3/ResponseMessage
type ResponseMessage struct {
	// Text is what the end user reads or hears.
	Text *TextMessage `json:"text,omitzero"`
	// Payload is for the integration: any JSON object (rich content, for
	// instance).
	Payload jsontext.Value `json:"payload,omitzero"`
	// ConversationSuccess tells the integration that the conversation succeeded.
	ConversationSuccess *Metadata `json:"conversationSuccess,omitzero"`
	// OutputAudioText is read aloud, as plain text or SSML.
	OutputAudioText *OutputAudioText `json:"outputAudioText,omitzero"`
	// LiveAgentHandoff hands the conversation to a human.
	LiveAgentHandoff *Metadata `json:"liveAgentHandoff,omitzero"`
	// EndInteraction says that no more input is expected. Dialogflow makes it; to
	// end the session see Response.WithEndSession.
	EndInteraction *EndInteraction `json:"endInteraction,omitzero"`
	// PlayAudio plays a file, on integrations that can.
	PlayAudio *PlayAudio `json:"playAudio,omitzero"`
	// MixedAudio is audio of several parts. Dialogflow makes it.
	MixedAudio *MixedAudio `json:"mixedAudio,omitzero"`
	// TelephonyTransferCall transfers the call to another number.
	TelephonyTransferCall *TelephonyTransferCall `json:"telephonyTransferCall,omitzero"`
	// KnowledgeInfoCard tells a CCAI integration to show its info card.
	KnowledgeInfoCard *KnowledgeInfoCard `json:"knowledgeInfoCard,omitzero"`
	// ToolCall asks the client to run a tool.
	ToolCall *ToolCall `json:"toolCall,omitzero"`

	// ResponseType says when the message was queued. v3 only; output only.
	ResponseType ResponseType `json:"responseType,omitzero"`
	// Channel restricts the message to one channel, as "DF_CX_TELEPHONY"; "" is
	// all of them.
	Channel string `json:"channel,omitzero"`
}

// ResponseType is the part of a turn in which a message was queued.
type ResponseType string

// The parts of a turn.
const (
	EntryPrompt     ResponseType = "ENTRY_PROMPT"     // on entering a page
	ParameterPrompt ResponseType = "PARAMETER_PROMPT" // to ask for a parameter
	HandlerPrompt   ResponseType = "HANDLER_PROMPT"   // by a route or an event handler
)

// TextMessage is text: variants, of which Dialogflow picks one.
type TextMessage struct {
	Text                      []string `json:"text,omitzero"`
	AllowPlaybackInterruption bool     `json:"allowPlaybackInterruption,omitzero"` // output only
}

// Metadata is free-form: whatever the integration and the agent agreed on.
type Metadata struct {
	Metadata jsontext.Value `json:"metadata,omitzero"` // a JSON object
}

// OutputAudioText is Text or SSML, never both.
type OutputAudioText struct {
	Text                      string `json:"text,omitzero"`
	SSML                      string `json:"ssml,omitzero"`
	AllowPlaybackInterruption bool   `json:"allowPlaybackInterruption,omitzero"` // output only
}

// EndInteraction has no fields.
type EndInteraction struct{}

// PlayAudio names an audio file.
type PlayAudio struct {
	AudioURI                  string `json:"audioUri,omitzero"`                  // required; gs://, https:// or what the integration plays
	AllowPlaybackInterruption bool   `json:"allowPlaybackInterruption,omitzero"` // output only
}

// MixedAudio is a sequence of audio segments.
type MixedAudio struct {
	Segments []AudioSegment `json:"segments,omitzero"`
}

// AudioSegment is Audio or a URI, never both.
type AudioSegment struct {
	Audio                     []byte `json:"audio,omitzero"`
	URI                       string `json:"uri,omitzero"`
	AllowPlaybackInterruption bool   `json:"allowPlaybackInterruption,omitzero"`
}

// TelephonyTransferCall names the number to transfer to.
type TelephonyTransferCall struct {
	PhoneNumber string `json:"phoneNumber,omitzero"` // E.164, as "+15551234567"
}

// KnowledgeInfoCard has no fields.
type KnowledgeInfoCard struct{}

// ToolCall is an action of a tool, to be run by the client.
type ToolCall struct {
	Tool            string         `json:"tool,omitzero"` // projects/…/agents/…/tools/ID
	Action          string         `json:"action,omitzero"`
	InputParameters jsontext.Value `json:"inputParameters,omitzero"` // a JSON object
}

// kinds counts the kinds that are set, and names them if names is not nil; a valid
// message has one.
func (m *ResponseMessage) kinds(names *[]string) int {
	n := 0
	for _, k := range [...]struct {
		set  bool
		name string
	}{
		{m.Text != nil, "text"},
		{isSet(m.Payload), "payload"},
		{m.ConversationSuccess != nil, "conversationSuccess"},
		{m.OutputAudioText != nil, "outputAudioText"},
		{m.LiveAgentHandoff != nil, "liveAgentHandoff"},
		{m.EndInteraction != nil, "endInteraction"},
		{m.PlayAudio != nil, "playAudio"},
		{m.MixedAudio != nil, "mixedAudio"},
		{m.TelephonyTransferCall != nil, "telephonyTransferCall"},
		{m.KnowledgeInfoCard != nil, "knowledgeInfoCard"},
		{m.ToolCall != nil, "toolCall"},
	} {
		if !k.set {
			continue
		}
		n++
		if names != nil {
			*names = append(*names, k.name)
		}
	}
	return n
}

// checkOneofs says which oneof of the message has more than one member.
func (m *ResponseMessage) checkOneofs() error {
	if m.kinds(nil) > 1 {
		var kinds []string
		m.kinds(&kinds)
		return fmt.Errorf("%s are set; a message has one kind", strings.Join(kinds, " and "))
	}
	if m.OutputAudioText != nil && m.OutputAudioText.Text != "" && m.OutputAudioText.SSML != "" {
		return errors.New("outputAudioText: text and ssml are set; want one of them")
	}
	return nil
}

// isSet says whether a value is there at all; null stands for absence.
func isSet(v jsontext.Value) bool { return len(v) > 0 && v.Kind() != 'n' }

// check says what Dialogflow would refuse in a message of a response.
func (m *ResponseMessage) check() error {
	if err := m.checkOneofs(); err != nil {
		return err
	}
	switch {
	case m.kinds(nil) == 0:
		return errors.New("no kind is set; want one of text, payload, outputAudioText, …")
	case m.EndInteraction != nil:
		return errors.New("endInteraction is made by Dialogflow alone; go to the page END_SESSION instead")
	case m.MixedAudio != nil:
		return errors.New("mixedAudio is made by Dialogflow alone; want playAudio")
	case m.Text != nil && len(m.Text.Text) == 0:
		return errors.New("text has no variant")
	case m.OutputAudioText != nil && (m.OutputAudioText.Text == "") == (m.OutputAudioText.SSML == ""):
		return errors.New("outputAudioText: want either text or ssml")
	case m.PlayAudio != nil && m.PlayAudio.AudioURI == "":
		return errors.New("playAudio: audioUri is empty")
	case m.TelephonyTransferCall != nil && !isE164(m.TelephonyTransferCall.PhoneNumber):
		return errors.New("telephonyTransferCall: want a number as +15551234567 (E.164)")
	case m.ToolCall != nil && (m.ToolCall.Tool == "" || m.ToolCall.Action == ""):
		return errors.New("toolCall: want tool and action")
	case isSet(m.Payload):
		return checkObject("payload", m.Payload)
	case m.ConversationSuccess != nil:
		return checkObject("conversationSuccess.metadata", m.ConversationSuccess.Metadata)
	case m.LiveAgentHandoff != nil:
		return checkObject("liveAgentHandoff.metadata", m.LiveAgentHandoff.Metadata)
	case m.ToolCall != nil:
		return checkObject("toolCall.inputParameters", m.ToolCall.InputParameters)
	}
	return nil
}

// isE164 says whether s is + and up to fifteen digits, the first not 0 (ITU-T E.164).
func isE164(s string) bool {
	if len(s) < 3 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

// checkObject says whether v is a JSON object, or absent.
func checkObject(name string, v jsontext.Value) error {
	if isSet(v) && v.Kind() != '{' {
		return fmt.Errorf("%s: want a JSON object", name)
	}
	return nil
}
