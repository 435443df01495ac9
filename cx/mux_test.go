package cx_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/cx"
)

type size string

func (size) Values() []string { return []string{"small", "large"} }

func TestRegistrationMistakesAllAtOnce(t *testing.T) {
	type node struct {
		Next *node `cx:"next"`
	}
	type wrong struct {
		C      chan int           `cx:"c"`
		NoName string             `cx:",optional"`
		NoTag  string             //
		Option string             `cx:"o,requird"`
		Count  int                `cx:"count,default=many"`
		Size   size               `cx:"size,default=huge"`
		Keys   map[int]string     `cx:"keys"`
		Twice  string             `cx:"twice"`
		Again  int                `cx:"twice"`
		hidden string             `cx:"hidden"`
		Node   node               `cx:"node"`
		Inner  struct{ A [2]int } `cx:"inner"`
		Form   struct {
			A string `cx:"a,form"`
		} `cx:"object"`
	}
	m := cx.NewMux()
	cx.Handle(m, "", func(context.Context, *cx.Request, struct{}) (*cx.Response, error) { return nil, nil })
	cx.Handle(m, "wrong", func(context.Context, *cx.Request, wrong) (*cx.Response, error) { return nil, nil })
	cx.Handle(m, "number", func(context.Context, *cx.Request, int) (*cx.Response, error) { return nil, nil })
	cx.Handle[struct{}](m, "nil", nil)
	cx.Handle(m, "validate", func(context.Context, *cx.Request, badValidate) (*cx.Response, error) { return nil, nil })
	m.Route(cx.Route{Tag: "twice", Handler: cx.HandlerFunc(sayOK)})
	m.Route(cx.Route{Tag: "twice", Handler: cx.HandlerFunc(sayOK)})
	m.Route(cx.Route{Tag: "both", Match: cx.MatchPage("p"), Handler: cx.HandlerFunc(sayOK)})
	m.Route(cx.Route{})
	m.Route(cx.Route{Tag: "nothing"})
	m.Route(cx.Route{Tag: "nilfunc", Handler: cx.HandlerFunc(nil)})
	m.Route(cx.Route{Tag: "nilbound", Handler: (*cx.Bound)(nil)})
	m.Route(cx.Route{Tag: "budget", Budget: -time.Second, Handler: cx.HandlerFunc(sayOK)})
	m.Fallback(nil)
	m.Fallback(cx.HandlerFunc(sayOK))
	m.Use(nil)
	_ = wrong{hidden: ""}

	h, err := m.Handler()
	if h != nil || err == nil {
		t.Fatal("a Mux full of mistakes gives a handler")
	}
	got := strings.Split(err.Error(), "\n")
	want := []string{
		`cx: a handler is registered for the empty tag; use Fallback for calls without one`,
		`cx: route "wrong": field cx_test.wrong.C: a chan int cannot be bound to a parameter`,
		`cx: route "wrong": field cx_test.wrong.NoName: no parameter is named; want a tag as cx:"size", or cx:"-" to leave the field alone`,
		`cx: route "wrong": field cx_test.wrong.NoTag: no parameter is named; want a tag as cx:"size", or cx:"-" to leave the field alone`,
		`cx: route "wrong": field cx_test.wrong.Option: option "requird"; have form, intent, original, optional and default=VALUE`,
		`cx: route "wrong": field cx_test.wrong.Count: default "many": want an integer`,
		`cx: route "wrong": field cx_test.wrong.Size: default "huge": want one of small, large`,
		`cx: route "wrong": field cx_test.wrong.Keys: a map[int]string cannot be bound to a parameter: its keys are not strings`,
		`cx: route "wrong": field cx_test.wrong.Again: the session parameter "twice" is bound twice`,
		`cx: route "wrong": field cx_test.wrong.hidden: it is tagged but not exported`,
		`cx: route "wrong": field cx_test.wrong.Node: field cx_test.node.Next: a cx_test.node holds itself; want jsontext.Value for such a part`,
		`cx: route "wrong": field cx_test.wrong.Inner: field struct { A [2]int }.A: no parameter is named; want a tag as cx:"size", or cx:"-" to leave the field alone`,
		`cx: route "wrong": field cx_test.wrong.Form: member "a" of an object: it cannot come from the form`,
		`cx: route "number": parameters are a int; want a struct`,
		`cx: route "nil": the function is nil`,
		`cx: route "validate": method cx_test.badValidate.Validate is a func(*cx_test.badValidate) bool and would not be called; want func() error`,
		`cx: tag "twice" is registered twice`,
		`cx: tag "both": the route has a Match too; want one of them`,
		`cx: route 8 has neither a tag nor a Match`,
		`cx: route "8" has no handler`,
		`cx: route "nothing" has no handler`,
		`cx: route "nilfunc" has no handler`,
		`cx: route "nilbound" has no handler`,
		`cx: route "budget": budget -1s; want 0 or more`,
		`cx: route "fallback" has no handler`,
		`cx: the fallback is registered twice`,
		`cx: a middleware is nil`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

type badValidate struct{}

func (badValidate) Validate() bool { return true }

func TestNothingRegistered(t *testing.T) {
	if _, err := cx.NewMux().Handler(); err == nil || err.Error() != "cx: nothing is registered; every call would be answered 400" {
		t.Errorf("got %v", err)
	}
}

func says(text string) cx.HandlerFunc {
	return func(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say(text), nil }
}

func TestRouting(t *testing.T) {
	m := cx.NewMux()
	m.Route(cx.Route{Match: cx.MatchIntent("order.new"), Name: "orders", Handler: says("first match")})
	m.Route(cx.Route{Match: func(r *cx.Request) bool { return r.IntentInfo != nil }, Handler: says("second match")})
	m.Route(cx.Route{Tag: "confirm", Handler: says("tag")})
	m.Route(cx.Route{Match: cx.MatchPage("START_PAGE"), Name: "start", Handler: says("page")})
	m.Route(cx.Route{Match: cx.MatchFlow("f-1"), Name: "flow", Handler: says("flow")})
	m.Fallback(cx.Bind(func(_ context.Context, _ *cx.Request, p struct {
		Color string `cx:"color,default=none"`
	}) (*cx.Response, error) {
		return cx.Say("fallback " + p.Color), nil
	}))
	h := handlerOf(t, m)
	for _, tt := range []struct{ body, route, want string }{
		{`{"fulfillmentInfo":{"tag":"confirm"},"intentInfo":{"displayName":"order.new"}}`, "confirm", "tag"},
		{`{"fulfillmentInfo":{"tag":"Confirm"}}`, "fallback", "fallback none"}, // tags are case-sensitive
		{`{"fulfillmentInfo":{"tag":"confirm "}}`, "fallback", "fallback none"},
		{`{"intentInfo":{"displayName":"order.new"}}`, "orders", "first match"},
		{`{"intentInfo":{"displayName":"order.new2"}}`, "match", "second match"},
		{`{"pageInfo":{"currentPage":"projects/p/locations/l/agents/a/flows/f/pages/START_PAGE"}}`, "start", "page"},
		{`{"pageInfo":{"currentPage":"projects/p/locations/l/agents/a/flows/f-1/pages/x"}}`, "flow", "flow"},
		{`{"pageInfo":{"currentPage":"projects/p/locations/l/agents/a/flows/f-12/pages/x"}}`, "fallback", "fallback none"},
		{`{"sessionInfo":{"parameters":{"color":"red"}}}`, "fallback", "fallback red"},
		{`{}`, "fallback", "fallback none"},
	} {
		got := post(t, h, tt.body)
		want := `{"fulfillmentResponse":{"messages":[{"text":{"text":["` + tt.want + `"]}}]}}`
		if got.status != http.StatusOK || got.body != want || got.call.Route != tt.route {
			t.Errorf("%s: got %d %s by %q\nwant 200 %s by %q", tt.body, got.status, got.body, got.call.Route, want, tt.route)
		}
	}
}

func TestUnknownTag(t *testing.T) {
	m := cx.NewMux()
	for _, tag := range []string{"zebra", "ant"} {
		m.Route(cx.Route{Tag: tag, Handler: cx.HandlerFunc(sayOK)})
	}
	h := handlerOf(t, m)
	got := post(t, h, `{"fulfillmentInfo":{"tag":"Ant"}}`)
	got.failed(t, 400, "tag_unknown")
	check := got.call.Checks[len(got.call.Checks)-1]
	if check.Presented != "Ant" || check.Expected != "one of zebra, ant" || got.call.Tag != "Ant" {
		t.Errorf("check %+v", check)
	}
	post(t, h, `{"fulfillmentInfo":{"tag":"ant"}}`).answered(t)
	post(t, h, `{"fulfillmentInfo":{"tag":"`+strings.Repeat("long", 1000)+`"}}`).failed(t, 400, "tag_unknown")
}

func TestPanickingMatch(t *testing.T) {
	m := cx.NewMux()
	m.Route(cx.Route{Tag: "t", Handler: cx.HandlerFunc(sayOK)})
	m.Route(cx.Route{Match: func(r *cx.Request) bool { return r.IntentInfo.Confidence > 0 }, Handler: cx.HandlerFunc(sayOK)})
	h := handlerOf(t, m)
	post(t, h, `{}`).failed(t, 500, "handler_panic")
	post(t, h, tagged).answered(t)
}

func TestMiddleware(t *testing.T) {
	var order []string
	note := func(name string) cx.Middleware {
		return func(next cx.HandlerFunc) cx.HandlerFunc {
			return func(ctx context.Context, req *cx.Request) (*cx.Response, error) {
				order = append(order, name)
				return next(ctx, req)
			}
		}
	}
	m := cx.NewMux()
	m.Use(note("a"), note("b"))
	m.Route(cx.Route{Tag: "t", Handler: cx.HandlerFunc(sayOK)})
	m.Fallback(cx.HandlerFunc(sayOK))
	m.Use(note("c")) // holds for routes that were registered before, too
	h := handlerOf(t, m)
	post(t, h, tagged).answered(t)
	post(t, h, `{}`).answered(t)
	if want := []string{"a", "b", "c", "a", "b", "c"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}

func TestRoutes(t *testing.T) {
	m := cx.NewMux()
	cx.Handle(m, "confirm", func(context.Context, *cx.Request, struct {
		Size  size     `cx:"size,default=small"`
		Count *int     `cx:"count"`
		Zip   cx.Text  `cx:"zip,form"`
		Names []string `cx:"names,intent,optional"`
		Home  struct {
			City string `cx:"city"`
		} `cx:"home"`
	}) (*cx.Response, error) {
		return nil, nil
	})
	m.Route(cx.Route{Match: cx.MatchPage("p"), Name: "page", Budget: time.Second, Handler: cx.HandlerFunc(sayOK)})
	m.Fallback(cx.HandlerFunc(sayOK))
	want := []cx.RouteInfo{
		{Tag: "confirm", Name: "confirm", Parameters: []cx.Parameter{
			{Name: "size", Source: cx.FromSession, Type: "one of small, large", Default: "small", Values: []string{"small", "large"}},
			{Name: "count", Source: cx.FromSession, Type: "an integer"},
			{Name: "zip", Source: cx.FromForm, Type: "a text or a number", Required: true},
			{Name: "names", Source: cx.FromIntent, Type: "a list of text"},
			{Name: "home", Source: cx.FromSession, Type: "an object", Required: true, Members: []cx.Parameter{{Name: "city", Source: cx.FromSession, Type: "a text", Required: true}}},
		}},
		{Name: "page", Budget: time.Second},
		{Name: "fallback", Fallback: true},
	}
	if diff := cmp.Diff(want, m.Routes()); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}
