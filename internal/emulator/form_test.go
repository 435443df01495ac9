package emulator

import (
	"fmt"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// onPage is a request on a page, with a form.
func onPage(page, form string) string {
	info := fmt.Sprintf(`"currentPage":%q,"displayName":"Order"`, page)
	if form != "" {
		info += `,"formInfo":{"parameterInfo":` + form + `}`
	}
	return fmt.Sprintf(`{"pageInfo":{%s},"sessionInfo":{"session":%q}}`, info, testSession)
}

// The form of a page is remembered; an answer declares values invalid, gives others
// and empties them, and the session parameters follow. What an answer may not do is
// not done.
func TestForm(t *testing.T) {
	const flow = "projects/p/flows/f"
	const asked = `[{"displayName":"size","required":true,"state":"FILLED","value":"huge","justCollected":true,"x":1},{"displayName":"color","state":"EMPTY"}]`
	const before = `{"displayName":"size","required":true,"state":"FILLED","value":"huge","x":1},{"displayName":"color","state":"EMPTY"}`
	for _, tt := range []struct {
		name, answer string
		form         string // in the next request
		parameters   string
	}{
		{"nothing", `{}`, before, `{"size":"huge"}`},
		{"invalid", `[{"displayName":"size","state":"INVALID"}]`, `{"displayName":"size","required":true,"state":"INVALID","value":null,"x":1},{"displayName":"color","state":"EMPTY"}`, `{}`},
		{"invalid, with a value", `[{"displayName":"size","state":"INVALID","value":"large"}]`, `{"displayName":"size","required":true,"state":"INVALID","value":null,"x":1},{"displayName":"color","state":"EMPTY"}`, `{}`},
		{"a value", `[{"displayName":"color","value":"red"}]`, `{"displayName":"size","required":true,"state":"FILLED","value":"huge","x":1},{"displayName":"color","state":"FILLED","value":"red"}`, `{"size":"huge","color":"red"}`},
		{"emptied", `[{"displayName":"size","value":null}]`, `{"displayName":"size","required":true,"state":"EMPTY","value":null,"x":1},{"displayName":"color","state":"EMPTY"}`, `{}`},
		{"another state", `[{"displayName":"color","state":"FILLED"}]`, before, `{"size":"huge"}`},
		{"a parameter that the form does not have", `[{"displayName":"brand","value":"x"}]`, before, `{"size":"huge"}`},
		{"invalid, in another case", `[{"displayName":"Size","state":"INVALID"}]`, `{"displayName":"size","required":true,"state":"INVALID","value":null,"x":1},{"displayName":"color","state":"EMPTY"}`, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newConversation(t)
			c.say(t, request(`{"size":"huge"}`), `{}`)
			answer := tt.answer
			if answer != "{}" {
				answer = `{"pageInfo":{"formInfo":{"parameterInfo":` + answer + `}}}`
			}
			c.say(t, onPage(flow+"/pages/order", asked), answer)
			got := c.say(t, fmt.Sprintf(`{"sessionInfo":{"session":%q}}`, testSession), `{}`)
			want := `{"pageInfo":{"currentPage":"` + flow + `/pages/order","displayName":"Order","formInfo":{"parameterInfo":[` + tt.form + `]}},"sessionInfo":{"session":"` + testSession + `","parameters":` + tt.parameters + `}}`
			if tt.parameters == "{}" {
				want = want[:len(want)-len(`,"parameters":{}}}`)] + `,"parameters":{}}}`
			}
			wantJSON(t, got, want)
			state, ok := c.SessionState(testSession)
			form, err := json.Marshal(state.Form)
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			wantJSON(t, string(form), "["+tt.form+"]")
		})
	}
	for name, answer := range map[string]string{
		`response: pageInfo: formInfo: parameterInfo: `:  `{"pageInfo":{"formInfo":{"parameterInfo":{}}}}`,
		`response: pageInfo: formInfo: `:                 `{"pageInfo":{"formInfo":[]}}`,
		`response: pageInfo: formInfo: parameter "size"`: `{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"size","state":3}]}}}`,
	} {
		c := newConversation(t)
		c.answer.Store(answer)
		x, err := c.Call(t.Context(), Call{Body: []byte(onPage("p", asked))})
		if err != nil || x.Failed != StageResponse || len(x.Err.Error()) < len(name) || x.Err.Error()[:len(name)] != name {
			t.Errorf("%s: %v %v", answer, x, err)
		}
	}
}

// What a request says of its form wins; on another page it is alone.
func TestFormOfRequest(t *testing.T) {
	c := newConversation(t)
	c.say(t, onPage("one", `[{"displayName":"size","state":"EMPTY","required":true}]`), `{}`)
	same := onPage("one", `[{"displayName":"size","state":"FILLED","value":"large","required":true}]`)
	if got := c.say(t, same, `{}`); got != same {
		t.Errorf("changed: %s", got)
	}
	in, err := Input{Session: testSession, Form: map[string]jsontext.Value{"size": jsontext.Value(`"small"`), "color": jsontext.Value(`null`)}}.Request()
	if err != nil {
		t.Fatal(err)
	}
	wantJSON(t, c.say(t, string(in), `{}`), `{"languageCode":"en","fulfillmentInfo":{"tag":""},"sessionInfo":{"session":"`+testSession+`","parameters":{"size":"small","color":null}},
		"pageInfo":{"currentPage":"one","displayName":"Order","formInfo":{"parameterInfo":[
			{"displayName":"size","state":"FILLED","value":"small","required":true,"justCollected":true},{"displayName":"color","state":"EMPTY","value":null,"justCollected":true}]}}}`)
	other := onPage("two", "")
	wantJSON(t, c.say(t, other, `{}`), `{"pageInfo":{"currentPage":"two","displayName":"Order"},"sessionInfo":{"session":"`+testSession+`","parameters":{"size":"small"}}}`)
	if state, _ := c.SessionState(testSession); state.Page != "two" || len(state.Form) != 0 {
		t.Errorf("%+v", state)
	}
}
