package messenger_test

import (
	"fmt"

	"example.com/cxhook/cx"
	"example.com/cxhook/cx/messenger"
)

func Example() {
	body, err := cx.EncodeResponse(cx.Say("Which size?").WithPayload(messenger.Card(
		messenger.Info{Title: "Shirt", Subtitle: "red"},
		messenger.Chips{{Text: "Small"}, {Text: "Large"}},
	)))
	fmt.Println(string(body), err)
	// Output:
	// {"fulfillmentResponse":{"messages":[{"text":{"text":["Which size?"]}},{"payload":{"richContent":[[{"type":"info","title":"Shirt","subtitle":"red"},{"type":"chips","options":[{"text":"Small"},{"text":"Large"}]}]]}}]}} <nil>
}
