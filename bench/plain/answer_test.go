package plain

import (
	"testing"

	"example.com/cxhook/cx"
)

// The twins answer with the order that handlers.confirm makes: what it is digested
// from must be the same.
func TestOrderID(t *testing.T) {
	req := &cx.Request{DetectIntentResponseID: "response", Text: "grün, please",
		SessionInfo: cx.SessionInfo{Session: "a/sessions/b"}, FulfillmentInfo: cx.FulfillmentInfo{Tag: "confirm"}, PageInfo: cx.PageInfo{CurrentPage: "a/pages/c"}}
	if got, want := OrderID("a/sessions/b", "response", "confirm", "a/pages/c", "grün, please"), req.IdempotencyKey()[:8]; got != want {
		t.Errorf("got %s, cx.Request.IdempotencyKey has %s: write OrderID as it is, and contestants/n/index.js", got, want)
	}
}
