package cxtest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/cx"
)

// SessionName and PageName are what New fills in; everything of a Request may be
// changed after it.
const (
	SessionName = "projects/my-project/locations/global/agents/my-agent/sessions/my-session"
	PageName    = "projects/my-project/locations/global/agents/my-agent/flows/my-flow/pages/my-page"
)

// Option sets a part of a request.
type Option func(*cx.Request)

// New makes a request for a tag:
//
//	cxtest.New("confirm", cxtest.Param("color", "red"), cxtest.Form("size", "large"))
func New(tag string, options ...Option) *cx.Request {
	req := &cx.Request{
		DetectIntentResponseID: "my-response",
		LanguageCode:           "en",
		FulfillmentInfo:        cx.FulfillmentInfo{Tag: tag},
		PageInfo:               cx.PageInfo{CurrentPage: PageName, DisplayName: "My Page"},
		SessionInfo:            cx.SessionInfo{Session: SessionName, Parameters: cx.Parameters{}},
	}
	for _, o := range options {
		o(req)
	}
	return req
}

// raw encodes a value of a test. One that cannot be encoded becomes what is no
// JSON, so that sending the request ends the test.
func raw(v any) jsontext.Value {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return jsontext.Value("cannot be encoded: " + err.Error())
	}
	return b
}

// Param sets a session parameter; v is encoded as JSON.
func Param(name string, v any) Option {
	return func(r *cx.Request) { r.SessionInfo.Parameters[name] = raw(v) }
}

// Form adds a filled parameter to the current page's form, and to the session as
// Dialogflow does. nil is a parameter that is still empty.
func Form(name string, v any) Option {
	return func(r *cx.Request) {
		p := cx.ParameterInfo{DisplayName: name, Required: true, State: cx.StateEmpty}
		if v != nil {
			p.State, p.Value, p.JustCollected = cx.StateFilled, raw(v), true
			r.SessionInfo.Parameters[name] = p.Value
		}
		form := &r.PageInfo.FormInfo
		form.ParameterInfo = append(form.ParameterInfo, p)
	}
}

// Intent sets the matched intent, with its parameters as name, value, name, value:
// each as the end user said it and as resolved.
func Intent(displayName string, parameters ...string) Option {
	return func(r *cx.Request) {
		r.IntentInfo = &cx.IntentInfo{LastMatchedIntent: "projects/my-project/locations/global/agents/my-agent/intents/" + displayName, DisplayName: displayName, Confidence: 1}
		for i := 0; i+1 < len(parameters); i += 2 {
			if r.IntentInfo.Parameters == nil {
				r.IntentInfo.Parameters = map[string]cx.IntentParameterValue{}
			}
			r.IntentInfo.Parameters[parameters[i]] = cx.IntentParameterValue{OriginalValue: parameters[i+1], ResolvedValue: raw(parameters[i+1])}
		}
	}
}

// Said sets what the end user typed.
func Said(text string) Option { return func(r *cx.Request) { r.Text = text } }

// Language sets the call's language, as "de".
func Language(code string) Option { return func(r *cx.Request) { r.LanguageCode = code } }

// CallerID sets the telephone number of the caller.
func CallerID(number string) Option {
	return func(r *cx.Request) {
		r.Payload = raw(map[string]any{"telephony": map[string]string{"caller_id": number}})
	}
}

// Result is what became of a call.
type Result struct {
	Status   int
	Body     []byte
	Response *cx.Response // nil unless Status is 200
	Call     *cx.Call     // why it failed: Code and Err
}

// Text gives all that the end user reads or hears, the first variant of each text
// message, one a line.
func (r *Result) Text() string {
	if r.Response == nil {
		return ""
	}
	var b bytes.Buffer
	for _, m := range r.Response.FulfillmentResponse.Messages {
		if m.Text != nil && len(m.Text.Text) > 0 {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(m.Text.Text[0])
		}
	}
	return b.String()
}

// Call sends a request to a Mux. Mistakes in registering end the test.
func Call(t testing.TB, m *cx.Mux, req *cx.Request) *Result {
	t.Helper()
	h, err := m.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return Serve(t, h, req)
}

// Serve sends a request to any http.Handler. A 200 that Dialogflow would refuse is
// an error of the test.
func Serve(t testing.TB, h http.Handler, req *cx.Request) *Result {
	t.Helper()
	body, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	return Post(t, h, body)
}

// Post is Serve for a body as it is.
func Post(t testing.TB, h http.Handler, body []byte) *Result {
	t.Helper()
	res := &Result{Call: new(cx.Call)}
	r := httptest.NewRequestWithContext(cx.WithCall(t.Context(), res.Call), http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res.Status, res.Body = w.Code, w.Body.Bytes()
	if res.Status != http.StatusOK {
		return res
	}
	if err := Accept(res.Body); err != nil {
		t.Errorf("Dialogflow would refuse the response: %v\n%s", err, res.Body)
	}
	res.Response = new(cx.Response)
	if err := json.Unmarshal(res.Body, res.Response); err != nil {
		t.Errorf("the response is no WebhookResponse: %v\n%s", err, res.Body)
	}
	return res
}

// Diff compares two values as the JSON they are sent as: a Request, a Response, or
// JSON itself as string or []byte. It is "" if they are equal, and else go-cmp's
// report, - for want and + for got.
func Diff(want, got any) string {
	return cmp.Diff(plain(want), plain(got))
}

func plain(v any) any {
	var b []byte
	switch v := v.(type) {
	case string:
		b = []byte(v)
	case []byte:
		b = v
	case jsontext.Value:
		b = v
	default:
		var err error
		if b, err = json.Marshal(v); err != nil {
			return fmt.Sprintf("cannot be encoded: %v", err)
		}
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		return fmt.Sprintf("no JSON (%v): %s", err, b)
	}
	return out
}
