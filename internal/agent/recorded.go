package agent

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/conversation"
)

// recordedCall is a turn of a test case in which a tag was called.
type recordedCall struct {
	test       *TestCase
	turn       int // from 1
	parameters map[string]jsontext.Value
}

// testPlan is a call of a tag, to be kept as a conversation.
type testPlan struct {
	comment string
	request jsontext.Value
}

// recordedCalls finds the calls that test cases show: turns that can have gone by the
// places of one tag only. A test case does not say which routes matched.
func (g *generator) recordedCalls() map[string]recordedCall {
	calls := map[string]recordedCall{}
	for _, c := range g.agent.TestCases {
		page, flow := c.Config.Page, c.Config.Flow
		if flow == "" {
			flow = g.agent.Settings.StartFlow
		}
		before := map[string]jsontext.Value{}
		for i, turn := range c.Turns {
			out := &turn.Output
			if tag := g.tagOfTurn(turn, flow, page, before); tag != "" {
				if old, ok := calls[tag]; !ok || len(out.Parameters) > len(old.parameters) {
					calls[tag] = recordedCall{c, i + 1, out.Parameters}
				}
			}
			if out.CurrentPage != nil {
				page = out.CurrentPage.Name
				if out.CurrentPage.Flow != "" {
					flow = out.CurrentPage.Flow
				}
			}
			if out.CurrentFlow != nil && out.CurrentFlow.Name != "" {
				flow = out.CurrentFlow.Name
			}
			before = out.Parameters
		}
	}
	return calls
}

// tagOfTurn gives the one tag that a turn can have called, or "".
func (g *generator) tagOfTurn(turn *Turn, flow, page string, before map[string]jsontext.Value) string {
	out := &turn.Output
	intent, now := "", ""
	if out.TriggeredIntent != nil {
		intent = out.TriggeredIntent.Name
	}
	if out.CurrentPage != nil {
		now = out.CurrentPage.Name
	}
	if f := g.agent.Flow(flow); f == nil || !turn.Input.IsWebhookEnabled {
		return ""
	}
	tags := map[string]bool{}
	for s := range g.agent.Steps() {
		if !s.Calls() || s.Flow == nil || s.Flow.DisplayName != flow || s.Group != nil {
			continue
		}
		here := s.Page == nil || s.Page.DisplayName == page
		target, _ := s.Target()
		possible := false
		switch {
		case s.Trigger == OnRoute && s.Route.Intent != "":
			possible = here && s.Route.Intent == intent && (target == "" || target == now || IsSymbolic(target))
		case s.Trigger == OnRoute && finalForm(s.Route.Condition):
			possible = s.Page != nil && here && filled(s.Page, out.Parameters) && !filled(s.Page, before)
		case s.Trigger == OnRoute: // its condition may have been true on either page
			possible = s.Page == nil || here || s.Page.DisplayName == now
		case s.Trigger == OnEntry:
			possible = s.Page.DisplayName == now && now != page
		default:
			possible = s.Page != nil && here
		}
		if possible {
			tags[s.Fulfillment.Tag] = true
		}
	}
	if len(tags) != 1 {
		return ""
	}
	return slices.Collect(maps.Keys(tags))[0]
}

// filled says whether a form that asks for something has all that it requires.
func filled(p *Page, parameters map[string]jsontext.Value) bool {
	required := 0
	for _, param := range p.Form.Parameters {
		if param == nil || !param.Required {
			continue
		}
		required++
		if v := parameters[param.DisplayName]; v == nil || v.Kind() == 'n' {
			return false
		}
	}
	return required > 0
}

// testOf makes a tag's test of what was recorded, and else of invented values.
func (g *generator) testOf(t *tagPlan, call recordedCall) testPlan {
	values := map[string]jsontext.Value{}
	comment := "No test case of the agent shows this call: the values are invented.\n\n"
	if call.test != nil {
		comment = fmt.Sprintf("From the test case %s, turn %d.\n\n", strconv.Quote(call.test.DisplayName), call.turn)
	}
	for _, p := range t.parameters {
		if v := call.parameters[p.name]; v != nil && v.Kind() != 'n' {
			values[p.name] = v
		} else if call.test == nil || p.required {
			values[p.name] = jsontext.Value(p.typ.sample)
		}
	}
	request, err := json.Marshal(map[string]any{
		"languageCode":    g.agent.Settings.DefaultLanguageCode,
		"fulfillmentInfo": map[string]any{"tag": t.tag},
		"sessionInfo":     map[string]any{"parameters": values},
	}, json.Deterministic(true))
	if err != nil { // values have been read from JSON
		panic(err)
	}
	return testPlan{comment, request}
}

// file gives the conversation as cxtest plays it. The stub of a handler answers
// nothing of its own.
func (t *testPlan) file() ([]byte, error) {
	request, err := conversation.Lines(t.request)
	if err != nil {
		return nil, err
	}
	c := conversation.Conversation{Comment: t.comment, Turns: []conversation.Turn{{Request: request, Status: 200, Response: jsontext.Value("{}")}}}
	return c.Format()
}
