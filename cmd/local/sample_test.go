package main

import (
	"context"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
	"example.com/cxhook/cx/cxtest"
	"example.com/cxhook/internal/console"
)

type kind string

func (kind) Values() []string { return []string{"box", "bag"} }

// everything has a parameter of each type that a handler may require.
type everything struct {
	Text     string         `cx:"text"`
	Loose    cx.Text        `cx:"loose"`
	Kind     kind           `cx:"kind"`
	Yes      bool           `cx:"yes"`
	Count    int            `cx:"count"`
	Unsigned uint8          `cx:"unsigned"`
	Price    float64        `cx:"price"`
	Date     cx.Date        `cx:"date"`
	Time     cx.TimeOfDay   `cx:"time"`
	When     cx.DateTime    `cx:"when"`
	Amount   cx.Amount      `cx:"amount"`
	Duration time.Duration  `cx:"duration"`
	Person   cx.Person      `cx:"person"`
	Location cx.Location    `cx:"location"`
	Raw      jsontext.Value `cx:"raw"`
	Texts    []string       `cx:"texts"`
	Kinds    []kind         `cx:"kinds"`
	Amounts  []cx.Amount    `cx:"amounts"`
	Object   struct {
		Count int    `cx:"count"`
		Left  string `cx:"left,optional"`
	} `cx:"object"`
	Left *int `cx:"left"`
}

// The first call of a stack is Google's sample where a handler answers it, and else
// one that the first handler takes, whatever it requires.
func TestWithTag(t *testing.T) {
	m := cx.NewMux()
	m.Route(cx.Route{Name: "match", Match: func(*cx.Request) bool { return false }, Handler: cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) { return nil, nil })})
	cx.Handle(m, "first", func(context.Context, *cx.Request, everything) (*cx.Response, error) { return cx.Say("yes"), nil })
	cx.Handle(m, "second", func(context.Context, *cx.Request, struct{}) (*cx.Response, error) { return nil, nil })
	var routes []console.Route
	for _, r := range m.Routes() {
		routes = append(routes, routeOf(r))
	}
	s := &stack{function: &process{routes: routes}}
	send := s.withTag(console.Send{Parameters: map[string]jsontext.Value{"text": jsontext.Value(`"mine"`)}})
	if send.Tag != "first" || string(send.Parameters["text"]) != `"mine"` || send.Parameters["left"] != nil {
		t.Errorf("got %s %s", send.Tag, send.Parameters)
	}
	body, err := bodyOf(send)
	if err != nil {
		t.Fatal(err)
	}
	h, err := m.Handler()
	if err != nil {
		t.Fatal(err)
	}
	if res := cxtest.Post(t, h, body); res.Status != 200 {
		t.Errorf("got %d: %v", res.Status, res.Call.Err)
	}
	if send := s.withTag(console.Send{Tag: "second"}); send.Tag != "second" || send.Parameters != nil {
		t.Errorf("a named tag: got %v", send)
	}
	s.function.routes = append(routes, console.Route{Tag: "confirm"})
	if send := s.withTag(console.Send{}); send.Tag != "" || send.Parameters != nil {
		t.Errorf("Google's: got %v", send)
	}
	s.function.routes = routes[:1]
	if send := s.withTag(console.Send{}); send.Tag != "" {
		t.Errorf("no tag: got %v", send)
	}
}
