package handlers

import (
	"context"

	"example.com/cxhook/cx"
)

// track answers the tag "track".
//
// Called from:
//   - page "Track" of flow "Default Start Flow", route if $page.params.status = "FINAL"
//
// The agent reads afterwards:
//   - "delivered_on": page "Track" of flow "Default Start Flow", route if $session.params.parcel_state = "delivered", which nothing in the agent sets
//   - "parcel_state": page "Track" of flow "Default Start Flow", route if $session.params.parcel_state = "delivered", which nothing in the agent sets
//
// May be set: parcel, zip.
//
// This is as of the day it was written; gen keeps the comment of TrackParameters.
func (a *agent) track(ctx context.Context, req *cx.Request, p TrackParameters) (*cx.Response, error) {
	// TODO: answer. Until then the agent goes on with what it has to say itself.
	return &cx.Response{}, nil
}
