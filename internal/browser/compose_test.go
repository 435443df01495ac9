package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A call by somebody with the wrong certificate, and then the right one.
func TestComposeBadCertificate(t *testing.T) {
	s := start(t)
	p := open(t, s.URL+"/#/compose/confirm")
	p.wait(`[...document.querySelectorAll('.form .field')].some((f) => f.textContent.startsWith('color') && f.querySelector('input').value === 'red')`)
	p.choose("#caller-clientCert", "mallory")
	p.sees(".field", "the right CA, the wrong name")
	p.click(".send-side button", "Send")
	p.sees(".result .verdict", "403 · cert_identity_unknown")
	p.sees(".result .why", "Certificate: identity")
	p.click(".result a", "See call")
	p.sees(".detail h1", "403 · cert_identity_unknown")
	p.wait(`document.querySelector('.stations li:nth-child(4)').className === 'fail'`)
	p.click(".tabs button", "Certificate")
	p.sees(".chain .cert", "Mallory")
	p.sees(".chain .cert", "intermediate")

	p.goTo("#/compose")
	p.wait(`document.getElementById('caller-clientCert').value === 'mallory'`) // as it was left
	p.choose("#caller-clientCert", "google")
	p.choose("#caller-token", "wrong-audience")
	p.click(".send-side button", "Send")
	p.sees(".result .verdict", "401 · token_wrong_audience")
	p.choose("#caller-spoof", "outsider")
	p.wait(`document.getElementById('caller-token').disabled`)
	p.click(".send-side button", "Send")
	p.sees(".result .verdict", "403 · edge_secret_missing")
	p.choose("#caller-spoof", "")
	p.choose("#caller-token", "valid")
	p.click(".send-side button", "Send")
	p.sees(".result .verdict", "200 · answered")
	p.sees(".result .bubble", "One large, red shirt is on its way")
	p.sees(".result .param", "order =")
}

// What is wrong with a JSON text is marked where it is, and nothing is sent.
func TestComposeMistakes(t *testing.T) {
	s := start(t)
	p := open(t, s.URL+"/#/compose/confirm", "the server responded with a status of 400")
	p.sees(".form label", "color")
	p.click(".tabs button", "JSON")
	for text, want := range map[string]string{
		"{\n  \"text\": \"a\",\n  \"text\": \"b\"\n}": `Line 3, column 3: the name "text" is here twice.`,
		"{\n  \"a\": 1,\n}":                           "Line 3, column 1: a comma stands before the end of the object.",
		"{\"a\": [1, 2}":                              "Line 1, column 12: } does not close what is open: a [.",
		"{\"a\": 01}":                                 "Line 1, column 8: this is no number and no word that JSON knows.",
		"{\"a\": 'x'}":                                "Line 1, column 7: a text stands in double quotes.",
		"{\"a\": \"x\ny\"}":                           "Line 1, column 7: the text is not closed on this line.",
		"{\"a\": \"\\x\"}":                            `Line 1, column 8: no such escape; a backslash itself is written \\.`,
		"{\"a\": {\n\"b\": 1":                         "Line 2, column 7: the text ends inside an object that begins in line 1.",
		"{a: 1}":                                      "Line 1, column 2: want a name in double quotes.",
		"{} x":                                        "Line 1, column 4: nothing may follow after the end of the value.",
		"":                                            "Line 1, column 1: nothing is here: want a JSON value.",
		"{\"big\": 12345678901234567890, \"e\": [], \"f\": {}}": "",
	} {
		p.put(".code-area", text)
		if got := value[string](p, `document.querySelector('.editor .problem').textContent`); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		marked := value[bool](p, `document.querySelector('.below mark') !== null`)
		if lines := value[string](p, `[...document.querySelectorAll('.lines .wrong')].map((l) => l.textContent.trim()).join()`); marked != (want != "") || want != "" && !strings.HasPrefix(want, "Line "+lines+",") {
			t.Errorf("%q: marked %v in line %s, want %s", text, marked, lines, want)
		}
	}
	p.put(".code-area", "{\n  \"fulfillmentInfo\": {\"tag\": confirm}\n}")
	p.click(".send-side button", "Send")
	p.sees(".toast", "Not sent: it is no JSON")
	p.wait(`document.activeElement.className === 'code-area' && document.activeElement.selectionStart === 31`)
	if n := p.calls(); n != 1 {
		t.Errorf("%d calls were made, want the sample alone", n)
	}
	// On purpose, it can be sent all the same.
	p.click("label", "Byte for byte")
	p.click(".send-side button", "Send")
	p.sees(".result .verdict", "400 · body_malformed")

	// In the form, a value that is none is said below its field.
	p.goTo("#/compose/confirm")
	p.click(".tabs button", "Form")
	p.click(".form button", "Add one")
	p.fill(".pair-row input:nth-child(1)", "extra")
	p.fill(".pair-row input:nth-child(2)", "[1,")
	p.sees(".pair-row .problem", "Want JSON")
	before := p.calls()
	p.click(".send-side button", "Send")
	p.sees(".toast", "Not sent")
	if n := p.calls(); n != before {
		t.Errorf("%d calls were made, want %d", n, before)
	}
	p.fill(".pair-row input:nth-child(2)", "[1, 2.50]")
	p.click(".send-side button", "Send")
	p.sees(".result .verdict", "200 · answered")
	p.click(".result a", "See call")
	p.click(".tabs button", "Request")
	p.sees(".panel pre", "2.50") // as it was written
}

// The form has a field for each member of the handler's struct, and takes what the
// handler takes.
func TestFormFields(t *testing.T) {
	s := start(t)
	p := open(t, s.URL, "the server responded with a status of 400")
	p.pretend(`routes: [{tag: 'all', name: 'all', parameters: [
		{name: 'count', source: 'session', type: 'an integer', required: true}, {name: 'rank', source: 'session', type: 'an integer of 0 or more'},
		{name: 'price', source: 'session', type: 'a number'}, {name: 'size', source: 'form', type: 'a text', values: ['small', 'large'], default: 'small'},
		{name: 'gift', source: 'session', type: 'a boolean'}, {name: 'day', source: 'intent', type: 'a date'}, {name: 'said', source: 'original', type: 'a text'},
		{name: 'to', source: 'session', type: 'an object', members: [{name: 'city', type: 'a text'}, {name: 'zip', type: 'an integer'}]}]}]`)
	p.do(chromedp.Reload())
	p.goTo("#/compose/all")
	p.sees(".form label", "count")
	value[bool](p, `document.querySelectorAll('.form .field').forEach((f) => { const c = f.querySelector('input, select'); if (f.firstChild.firstChild) c.setAttribute('data-for', f.firstChild.firstChild.textContent) }), true`)
	of := func(name string) string { return fmt.Sprintf("[data-for=%q]", name) }
	for _, tt := range []struct{ name, text, problem string }{
		{"count", "two", "Want an integer."}, {"count", "2.5", "Want an integer."}, {"count", "12345678901234567890", ""},
		{"rank", "-1", "Want an integer of 0 or more."}, {"rank", "0", ""}, {"price", "1,5", "Want a number."}, {"price", "1.5", ""},
		{"day", "today", "Want a date as JSON: "}, {"day", `{"year": 2026}`, ""}, {"said", "today", ""}, {"city", "Bern", ""}, {"zip", "x", "Want an integer."}, {"zip", "3000", ""},
	} {
		p.put(of(tt.name), tt.text)
		got := value[string](p, fmt.Sprintf(`document.querySelector(%q).closest('.field').querySelector('.problem').textContent`, of(tt.name)))
		if !strings.HasPrefix(got, tt.problem) || tt.problem == "" && got != "" {
			t.Errorf("%s %q: %q, want %q", tt.name, tt.text, got, tt.problem)
		}
		if invalid := value[bool](p, fmt.Sprintf(`document.querySelector(%q).getAttribute('aria-invalid') === 'true'`, of(tt.name))); invalid != (tt.problem != "") {
			t.Errorf("%s %q: marked as invalid: %v", tt.name, tt.text, invalid)
		}
	}
	p.choose(of("size"), "large")
	p.choose(of("gift"), "true")
	value[bool](p, `document.querySelectorAll('[data-for=size], [data-for=gift]').forEach((e) => e.dispatchEvent(new Event('input'))), true`)
	p.click(".tabs button", "JSON")
	want := `{"count":12345678901234567890,"rank":0,"price":1.5,"to":{"city":"Bern","zip":3000},"gift":true} [{"displayName":"size","required":false,"state":"FILLED","value":"large"}] {"day":{"resolvedValue":{"year":2026}},"said":{"originalValue":"today"}}`
	if got := value[string](p, `{
		const text = document.querySelector('.code-area').value;
		const r = JSON.parse(text, (_, v, c) => typeof v === 'number' ? JSON.rawJSON(c.source) : v);
		[r.sessionInfo.parameters, r.pageInfo.formInfo.parameterInfo, r.intentInfo.parameters].map((v) => JSON.stringify(v)).join(' ')
	}`); got != want {
		t.Errorf("the request has\n%s, want\n%s", got, want)
	}
	p.click(".tabs button", "Form") // and back
	if got := value[string](p, `[...document.querySelectorAll('.form .field input, .form .field select')].map((c) => c.value).slice(4).join('|')`); got != `12345678901234567890|0|1.5|large|true|{"year":2026}|today|Bern|3000` {
		t.Errorf("the form has %s", got)
	}
}

// A handler that does not take a parameter sends the caller back to the form, and
// the page shows it.
func TestFormError(t *testing.T) {
	s := start(t)
	p := open(t, s.URL+"/#/compose/confirm")
	p.click(".tabs button", "JSON")
	p.put(".code-area", `{"fulfillmentInfo": {"tag": "confirm"}, "text": "a huge one",
		"pageInfo": {"currentPage": "p", "displayName": "Order", "formInfo": {"parameterInfo": [{"displayName": "size", "required": true, "state": "FILLED", "value": "huge", "justCollected": true}]}},
		"sessionInfo": {"session": "projects/p/locations/l/agents/a/sessions/form", "parameters": {"color": "red", "size": "huge"}}}`)
	p.click(".send-side button", "Send")
	p.sees(".result .verdict", "200 · back to the form")
	p.click(".result a", "See call")
	p.sees(".why.warn", "Back to the form")
	p.sees(".turn .event", "INVALID")
	p.sees(".state .form-state", "INVALID")
	p.sees(".bubble", "Which one would you like?")
}

// Three turns of one session: what it remembers is on the page.
func TestConversation(t *testing.T) {
	s := start(t)
	p := open(t, s.URL+"/#/conversation/chat-1")
	p.sees(".detail .dim", "it remembers nothing yet")
	say := func(text, tag string, parameters map[string]string) {
		t.Helper()
		p.choose("#say-tag", tag)
		value[bool](p, `document.querySelector('.say-more').open = true`)
		for name, v := range parameters {
			value[bool](p, fmt.Sprintf(`[...document.querySelectorAll('.composer .field')].find((f) => f.textContent.startsWith(%q)).querySelector('input').setAttribute('data-name', %[1]q), true`, name))
			p.fill(fmt.Sprintf("[data-name=%q]", name), v)
		}
		p.fill("#say", text)
		p.do(chromedp.KeyEvent("\r"))
		p.sees(".bubble.user", text)
	}
	say("A small blue shirt, please", "confirm", map[string]string{"color": "blue", "size": "small"})
	p.sees(".bubble.agent", "One small, blue shirt is on its way")
	p.sees(".side tr.new", "order")
	say("How many are left?", "stock", nil) // the session remembers which
	p.sees(".bubble.agent", "of the small, blue shirts")
	p.sees(".side tr.new", "in_stock")
	say("Then a large one, too", "confirm", map[string]string{"size": "large"})
	p.sees(".bubble.agent", "One large, blue shirt is on its way")
	p.sees(".side tr.changed", "order")
	if n := value[int](p, `document.querySelectorAll('.turn').length`); n != 3 {
		t.Errorf("%d turns, want 3", n)
	}
	p.sees(".list .call", "3 calls")

	p.click(".side button", "Forget this session")
	p.sees(".toast", "remembers nothing")
	say("And now?", "stock", nil)
	p.sees(".turn .event.fail", "parameter_invalid")
}

// Something that is broken on purpose stays so until it is mended.
func TestFaults(t *testing.T) {
	s := start(t)
	p := open(t, s.URL+"/#/faults")
	p.sees(".switch-row", "wrong audience")
	p.do(chromedp.Click(chromedp.CSS(`[data-fault="wrong-audience"]`)))
	p.wait(`document.querySelector('[data-fault="wrong-audience"]').getAttribute('aria-checked') === 'true'`)
	p.wait(`document.activeElement.dataset.fault === 'wrong-audience'`) // the keyboard stays where it was
	p.sees("#fault-count", "1")
	trigger(t, s, "confirm")
	p.goTo("#/calls")
	p.sees(".detail h1", "401 · token_wrong_audience")
	if _, err := s.Run("faults", "wrong-audience=off"); err != nil {
		t.Fatal(err)
	}
	p.wait(`document.getElementById('fault-count').hidden`) // others may switch, too
}

// A call is kept as a file, and the file can be opened and played.
func TestSaved(t *testing.T) {
	s := start(t, "--request="+t.TempDir())
	p := open(t, s.URL+"/#/calls/1", "the server responded with a status of 400")
	p.click(".acts button", "Save as test")
	p.fill("#save-name", "large-red")
	p.fill("#save-comment", "A shirt.")
	p.click("dialog[open] button", "Save")
	p.sees(".toast", "large-red.txtar")
	p.wait(`!document.querySelector('dialog[open]')`)
	p.click(".acts button", "Save as test")
	p.fill("#save-name", "large-red")
	p.click("dialog[open] button", "Save")
	p.sees("dialog .problem", "is there already")
	p.click("dialog[open] button", "Cancel")
	p.goTo("#/compose")
	p.click(".starts summary", "large-red")
	p.click(".starts .start", "turn 1")
	p.sees(".detail .dim", "From large-red, turn 1")
	p.click(".send-side button", "Send")
	p.sees(".result .verdict", "200 · answered")
	p.click(".starts button", "Play all")
	p.sees(".detail h1", "200 · answered")
	p.wait(`location.hash === '#/calls/3'`)

	p.goTo("#/conversation/session-test-001") // the calls of a session are one conversation
	p.click(".detail button", "Save as test")
	p.sees("dialog[open] h2", "Save 3 calls")
	p.click("dialog[open] button", "Save")
	p.sees(".toast", "session-test-001.txtar")
	p.goTo("#/compose")
	p.click(".starts summary", "session-test-001")
	p.sees(".starts .start", "turn 3")
}
