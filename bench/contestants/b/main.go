// Command b is contestant b, what people write today: functions-framework-go, cxpb
// and protojson, and nothing verified.
package main

import (
	"errors"
	"io"
	"net/http"

	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"example.com/cxhook/bench/contestants/internal/entry"
	"example.com/cxhook/bench/plain"
)

func main() { entry.Serve(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	out, err := answer(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(out)
}

func answer(body []byte) ([]byte, error) {
	req := new(cxpb.WebhookRequest)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, req); err != nil {
		return nil, err
	}
	if req.GetFulfillmentInfo().GetTag() != "confirm" {
		return nil, errors.New("no such tag")
	}
	p := req.GetSessionInfo().GetParameters()
	color, size := p["color"].GetStringValue(), p["size"].GetStringValue()
	if color == "" || size != "small" && size != "medium" && size != "large" {
		return nil, errors.New("no such shirt")
	}
	id := plain.OrderID(req.GetSessionInfo().GetSession(), req.GetDetectIntentResponseId(), "confirm", req.GetPageInfo().GetCurrentPage(), req.GetText())
	order, err := structpb.NewStruct(map[string]any{"id": id, "color": color, "size": size})
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(&cxpb.WebhookResponse{
		FulfillmentResponse: &cxpb.WebhookResponse_FulfillmentResponse{Messages: []*cxpb.ResponseMessage{
			{Message: &cxpb.ResponseMessage_Text_{Text: &cxpb.ResponseMessage_Text{Text: []string{plain.Text(color, size)}}}},
		}},
		SessionInfo: &cxpb.SessionInfo{Parameters: map[string]*structpb.Value{"order": structpb.NewStructValue(order)}},
	})
}
