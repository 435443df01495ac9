package emulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The states of a form parameter that this agent sets.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/reference/rest/v3/PageInfo (ParameterState)
const (
	formEmpty   = "EMPTY"
	formInvalid = "INVALID"
	formFilled  = "FILLED"
)

// formOf reads the form of a pageInfo: its parameters, and formInfo whole.
func formOf(page object) (parameters []object, info object, err error) {
	if err := member(page, "formInfo", &info); err != nil {
		return nil, nil, err
	}
	if err := member(info, "parameterInfo", &parameters); err != nil {
		return nil, nil, fmt.Errorf("formInfo: %w", err)
	}
	return parameters, info, nil
}

// named gives the parameter of that name, in whatever case, or -1.
func named(parameters []object, name string) int {
	return slices.IndexFunc(parameters, func(p object) bool {
		var own string
		return member(p, "displayName", &own) == nil && strings.EqualFold(own, name)
	})
}

// joinForms adds to the form of a request what is kept of it: parameters that the
// request does not name. Where that is nothing it is the request's, byte for byte.
func joinForms(kept, own object) (jsontext.Value, error) {
	was, info, err := formOf(kept)
	if err != nil {
		return nil, err
	}
	says, _, err := formOf(own)
	if err != nil {
		return nil, err
	}
	added := false
	joined := slices.Clone(was)
	for i, p := range joined {
		var name string
		member(p, "displayName", &name)
		if at := named(says, name); at >= 0 {
			joined[i] = maps.Clone(p)
			maps.Copy(joined[i], says[at])
			added = added || len(joined[i]) > len(says[at])
		} else {
			added = true
		}
	}
	if !added {
		return own["formInfo"], nil
	}
	for _, p := range says {
		var name string
		member(p, "displayName", &name)
		if named(was, name) < 0 {
			joined = append(joined, p)
		}
	}
	info = maps.Clone(info)
	if info["parameterInfo"], err = encode(joined); err != nil {
		return nil, err
	}
	return encode(info)
}

// answerForm gives the page after an answer: a parameter that is declared INVALID
// loses its value, and another value that is given fills it, or null empties it. The
// agent takes no other state from a webhook, and no parameter that its form does not
// have. changes are the session parameters that follow; null deletes one.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/reference/rest/v3/PageInfo
func answerForm(page, answered object) (next, changes object, err error) {
	form, info, err := formOf(page)
	if err != nil {
		return nil, nil, err
	}
	says, _, err := formOf(answered)
	if err != nil {
		return nil, nil, err
	}
	changes = object{}
	for i, p := range form {
		var name, state string
		if err := member(p, "displayName", &name); err != nil {
			return nil, nil, err
		}
		p = maps.Clone(p)
		delete(p, "justCollected") // in the turn that was
		if at := named(says, name); at >= 0 {
			if err := member(says[at], "state", &state); err != nil {
				return nil, nil, fmt.Errorf("formInfo: parameter %q: %w", name, err)
			}
			value, given := says[at]["value"]
			switch {
			case state == formInvalid:
				state, value = formInvalid, jsontext.Value("null")
			case !given:
				state = ""
			case value.Kind() == 'n':
				state = formEmpty
			default:
				state = formFilled
			}
			if state != "" {
				p["state"], p["value"], changes[name] = jsontext.Value(`"`+state+`"`), value, value
			}
		}
		form[i] = p
	}
	if len(form) == 0 {
		return page, changes, nil
	}
	next = maps.Clone(page)
	if info["parameterInfo"], err = encode(form); err != nil {
		return nil, nil, err
	}
	next["formInfo"], err = encode(info)
	return next, changes, err
}
