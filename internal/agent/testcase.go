package agent

import "github.com/go-json-experiment/json/jsontext"

// TestCase is a recorded or written conversation.
type TestCase struct {
	File         string         `json:"-"`
	Name         Text           `json:"name"`
	DisplayName  string         `json:"displayName"`
	Tags         []string       `json:"tags"`
	Notes        string         `json:"notes"`
	CreationTime jsontext.Value `json:"creationTime"`
	Config       TestConfig     `json:"testConfig"`
	Turns        []*Turn        `json:"testCaseConversationTurns"`
	LanguageCode string         `json:"languageCode"`
	LastResult   jsontext.Value `json:"lastTestResult"`
	Expectations jsontext.Value `json:"expectations"`
	Unknown      `json:",embed"`
}

// TestConfig says where a test case begins.
type TestConfig struct {
	Flow               string   `json:"flow"`
	Page               string   `json:"page"`
	TrackingParameters []string `json:"trackingParameters"`
	Unknown            `json:",embed"`
}

// Turn is one exchange.
type Turn struct {
	Input   UserInput   `json:"userInput"`
	Output  AgentOutput `json:"virtualAgentOutput"`
	Unknown `json:",embed"`
}

// UserInput is what the end user does.
type UserInput struct {
	Input struct {
		Text struct {
			Text    string `json:"text"`
			Unknown `json:",embed"`
		} `json:"text"`
		DTMF struct {
			Digits      Text           `json:"digits"`
			FinishDigit Text           `json:"finishDigit"`
			Transformed jsontext.Value `json:"transformed"`
			Unknown     `json:",embed"`
		} `json:"dtmf"`
		Event struct {
			Event   string `json:"event"`
			Unknown `json:",embed"`
		} `json:"event"`
		Intent       jsontext.Value `json:"intent"`
		LanguageCode string         `json:"languageCode"`
		Unknown      `json:",embed"`
	} `json:"input"`
	InjectedParameters      map[string]jsontext.Value `json:"injectedParameters"`
	IsWebhookEnabled        bool                      `json:"isWebhookEnabled"`
	EnableSentimentAnalysis bool                      `json:"enableSentimentAnalysis"`
	Unknown                 `json:",embed"`
}

// AgentOutput is what the agent answered when the case was recorded. Parameters are
// all that the session had after the turn.
type AgentOutput struct {
	TextResponses   jsontext.Value            `json:"textResponses"`
	Parameters      map[string]jsontext.Value `json:"sessionParameters"`
	TriggeredIntent *Named                    `json:"triggeredIntent"`
	CurrentPage     *Named                    `json:"currentPage"`
	CurrentFlow     *Named                    `json:"currentFlow"`
	Differences     jsontext.Value            `json:"differences"`
	Actions         jsontext.Value            `json:"actions"`
	Status          jsontext.Value            `json:"status"`
	Unknown         `json:",embed"`
}

// Named is a reference by name.
type Named struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	Flow        string `json:"flow"`
	Unknown     `json:",embed"`
}
