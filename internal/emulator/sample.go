package emulator

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// DefaultAgent is the agent of the sample call.
const DefaultAgent = "projects/local-project/locations/global/agents/5e1f0c3a-8d24-4b6e-9a57-2c90de41b7f3"

// Sample says what a sample call has other than Google's.
type Sample struct {
	// Agent is its full name; "" is DefaultAgent.
	Agent string
	// Session is the id below the agent; "" is session-test-001.
	Session string
	// Tag is the fulfillment's; "" is confirm.
	Tag string
	// Parameters are put over the sample's two, color "red" and size "large", as
	// JSON values. A null takes one away.
	Parameters map[string]jsontext.Value
}

// SampleCall gives the WebhookRequest of Google's page on mutual TLS: somebody
// wants to buy a large red shirt. With other parameters, what was said and what
// the intent heard change with them.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/mtls (sample call)
func SampleCall(o Sample) ([]byte, error) {
	if o.Agent == "" {
		o.Agent = DefaultAgent
	}
	if o.Session == "" {
		o.Session = "session-test-001"
	}
	if o.Tag == "" {
		o.Tag = "confirm"
	}
	name := o.Agent + "/sessions/" + o.Session
	if !sessionName.MatchString(name) {
		return nil, fmt.Errorf("emulator: sample call: agent %q and session %q make no session name: want projects/PROJECT/locations/LOCATION/agents/AGENT, and an id without slashes", o.Agent, o.Session)
	}
	parameters := object{"color": jsontext.Value(`"red"`), "size": jsontext.Value(`"large"`)}
	maps.Copy(parameters, o.Parameters)
	heard := map[string]intentParameter{} // of an order, the intent hears these two
	for key, value := range parameters {
		switch {
		case key == "":
			return nil, errors.New("emulator: sample call: a parameter has no name")
		case !value.IsValid():
			return nil, fmt.Errorf("emulator: sample call: parameter %q: %s is not JSON", key, value)
		case value.Kind() == 'n':
			delete(parameters, key)
		case key == "color" || key == "size":
			heard[key] = intentParameter{spoken(value), value}
		}
	}
	shirt := func(glue string) string {
		words := []string{"a"}
		size, color := heard["size"].Original, heard["color"].Original
		switch {
		case size != "" && color != "":
			words = append(words, size+glue, color)
		case size != "" || color != "":
			words = append(words, size+color)
		}
		return strings.Join(append(words, "shirt"), " ")
	}
	body, err := encode(webhookRequest{
		ResponseID: "3b9d1e52-70c4-4f0a-8e6b-d15a2f6c8b94",
		IntentInfo: intentInfo{
			LastMatchedIntent: o.Agent + "/intents/c47a96b0-1f3d-4e85-b2d6-90e8a7513c2f",
			Parameters:        heard, DisplayName: "order.new", Confidence: 0.9978873,
		},
		PageInfo: pageInfo{
			CurrentPage: o.Agent + "/flows/00000000-0000-0000-0000-000000000000/pages/81d2f60e-45b9-4c7a-a3e8-6f0b27c9d514",
			DisplayName: "Order Confirmation",
		},
		SessionInfo:     sessionInfo{name, parameters},
		FulfillmentInfo: fulfillmentInfo{o.Tag},
		Messages: []message{
			said("ENTRY_PROMPT", "Ok, let's start a new order."),
			said("HANDLER_PROMPT", "You have selected "+shirt(",")+"."),
		},
		Text: "I want to buy " + shirt(""), LanguageCode: "en",
	})
	if err != nil {
		return nil, fmt.Errorf("emulator: sample call: %w", err)
	}
	return body, nil
}

// spoken is a parameter's value as somebody would say it.
func spoken(value jsontext.Value) string {
	if value.Kind() == '"' {
		if text, err := jsontext.AppendUnquote(nil, value); err == nil {
			return string(text)
		}
	}
	return string(value)
}

// The WebhookRequest, as far as the sample has it. redactedText, source and, in
// v3beta1, responseType are sent by Google and documented nowhere else.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/reference/rest/v3/WebhookRequest
type (
	webhookRequest struct {
		ResponseID      string          `json:"detectIntentResponseId"`
		IntentInfo      intentInfo      `json:"intentInfo"`
		PageInfo        pageInfo        `json:"pageInfo"`
		SessionInfo     sessionInfo     `json:"sessionInfo"`
		FulfillmentInfo fulfillmentInfo `json:"fulfillmentInfo"`
		Messages        []message       `json:"messages"`
		Text            string          `json:"text"`
		LanguageCode    string          `json:"languageCode"`
	}
	intentInfo struct {
		LastMatchedIntent string                     `json:"lastMatchedIntent"`
		Parameters        map[string]intentParameter `json:"parameters"`
		DisplayName       string                     `json:"displayName"`
		Confidence        float64                    `json:"confidence"`
	}
	intentParameter struct {
		Original string         `json:"originalValue"`
		Resolved jsontext.Value `json:"resolvedValue"`
	}
	pageInfo struct {
		CurrentPage string `json:"currentPage"`
		DisplayName string `json:"displayName"`
	}
	sessionInfo struct {
		Session    string `json:"session"`
		Parameters object `json:"parameters"`
	}
	fulfillmentInfo struct {
		Tag string `json:"tag"`
	}
	message struct {
		Text         messageText `json:"text"`
		ResponseType string      `json:"responseType"`
		Source       string      `json:"source"`
	}
	messageText struct {
		Text     []string `json:"text"`
		Redacted []string `json:"redactedText"`
	}
)

func said(kind, text string) message {
	return message{Text: messageText{Text: []string{text}, Redacted: []string{text}}, ResponseType: kind, Source: "VIRTUAL_AGENT"}
}
