package emulator

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Input is what a user does next in a session.
type Input struct {
	Session string // its full name
	Tag     string // of the fulfillment that calls the webhook
	// Text, Event and Digits are alternatives; at most one is set.
	Text, Event, Digits string
	// Parameters join the session's; null takes one away.
	Parameters map[string]jsontext.Value
	// Form holds values for parameters of the page's form, as just collected. A
	// parameter that the form does not have yet joins it: this agent has no pages of
	// its own, and believes what it is told.
	Form map[string]jsontext.Value
}

// Request gives the WebhookRequest. What the session keeps is not in it: Call adds
// that.
func (in Input) Request() ([]byte, error) {
	query, said := object{}, 0
	for name, text := range map[string]string{"text": in.Text, "triggerEvent": in.Event, "dtmfDigits": in.Digits} {
		if text == "" {
			continue
		}
		said++
		var err error
		if query[name], err = encode(text); err != nil {
			return nil, fmt.Errorf("emulator: input: %s: %w", name, err)
		}
	}
	var problems []error
	if said > 1 {
		problems = append(problems, errors.New("emulator: input: a text, an event and digits are alternatives; want one"))
	}
	if !sessionName.MatchString(in.Session) {
		problems = append(problems, fmt.Errorf("emulator: input: %q is no session name", in.Session))
	}
	parameters := object{}
	form := []object{}
	for _, from := range []map[string]jsontext.Value{in.Parameters, in.Form} {
		for name, value := range from {
			if name == "" || !value.IsValid() {
				problems = append(problems, fmt.Errorf("emulator: input: parameter %q: %s is not JSON", name, value))
			}
			parameters[name] = value // a form's parameters are the session's too
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(in.Form)) {
		state := formFilled
		if in.Form[name].Kind() == 'n' {
			state = formEmpty
		}
		display, err := encode(name)
		if err != nil {
			return nil, fmt.Errorf("emulator: input: parameter %q: %w", name, err)
		}
		form = append(form, object{"displayName": display, "state": jsontext.Value(`"` + state + `"`), "value": in.Form[name], "justCollected": jsontext.Value("true")})
	}
	var err error
	set := func(name string, v any) {
		if err == nil {
			query[name], err = encode(v)
		}
	}
	set("sessionInfo", sessionInfo{in.Session, parameters})
	set("fulfillmentInfo", fulfillmentInfo{in.Tag})
	set("languageCode", "en")
	if len(form) > 0 {
		set("pageInfo", map[string]any{"formInfo": map[string]any{"parameterInfo": form}})
	}
	if err != nil {
		return nil, fmt.Errorf("emulator: input: %w", err)
	}
	return encode(query)
}
