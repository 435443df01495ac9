// Package handlers is the code of the agent "Parcel Desk". It is the only package to
// edit: gen adds a file for each new tag, and never touches one that is there.
package handlers

import (
	"context"

	"example.com/cxhook/cx"
)

// agent is what the handlers share: clients of databases and services, made in
// Register.
type agent struct{}

// Register builds what the agent depends on and registers its handlers. It is
// called once, at start; an error keeps the function from starting. close, which
// may be nil, releases the dependencies.
func Register(_ context.Context, m *cx.Mux) (close func(context.Context) error, err error) {
	a := new(agent)
	for _, r := range a.routes() {
		m.Route(r) // a slow one gets its Budget and its Late answer before this: see cx.Route
	}
	a.registerPaths(m)
	return nil, nil
}
