package cx

import (
	"log/slog"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Request is the body of a call from Dialogflow CX: Google's WebhookRequest, v3
// and v3beta1. Fields keep Google's names; their meaning is Google's too. Fields
// that are not listed are ignored, as Google asks: it sends undocumented ones.
//
// A handler may keep a Request after it has answered: nothing in it is reused. Its
// texts are parts of one copy of the body; who keeps one of them for long copies it
// (strings.Clone), so that the rest can go.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/reference/rest/v3/WebhookRequest
type Request struct {
	// DetectIntentResponseID identifies the response that this call contributes
	// to. That a retry carries the same id is likely, but not promised.
	DetectIntentResponseID string `json:"detectIntentResponseId,omitzero"`

	// At most one of the next five is set: how the end user spoke.

	Text          string `json:"text,omitzero"`          // typed
	TriggerIntent string `json:"triggerIntent,omitzero"` // name of an intent that was matched without words
	Transcript    string `json:"transcript,omitzero"`    // spoken, as recognised
	TriggerEvent  string `json:"triggerEvent,omitzero"`  // name of an event that was invoked
	DTMFDigits    string `json:"dtmfDigits,omitzero"`    // keys pressed on the telephone

	// LanguageCode is the language of the query, as "en-US" (BCP 47).
	LanguageCode string `json:"languageCode,omitzero"`
	// FulfillmentInfo holds the tag, which says what the agent wants.
	FulfillmentInfo FulfillmentInfo `json:"fulfillmentInfo,omitzero"`
	// IntentInfo is the last matched intent; nil if none was matched.
	IntentInfo *IntentInfo `json:"intentInfo,omitzero"`
	// PageInfo is the current page, with its form while that is being filled.
	PageInfo PageInfo `json:"pageInfo,omitzero"`
	// SessionInfo is the session with its parameters.
	SessionInfo SessionInfo `json:"sessionInfo,omitzero"`
	// Messages are those that the agent has queued for the end user so far.
	Messages []ResponseMessage `json:"messages,omitzero"`
	// Payload is what the integration sent along (QueryParameters.payload).
	Payload jsontext.Value `json:"payload,omitzero"`
	// SentimentAnalysisResult is set where the agent has sentiment analysis on.
	SentimentAnalysisResult *SentimentAnalysisResult `json:"sentimentAnalysisResult,omitzero"`
	// LanguageInfo is what language detection made of the query.
	LanguageInfo *LanguageInfo `json:"languageInfo,omitzero"`

	// Raw is the body as it came, where Mux.KeepRaw asks for it.
	Raw []byte `json:"-"`
}

// FulfillmentInfo says which fulfillment makes the call.
type FulfillmentInfo struct {
	Tag string `json:"tag,omitzero"` // as written in the agent
}

// IntentInfo is a matched intent.
type IntentInfo struct {
	LastMatchedIntent string                          `json:"lastMatchedIntent,omitzero"` // projects/…/agents/…/intents/ID
	DisplayName       string                          `json:"displayName,omitzero"`
	Parameters        map[string]IntentParameterValue `json:"parameters,omitzero"`
	Confidence        float64                         `json:"confidence,omitzero"` // 0 to 1
}

// IntentParameterValue is a parameter as the intent found it.
type IntentParameterValue struct {
	OriginalValue string         `json:"originalValue,omitzero"` // the end user's words
	ResolvedValue jsontext.Value `json:"resolvedValue,omitzero"`
}

// PageInfo is a page of the agent. In a response only the form's parameters
// count.
type PageInfo struct {
	CurrentPage string   `json:"currentPage,omitzero"` // projects/…/flows/…/pages/ID
	DisplayName string   `json:"displayName,omitzero"`
	FormInfo    FormInfo `json:"formInfo,omitzero"`
}

// FormInfo is the form of a page.
type FormInfo struct {
	ParameterInfo []ParameterInfo `json:"parameterInfo,omitzero"`
}

// ParameterInfo is a parameter of a form. A response may set State to StateInvalid
// and change Value; it can neither add parameters nor remove them.
type ParameterInfo struct {
	DisplayName   string         `json:"displayName,omitzero"`
	Required      bool           `json:"required,omitzero"`
	State         ParameterState `json:"state,omitzero"`
	Value         jsontext.Value `json:"value,omitzero"`
	JustCollected bool           `json:"justCollected,omitzero"` // in this turn
}

// ParameterState is how far a form parameter is.
type ParameterState string

// The states of a form parameter.
const (
	StateEmpty   ParameterState = "EMPTY"   // has no value yet
	StateInvalid ParameterState = "INVALID" // has a value that a webhook refused: it is asked for again
	StateFilled  ParameterState = "FILLED"  // has a value
)

// SessionInfo is a session with its parameters.
type SessionInfo struct {
	// Session is the session's name: see Request.Session.
	Session string `json:"session,omitzero"`
	// Parameters are those of the session and of its intents and forms so far. In
	// a response those present are set, and null deletes.
	Parameters Parameters `json:"parameters,omitzero"`
}

// Parameters are JSON values by name. They stay raw until they are bound
// (see Bind). Names are case-sensitive.
type Parameters map[string]jsontext.Value

// SentimentAnalysisResult is what Google thinks of the end user's mood.
type SentimentAnalysisResult struct {
	Score     float64 `json:"score,omitzero"`     // -1 (negative) to 1 (positive)
	Magnitude float64 `json:"magnitude,omitzero"` // 0 and up: how strong, whatever the sign
}

// LanguageInfo is the language of the query as detected.
type LanguageInfo struct {
	InputLanguageCode    string  `json:"inputLanguageCode,omitzero"`    // as the caller gave it
	ResolvedLanguageCode string  `json:"resolvedLanguageCode,omitzero"` // as used
	ConfidenceScore      float64 `json:"confidenceScore,omitzero"`      // 0 to 1
}

// Utterance is what the end user said, typed, pressed or triggered: whichever
// form of the query came.
func (r *Request) Utterance() string {
	for _, s := range [...]string{r.Text, r.Transcript, r.DTMFDigits, r.TriggerEvent, r.TriggerIntent} {
		if s != "" {
			return s
		}
	}
	return ""
}

// query names the form of the query, as "text"; "" if there is none.
func (r *Request) query() string {
	switch {
	case r.Text != "":
		return "text"
	case r.Transcript != "":
		return "transcript"
	case r.DTMFDigits != "":
		return "dtmfDigits"
	case r.TriggerEvent != "":
		return "triggerEvent"
	case r.TriggerIntent != "":
		return "triggerIntent"
	default:
		return ""
	}
}

// CallerID is the telephone number of the caller, as the telephony integrations
// put it into the payload (telephony.caller_id, E.164); "" if there is none. It
// is whatever the telephone network said: no proof of who calls.
func (r *Request) CallerID() string {
	var payload struct {
		Telephony struct {
			CallerID string `json:"caller_id"`
		} `json:"telephony"`
	}
	if len(r.Payload) == 0 || json.Unmarshal(r.Payload, &payload) != nil {
		return ""
	}
	return payload.Telephony.CallerID
}

// FormParameter gives the parameter of the current page's form of that name, or
// nil.
func (r *Request) FormParameter(name string) *ParameterInfo {
	for i := range r.PageInfo.FormInfo.ParameterInfo {
		if p := &r.PageInfo.FormInfo.ParameterInfo[i]; p.DisplayName == name {
			return p
		}
	}
	return nil
}

// Summary is what may be said of a call in a log: ids, names that stand in the
// agent, and sizes. Nothing that the end user said or is.
type Summary struct {
	ResponseID string `json:"responseId,omitzero"`
	Session    string `json:"session,omitzero"`
	Page       string `json:"page,omitzero"`   // display name, or the page's name
	Intent     string `json:"intent,omitzero"` // display name
	Language   string `json:"language,omitzero"`
	Query      string `json:"query,omitzero"` // its form, as "text"
	QueryBytes int    `json:"queryBytes,omitzero"`
	Parameters int    `json:"parameters,omitzero"` // their number
	Messages   int    `json:"messages,omitzero"`   // their number
}

// Summary gives what may be said of the request in a log.
func (r *Request) Summary() Summary {
	s := Summary{
		ResponseID: r.DetectIntentResponseID, Session: r.SessionInfo.Session, Page: r.PageInfo.DisplayName,
		Language: r.LanguageCode, Query: r.query(), QueryBytes: len(r.Utterance()),
		Parameters: len(r.SessionInfo.Parameters), Messages: len(r.Messages),
	}
	if s.Page == "" {
		s.Page = r.PageInfo.CurrentPage
	}
	if r.IntentInfo != nil {
		s.Intent = r.IntentInfo.DisplayName
	}
	return s
}

// LogValue implements slog.LogValuer: a Request that is logged shows its tag and
// its Summary, and nothing that the end user said or is.
func (r *Request) LogValue() slog.Value {
	s := r.Summary()
	return slog.GroupValue(
		slog.String("tag", r.FulfillmentInfo.Tag), slog.String("responseId", s.ResponseID), slog.String("session", s.Session),
		slog.String("page", s.Page), slog.String("intent", s.Intent), slog.String("language", s.Language),
		slog.String("query", s.Query), slog.Int("queryBytes", s.QueryBytes),
		slog.Int("parameters", s.Parameters), slog.Int("messages", s.Messages),
	)
}
