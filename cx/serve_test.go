package cx_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
)

// Every refusal of a request, each with a twin that differs in one point and is
// accepted.
func TestRefusedRequests(t *testing.T) {
	h := answering(t, sayOK)
	padded := func(n int) string { return tagged + strings.Repeat(" ", n-len(tagged)) }
	chunked := func(r *http.Request) { r.ContentLength = -1 }
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	method := func(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }
	for _, tt := range []struct {
		name   string
		body   string
		change func(*http.Request)
		status int // 0: accepted
		code   string
	}{
		{"POST", tagged, nil, 0, ""},
		{"GET", tagged, method("GET"), 405, "method_not_allowed"},
		{"PUT", tagged, method("PUT"), 405, "method_not_allowed"},
		{"post", tagged, method("post"), 405, "method_not_allowed"},

		{"JSON with charset", tagged, header("Content-Type", "Application/JSON; charset=UTF-8"), 0, ""},
		{"no type", tagged, header("Content-Type"), 415, "content_type_unsupported"},
		{"text", tagged, header("Content-Type", "text/plain"), 415, "content_type_unsupported"},
		{"JSON in another charset", tagged, header("Content-Type", "application/json; charset=latin1"), 415, "content_type_unsupported"},
		{"broken type", tagged, header("Content-Type", "application/json;;;"), 415, "content_type_unsupported"},
		{"two types", tagged, header("Content-Type", "application/json", "text/plain"), 415, "content_type_unsupported"},
		{"gzip", tagged, header("Content-Encoding", "gzip"), 415, "content_type_unsupported"},

		{"1 MiB", padded(cx.MaxRequestBytes), nil, 0, ""},
		{"over 1 MiB", padded(cx.MaxRequestBytes + 1), nil, 413, "body_too_large"},
		{"1 MiB, chunked", padded(cx.MaxRequestBytes), chunked, 0, ""},
		{"over 1 MiB, chunked", padded(cx.MaxRequestBytes + 1), chunked, 413, "body_too_large"},

		{"empty", "", nil, 400, "body_malformed"},
		{"truncated", tagged[:len(tagged)-1], nil, 400, "body_malformed"},
		{"trailing", tagged + "{}", nil, 400, "body_malformed"},
		{"no object", `["x"]`, nil, 400, "body_malformed"},
		{"null", `null`, nil, 400, "body_malformed"},
		{"byte order mark", "\ufeff" + tagged, nil, 400, "body_malformed"},
		{"duplicate member", `{"text":"a",` + tagged[1:len(tagged)-1] + `,"text":"a"}`, nil, 400, "body_malformed"},
		{"duplicate parameter", `{"sessionInfo":{"parameters":{"a":{"b":1,"b":2}}},` + tagged[1:], nil, 400, "body_malformed"},
		{"duplicate member of an unknown one", `{"x":{"b":1,"b":2},` + tagged[1:], nil, 400, "body_malformed"},
		{"unknown member", `{"x":{"b":1,"c":2},"source":"VIRTUAL_AGENT",` + tagged[1:], nil, 0, ""},
		{"invalid UTF-8", `{"text":"` + "\xff" + `",` + tagged[1:], nil, 400, "body_malformed"},
		{"invalid UTF-8 in an unknown member", `{"x":"` + "\xff" + `",` + tagged[1:], nil, 400, "body_malformed"},
		{"lone surrogate", `{"text":"\ud800",` + tagged[1:], nil, 400, "body_malformed"},
		{"two queries", `{"text":"a","transcript":"b",` + tagged[1:], nil, 400, "body_malformed"},
		{"two queries, empty", `{"text":"","dtmfDigits":"",` + tagged[1:], nil, 400, "body_malformed"},
		{"one query and a null", `{"text":"a","transcript":null,` + tagged[1:], nil, 0, ""},
		{"two kinds", `{"messages":[{"text":{"text":["a"]},"payload":{}}],` + tagged[1:], nil, 400, "body_malformed"},
		{"two kinds, empty", `{"messages":[{"endInteraction":{},"knowledgeInfoCard":{}}],` + tagged[1:], nil, 400, "body_malformed"},
		{"text and SSML", `{"messages":[{"outputAudioText":{"text":"","ssml":"<speak/>"}}],` + tagged[1:], nil, 400, "body_malformed"},
		{"audio and URI", `{"messages":[{"mixedAudio":{"segments":[{"uri":"u","audio":""}]}}],` + tagged[1:], nil, 400, "body_malformed"},
		{"one kind and unknown members", `{"messages":[{"text":{"text":["a"],"redactedText":["a"]},"payload":null,"source":"x"}],` + tagged[1:], nil, 0, ""},
		{"a payload that is no object", `{"payload":[1],` + tagged[1:], nil, 400, "body_malformed"},
		{"a number for a text", `{"text":5,` + tagged[1:], nil, 400, "body_malformed"},

		{"key in another case", `{"FulfillmentInfo":{"tag":"t"}}`, nil, 400, "tag_unknown"},
		{"tag in another case", `{"fulfillmentInfo":{"Tag":"t"}}`, nil, 400, "tag_unknown"},
		{"snake_case", `{"fulfillment_info":{"tag":"t"}}`, nil, 400, "tag_unknown"},
		{"escaped key", `{"fulfillment\u0049nfo":{"t\u0061g":"t"}}`, nil, 0, ""},
		{"no tag", `{}`, nil, 400, "tag_unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, call := newRequest(t, tt.body)
			if tt.change != nil {
				tt.change(r)
			}
			got := serve(h, r, call)
			if tt.status == 0 {
				got.answered(t)
				return
			}
			got.failed(t, tt.status, tt.code)
			if allow := got.header.Get("Allow"); (allow == "POST") != (tt.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
}

// A declared length over the limit is refused before anything is read.
func TestTooLargeIsNotRead(t *testing.T) {
	r, call := newRequest(t, "")
	r.Body = io.NopCloser(iotestErr{t})
	r.ContentLength = cx.MaxRequestBytes + 1
	serve(answering(t, sayOK), r, call).failed(t, 413, "body_too_large")
	if call.BytesIn != 0 {
		t.Errorf("%d bytes read", call.BytesIn)
	}
}

type iotestErr struct{ t *testing.T }

func (r iotestErr) Read([]byte) (int, error) {
	r.t.Error("the body was read")
	return 0, io.EOF
}

func TestBrokenBody(t *testing.T) {
	r, call := newRequest(t, "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"text":"secret"`), errReader{}))
	serve(answering(t, sayOK), r, call).failed(t, 400, "body_incomplete")
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestFailingHandlers(t *testing.T) {
	var nilMap map[string]int
	for _, tt := range []struct {
		name   string
		f      cx.HandlerFunc
		status int
		code   string
		err    string // part of the cause
	}{
		{"error", func(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say("x"), errStock }, 500, "handler_error", "the stock cannot be reached"},
		{"400", fails(&cx.Error{Status: 400, Err: errStock}), 400, "handler_error", "the stock cannot be reached"},
		{"wrapped 503", fails(fmt.Errorf("confirm: %w", &cx.Error{Status: 503, Err: errStock})), 503, "handler_error", "confirm: the stock cannot be reached"},
		{"403 without cause", fails(&cx.Error{Status: 403}), 403, "handler_error", "403 Forbidden"},
		{"404 is never sent", fails(&cx.Error{Status: 404}), 500, "handler_error", ""},
		{"200", fails(&cx.Error{Status: 200}), 500, "handler_error", ""},
		{"600", fails(&cx.Error{Status: 600}), 500, "handler_error", ""},
		{"context of its own", fails(context.DeadlineExceeded), 500, "handler_error", ""},
		{"panic", func(context.Context, *cx.Request) (*cx.Response, error) { nilMap["a"] = 1; return nil, nil }, 500, "handler_panic", "serve_test.go"},
		{"panic(nil)", func(context.Context, *cx.Request) (*cx.Response, error) { panic(nil) }, 500, "handler_panic", "panic"},
		{"panic(error with a status)", func(context.Context, *cx.Request) (*cx.Response, error) { panic(&cx.Error{Status: 400}) }, 500, "handler_panic", ""},
		{"http.ErrAbortHandler", func(context.Context, *cx.Request) (*cx.Response, error) { panic(http.ErrAbortHandler) }, 500, "handler_panic", "abort"},
		{"Goexit", func(context.Context, *cx.Request) (*cx.Response, error) { runtime.Goexit(); return nil, nil }, 500, "handler_silent", ""},
		{"nil, nil", func(context.Context, *cx.Request) (*cx.Response, error) { return nil, nil }, 500, "handler_silent", ""},
		{"not in the form", fails(cx.Invalid("size", "too large")), 400, "parameter_invalid", `parameter "size" is invalid: too large`},
		{"middleware without a next", nil, 500, "handler_panic", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := cx.NewMux()
			f := tt.f
			if f == nil {
				m.Use(func(cx.HandlerFunc) cx.HandlerFunc { return nil })
				f = sayOK
			}
			m.Route(cx.Route{Tag: "t", Handler: f})
			got := post(t, handlerOf(t, m), tagged)
			got.failed(t, tt.status, tt.code)
			if tt.err != "" && (got.call.Err == nil || !strings.Contains(got.call.Err.Error(), tt.err)) {
				t.Errorf("cause %v, want %q in it", got.call.Err, tt.err)
			}
		})
	}
}

func fails(err error) cx.HandlerFunc {
	return func(context.Context, *cx.Request) (*cx.Response, error) { return nil, err }
}

// The cause keeps its identity through every layer.
func TestCauseIsWrapped(t *testing.T) {
	got := post(t, answering(t, fails(fmt.Errorf("confirm: %w", &cx.Error{Status: 503, Err: errStock}))), tagged)
	if !errors.Is(got.call.Err, errStock) {
		t.Errorf("%v does not wrap the handler's error", got.call.Err)
	}
}

func TestRefusedResponses(t *testing.T) {
	text := &cx.TextMessage{Text: []string{"ok"}}
	for _, tt := range []struct {
		name string
		resp *cx.Response
		code string // "": accepted
		err  string
	}{
		{"zero", new(cx.Response), "", ""},
		{"two transitions", &cx.Response{TargetPage: "p", TargetFlow: "f"}, "response_refused", `route "t": targetPage and targetFlow are both set; a response has one transition at most`},
		{"one transition", &cx.Response{TargetPage: "p"}, "", ""},
		{"two kinds", new(cx.Response).WithMessage(cx.ResponseMessage{Text: text, EndInteraction: &cx.EndInteraction{}}), "response_refused", `route "t": fulfillmentResponse.messages[0]: text and endInteraction are set; a message has one kind`},
		{"no kind", new(cx.Response).WithMessage(cx.ResponseMessage{Channel: "x"}), "response_refused", `route "t": fulfillmentResponse.messages[0]: no kind is set; want one of text, payload, outputAudioText, …`},
		{"no variant", cx.Say(), "response_refused", `route "t": fulfillmentResponse.messages[0]: text has no variant`},
		{"endInteraction", new(cx.Response).WithMessage(cx.ResponseMessage{EndInteraction: &cx.EndInteraction{}}), "response_refused", `route "t": fulfillmentResponse.messages[0]: endInteraction is made by Dialogflow alone; go to the page END_SESSION instead`},
		{"mixedAudio", new(cx.Response).WithMessage(cx.ResponseMessage{MixedAudio: &cx.MixedAudio{}}), "response_refused", `route "t": fulfillmentResponse.messages[0]: mixedAudio is made by Dialogflow alone; want playAudio`},
		{"a message of the request", new(cx.Response).WithMessage(cx.ResponseMessage{Text: text, ResponseType: cx.EntryPrompt}), "", ""},
		{"text and SSML", new(cx.Response).WithMessage(cx.ResponseMessage{OutputAudioText: &cx.OutputAudioText{Text: "a", SSML: "b"}}), "response_refused", `route "t": fulfillmentResponse.messages[0]: outputAudioText: text and ssml are set; want one of them`},
		{"no audio", new(cx.Response).WithMessage(cx.ResponseMessage{PlayAudio: &cx.PlayAudio{}}), "response_refused", `route "t": fulfillmentResponse.messages[0]: playAudio: audioUri is empty`},
		{"number", new(cx.Response).WithTransfer("+15551234567"), "", ""},
		{"no number", new(cx.Response).WithTransfer("555-1234"), "response_refused", `route "t": fulfillmentResponse.messages[0]: telephonyTransferCall: want a number as +15551234567 (E.164)`},
		{"number from 0", new(cx.Response).WithTransfer("+05551234567"), "response_refused", `route "t": fulfillmentResponse.messages[0]: telephonyTransferCall: want a number as +15551234567 (E.164)`},
		{"number without +", new(cx.Response).WithTransfer("15551234567"), "response_refused", `telephonyTransferCall: want a number as +15551234567 (E.164)`},
		{"number of one digit", new(cx.Response).WithTransfer("+1"), "response_refused", `telephonyTransferCall: want a number as +15551234567 (E.164)`},
		{"number of two digits", new(cx.Response).WithTransfer("+15"), "", ""},
		{"number of fifteen digits", new(cx.Response).WithTransfer("+123456789012345"), "", ""},
		{"number of sixteen digits", new(cx.Response).WithTransfer("+1234567890123456"), "response_refused", `telephonyTransferCall: want a number as +15551234567 (E.164)`},
		{"neither text nor SSML", new(cx.Response).WithMessage(cx.ResponseMessage{OutputAudioText: &cx.OutputAudioText{}}), "response_refused", `outputAudioText: want either text or ssml`},
		{"tool without an action", new(cx.Response).WithMessage(cx.ResponseMessage{ToolCall: &cx.ToolCall{Tool: "t"}}), "response_refused", `toolCall: want tool and action`},
		{"action without a tool", new(cx.Response).WithMessage(cx.ResponseMessage{ToolCall: &cx.ToolCall{Action: "a"}}), "response_refused", `toolCall: want tool and action`},
		{"tool call", new(cx.Response).WithMessage(cx.ResponseMessage{ToolCall: &cx.ToolCall{Tool: "t", Action: "a", InputParameters: jsontext.Value("{}")}}), "", ""},
		{"tool's parameters are no object", new(cx.Response).WithMessage(cx.ResponseMessage{ToolCall: &cx.ToolCall{Tool: "t", Action: "a", InputParameters: jsontext.Value("[]")}}), "response_refused", `toolCall.inputParameters: want a JSON object`},
		{"success metadata is no object", new(cx.Response).WithMessage(cx.ResponseMessage{ConversationSuccess: &cx.Metadata{Metadata: jsontext.Value("7")}}), "response_refused", `conversationSuccess.metadata: want a JSON object`},
		{"payload is no object", new(cx.Response).WithPayload([]int{1}), "response_refused", `route "t": fulfillmentResponse.messages[0]: payload: want a JSON object`},
		{"metadata is no object", new(cx.Response).WithHandoff("agent"), "response_refused", `route "t": fulfillmentResponse.messages[0]: liveAgentHandoff.metadata: want a JSON object`},
		{"merge behavior", &cx.Response{FulfillmentResponse: cx.FulfillmentResponse{MergeBehavior: "MERGE"}}, "response_refused", `route "t": fulfillmentResponse.mergeBehavior: "MERGE"; want APPEND or REPLACE`},
		{"state", &cx.Response{PageInfo: cx.PageInfo{FormInfo: cx.FormInfo{ParameterInfo: []cx.ParameterInfo{{State: "BAD"}}}}}, "response_refused", `route "t": pageInfo.formInfo.parameterInfo[0].state: "BAD"; want EMPTY, INVALID or FILLED`},
		{"a value that cannot be encoded", cx.Say("ok").WithParameter("n", math.NaN()), "response_refused", `session parameter "n"`},
		{"a channel", cx.Say("ok").WithParameter("n", make(chan int)), "response_refused", `session parameter "n"`},
		{"raw nonsense", &cx.Response{SessionInfo: cx.SessionInfo{Parameters: cx.Parameters{"n": jsontext.Value("{bad")}}}, "response_refused", ""},
		{"invalid UTF-8", cx.Say("\xff"), "response_refused", ""},
		{"64 KiB", cx.Say(strings.Repeat("a", cx.MaxResponseBytes-len(okBody)+2)), "", ""},
		{"over 64 KiB", cx.Say(strings.Repeat("a", cx.MaxResponseBytes-len(okBody)+3)), "response_too_large", `route "t": the response has 65537 bytes; Dialogflow accepts 65536`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := post(t, answering(t, func(context.Context, *cx.Request) (*cx.Response, error) { return tt.resp, nil }), tagged)
			if tt.code == "" {
				if got.status != 200 || got.call.Code != "" {
					t.Errorf("got %d, %q (%v)", got.status, got.call.Code, got.call.Err)
				}
				return
			}
			got.failed(t, 500, tt.code)
			if got.call.Err == nil || !strings.Contains(got.call.Err.Error(), tt.err) {
				t.Errorf("cause %v\nwant %s", got.call.Err, tt.err)
			}
		})
	}
}

func TestPercentArrivesAsIs(t *testing.T) {
	h := answering(t, func(_ context.Context, req *cx.Request) (*cx.Response, error) {
		return cx.Say(req.Text).WithText(`<b>50% & "more"</b>`), nil
	})
	got := post(t, h, `{"text":"50% discount",`+tagged[1:])
	want := `{"fulfillmentResponse":{"messages":[{"text":{"text":["50% discount"]}},{"text":{"text":["<b>50% & \"more\"</b>"]}}]}}`
	if got.body != want {
		t.Errorf("got %s\nwant %s", got.body, want)
	}
}

func TestChecksOfACall(t *testing.T) {
	got := post(t, answering(t, sayOK), tagged)
	var stations []string
	for _, c := range got.call.Checks {
		stations = append(stations, c.Station+"/"+c.Name+"/"+c.Outcome)
	}
	want := "request/body/pass route/tag/pass handler/answer/pass response/response/pass"
	if s := strings.Join(stations, " "); s != want {
		t.Errorf("got %s\nwant %s", s, want)
	}
	if c := got.call; c.BytesIn != len(tagged) || c.Tag != "t" || c.Route != "t" || c.Summary == nil || c.Budget != cx.DefaultBudget || c.Start.IsZero() {
		t.Errorf("call %+v", c)
	}
}

func TestKeepRaw(t *testing.T) {
	for _, keep := range []bool{false, true} {
		m := cx.NewMux()
		m.KeepRaw = keep
		var raw []byte
		m.Route(cx.Route{Tag: "t", Handler: cx.HandlerFunc(func(_ context.Context, req *cx.Request) (*cx.Response, error) {
			raw = req.Raw
			return cx.Say("ok"), nil
		})})
		post(t, handlerOf(t, m), tagged).answered(t)
		if (keep && !bytes.Equal(raw, []byte(tagged))) || (!keep && raw != nil) {
			t.Errorf("keep %v: raw %q", keep, raw)
		}
	}
}

// A server without a Call in its context serves all the same.
func TestWithoutCall(t *testing.T) {
	r, _ := newRequest(t, tagged)
	if got := serve(answering(t, sayOK), r.WithContext(context.Background()), nil); got.status != 200 || got.body != okBody {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestWriteErrorUnknownStatus(t *testing.T) {
	w := newRecorder()
	cx.WriteError(w, 499)
	if got := w.Body.String(); got != "{\"error\":{\"code\":499,\"message\":\"Error\"}}\n" {
		t.Errorf("got %q", got)
	}
}

// The log says which content type came, without what else a caller wrote there.
func TestContentTypeShown(t *testing.T) {
	for _, row := range []struct {
		values []string
		want   string
	}{
		{nil, "none"},
		{[]string{"text/plain; name=somebody"}, "text/plain"},
		{[]string{"application/json; charset=latin1; name=somebody"}, "application/json; charset=latin1"},
		{[]string{"application/json", "text/plain"}, "application/json, text/plain"},
		{[]string{"application/json;;;"}, "not a content type"},
	} {
		r, call := newRequest(t, tagged)
		r.Header["Content-Type"] = row.values
		serve(answering(t, func(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say("x"), nil }), r, call)
		if got := call.Checks[len(call.Checks)-1].Presented; got != row.want {
			t.Errorf("%q: got %q, want %q", row.values, got, row.want)
		}
	}
}
