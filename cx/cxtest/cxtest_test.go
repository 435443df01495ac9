package cxtest_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/cx"
	"example.com/cxhook/cx/cxtest"
)

var update = flag.Bool("update", false, "write the responses in testdata")

// shop is a small agent.
func shop() *cx.Mux {
	m := cx.NewMux()
	cx.Handle(m, "order", func(_ context.Context, _ *cx.Request, p struct {
		Size   string `cx:"size"`
		Coupon string `cx:"coupon,default=none"`
	}) (*cx.Response, error) {
		return cx.Sayf("A %s one. Coupon: %s", p.Size, p.Coupon).WithParameter("order", 7).WithParameter("coupon", nil), nil
	})
	cx.Handle(m, "status", func(_ context.Context, req *cx.Request, p struct {
		Order int `cx:"order"`
	}) (*cx.Response, error) {
		left := "no"
		if req.SessionInfo.Parameters["coupon"] != nil {
			left = "yes"
		}
		return cx.Sayf("Order %d, coupon left: %s", p.Order, left), nil
	})
	return m
}

func TestConversations(t *testing.T) {
	h, err := shop().Handler()
	if err != nil {
		t.Fatal(err)
	}
	cxtest.Run(t, h, "testdata/*.txtar", *update)
}

// What is written with update is what is read without it.
func TestUpdateWritesTheSame(t *testing.T) {
	want, err := os.ReadFile("testdata/order.txtar")
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(want), "-- response 400")
	file := filepath.Join(t.TempDir(), "order.txtar")
	if err := os.WriteFile(file, []byte(strings.Replace(before, `"order": 7`, `"order": 8`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	h, _ := shop().Handler()
	cxtest.Run(t, h, file, true)
	got, err := os.ReadFile(file)
	if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestNew(t *testing.T) {
	req := cxtest.New("confirm", cxtest.Param("color", "red"), cxtest.Form("size", 9.0), cxtest.Form("zip", nil),
		cxtest.Intent("order.new", "color", "red"), cxtest.Said("a red one"), cxtest.Language("de"), cxtest.CallerID("+15551234567"))
	want := `{"detectIntentResponseId":"my-response","text":"a red one","languageCode":"de","fulfillmentInfo":{"tag":"confirm"},
		"intentInfo":{"lastMatchedIntent":"projects/my-project/locations/global/agents/my-agent/intents/order.new","displayName":"order.new","parameters":{"color":{"originalValue":"red","resolvedValue":"red"}},"confidence":1},
		"pageInfo":{"currentPage":"` + cxtest.PageName + `","displayName":"My Page","formInfo":{"parameterInfo":[
			{"displayName":"size","required":true,"state":"FILLED","value":9,"justCollected":true},{"displayName":"zip","required":true,"state":"EMPTY"}]}},
		"sessionInfo":{"session":"` + cxtest.SessionName + `","parameters":{"color":"red","size":9}},
		"payload":{"telephony":{"caller_id":"+15551234567"}}}`
	if diff := cxtest.Diff(want, req); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if req.Session().ID != "my-session" || req.CallerID() != "+15551234567" {
		t.Errorf("got %+v", req)
	}
}

func TestCall(t *testing.T) {
	got := cxtest.Call(t, shop(), cxtest.New("order", cxtest.Param("size", "large")))
	if got.Status != 200 || got.Text() != "A large one. Coupon: none" {
		t.Errorf("got %d %q", got.Status, got.Text())
	}
	if diff := cxtest.Diff(cx.Say("A large one. Coupon: none").WithParameter("order", 7).WithParameter("coupon", nil), got.Response); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if cxtest.Diff(`{"a":1}`, []byte(`{"a": 1.0}`)) != "" || cxtest.Diff(`{"a":1}`, `{"a":2}`) == "" || cxtest.Diff(`{}`, `{`) == "" {
		t.Error("Diff compares something else than JSON values")
	}
	if got := cxtest.Call(t, shop(), cxtest.New("order")); got.Status != 400 || got.Response != nil || got.Text() != "" || got.Call.Code != "parameter_invalid" {
		t.Errorf("got %+v", got)
	}
}

func TestAccept(t *testing.T) {
	message := func(m string) string { return `{"fulfillmentResponse":{"messages":[` + m + `]}}` }
	for _, tt := range []struct{ body, want string }{ // want "": accepted
		{`{}`, ""},
		{` {} ` + "\n", ""},
		{`{"fulfillment_response":{"messages":[{"text":{"text":["a"],"allow_playback_interruption":false}}],"merge_behavior":1}}`, ""},
		{`{"fulfillmentResponse":null,"payload":null,"sessionInfo":{"parameters":{"a":null,"b":[null]}}}`, ""},
		{`{"pageInfo":{"form_info":{"parameterInfo":[{"displayName":"a","state":"PARAMETER_STATE_UNSPECIFIED","value":null}]}}}`, ""},
		{message(`{"text":{"text":["a"]},"payload":null}`), ""},
		{`{"sessionInfo":{"parameters":{"fulfillment_response":{"x":1}}}}`, ""}, // an end user's names are their own

		{``, "the body is empty; want a WebhookResponse as JSON"},
		{`{`, "malformed JSON: a syntax error, a duplicate member or invalid UTF-8"},
		{`{"payload":{},"payload":{}}`, "malformed JSON: a syntax error, a duplicate member or invalid UTF-8"},
		{"{\"targetPage\":\"\xff\"}", "malformed JSON: a syntax error, a duplicate member or invalid UTF-8"},
		{`[]`, "want a JSON object"},
		{`{"TargetPage":"a"}`, "TargetPage: Dialogflow knows no such member"},
		{`{"fulfillmentText":"a","fulfillmentMessages":[]}`, "fulfillmentText: Dialogflow knows no such member\nfulfillmentMessages: Dialogflow knows no such member"},
		{`{"targetPage":"a","target_page":"a"}`, "target_page: the member occurs in both spellings"},
		{`{"targetPage":"a","targetFlow":"b"}`, "targetPage and targetFlow are both set; a response has one transition at most"},
		{`{"targetPage":5}`, "targetPage: want a text, have a number"},
		{`{"payload":[]}`, "payload: want an object, have a list"},
		{`{"fulfillmentResponse":[]}`, "fulfillmentResponse: want an object, have a list"},
		{`{"fulfillmentResponse":{"messages":{}}}`, "fulfillmentResponse.messages: want a list, have an object"},
		{`{"fulfillmentResponse":{"mergeBehavior":"append"}}`, "fulfillmentResponse.mergeBehavior: want one of APPEND, REPLACE, have a text"},
		{message(`null`), "fulfillmentResponse.messages[0]: null in a list"},
		{message(`{}`), "fulfillmentResponse.messages[0]: no kind is set; want one of text, payload, outputAudioText, …"},
		{message(`{"text":{"text":"a"}}`), "fulfillmentResponse.messages[0].text.text: want a list, have a text"},
		{message(`{"text":{"text":[1,true]}}`), "fulfillmentResponse.messages[0].text.text[0]: want a text, have a number\nfulfillmentResponse.messages[0].text.text[1]: want a text, have a boolean"},
		{message(`{"text":{},"payload":{}}`), "fulfillmentResponse.messages[0].text: payload and text are both set; want one at most"},
		{message(`{"output_audio_text":{"text":"a","ssml":""}}`), "fulfillmentResponse.messages[0].outputAudioText.text: ssml and text are both set; want one at most"},
		{message(`{"endInteraction":{}}`), "fulfillmentResponse.messages[0]: endInteraction is made by Dialogflow alone; go to the page END_SESSION instead"},
		{message(`{"mixedAudio":{"segments":[{"audio":"!"}]}}`), "fulfillmentResponse.messages[0].mixedAudio.segments[0].audio: want a text in base64, have a text"},
		{`{"payload":{"a":"` + strings.Repeat("a", cx.MaxResponseBytes) + `"}}`, "the response has 65556 bytes; Dialogflow accepts 65536"},
	} {
		got := ""
		if err := cxtest.Accept([]byte(tt.body)); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%.80s:\ngot  %s\nwant %s", tt.body, got, tt.want)
		}
	}
}

// recorder is a testing.TB that notes failures.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

// A 200 that Dialogflow would refuse fails the test of whoever asks.
func TestServeRefuses(t *testing.T) {
	rec := &recorder{TB: t}
	h := cx.Flexible(func(context.Context, map[string]any) (any, error) { return map[string]int{"fulfillmentText": 1}, nil })
	if cxtest.Serve(rec, h, cxtest.New("t")); !rec.failed {
		t.Error("a body that is no WebhookResponse passes")
	}
}
