// Package plain is the protocol of CX webhooks as one writes it by hand for
// encoding/json, and the sample agent's answer in that manner: the twin that cx is
// measured against.
package plain

import "encoding/json"

// Request has the fields of cx.Request as one writes them for encoding/json:
// the same values are decoded, and what stays raw there stays raw here. Unlike cx
// it takes members in any case, the last of duplicates, several kinds and queries.
type Request struct {
	DetectIntentResponseID string `json:"detectIntentResponseId,omitempty"`
	Text                   string `json:"text,omitempty"`
	TriggerIntent          string `json:"triggerIntent,omitempty"`
	Transcript             string `json:"transcript,omitempty"`
	TriggerEvent           string `json:"triggerEvent,omitempty"`
	DTMFDigits             string `json:"dtmfDigits,omitempty"`
	LanguageCode           string `json:"languageCode,omitempty"`
	FulfillmentInfo        struct {
		Tag string `json:"tag,omitempty"`
	} `json:"fulfillmentInfo"`
	IntentInfo              *Intent         `json:"intentInfo,omitempty"`
	PageInfo                Page            `json:"pageInfo"`
	SessionInfo             Session         `json:"sessionInfo"`
	Messages                []Message       `json:"messages,omitempty"`
	Payload                 json.RawMessage `json:"payload,omitempty"`
	SentimentAnalysisResult *struct {
		Score     float64 `json:"score"`
		Magnitude float64 `json:"magnitude"`
	} `json:"sentimentAnalysisResult,omitempty"`
	LanguageInfo *struct {
		InputLanguageCode    string  `json:"inputLanguageCode"`
		ResolvedLanguageCode string  `json:"resolvedLanguageCode"`
		ConfidenceScore      float64 `json:"confidenceScore"`
	} `json:"languageInfo,omitempty"`
}

type Intent struct {
	LastMatchedIntent string `json:"lastMatchedIntent,omitempty"`
	DisplayName       string `json:"displayName,omitempty"`
	Parameters        map[string]struct {
		OriginalValue string          `json:"originalValue,omitempty"`
		ResolvedValue json.RawMessage `json:"resolvedValue,omitempty"`
	} `json:"parameters,omitempty"`
	Confidence float64 `json:"confidence,omitempty"`
}

type Page struct {
	CurrentPage string `json:"currentPage,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	FormInfo    struct {
		ParameterInfo []struct {
			DisplayName   string          `json:"displayName,omitempty"`
			Required      bool            `json:"required,omitempty"`
			State         string          `json:"state,omitempty"`
			Value         json.RawMessage `json:"value,omitempty"`
			JustCollected bool            `json:"justCollected,omitempty"`
		} `json:"parameterInfo,omitempty"`
	} `json:"formInfo"`
}

type Session struct {
	Session    string                     `json:"session,omitempty"`
	Parameters map[string]json.RawMessage `json:"parameters,omitempty"`
}

type Metadata struct {
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

type Message struct {
	Text *struct {
		Text                      []string `json:"text,omitempty"`
		AllowPlaybackInterruption bool     `json:"allowPlaybackInterruption,omitempty"`
	} `json:"text,omitempty"`
	Payload             json.RawMessage `json:"payload,omitempty"`
	ConversationSuccess *Metadata       `json:"conversationSuccess,omitempty"`
	OutputAudioText     *struct {
		Text                      string `json:"text,omitempty"`
		SSML                      string `json:"ssml,omitempty"`
		AllowPlaybackInterruption bool   `json:"allowPlaybackInterruption,omitempty"`
	} `json:"outputAudioText,omitempty"`
	LiveAgentHandoff *Metadata `json:"liveAgentHandoff,omitempty"`
	EndInteraction   *struct{} `json:"endInteraction,omitempty"`
	PlayAudio        *struct {
		AudioURI                  string `json:"audioUri,omitempty"`
		AllowPlaybackInterruption bool   `json:"allowPlaybackInterruption,omitempty"`
	} `json:"playAudio,omitempty"`
	MixedAudio *struct {
		Segments []struct {
			Audio                     []byte `json:"audio,omitempty"`
			URI                       string `json:"uri,omitempty"`
			AllowPlaybackInterruption bool   `json:"allowPlaybackInterruption,omitempty"`
		} `json:"segments,omitempty"`
	} `json:"mixedAudio,omitempty"`
	TelephonyTransferCall *struct {
		PhoneNumber string `json:"phoneNumber,omitempty"`
	} `json:"telephonyTransferCall,omitempty"`
	KnowledgeInfoCard *struct{} `json:"knowledgeInfoCard,omitempty"`
	ToolCall          *struct {
		Tool            string          `json:"tool,omitempty"`
		Action          string          `json:"action,omitempty"`
		InputParameters json.RawMessage `json:"inputParameters,omitempty"`
	} `json:"toolCall,omitempty"`
	ResponseType string `json:"responseType,omitempty"`
	Channel      string `json:"channel,omitempty"`
}

// Response has what the text answer needs, as one writes it by hand.
type Response struct {
	FulfillmentResponse struct {
		Messages      []Message `json:"messages,omitempty"`
		MergeBehavior string    `json:"mergeBehavior,omitempty"`
	} `json:"fulfillmentResponse"`
	PageInfo    *Page           `json:"pageInfo,omitempty"`
	SessionInfo *Session        `json:"sessionInfo,omitempty"`
	Payload     json.RawMessage `json:"payload,omitempty"`
	TargetPage  string          `json:"targetPage,omitempty"`
	TargetFlow  string          `json:"targetFlow,omitempty"`
}
