package cx_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"example.com/cxhook/cx"
)

// send shows what a Mux answers to a body.
func send(m *cx.Mux, body string) {
	h, err := m.Handler()
	if err != nil {
		fmt.Println(err)
		return
	}
	sendTo(h, body)
}

func sendTo(h http.Handler, body string) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
}

// Shirt is what the handlers of these examples take.
type Shirt struct {
	Color string `cx:"color"`
	Size  Size   `cx:"size,default=medium"`
}

// Size is an enumeration.
type Size string

// Values lists the sizes.
func (Size) Values() []string { return []string{"small", "medium", "large"} }

func Example() {
	m := cx.NewMux()
	cx.Handle(m, "confirm", func(_ context.Context, _ *cx.Request, s Shirt) (*cx.Response, error) {
		return cx.Sayf("A %s, %s shirt it is.", s.Size, s.Color).WithParameter("order", 7), nil
	})
	send(m, `{"fulfillmentInfo":{"tag":"confirm"},"sessionInfo":{"parameters":{"color":"red","size":"large"}}}`)
	// Output:
	// 200 {"fulfillmentResponse":{"messages":[{"text":{"text":["A large, red shirt it is."]}}]},"sessionInfo":{"parameters":{"order":7}}}
}

// A parameter that is missing or wrong fails the call with 400; the log names every
// one.
func ExampleBind() {
	b := cx.Bind(func(_ context.Context, _ *cx.Request, s Shirt) (*cx.Response, error) {
		return cx.Sayf("A %s, %s shirt it is.", s.Size, s.Color), nil
	})
	req, _ := cx.DecodeRequest([]byte(`{"sessionInfo":{"parameters":{"size":"huge"}}}`))
	_, err := b.Serve(context.Background(), req)
	fmt.Println(err)
	for _, p := range b.Parameters() {
		fmt.Printf("%s: %s, required %v, default %q\n", p.Name, p.Type, p.Required, p.Default)
	}
	// Output:
	// session parameter "color": want a text, have nothing; session parameter "size": want one of small, medium, large, have another text
	// color: a text, required true, default ""
	// size: one of small, medium, large, required false, default "medium"
}

// The sources of parameters, and the shapes that Dialogflow gives them.
func ExampleBind_sources() {
	type Visit struct {
		When  cx.DateTime   `cx:"when,form"`       // of the current page's form
		Takes time.Duration `cx:"takes"`           // of the session: @sys.duration
		City  string        `cx:"city,intent"`     // of the matched intent, as resolved
		Said  string        `cx:"city,original"`   // of the matched intent, as said
		Phone cx.Text       `cx:"phone"`           // came as a number, may come as a text
		Guest *string       `cx:"guest"`           // nil if missing
		Count int           `cx:"count,default=1"` // 9.0 would fit
		Notes []string      `cx:"notes,optional"`  // nil if missing
	}
	b := cx.Bind(func(_ context.Context, _ *cx.Request, v Visit) (*cx.Response, error) {
		fmt.Println(v.When.On(time.UTC), v.Takes, v.City, v.Said, v.Phone, v.Guest == nil, v.Count, len(v.Notes))
		return cx.Say("ok"), nil
	})
	req, _ := cx.DecodeRequest([]byte(`{
		"pageInfo": {"formInfo": {"parameterInfo": [{"displayName": "when", "state": "FILLED", "value": {"year": 2026, "month": 12, "day": 1, "hours": 15, "minutes": 30, "seconds": 0, "nanos": 0}}]}},
		"intentInfo": {"parameters": {"city": {"originalValue": "the big apple", "resolvedValue": "New York"}}},
		"sessionInfo": {"parameters": {"takes": {"amount": 90, "unit": "min"}, "phone": 14165059687, "guest": null}}}`))
	_, err := b.Serve(context.Background(), req)
	fmt.Println(err)
	// Output:
	// 2026-12-01 15:30:00 +0000 UTC 1h30m0s New York the big apple 14165059687 true 1 0
	// <nil>
}

// Everything that is wrong in registering is said at once, before the first call.
func ExampleMux_Handler() {
	m := cx.NewMux()
	m.Route(cx.Route{Tag: "confirm"})
	cx.Handle(m, "confirm", func(context.Context, *cx.Request, struct {
		Done chan bool `cx:"done"`
	}) (*cx.Response, error) {
		return nil, nil
	})
	_, err := m.Handler()
	fmt.Println(err)
	// Output:
	// cx: route "confirm" has no handler
	// cx: tag "confirm" is registered twice
	// cx: route "confirm": field struct { Done chan bool "cx:\"done\"" }.Done: a chan bool cannot be bound to a parameter
}

// A call goes to its tag's route, else to the first Match that says yes, else to
// the fallback.
func ExampleRoute() {
	answer := func(text string) cx.HandlerFunc {
		return func(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say(text), nil }
	}
	m := cx.NewMux()
	m.Route(cx.Route{Tag: "confirm", Handler: answer("by tag")})
	m.Route(cx.Route{Name: "orders", Match: cx.MatchIntent("order.new"), Handler: answer("by intent")})
	m.Route(cx.Route{Name: "start", Match: cx.MatchPage("START_PAGE"), Handler: answer("by page")})
	m.Fallback(answer("by nothing"))
	send(m, `{"fulfillmentInfo":{"tag":"confirm"}}`)
	send(m, `{"intentInfo":{"displayName":"order.new"}}`)
	send(m, `{"pageInfo":{"currentPage":"projects/p/locations/l/agents/a/flows/f/pages/START_PAGE"}}`)
	send(m, `{}`)
	for _, r := range m.Routes() {
		fmt.Println(r.Name)
	}
	// Output:
	// 200 {"fulfillmentResponse":{"messages":[{"text":{"text":["by tag"]}}]}}
	// 200 {"fulfillmentResponse":{"messages":[{"text":{"text":["by intent"]}}]}}
	// 200 {"fulfillmentResponse":{"messages":[{"text":{"text":["by page"]}}]}}
	// 200 {"fulfillmentResponse":{"messages":[{"text":{"text":["by nothing"]}}]}}
	// confirm
	// orders
	// start
	// fallback
}

// A route's Late answers for a handler that is not done in time.
func ExampleRoute_late() {
	m := cx.NewMux()
	m.Route(cx.Route{
		Tag:    "stock",
		Budget: time.Millisecond,
		Handler: cx.HandlerFunc(func(ctx context.Context, _ *cx.Request) (*cx.Response, error) {
			<-ctx.Done() // a warehouse that does not answer
			return nil, ctx.Err()
		}),
		Late: func(*cx.Request) *cx.Response { return cx.Say("I'll tell you as soon as I know.") },
	})
	send(m, `{"fulfillmentInfo":{"tag":"stock"}}`)
	// Output:
	// 200 {"fulfillmentResponse":{"messages":[{"text":{"text":["I'll tell you as soon as I know."]}}]}}
}

func ExampleMux_Use() {
	m := cx.NewMux()
	m.Use(func(next cx.HandlerFunc) cx.HandlerFunc {
		return func(ctx context.Context, req *cx.Request) (*cx.Response, error) {
			resp, err := next(ctx, req)
			if resp != nil {
				resp.WithParameter("handled_by", req.FulfillmentInfo.Tag)
			}
			return resp, err
		}
	})
	m.Route(cx.Route{Tag: "hello", Handler: cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say("Hello."), nil })})
	send(m, `{"fulfillmentInfo":{"tag":"hello"}}`)
	// Output:
	// 200 {"fulfillmentResponse":{"messages":[{"text":{"text":["Hello."]}}]},"sessionInfo":{"parameters":{"handled_by":"hello"}}}
}

// An invalid value of the current form sends the end user back to it; elsewhere it
// is bad input.
func ExampleInvalid() {
	m := cx.NewMux()
	cx.Handle(m, "confirm", func(_ context.Context, _ *cx.Request, s struct {
		Size string `cx:"size"`
	}) (*cx.Response, error) {
		if s.Size == "huge" {
			return nil, cx.Invalid("size", "not a size that we make", "Small, medium or large?")
		}
		return cx.Say("Good."), nil
	})
	send(m, `{"fulfillmentInfo":{"tag":"confirm"},"sessionInfo":{"parameters":{"size":"huge"}},"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"size","state":"FILLED","value":"huge"}]}}}`)
	send(m, `{"fulfillmentInfo":{"tag":"confirm"},"sessionInfo":{"parameters":{"size":"huge"}}}`)
	// Output:
	// 200 {"fulfillmentResponse":{"messages":[{"text":{"text":["Small, medium or large?"]}}]},"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"size","state":"INVALID"}]}}}
	// 400 {"error":{"code":400,"message":"Bad Request"}}
}

// An error fails the webhook: its status chooses the agent's event, and nothing of
// it reaches the caller.
func ExampleError() {
	m := cx.NewMux()
	m.Fallback(cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) {
		return nil, &cx.Error{Status: http.StatusServiceUnavailable, Err: errors.New("dial tcp 10.0.0.1: connection refused")}
	}))
	send(m, `{}`)
	// Output:
	// 503 {"error":{"code":503,"message":"Service Unavailable"}}
}

// Flexible webhooks bring a body of the agent's own design.
func ExampleFlexible() {
	type Query struct {
		Color string `json:"color"`
	}
	type Stock struct {
		Count int `json:"count"`
	}
	h := cx.Flexible(func(_ context.Context, q Query) (Stock, error) { return Stock{Count: len(q.Color)}, nil })
	sendTo(h, `{"color":"red"}`)
	sendTo(h, `{"Color":"red"}`) // names are exact
	// Output:
	// 200 {"count":3}
	// 200 {"count":0}
}

func ExampleLocalized() {
	greeting, err := cx.NewLocalized("en", map[string][]string{
		"en": {"Hello!", "Hi!"},
		"de": {"Hallo!", "Guten Tag!"},
	})
	fmt.Println(err)
	for _, code := range []string{"de-AT", "en-GB", "ja"} {
		fmt.Println(greeting.For(&cx.Request{LanguageCode: code}))
	}
	// Output:
	// <nil>
	// [Hallo! Guten Tag!]
	// [Hello! Hi!]
	// [Hello! Hi!]
}

func ExampleResponse() {
	req := &cx.Request{PageInfo: cx.PageInfo{CurrentPage: "projects/p/locations/l/agents/a/flows/f/pages/x"}}
	body, err := cx.EncodeResponse(cx.Say("Thank you.", "Thanks!"). // one of the variants
									WithSSML("<speak>Goodbye<break time=\"1s\"/></speak>").
									WithParameter("coupon", nil). // deletes it
									WithEndSession(req))
	fmt.Println(string(body), err)
	// Output:
	// {"fulfillmentResponse":{"messages":[{"text":{"text":["Thank you.","Thanks!"]}},{"outputAudioText":{"ssml":"<speak>Goodbye<break time=\"1s\"/></speak>"}}]},"sessionInfo":{"parameters":{"coupon":null}},"targetPage":"projects/p/locations/l/agents/a/flows/f/pages/END_SESSION"} <nil>
}

// What Dialogflow would refuse is refused before it leaves.
func ExampleResponse_Check() {
	resp := cx.Say("Hello.").WithTargetPage("projects/…/pages/p").WithTargetFlow("projects/…/flows/f").WithTransfer("555-1234")
	fmt.Println(resp.Check())
	// Output:
	// targetPage and targetFlow are both set; a response has one transition at most
	// fulfillmentResponse.messages[1]: telephonyTransferCall: want a number as +15551234567 (E.164)
}

// Decoding is exact, and an error names the place and nothing that was said.
func ExampleDecodeRequest() {
	req, err := cx.DecodeRequest([]byte(`{"transcript":"a red one","TEXT":"ignored","undocumented":true}`))
	fmt.Println(req.Utterance(), err)
	_, err = cx.DecodeRequest([]byte(`{"transcript":"a red one","text":"two of them"}`))
	fmt.Println(err)
	// Output:
	// a red one <nil>
	// /text at byte 46: transcript and text are both set; want one at most
}

func ExampleRequest_CallerID() {
	req, _ := cx.DecodeRequest([]byte(`{"payload":{"telephony":{"caller_id":"+15551234567"}}}`))
	fmt.Println(req.CallerID())
	// Output: +15551234567
}

func ExampleParseSession() {
	s, err := cx.ParseSession("projects/p/locations/global/agents/a/environments/prod/sessions/123")
	fmt.Println(s.Project, s.Location, s.Agent, s.Environment, s.ID, err)
	fmt.Println(s.AgentName())
	// Output:
	// p global a prod 123 <nil>
	// projects/p/locations/global/agents/a
}

// A request shows ids and sizes in a log, and nothing of the end user.
func ExampleRequest_LogValue() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	req, _ := cx.DecodeRequest([]byte(`{"text":"my card number is 4111","fulfillmentInfo":{"tag":"pay"},"languageCode":"en"}`))
	log.Info("call", "request", req)
	// Output:
	// level=INFO msg=call request.tag=pay request.responseId="" request.session="" request.page="" request.intent="" request.language=en request.query=text request.queryBytes=22 request.parameters=0 request.messages=0
}

// Two attempts at one call have the same key.
func ExampleRequest_IdempotencyKey() {
	body := []byte(`{"detectIntentResponseId":"r","fulfillmentInfo":{"tag":"pay"}}`)
	first, _ := cx.DecodeRequest(body)
	retry, _ := cx.DecodeRequest(body)
	fmt.Println(first.IdempotencyKey() == retry.IdempotencyKey())
	// Output: true
}

func ExampleRemaining() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if cx.Remaining(ctx) > time.Second {
		fmt.Println("time enough to ask the warehouse")
	}
	// Output: time enough to ask the warehouse
}

// Whoever serves a Mux learns what became of a call.
func ExampleWithCall() {
	m := cx.NewMux()
	m.Route(cx.Route{Tag: "confirm", Handler: cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) { panic("oh") })})
	h, _ := m.Handler()
	call := new(cx.Call)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"fulfillmentInfo":{"tag":"confirm"}}`))
	r.Header.Set("Content-Type", "application/json")
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(cx.WithCall(r.Context(), call)))
	fmt.Println(call.Route, call.Code)
	for _, c := range call.Checks {
		fmt.Println(c.Station, c.Name, c.Outcome)
	}
	// Output:
	// confirm handler_panic
	// request body pass
	// route tag pass
	// handler answer fail
}

// Dialogflow's second attempt at a call must not order a second shirt.
func ExampleOnce() {
	placed := 0
	m := cx.NewMux()
	m.Use(cx.Once(cx.OnceConfig{}))
	m.Route(cx.Route{Tag: "order", Handler: cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) {
		placed++
		return cx.Sayf("order %d", placed), nil
	})})
	h, _ := m.Handler()
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"detectIntentResponseId":"a1","fulfillmentInfo":{"tag":"order"}}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Body)
	}
	// Output:
	// {"fulfillmentResponse":{"messages":[{"text":{"text":["order 1"]}}]}}
	// {"fulfillmentResponse":{"messages":[{"text":{"text":["order 1"]}}]}}
}
