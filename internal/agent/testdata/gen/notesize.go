package handlers

import (
	"context"

	"example.com/cxhook/cx"
)

// noteSize answers the tag "note.size".
//
// Called from:
//   - start page of flow "Default Start Flow", route of intent "tell size" if $session.params.weight != null
//
// May be set: guests, size, weight.
//
// This is as of the day it was written; gen keeps the comment of NoteSizeParameters.
func (a *agent) noteSize(ctx context.Context, req *cx.Request, p NoteSizeParameters) (*cx.Response, error) {
	// TODO: answer. Until then the agent goes on with what it has to say itself.
	return &cx.Response{}, nil
}
