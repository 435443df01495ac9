package cx_test

import (
	"strings"
	"testing"

	"example.com/cxhook/cx"
)

func TestConstructors(t *testing.T) {
	req := &cx.Request{PageInfo: cx.PageInfo{CurrentPage: "projects/p/locations/l/agents/a/flows/f/pages/x"}}
	message := func(m string) string { return `{"fulfillmentResponse":{"messages":[` + m + `]}}` }
	for _, tt := range []struct {
		resp *cx.Response
		want string
	}{
		{cx.Say("a", "b"), message(`{"text":{"text":["a","b"]}}`)},
		{cx.Sayf("%d%%", 50), message(`{"text":{"text":["50%"]}}`)},
		{cx.Say("a").WithTextf("%s", "b"), message(`{"text":{"text":["a"]}},{"text":{"text":["b"]}}`)},
		{new(cx.Response).WithSSML("<speak>a</speak>"), message(`{"outputAudioText":{"ssml":"<speak>a</speak>"}}`)},
		{new(cx.Response).WithSpeech("a"), message(`{"outputAudioText":{"text":"a"}}`)},
		{new(cx.Response).WithPayload(map[string]int{"a": 1}), message(`{"payload":{"a":1}}`)},
		{new(cx.Response).WithHandoff(nil), message(`{"liveAgentHandoff":{}}`)},
		{new(cx.Response).WithHandoff(map[string]string{"queue": "q"}), message(`{"liveAgentHandoff":{"metadata":{"queue":"q"}}}`)},
		{new(cx.Response).WithSuccess(nil), message(`{"conversationSuccess":{}}`)},
		{new(cx.Response).WithSuccess(map[string]int{"a": 1}), message(`{"conversationSuccess":{"metadata":{"a":1}}}`)},
		{new(cx.Response).WithAudio("gs://b/a.wav"), message(`{"playAudio":{"audioUri":"gs://b/a.wav"}}`)},
		{new(cx.Response).WithTransfer("+15551234567"), message(`{"telephonyTransferCall":{"phoneNumber":"+15551234567"}}`)},
		{new(cx.Response).WithKnowledgeInfoCard(), message(`{"knowledgeInfoCard":{}}`)},
		{new(cx.Response).WithToolCall("t", "a", map[string]int{"x": 1}), message(`{"toolCall":{"tool":"t","action":"a","inputParameters":{"x":1}}}`)},
		{new(cx.Response).WithReplace(), `{"fulfillmentResponse":{"mergeBehavior":"REPLACE"}}`},
		{new(cx.Response).WithTargetPage(req.PageName("y")), `{"targetPage":"projects/p/locations/l/agents/a/flows/f/pages/y"}`},
		{new(cx.Response).WithTargetFlow("f"), `{"targetFlow":"f"}`},
		{new(cx.Response).WithEndSession(req), `{"targetPage":"projects/p/locations/l/agents/a/flows/f/pages/END_SESSION"}`},
		{new(cx.Response).WithParameter("a", nil).WithInvalid("b"), `{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"b","state":"INVALID"}]}},"sessionInfo":{"parameters":{"a":null}}}`},
	} {
		got, err := cx.EncodeResponse(tt.resp)
		if err != nil || string(got) != tt.want {
			t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
		}
	}
	if _, err := cx.EncodeResponse(cx.Say("bye").WithEndSession(new(cx.Request))); err == nil || !strings.Contains(err.Error(), "names no current page") {
		t.Errorf("a session ends without a page: %v", err)
	}
}

func TestLocalized(t *testing.T) {
	hello, err := cx.NewLocalized("en", map[string][]string{"de": {"Hallo"}, "en": {"Hello", "Hi"}, "pt-BR": {"Olá"}, "zh-Hant": {"你好"}})
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]string{
		"en": "Hello", "en-US": "Hello", "en-us": "Hello", "de": "Hallo", "de-AT": "Hallo", "pt": "Olá", "pt-PT": "Olá", "zh-TW": "你好",
		"fr": "Hello", "": "Hello", "no tag at all": "Hello",
	} {
		if got := hello.For(&cx.Request{LanguageCode: code}); got[0] != want {
			t.Errorf("%q: got %q, want %q", code, got, want)
		}
	}
	if got := hello.For(&cx.Request{LanguageInfo: &cx.LanguageInfo{ResolvedLanguageCode: "de-de"}}); got[0] != "Hallo" {
		t.Errorf("the detected language: got %q", got)
	}
	// What a handler does to the list does not reach the next one.
	hello.For(&cx.Request{LanguageCode: "de"})[0] = "x"
	if got := hello.For(&cx.Request{LanguageCode: "de"}); got[0] != "Hallo" {
		t.Errorf("got %q", got)
	}
	_, err = cx.NewLocalized("fr", map[string][]string{"en": nil, "not a tag": {"x"}})
	want := "fallback language \"fr\": there is no text in it\nlanguage \"en\": there is no text in it\nlanguage \"not a tag\": language: tag is not well-formed"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
