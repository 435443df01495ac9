package handlers

import (
	"context"

	"example.com/cxhook/cx"
)

// deliverAgain answers the tag "deliver-again".
//
// Called from:
//   - page "Deliver again" of flow "Default Start Flow", route if $page.params.status = "FINAL" AND $session.params.booked = …
//
// The agent reads afterwards:
//   - "booked": page "Deliver again" of flow "Default Start Flow", route if $session.params.booked = true, which nothing in the agent sets
//   - "customer": page "Deliver again" of flow "Default Start Flow", route if $session.params.booked = true, which nothing in the agent sets
//   - "day": page "Deliver again" of flow "Default Start Flow", route if $session.params.booked = true
//   - "retries": page "Deliver again" of flow "Default Start Flow", route if $session.params.booked = true
//
// May be set: booked, day, other_days, retries, slot.
//
// This is as of the day it was written; gen keeps the comment of
// DeliverAgainParameters.
func (a *agent) deliverAgain(ctx context.Context, req *cx.Request, p DeliverAgainParameters) (*cx.Response, error) {
	// TODO: answer. Until then the agent goes on with what it has to say itself.
	return &cx.Response{}, nil
}
