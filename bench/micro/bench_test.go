package micro

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"google.golang.org/protobuf/encoding/protojson"

	"example.com/cxhook/bench/plain"
	"example.com/cxhook/cx"
)

// sample has the shape and size of a call as Google documents it: an intent with
// two parameters, a page, a session, two queued messages with members that are not
// documented.
const sample = `{
  "detectIntentResponseId": "0b7c2d4e-1f7a-4a57-9d52-4d6f0c8e5a11",
  "intentInfo": {
    "lastMatchedIntent": "projects/my-project/locations/europe-west1/agents/1f0c9a52-7c3e-4b0e-8d64-2b9e6f1c7d30/intents/5b0ddf1e-94a2-4c0f-b6a1-0f2d6a7e9c11",
    "parameters": {
      "color": { "originalValue": "red", "resolvedValue": "red" },
      "size": { "originalValue": "large", "resolvedValue": "large" }
    },
    "displayName": "shirt.order",
    "confidence": 0.9912345
  },
  "pageInfo": {
    "currentPage": "projects/my-project/locations/europe-west1/agents/1f0c9a52-7c3e-4b0e-8d64-2b9e6f1c7d30/flows/00000000-0000-0000-0000-000000000000/pages/7d1f3a0c-52b4-4f4e-9a38-6e0b8c2d4f55",
    "displayName": "Order"
  },
  "sessionInfo": {
    "session": "projects/my-project/locations/europe-west1/agents/1f0c9a52-7c3e-4b0e-8d64-2b9e6f1c7d30/sessions/bench-session-001",
    "parameters": { "color": "red", "size": "large" }
  },
  "fulfillmentInfo": { "tag": "confirm" },
  "messages": [
    { "text": { "text": ["Good, a new order then."], "redactedText": ["Good, a new order then."] }, "responseType": "ENTRY_PROMPT", "source": "VIRTUAL_AGENT" },
    { "text": { "text": ["So that is a large, red shirt."], "redactedText": ["So that is a large, red shirt."] }, "responseType": "HANDLER_PROMPT", "source": "VIRTUAL_AGENT" }
  ],
  "text": "a large red shirt please",
  "languageCode": "en"
}`

type shirt struct {
	Color string `cx:"color"`
	Size  string `cx:"size"`
}

func confirm(_ context.Context, _ *cx.Request, s shirt) (*cx.Response, error) {
	return cx.Say("A " + s.Size + ", " + s.Color + " shirt it is."), nil
}

// The three ways answer the same: measuring them against each other is fair.
func TestTwinsAgree(t *testing.T) {
	want := `{"fulfillmentResponse":{"messages":[{"text":{"text":["A large, red shirt it is."]}}]}}`
	for name, call := range map[string]func() ([]byte, error){"cx": callCX, "encoding/json": callPlain, "protojson": callProto} {
		got, err := call()
		if err != nil || strings.ReplaceAll(string(got), " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

var bound = cx.Bind(confirm)

func callCX() ([]byte, error) {
	req, err := cx.DecodeRequest([]byte(sample))
	if err != nil {
		return nil, err
	}
	resp, err := bound.Serve(context.Background(), req)
	if err != nil {
		return nil, err
	}
	return cx.EncodeResponse(resp)
}

func callPlain() ([]byte, error) {
	req := new(plain.Request)
	if err := json.Unmarshal([]byte(sample), req); err != nil {
		return nil, err
	}
	var s shirt
	for name, into := range map[string]*string{"color": &s.Color, "size": &s.Size} {
		raw, ok := req.SessionInfo.Parameters[name]
		if !ok {
			return nil, errors.New(name + " is missing")
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return nil, err
		}
	}
	return encodePlain("A " + s.Size + ", " + s.Color + " shirt it is.")
}

func encodePlain(text string) ([]byte, error) { return json.Marshal(plain.TextResponse(text)) }

func callProto() ([]byte, error) {
	req := new(cxpb.WebhookRequest)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(sample), req); err != nil {
		return nil, err
	}
	p := req.GetSessionInfo().GetParameters()
	return protojson.Marshal(protoText("A " + p["size"].GetStringValue() + ", " + p["color"].GetStringValue() + " shirt it is."))
}

func protoText(text string) *cxpb.WebhookResponse {
	return &cxpb.WebhookResponse{FulfillmentResponse: &cxpb.WebhookResponse_FulfillmentResponse{Messages: []*cxpb.ResponseMessage{
		{Message: &cxpb.ResponseMessage_Text_{Text: &cxpb.ResponseMessage_Text{Text: []string{text}}}},
	}}}
}

func bench(b *testing.B, f func() error) {
	b.ReportAllocs()
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(sample)
	b.Run("cx", func(b *testing.B) { bench(b, func() error { _, err := cx.DecodeRequest(body); return err }) })
	b.Run("encoding_json", func(b *testing.B) { bench(b, func() error { return json.Unmarshal(body, new(plain.Request)) }) })
	b.Run("protojson", func(b *testing.B) {
		bench(b, func() error {
			return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, new(cxpb.WebhookRequest))
		})
	})
}

// BenchmarkCall decodes, binds two parameters and encodes a text answer.
func BenchmarkCall(b *testing.B) {
	b.Run("cx", func(b *testing.B) { bench(b, func() error { _, err := callCX(); return err }) })
	b.Run("encoding_json", func(b *testing.B) { bench(b, func() error { _, err := callPlain(); return err }) })
	b.Run("protojson", func(b *testing.B) { bench(b, func() error { _, err := callProto(); return err }) })
}

func BenchmarkEncode(b *testing.B) {
	b.Run("cx", func(b *testing.B) {
		bench(b, func() error { _, err := cx.EncodeResponse(cx.Say("A large, red shirt it is.")); return err })
	})
	b.Run("encoding_json", func(b *testing.B) {
		bench(b, func() error { _, err := encodePlain("A large, red shirt it is."); return err })
	})
	b.Run("protojson", func(b *testing.B) {
		bench(b, func() error { _, err := protojson.Marshal(protoText("A large, red shirt it is.")); return err })
	})
}

// BenchmarkServe is the whole of a Mux: net/http's request and recorder, limits,
// goroutine, budget, checks. It has no twin; it shows what these cost.
func BenchmarkServe(b *testing.B) {
	m := cx.NewMux()
	cx.Handle(m, "confirm", confirm)
	h, err := m.Handler()
	if err != nil {
		b.Fatal(err)
	}
	bench(b, func() error {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(sample))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusOK {
			return errors.New(w.Body.String())
		}
		return nil
	})
}
