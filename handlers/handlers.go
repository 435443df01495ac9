// Package handlers is the agent's own code: here an agent that sells shirts. It is
// the only package that you must edit to make an agent of your own.
package handlers

import (
	"context"
	"slices"
	"strings"
	"time"

	"example.com/cxhook/cx"
)

// Register builds what the agent depends on and says which tag of the agent is
// answered by which function. It is called once, at start; an error keeps the
// function from starting. close, which may be nil, releases the dependencies.
func Register(ctx context.Context, m *cx.Mux) (close func(context.Context) error, err error) {
	stock, err := openStock()
	if err != nil {
		return nil, err
	}
	shop := &shop{stock: stock}
	cx.Handle(m, "confirm", shop.confirm)
	m.Route(cx.Route{
		Tag:     "stock",
		Handler: cx.Bind(shop.count),
		Budget:  2 * time.Second,
		Late: func(*cx.Request) *cx.Response {
			return cx.Say("The warehouse takes its time. Let's go on, I'll tell you as soon as I know.")
		},
	})
	return stock.close, nil
}

// shop answers for the shirts agent.
type shop struct{ stock *stock }

// sizes are those that we make.
var sizes = []string{"small", "medium", "large"}

// Shirt is what the agent collects before it calls.
type Shirt struct {
	Color string `cx:"color"`
	Size  string `cx:"size"`
}

// Validate sends the caller back to the form for a size that we do not make.
func (s Shirt) Validate() error {
	if !slices.Contains(sizes, s.Size) {
		return cx.Invalid("size", "not a size that we make", "We have "+strings.Join(sizes, ", ")+". Which one would you like?")
	}
	return nil
}

// order is the session parameter that confirm sets.
type order struct {
	ID    string `json:"id"`
	Color string `json:"color"`
	Size  string `json:"size"`
}

// confirm takes the order.
func (s *shop) confirm(_ context.Context, req *cx.Request, shirt Shirt) (*cx.Response, error) {
	// Dialogflow asks once more if an answer is late: the same call makes the same order.
	placed := order{ID: req.IdempotencyKey()[:8], Color: shirt.Color, Size: shirt.Size}
	return cx.Sayf("Thank you! One %s, %s shirt is on its way to you.", shirt.Size, shirt.Color).
		WithParameter("order", placed), nil
}

// count says how many shirts there are.
func (s *shop) count(ctx context.Context, _ *cx.Request, shirt Shirt) (*cx.Response, error) {
	n, err := s.stock.count(ctx, shirt)
	if err != nil {
		return nil, err
	}
	return cx.Sayf("We have %d of the %s, %s shirts.", n, shirt.Size, shirt.Color).
		WithParameter("in_stock", n), nil
}
