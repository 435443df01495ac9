package messenger_test

import (
	"testing"

	"github.com/go-json-experiment/json"

	"example.com/cxhook/cx"
	"example.com/cxhook/cx/messenger"
)

func TestElements(t *testing.T) {
	link := &messenger.Link{Href: "https://example.com"}
	for _, tt := range []struct {
		element messenger.Element
		want    string
	}{
		{messenger.Info{Title: "T", Subtitle: "S", Image: &messenger.Picture{RawURL: "u"}, Anchor: link}, `{"type":"info","title":"T","subtitle":"S","image":{"rawUrl":"u"},"anchor":{"href":"https://example.com"}}`},
		{messenger.Description{Title: "T", Text: []string{"a", "b"}}, `{"type":"description","title":"T","text":["a","b"]}`},
		{messenger.Image{RawURL: "u", AccessibilityText: "a"}, `{"type":"image","rawUrl":"u","accessibilityText":"a"}`},
		{messenger.Button{Text: "B", Icon: &messenger.Icon{Type: "i", Color: "#FF9800"}, Event: &messenger.Event{Event: "e", Parameters: map[string]any{"p": 1}}}, `{"type":"button","text":"B","icon":{"type":"i","color":"#FF9800"},"event":{"event":"e","parameters":{"p":1}}}`},
		{messenger.ListItem{Title: "T", Anchor: &messenger.Link{Href: "h", Target: "_self"}}, `{"type":"list","title":"T","anchor":{"href":"h","target":"_self"}}`},
		{messenger.Divider{}, `{"type":"divider"}`},
		{messenger.Accordion{Title: "T", Text: "long"}, `{"type":"accordion","title":"T","text":"long"}`},
		{messenger.Chips{{Text: "a"}, {Text: "b", Anchor: link}}, `{"type":"chips","options":[{"text":"a"},{"text":"b","anchor":{"href":"https://example.com"}}]}`},
		{messenger.Raw(`{"type":"video"}`), `{"type":"video"}`},
	} {
		got, err := json.Marshal(tt.element)
		if err != nil || string(got) != tt.want {
			t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
		}
	}
}

func TestPayloadInResponse(t *testing.T) {
	one := messenger.Card(messenger.Info{Title: "a"}, messenger.Divider{})
	two := one.And(messenger.Chips{{Text: "b"}})
	if len(one.RichContent) != 1 {
		t.Error("And changed its receiver")
	}
	got, err := cx.EncodeResponse(new(cx.Response).WithPayload(two))
	want := `{"fulfillmentResponse":{"messages":[{"payload":{"richContent":[[{"type":"info","title":"a"},{"type":"divider"}],[{"type":"chips","options":[{"text":"b"}]}]]}}]}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	if _, err := cx.EncodeResponse(new(cx.Response).WithPayload(messenger.Card(messenger.Raw(`{bad`)))); err == nil {
		t.Error("nonsense is encoded")
	}
}
