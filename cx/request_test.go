package cx_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/cx"
)

// full is a request with everything in it; whatever an end user said or is has
// "secret" in it.
const full = `{"detectIntentResponseId":"id-1","text":"secret words","languageCode":"en-US","fulfillmentInfo":{"tag":"t"},
"intentInfo":{"lastMatchedIntent":"projects/p/locations/l/agents/a/intents/i","displayName":"order.new","parameters":{"size":{"originalValue":"secret large","resolvedValue":"secret"}},"confidence":0.9978873},
"pageInfo":{"currentPage":"projects/p/locations/l/agents/a/flows/f/pages/pg","displayName":"Order","formInfo":{"parameterInfo":[{"displayName":"size","required":true,"state":"FILLED","value":"secret","justCollected":true}]}},
"sessionInfo":{"session":"projects/p/locations/l/agents/a/sessions/s","parameters":{"size":"secret","none":null,"count":9.0}},
"messages":[{"text":{"text":["secret"]},"responseType":"ENTRY_PROMPT","channel":"c"},{"payload":{"secret":1}},{"conversationSuccess":{"metadata":{"a":1}}},{"outputAudioText":{"ssml":"<speak>secret</speak>"}},{"liveAgentHandoff":{}},{"endInteraction":{}},{"playAudio":{"audioUri":"gs://a"}},{"mixedAudio":{"segments":[{"audio":"AQID"},{"uri":"u"}]}},{"telephonyTransferCall":{"phoneNumber":"+1555"}},{"knowledgeInfoCard":{}},{"toolCall":{"tool":"x","action":"y","inputParameters":{"a":1}}}],
"payload":{"telephony":{"caller_id":"+15551234567"}},
"sentimentAnalysisResult":{"score":-0.5,"magnitude":0.5},
"languageInfo":{"inputLanguageCode":"en","resolvedLanguageCode":"en-us","confidenceScore":1}}`

func decode(t testing.TB, body string) *cx.Request {
	t.Helper()
	req, err := cx.DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestDecodeEverything(t *testing.T) {
	req := decode(t, full)
	again, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if json.Unmarshal([]byte(full), &want) != nil || json.Unmarshal(again, &got) != nil {
		t.Fatal("not JSON")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded and encoded again (-want +got):\n%s", diff)
	}
	if p := req.FormParameter("size"); p == nil || !p.JustCollected || !p.Required || p.State != cx.StateFilled || req.FormParameter("Size") != nil {
		t.Errorf("form parameter %+v", p)
	}
	if v := req.SessionInfo.Parameters["none"]; string(v) != "null" {
		t.Errorf("null arrives as %q", v)
	}
}

// An error says where and what, and quotes nothing.
func TestDecodeErrors(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{`{"text":5}`, `/text at byte 8: want a text, have a number`},
		{`{"intentInfo":{"confidence":"secret"}}`, `/intentInfo/confidence at byte 28: want a number, have a text`},
		{`{"intentInfo":{"confidence":1e999}}`, `/intentInfo/confidence at byte 28: want a number, have a number`},
		{`{"pageInfo":{"formInfo":{"parameterInfo":{"secret":1}}}}`, `/pageInfo/formInfo/parameterInfo at byte 41: want a list, have an object`},
		{`{"payload":["secret"]}`, `/payload at byte 21: want an object`},
		{`{"messages":[{"text":{}},{"text":{},"payload":{}}]}`, `/messages/1/payload at byte 48: text and payload are both set; want one at most`},
		{`{"messages":[{"payload":"secret"}]}`, `/messages/0/payload at byte 32: want an object`},
		{`{"text":"secret","transcript":"secret"}`, `/transcript at byte 38: text and transcript are both set; want one at most`},
		{`{"sessionInfo":{"parameters":{"a":{"b":"secret","b":2}}}}`, `/sessionInfo/parameters/a/b at byte 48: the member occurs twice`},
		{`{"sessionInfo":{"parameters":{"a":secret}}}`, `/sessionInfo/parameters/a at byte 34: malformed JSON`},
		{"{\"text\":\"secret\xff\"}", `/text at byte 15: malformed JSON`},
		{`{"text":"secret"`, `/ at byte 16: the JSON ends too early`},
		{``, `/ at byte 0: the JSON ends too early`},
		{`null`, `/ at byte 4: want an object`},
		{`"secret"`, `/ at byte 8: want an object`},
		{`{"messages":[{"mixedAudio":{"segments":[{"audio":"secret!"}]}}]}`, `/messages/0/mixedAudio/segments/0/audio at byte 49: want a list, have a text`},
	} {
		_, err := cx.DecodeRequest([]byte(tt.body))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s:\ngot  %v\nwant %s", tt.body, err, tt.want)
		}
	}
}

func TestUtterance(t *testing.T) {
	for body, want := range map[string][2]string{
		`{"text":"a"}`: {"a", "text"}, `{"transcript":"a"}`: {"a", "transcript"}, `{"dtmfDigits":"12#"}`: {"12#", "dtmfDigits"},
		`{"triggerEvent":"e"}`: {"e", "triggerEvent"}, `{"triggerIntent":"i"}`: {"i", "triggerIntent"}, `{}`: {"", ""},
	} {
		req := decode(t, body)
		if got := [2]string{req.Utterance(), req.Summary().Query}; got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func TestCallerID(t *testing.T) {
	for body, want := range map[string]string{
		`{"payload":{"telephony":{"caller_id":"+1"}}}`: "+1",
		`{"payload":{"telephony":{"Caller_ID":"+1"}}}`: "", `{"payload":{"telephony":{"caller_id":1}}}`: "",
		`{"payload":{"telephony":null}}`: "", `{"payload":null}`: "", `{}`: "",
	} {
		if got := decode(t, body).CallerID(); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func TestSession(t *testing.T) {
	for _, tt := range []struct {
		name string
		want cx.Session
		ok   bool
	}{
		{"projects/p/locations/l/agents/a/sessions/s", cx.Session{Project: "p", Location: "l", Agent: "a", ID: "s"}, true},
		{"projects/p/locations/l/agents/a/environments/e/sessions/s", cx.Session{Project: "p", Location: "l", Agent: "a", Environment: "e", ID: "s"}, true},
		{name: ""}, {name: "s"},
		{name: "projects/p/locations/l/agents/a/sessions/"},
		{name: "projects//locations/l/agents/a/sessions/s"},
		{name: "projects/p/locations/l/agents/a/sessions/s/x"},
		{name: "projects/p/locations/l/agents/a/sessions/s/sessions/s2"},
		{name: "/projects/p/locations/l/agents/a/sessions/s"},
		{name: "Projects/p/locations/l/agents/a/sessions/s"},
	} {
		got, err := cx.ParseSession(tt.name)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("%q: got %+v, %v", tt.name, got, err)
		}
		if tt.ok && got.String() != tt.name {
			t.Errorf("%q: written again %q", tt.name, got.String())
		}
		if tt.ok && got.AgentName() != "projects/p/locations/l/agents/a" {
			t.Errorf("agent %q", got.AgentName())
		}
		if req := (&cx.Request{SessionInfo: cx.SessionInfo{Session: tt.name}}); req.Session() != tt.want {
			t.Errorf("%q: Session gives %+v", tt.name, req.Session())
		}
	}
	if (cx.Session{}).String() != "" {
		t.Error("the zero Session has a name")
	}
}

func TestIdempotencyKey(t *testing.T) {
	base := decode(t, full).IdempotencyKey()
	if len(base) != 64 || decode(t, full).IdempotencyKey() != base {
		t.Errorf("not the same for the same call: %s", base)
	}
	for _, change := range [][2]string{
		{"id-1", "id-2"}, {"sessions/s", "sessions/s2"}, {`"tag":"t"`, `"tag":"u"`}, {"secret words", "other words"}, {`"text":"secret`, `"transcript":"secret`}, {"pages/pg", "pages/pg2"},
	} {
		if decode(t, strings.Replace(full, change[0], change[1], 1)).IdempotencyKey() == base {
			t.Errorf("the same with %s", change[1])
		}
	}
	// Parts do not run into each other.
	a := &cx.Request{DetectIntentResponseID: "a", FulfillmentInfo: cx.FulfillmentInfo{Tag: "bc"}}
	b := &cx.Request{DetectIntentResponseID: "ab", FulfillmentInfo: cx.FulfillmentInfo{Tag: "c"}}
	if a.IdempotencyKey() == b.IdempotencyKey() {
		t.Error("parts run into each other")
	}
}

func TestLogValue(t *testing.T) {
	var buf bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&buf, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	log.Info("call", "request", decode(t, full))
	want := `{"level":"INFO","msg":"call","request":{"tag":"t","responseId":"id-1","session":"projects/p/locations/l/agents/a/sessions/s","page":"Order","intent":"order.new","language":"en-US","query":"text","queryBytes":12,"parameters":3,"messages":11}}` + "\n"
	if buf.String() != want {
		t.Errorf("got  %s\nwant %s", buf.String(), want)
	}
}

// Whatever becomes of a call, nothing that the end user said or is stands in what
// it leaves for the log.
func TestNothingLeaks(t *testing.T) {
	m := cx.NewMux()
	cx.Handle(m, "t", func(_ context.Context, _ *cx.Request, p struct {
		Size  int            `cx:"size"`
		Form  bool           `cx:"size,form"`
		Count size           `cx:"size,intent"`
		Words []float64      `cx:"size,original"`
		M     map[string]int `cx:"count"`
	}) (*cx.Response, error) {
		return nil, nil
	})
	m.Route(cx.Route{Tag: "ok", Handler: cx.HandlerFunc(sayOK)})
	h := handlerOf(t, m)
	for _, body := range []string{
		full,
		strings.Replace(full, `"tag":"t"`, `"tag":"ok"`, 1),
		strings.Replace(full, `"tag":"t"`, `"tag":"unknown"`, 1),
		strings.Replace(full, `"text":"secret words"`, `"text":["secret"]`, 1),
		strings.Replace(full, `"confidence":0.9978873`, `"confidence":"secret"`, 1),
		strings.Replace(full, `"count":9.0`, `"count":secret`, 1),
		strings.Replace(full, `"text":"secret words"`, `"text":"secret","transcript":"secret"`, 1),
		full[:len(full)/2],
	} {
		if got := post(t, h, body); strings.Contains(got.text(), "secret") {
			t.Errorf("leaks: %s", got.text())
		}
	}
}

// Caller 2 never reads caller 1's fields, and a Request that a handler kept stays
// as it was while the buffers go round: run with -race.
func TestNothingIsShared(t *testing.T) {
	type params struct {
		A string            `cx:"a,optional"`
		B *string           `cx:"b"`
		L []string          `cx:"l,optional"`
		O map[string]string `cx:"o,optional"`
	}
	type kept struct {
		req    *cx.Request
		params params
		id     string
	}
	var mu sync.Mutex
	var all []kept
	m := cx.NewMux()
	m.KeepRaw = true
	cx.Handle(m, "t", func(_ context.Context, req *cx.Request, p params) (*cx.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, kept{req, p, req.DetectIntentResponseID})
		return cx.Say(p.A), nil
	})
	h := handlerOf(t, m)
	bodyOf := func(id string, everything bool) string {
		if !everything {
			return `{"detectIntentResponseId":"` + id + `",` + tagged[1:]
		}
		return `{"detectIntentResponseId":"` + id + `","text":"` + id + `","sessionInfo":{"parameters":{"a":"` + id + `","b":"` + id + `","l":["` + id + `"],"o":{"k":"` + id + `"}}},"payload":{"k":"` + id + `"},"messages":[{"text":{"text":["` + id + `"]}}],` + tagged[1:]
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				id := strings.Repeat(string(rune('a'+g)), 20+i)
				got := post(t, h, bodyOf(id, i%2 == 0))
				if want := `{"fulfillmentResponse":{"messages":[{"text":{"text":["` + id + `"]}}]}}`; i%2 == 0 && got.body != want {
					t.Errorf("got %s, want %s", got.body, want)
				}
				if want := `{"fulfillmentResponse":{"messages":[{"text":{"text":[""]}}]}}`; i%2 == 1 && got.body != want {
					t.Errorf("caller 2 reads caller 1's fields: %s", got.body)
				}
			}
		})
	}
	wg.Wait()
	for _, k := range all {
		everything := k.req.Text != ""
		if want := bodyOf(k.id, everything); string(k.req.Raw) != want {
			t.Fatalf("the body of a kept request changed to %s", k.req.Raw)
		}
		want := decode(t, bodyOf(k.id, everything))
		want.Raw = k.req.Raw
		if diff := cmp.Diff(want, k.req); diff != "" {
			t.Fatalf("a kept request changed (-want +got):\n%s", diff)
		}
		if everything != (k.params.B != nil) || (everything && (k.params.A != k.id || *k.params.B != k.id || k.params.L[0] != k.id || k.params.O["k"] != k.id)) {
			t.Fatalf("kept parameters changed: %+v", k.params)
		}
	}
}

// null stands for absence, in every place; a member that nobody knows is ignored, in
// every object.
func TestNullAndUnknownMembers(t *testing.T) {
	want := decode(t, `{"pageInfo":{"formInfo":{}},"messages":[{"text":{"text":["a"]}},{"conversationSuccess":{}},{"toolCall":{}}]}`)
	for name, body := range map[string]string{
		"null": `{"detectIntentResponseId":null,"text":null,"languageCode":null,"fulfillmentInfo":null,"intentInfo":null,"pageInfo":{"currentPage":null,"formInfo":{"parameterInfo":null}},
			"sessionInfo":{"session":null,"parameters":null},"messages":[{"text":{"text":["a"]},"payload":null,"responseType":null},{"conversationSuccess":{"metadata":null}},{"toolCall":{"inputParameters":null}}],
			"payload":null,"sentimentAnalysisResult":null,"languageInfo":null}`,
		"unknown": `{"x":{"y":[1]},"fulfillmentInfo":{"x":1},"pageInfo":{"x":1,"formInfo":{"x":[]}},"sessionInfo":{"x":1},
			"messages":[{"x":1,"text":{"x":1,"text":["a"]}},{"conversationSuccess":{"x":1}},{"toolCall":{"x":1}}]}`,
	} {
		if diff := cmp.Diff(want, decode(t, body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, body := range []string{`{"intentInfo":{"x":1,"parameters":{"p":{"x":1}}}}`, `{"intentInfo":{"parameters":{"p":{"originalValue":null}}}}`} {
		want := &cx.IntentInfo{Parameters: map[string]cx.IntentParameterValue{"p": {}}}
		if diff := cmp.Diff(want, decode(t, body).IntentInfo); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}
