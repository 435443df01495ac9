// Package agent reads an exported Dialogflow CX agent (the JSON package), holds it
// against the code that answers it, and writes code for it.
//
// Sources: the messages of google.cloud.dialogflow.cx.v3, and what exports have in
// fact: references are by display name, what is at its default is absent, durations
// are {"seconds": 5}, maps are lists of key and value.
package agent

import (
	"bytes"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Agent is an exported agent. Lists are in the order of the files' names.
type Agent struct {
	Settings    Settings
	Flows       []*Flow
	Groups      []*RouteGroup // of the agent; those of a flow are in Flow.Groups
	Intents     []*Intent
	EntityTypes []*EntityType
	Webhooks    []*Webhook
	Tools       []*Tool
	TestCases   []*TestCase

	// Unknown counts the keys that this package does not know, as
	// "page.form.newThing". They are kept in the Unknown of their object.
	Unknown map[string]int
	// Other counts the files that are not read, by folder.
	Other map[string]int

	text map[string][]byte // of the files that places are in
}

// Unknown holds the members of an object that have no field.
type Unknown struct {
	Members jsontext.Value `json:",embed"`
}

// Settings are those of agent.json.
type Settings struct {
	File                    string         `json:"-"`
	Name                    Text           `json:"name"`
	DisplayName             string         `json:"displayName"`
	DefaultLanguageCode     string         `json:"defaultLanguageCode"`
	SupportedLanguageCodes  []string       `json:"supportedLanguageCodes"`
	TimeZone                string         `json:"timeZone"`
	Description             string         `json:"description"`
	AvatarURI               string         `json:"avatarUri"`
	ProjectNumber           Text           `json:"projectNumber"`
	StartFlow               string         `json:"startFlow"`
	StartPlaybook           string         `json:"startPlaybook"`
	SecuritySettings        string         `json:"securitySettings"`
	Locked                  bool           `json:"locked"`
	EnableLogging           bool           `json:"enableLogging"`
	EnableStackdriver       bool           `json:"enableStackdriverLogging"`
	EnableSpellCorrection   bool           `json:"enableSpellCorrection"`
	EnableMultiLanguage     bool           `json:"enableMultiLanguageTraining"`
	SpeechToText            jsontext.Value `json:"speechToTextSettings"`
	TextToSpeech            jsontext.Value `json:"textToSpeechSettings"`
	SpeakerID               jsontext.Value `json:"speakerIdSettings"`
	Advanced                Advanced       `json:"advancedSettings"`
	GitIntegration          jsontext.Value `json:"gitIntegrationSettings"`
	BigQueryExport          jsontext.Value `json:"bigqueryExportSettings"`
	GenAppBuilder           jsontext.Value `json:"genAppBuilderSettings"`
	AnswerFeedback          jsontext.Value `json:"answerFeedbackSettings"`
	Personalization         jsontext.Value `json:"personalizationSettings"`
	ClientCertificate       jsontext.Value `json:"clientCertificateSettings"`
	Duplex                  jsontext.Value `json:"duplexSettings"`
	IntentSuggestion        jsontext.Value `json:"intentSuggestionSettings"`
	WebClient               jsontext.Value `json:"webClientSettings"`
	CustomPayloadTemplates  jsontext.Value `json:"customPayloadTemplates"`
	GenerativeModel         jsontext.Value `json:"generativeModelSettings"`
	DefaultGenerativeModels jsontext.Value `json:"defaultLlmModelSettings"`
	Unknown                 `json:",embed"`
}

// Advanced are the advancedSettings of an agent, flow, page, parameter or
// fulfillment.
type Advanced struct {
	Enabled              bool           `json:"enabled"`
	AudioExport          jsontext.Value `json:"audioExportGcsDestination"`
	Speech               jsontext.Value `json:"speechSettings"`
	DTMF                 jsontext.Value `json:"dtmfSettings"`
	Logging              jsontext.Value `json:"loggingSettings"`
	PlaybackInterruption jsontext.Value `json:"playbackInterruptionSettings"`
	Unknown              `json:",embed"`
}

// Flow is a flow; its routes and handlers are those of its start page.
type Flow struct {
	File             string             `json:"-"`
	Pages            []*Page            `json:"-"`
	Groups           []*RouteGroup      `json:"-"`
	Name             Text               `json:"name"`
	DisplayName      string             `json:"displayName"`
	Description      string             `json:"description"`
	Locked           bool               `json:"locked"`
	Routes           []*Route           `json:"transitionRoutes"`
	EventHandlers    []*EventHandler    `json:"eventHandlers"`
	RouteGroups      []string           `json:"transitionRouteGroups"`
	AgentRouteGroups []string           `json:"agentTransitionRouteGroups"`
	Knowledge        *Knowledge         `json:"knowledgeConnectorSettings"`
	NLU              jsontext.Value     `json:"nluSettings"`
	NLUs             jsontext.Value     `json:"nluSettingsList"`
	MultiLanguage    jsontext.Value     `json:"multiLanguageSettings"`
	Inputs           []*ParameterSchema `json:"inputParameterDefinitions"`
	Outputs          []*ParameterSchema `json:"outputParameterDefinitions"`
	Slots            jsontext.Value     `json:"slots"`
	Advanced         Advanced           `json:"advancedSettings"`
	Unknown          `json:",embed"`
}

// ParameterSchema is an input or output parameter of a flow.
type ParameterSchema struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	TypeSchema  jsontext.Value `json:"typeSchema"`
	Unknown     `json:",embed"`
}

// Page is a page of a flow.
type Page struct {
	File             string          `json:"-"`
	Name             Text            `json:"name"`
	DisplayName      string          `json:"displayName"`
	Description      string          `json:"description"`
	Form             Form            `json:"form"`
	Entry            *Fulfillment    `json:"entryFulfillment"`
	Routes           []*Route        `json:"transitionRoutes"`
	RouteGroups      []string        `json:"transitionRouteGroups"`
	AgentRouteGroups []string        `json:"agentTransitionRouteGroups"`
	EventHandlers    []*EventHandler `json:"eventHandlers"`
	Knowledge        *Knowledge      `json:"knowledgeConnectorSettings"`
	Slots            jsontext.Value  `json:"slots"`
	Advanced         Advanced        `json:"advancedSettings"`
	Unknown          `json:",embed"`
}

// Form is what a page asks for.
type Form struct {
	Parameters []*FormParameter `json:"parameters"`
	Unknown    `json:",embed"`
}

// FormParameter is a parameter that a page asks for.
type FormParameter struct {
	DisplayName  string         `json:"displayName"`
	EntityType   string         `json:"entityType"` // @sys.number, @size
	Required     bool           `json:"required"`
	IsList       bool           `json:"isList"`
	Redact       bool           `json:"redact"`
	Default      jsontext.Value `json:"defaultValue"`
	FillBehavior FillBehavior   `json:"fillBehavior"`
	Advanced     Advanced       `json:"advancedSettings"`
	Unknown      `json:",embed"`
}

// FillBehavior is how a page asks for a parameter.
type FillBehavior struct {
	Prompt    *Fulfillment    `json:"initialPromptFulfillment"`
	Reprompts []*EventHandler `json:"repromptEventHandlers"`
	Unknown   `json:",embed"`
}

// Route is a transition route: by intent, by condition, or by both.
type Route struct {
	Name           Text         `json:"name"`
	Description    string       `json:"description"`
	Intent         string       `json:"intent"`
	Condition      string       `json:"condition"`
	Fulfillment    *Fulfillment `json:"triggerFulfillment"`
	TargetPage     string       `json:"targetPage"`
	TargetFlow     string       `json:"targetFlow"`
	TargetPlaybook string       `json:"targetPlaybook"`
	Unknown        `json:",embed"`
}

// EventHandler answers an event, as sys.no-match-default or webhook.error.
type EventHandler struct {
	Name           Text         `json:"name"`
	Event          string       `json:"event"`
	Fulfillment    *Fulfillment `json:"triggerFulfillment"`
	TargetPage     string       `json:"targetPage"`
	TargetFlow     string       `json:"targetFlow"`
	TargetPlaybook string       `json:"targetPlaybook"`
	Unknown        `json:",embed"`
}

// Knowledge connects a page or flow to data stores.
type Knowledge struct {
	Enabled        bool           `json:"enabled"`
	Fulfillment    *Fulfillment   `json:"triggerFulfillment"`
	TargetPage     string         `json:"targetPage"`
	TargetFlow     string         `json:"targetFlow"`
	DataStores     jsontext.Value `json:"dataStoreConnections"`
	TargetPlaybook string         `json:"targetPlaybook"`
	Unknown        `json:",embed"`
}

// Fulfillment is what the agent does at a place: it speaks, sets parameters, calls
// a webhook.
type Fulfillment struct {
	Messages                 []*Message          `json:"messages"`
	Webhook                  string              `json:"webhook"`
	Tag                      string              `json:"tag"`
	ReturnPartialResponses   bool                `json:"returnPartialResponses"`
	SetParameters            []*SetParameter     `json:"setParameterActions"`
	Cases                    []*ConditionalCases `json:"conditionalCases"`
	Generators               []*GeneratorUse     `json:"generators"`
	EnableGenerativeFallback bool                `json:"enableGenerativeFallback"`
	NextAction               jsontext.Value      `json:"nextActionOverride"`
	Advanced                 Advanced            `json:"advancedSettings"`
	Unknown                  `json:",embed"`
}

// SetParameter is a parameter preset: Parameter is a bare name of the session's, or
// $session.params.x, $flow.x, $page.params.x. An absent Value is null.
type SetParameter struct {
	Parameter string         `json:"parameter"`
	Value     jsontext.Value `json:"value"`
	Unknown   `json:",embed"`
}

// GeneratorUse is a call of a generator.
type GeneratorUse struct {
	Generator       string         `json:"generator"`
	InputParameters jsontext.Value `json:"inputParameters"`
	OutputParameter string         `json:"outputParameter"`
	Unknown         `json:",embed"`
}

// ConditionalCases are an if, else if, else.
type ConditionalCases struct {
	Cases   []*Case `json:"cases"`
	Unknown `json:",embed"`
}

// Case is one of them.
type Case struct {
	Condition string         `json:"condition"`
	Content   []*CaseContent `json:"caseContent"`
	Unknown   `json:",embed"`
}

// CaseContent is a message, or further cases.
type CaseContent struct {
	Message *Message          `json:"message"`
	Cases   *ConditionalCases `json:"additionalCases"`
	Unknown `json:",embed"`
}

// Message is a response message, kept as it stands but for its kind.
type Message struct {
	LanguageCode         string         `json:"languageCode"`
	Channel              string         `json:"channel"`
	ResponseType         string         `json:"responseType"`
	Text                 jsontext.Value `json:"text"`
	Payload              jsontext.Value `json:"payload"`
	OutputAudioText      jsontext.Value `json:"outputAudioText"`
	ConversationSuccess  jsontext.Value `json:"conversationSuccess"`
	LiveAgentHandoff     jsontext.Value `json:"liveAgentHandoff"`
	EndInteraction       jsontext.Value `json:"endInteraction"`
	PlayAudio            jsontext.Value `json:"playAudio"`
	MixedAudio           jsontext.Value `json:"mixedAudio"`
	TelephonyTransfer    jsontext.Value `json:"telephonyTransferCall"`
	KnowledgeInfoCard    jsontext.Value `json:"knowledgeInfoCard"`
	ToolCall             jsontext.Value `json:"toolCall"`
	Command              jsontext.Value `json:"command"`
	PlaybackInterruption jsontext.Value `json:"allowPlaybackInterruption"`
	Unknown              `json:",embed"`
}

// RouteGroup is a set of routes that pages and flows share.
type RouteGroup struct {
	File        string   `json:"-"`
	Name        Text     `json:"name"`
	DisplayName string   `json:"displayName"`
	Routes      []*Route `json:"transitionRoutes"`
	Unknown     `json:",embed"`
}

// Intent is what an end user may want. Training phrases are not read.
type Intent struct {
	File               string             `json:"-"`
	Name               Text               `json:"name"`
	DisplayName        string             `json:"displayName"`
	Description        string             `json:"description"`
	Parameters         []*IntentParameter `json:"parameters"`
	Priority           int64              `json:"priority"`
	IsFallback         bool               `json:"isFallback"`
	Labels             jsontext.Value     `json:"labels"`
	NumTrainingPhrases int64              `json:"numTrainingPhrases"`
	DTMFPattern        string             `json:"dtmfPattern"`
	SkipAutoAnnotation jsontext.Value     `json:"skipAutoAnnotation"`
	Unknown            `json:",embed"`
}

// IntentParameter is a part of what the end user said.
type IntentParameter struct {
	ID         string `json:"id"`
	EntityType string `json:"entityType"`
	IsList     bool   `json:"isList"`
	Redact     bool   `json:"redact"`
	Unknown    `json:",embed"`
}

// The kinds of entity types.
const (
	KindMap    = "KIND_MAP"
	KindList   = "KIND_LIST"
	KindRegexp = "KIND_REGEXP"
)

// EntityType is a type of the agent's own.
type EntityType struct {
	File          string    `json:"-"`
	Entities      []*Entity `json:"-"` // of all languages, in the order of the files
	Name          Text      `json:"name"`
	DisplayName   string    `json:"displayName"`
	Kind          string    `json:"kind"`
	AutoExpansion string    `json:"autoExpansionMode"`
	Fuzzy         bool      `json:"enableFuzzyExtraction"`
	Redact        bool      `json:"redact"`
	Unknown       `json:",embed"`
}

// Entity is a value of an EntityType and what stands for it.
type Entity struct {
	Value        Text           `json:"value"`
	Synonyms     []Text         `json:"synonyms"`
	LanguageCode string         `json:"languageCode"`
	DTMFPattern  jsontext.Value `json:"dtmfPattern"`
	Unknown      `json:",embed"`
}

// The kinds of webhooks; a standard one says nothing as a rule.
const (
	WebhookStandard = "STANDARD"
	WebhookFlexible = "FLEXIBLE"
)

// Webhook is a webhook resource.
type Webhook struct {
	File             string            `json:"-"`
	Name             Text              `json:"name"`
	DisplayName      string            `json:"displayName"`
	Timeout          *Duration         `json:"timeout"` // nil is Dialogflow's own, 5 s
	Disabled         bool              `json:"disabled"`
	Generic          *WebService       `json:"genericWebService"`
	ServiceDirectory *ServiceDirectory `json:"serviceDirectory"`
	Unknown          `json:",embed"`
}

// ServiceDirectory is a web service inside the project's network.
type ServiceDirectory struct {
	Service string      `json:"service"`
	Generic *WebService `json:"genericWebService"`
	Unknown `json:",embed"`
}

// WebService says where a webhook is and how it is called.
type WebService struct {
	URI                string         `json:"uri"`
	Username           string         `json:"username"`
	Password           string         `json:"password"`
	SecretForBasic     string         `json:"secretVersionForUsernamePassword"`
	RequestHeaders     jsontext.Value `json:"requestHeaders"`
	SecretsForHeaders  jsontext.Value `json:"secretVersionsForRequestHeaders"`
	AllowedCACerts     jsontext.Value `json:"allowedCaCerts"`
	OAuth              jsontext.Value `json:"oauthConfig"`
	ServiceAgentAuth   string         `json:"serviceAgentAuth"` // NONE, ID_TOKEN, ACCESS_TOKEN; "" is ID_TOKEN
	ServiceAccountAuth jsontext.Value `json:"serviceAccountAuthConfig"`
	Type               string         `json:"webhookType"` // "" is STANDARD
	HTTPMethod         string         `json:"httpMethod"`
	RequestBody        string         `json:"requestBody"`      // of a flexible one: JSON with references
	ParameterMapping   []KeyValue     `json:"parameterMapping"` // of a flexible one: parameter to JSONPath
	Unknown            `json:",embed"`
}

// KeyValue is an entry of a map.
type KeyValue struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Unknown `json:",embed"`
}

// Tool is a tool of a playbook.
type Tool struct {
	File        string         `json:"-"`
	Name        Text           `json:"name"`
	DisplayName string         `json:"displayName"`
	Description string         `json:"description"`
	ToolType    string         `json:"toolType"`
	OpenAPI     *OpenAPI       `json:"openApiSpec"`
	DataStore   jsontext.Value `json:"dataStoreSpec"`
	Function    jsontext.Value `json:"functionSpec"`
	Connector   jsontext.Value `json:"connectorSpec"`
	Extension   jsontext.Value `json:"extensionSpec"`
	Unknown     `json:",embed"`
}

// OpenAPI is a tool that calls an API.
type OpenAPI struct {
	TextSchema       string         `json:"textSchema"`
	Authentication   jsontext.Value `json:"authentication"`
	TLSConfig        jsontext.Value `json:"tlsConfig"`
	ServiceDirectory jsontext.Value `json:"serviceDirectoryConfig"`
	Unknown          `json:",embed"`
}

// Web gives the web service of a webhook, directly or through Service Directory; it
// is never nil.
func (w *Webhook) Web() *WebService {
	switch {
	case w.Generic != nil:
		return w.Generic
	case w.ServiceDirectory != nil && w.ServiceDirectory.Generic != nil:
		return w.ServiceDirectory.Generic
	default:
		return new(WebService)
	}
}

// Flexible says whether the agent designs request and response itself.
func (w *Webhook) Flexible() bool { return w.Web().Type == WebhookFlexible }

// DefaultTimeout is Dialogflow's, for a webhook that has none.
const DefaultTimeout = 5 * time.Second

// Waits says how long Dialogflow waits for the webhook.
func (w *Webhook) Waits() time.Duration {
	if w.Timeout == nil || *w.Timeout == 0 {
		return DefaultTimeout
	}
	return time.Duration(*w.Timeout)
}

// Duration is a google.protobuf.Duration, as exports write it ({"seconds": 5}) or
// as the API does ("5s").
type Duration time.Duration

// UnmarshalJSON takes either form.
func (d *Duration) UnmarshalJSON(b []byte) error {
	v := jsontext.Value(bytes.TrimSpace(b))
	if v.Kind() == '"' {
		var s string
		if err := json.Unmarshal(v, &s); err != nil {
			return err
		}
		parsed, err := time.ParseDuration(s)
		*d = Duration(parsed)
		return err
	}
	var w struct {
		Seconds float64 `json:"seconds"`
		Nanos   float64 `json:"nanos"`
	}
	if err := json.Unmarshal(v, &w); err != nil {
		return err
	}
	if w.Seconds < 0 || w.Seconds > 1e6 {
		return fmt.Errorf("a duration of %v seconds", w.Seconds)
	}
	*d = Duration(time.Duration(w.Seconds*float64(time.Second)) + time.Duration(w.Nanos))
	return nil
}

// Text is a text that some exporters write as a number.
type Text string

// UnmarshalJSON takes a JSON string or number.
func (t *Text) UnmarshalJSON(b []byte) error {
	if v := jsontext.Value(b); v.Kind() == '0' {
		*t = Text(v)
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}
