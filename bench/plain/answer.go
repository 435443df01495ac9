package plain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Order is the session parameter that the agent's handler sets.
type Order struct {
	ID    string `json:"id"`
	Color string `json:"color"`
	Size  string `json:"size"`
}

// Answer decodes a call, does what handlers.confirm does, and encodes the answer
// with the same bytes.
func Answer(body []byte) ([]byte, error) {
	var req Request
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if tag := req.FulfillmentInfo.Tag; tag != "confirm" {
		return nil, fmt.Errorf("tag %q: no such", tag)
	}
	var color, size string
	for name, into := range map[string]*string{"color": &color, "size": &size} {
		raw, ok := req.SessionInfo.Parameters[name]
		if !ok {
			return nil, errors.New(name + " is missing")
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return nil, err
		}
	}
	if size != "small" && size != "medium" && size != "large" {
		return nil, fmt.Errorf("size %q: we do not make it", size)
	}
	id := OrderID(req.SessionInfo.Session, req.DetectIntentResponseID, req.FulfillmentInfo.Tag, req.PageInfo.CurrentPage, req.Text)
	order, err := json.Marshal(Order{id, color, size})
	if err != nil {
		return nil, err
	}
	resp := TextResponse(Text(color, size))
	resp.SessionInfo = &Session{Parameters: map[string]json.RawMessage{"order": order}}
	return json.Marshal(resp)
}

// Text is what the agent says.
func Text(color, size string) string {
	return fmt.Sprintf("Thank you! One %s, %s shirt is on its way to you.", size, color)
}

// OrderID is cx.Request.IdempotencyKey of a call that has a text, cut to 8 digits
// as handlers.confirm does: a digest of the parts, each after its length.
func OrderID(session, responseID, tag, page, text string) string {
	var joined []byte
	for _, part := range []string{session, responseID, tag, page, "text", text} {
		joined = fmt.Appendf(joined, "%d:%s", len(part), part)
	}
	sum := sha256.Sum256(joined)
	return hex.EncodeToString(sum[:])[:8]
}

// TextResponse is a response of one text.
func TextResponse(text string) *Response {
	var resp Response
	var m Message
	m.Text = new(struct {
		Text                      []string `json:"text,omitempty"`
		AllowPlaybackInterruption bool     `json:"allowPlaybackInterruption,omitempty"`
	})
	m.Text.Text = []string{text}
	resp.FulfillmentResponse.Messages = []Message{m}
	return &resp
}
