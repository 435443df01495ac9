package console

import (
	"strings"
	"testing"

	"example.com/cxhook/internal/emulator"
)

// What lists show of a call that passed, beyond that.
func TestSummaryWarns(t *testing.T) {
	const answered = `{"severity":"INFO","message":"confirm: answered","logging.googleapis.com/trace":"projects/p/traces/TRACE","httpRequest":{"requestMethod":"POST","requestUrl":"/w","status":200},"logging.googleapis.com/labels":{"outcome":"answered","tag":"confirm"}}`
	form := func(state string) string {
		return `{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"color","state":"` + state + `"},{"displayName":"size","state":"` + state + `"}]}}}`
	}
	for name, tt := range map[string]struct {
		line, request, response, note string
		warn                          bool
		outcome, invalid, said        string
	}{
		"answered":            {line: answered, response: `{}`, outcome: "answered"},
		"late":                {line: strings.Replace(answered, `"outcome":"answered"`, `"outcome":"late"`, 1), response: `{}`, warn: true, outcome: "late"},
		"back to the form":    {line: answered, response: form("INVALID"), warn: true, outcome: "answered", invalid: "color, size"},
		"a form that is full": {line: answered, response: form("FILLED"), outcome: "answered"},
		"an attack passes":    {line: answered, response: `{}`, note: "not defended", warn: true, outcome: "answered"},
		"a check warns": {line: strings.Replace(answered, `"httpRequest"`, `"checks":[{"station":"certificate","check":"intermediate","outcome":"warn"}],"httpRequest"`, 1),
			response: `{}`, warn: true, outcome: "answered"},
		"text":         {line: answered, request: `{"text":"a shirt"}`, response: `{}`, outcome: "answered", said: "a shirt"},
		"digits":       {line: answered, request: `{"dtmfDigits":"123#"}`, response: `{}`, outcome: "answered", said: "123#"},
		"a long text":  {line: answered, request: `{"text":"` + strings.Repeat("ä", maxSaid+1) + `"}`, response: `{}`, outcome: "answered", said: strings.Repeat("ä", maxSaid)},
		"no JSON here": {line: answered, request: `<`, response: `<`, outcome: "answered"},
	} {
		r := newTestRing()
		r.Begin(trace(1), Sent{Source: "trigger", Note: tt.note})
		line, err := ParseLine([]byte(strings.Replace(tt.line, "TRACE", trace(1), 1)))
		if err != nil {
			t.Fatal(err)
		}
		r.Logged(line)
		r.Exchanged(trace(1), &emulator.Exchange{Status: 200, Request: []byte(tt.request), Response: []byte(tt.response)})
		s := r.List()[0]
		if s.Verdict != "pass" || s.Warn != tt.warn || s.Outcome != tt.outcome || s.Invalid != tt.invalid || s.Said != tt.said {
			t.Errorf("%s: %+v, want warn %v, outcome %q, invalid %q, said %q", name, s, tt.warn, tt.outcome, tt.invalid, tt.said)
		}
	}
}
