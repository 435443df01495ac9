package cx

import "github.com/go-json-experiment/json/jsontext"

// UnmarshalJSONFrom reads a message's members one by one: a message has one kind.
func (m *ResponseMessage) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return m.read(source{Decoder: dec})
}

func (m *ResponseMessage) read(dec source) error {
	kind := ""
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "text":
			return oneof(dec, &kind, "text", &m.Text, readTextMessage)
		case "payload":
			if dec.PeekKind() == '{' || dec.PeekKind() == 'n' {
				return oneof(dec, &kind, "payload", &m.Payload, readValue)
			}
			return readStruct(dec, &m.Payload)
		case "conversationSuccess":
			return oneof(dec, &kind, "conversationSuccess", &m.ConversationSuccess, readAny)
		case "outputAudioText":
			return oneof(dec, &kind, "outputAudioText", &m.OutputAudioText, readAny)
		case "liveAgentHandoff":
			return oneof(dec, &kind, "liveAgentHandoff", &m.LiveAgentHandoff, readAny)
		case "endInteraction":
			return oneof(dec, &kind, "endInteraction", &m.EndInteraction, readAny)
		case "playAudio":
			return oneof(dec, &kind, "playAudio", &m.PlayAudio, readAny)
		case "mixedAudio":
			return oneof(dec, &kind, "mixedAudio", &m.MixedAudio, readAny)
		case "telephonyTransferCall":
			return oneof(dec, &kind, "telephonyTransferCall", &m.TelephonyTransferCall, readAny)
		case "knowledgeInfoCard":
			return oneof(dec, &kind, "knowledgeInfoCard", &m.KnowledgeInfoCard, readAny)
		case "toolCall":
			return oneof(dec, &kind, "toolCall", &m.ToolCall, readAny)
		case "responseType":
			return readText(dec, &m.ResponseType)
		case "channel":
			return readText(dec, &m.Channel)
		default:
			return dec.SkipValue()
		}
	})
}

func readMessage(dec source, m *ResponseMessage) error { return m.read(dec) }

func readTextMessage(dec source, into **TextMessage) error {
	return readPointer(dec, into, func(dec source, t *TextMessage) error {
		return decodeObject(dec, func(name []byte) error {
			switch string(name) {
			case "text":
				return readList(dec, &t.Text, readText)
			case "allowPlaybackInterruption":
				return readAny(dec, &t.AllowPlaybackInterruption)
			default:
				return dec.SkipValue()
			}
		})
	})
}

// UnmarshalJSONFrom reads Text or SSML.
func (o *OutputAudioText) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return o.read(source{Decoder: dec})
}

func (o *OutputAudioText) read(dec source) error {
	source := ""
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "text":
			return oneof(dec, &source, "text", &o.Text, readText)
		case "ssml":
			return oneof(dec, &source, "ssml", &o.SSML, readText)
		case "allowPlaybackInterruption":
			return readAny(dec, &o.AllowPlaybackInterruption)
		default:
			return dec.SkipValue()
		}
	})
}

// UnmarshalJSONFrom reads Audio or a URI.
func (s *AudioSegment) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return s.read(source{Decoder: dec})
}

func (s *AudioSegment) read(dec source) error {
	content := ""
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "audio":
			return oneof(dec, &content, "audio", &s.Audio, readAny)
		case "uri":
			return oneof(dec, &content, "uri", &s.URI, readText)
		case "allowPlaybackInterruption":
			return readAny(dec, &s.AllowPlaybackInterruption)
		default:
			return dec.SkipValue()
		}
	})
}

// UnmarshalJSONFrom reads metadata, which is an object.
func (m *Metadata) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return m.read(source{Decoder: dec})
}

func (m *Metadata) read(dec source) error {
	return decodeObject(dec, func(name []byte) error {
		if string(name) == "metadata" {
			return readStruct(dec, &m.Metadata)
		}
		return dec.SkipValue()
	})
}

// UnmarshalJSONFrom reads a tool's action and its input, which is an object.
func (t *ToolCall) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return t.read(source{Decoder: dec})
}

func (t *ToolCall) read(dec source) error {
	return decodeObject(dec, func(name []byte) error {
		switch string(name) {
		case "tool":
			return readText(dec, &t.Tool)
		case "action":
			return readText(dec, &t.Action)
		case "inputParameters":
			return readStruct(dec, &t.InputParameters)
		default:
			return dec.SkipValue()
		}
	})
}
