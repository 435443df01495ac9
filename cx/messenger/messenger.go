// Package messenger has the rich content of Dialogflow Messenger, the chat window
// that Google gives away, as typed values. A Payload goes into a response:
//
//	cx.Say("Which size?").WithPayload(messenger.Card(
//		messenger.Info{Title: "Shirt", Subtitle: "Large, red"},
//		messenger.Chips{{Text: "Small"}, {Text: "Large"}},
//	))
//
// Other integrations get the payload too, and do with it what they like.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/integration/dialogflow-messenger/fulfillment
package messenger

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Payload is rich content: cards, each of which is a column of elements that are
// shown as one.
type Payload struct {
	RichContent [][]Element `json:"richContent"`
}

// Card gives a payload of one card. More are appended with And.
func Card(elements ...Element) Payload { return Payload{RichContent: [][]Element{elements}} }

// And gives the payload with one more card.
func (p Payload) And(elements ...Element) Payload {
	cards := append([][]Element(nil), p.RichContent...)
	return Payload{RichContent: append(cards, elements)}
}

// Element is a part of a card: Info, Description, Image, Button, ListItem, Divider,
// Accordion, Chips, or Raw for what this package does not know.
type Element interface{ element() }

// Link is where a click leads.
type Link struct {
	Href   string `json:"href"`
	Target string `json:"target,omitzero"` // "" is _blank
}

// Icon is one of Google's Material icons.
type Icon struct {
	Type  string `json:"type,omitzero"` // as "chevron_right"
	Color string `json:"color,omitzero"`
}

// Picture is an image by its public URL.
type Picture struct {
	RawURL string `json:"rawUrl"`
}

// Event is sent to the agent on a click.
type Event struct {
	Event        string         `json:"event"` // its name in the agent
	LanguageCode string         `json:"languageCode,omitzero"`
	Parameters   map[string]any `json:"parameters,omitzero"`
}

// Info is a title that can be clicked.
type Info struct {
	Title    string   `json:"title"`
	Subtitle string   `json:"subtitle,omitzero"`
	Image    *Picture `json:"image,omitzero"`
	Anchor   *Link    `json:"anchor,omitzero"`
}

// Description is a title with lines of text.
type Description struct {
	Title string   `json:"title,omitzero"`
	Text  []string `json:"text"`
}

// Image is a picture.
type Image struct {
	RawURL            string `json:"rawUrl"`
	AccessibilityText string `json:"accessibilityText,omitzero"` // read aloud to those who cannot see it
	Anchor            *Link  `json:"anchor,omitzero"`
}

// Button sends an event or follows a link.
type Button struct {
	Text   string `json:"text"`
	Icon   *Icon  `json:"icon,omitzero"`
	Anchor *Link  `json:"anchor,omitzero"`
	Event  *Event `json:"event,omitzero"`
}

// ListItem is an entry of a list; put a Divider between two.
type ListItem struct {
	Title    string `json:"title"`
	Subtitle string `json:"subtitle,omitzero"`
	Anchor   *Link  `json:"anchor,omitzero"`
	Event    *Event `json:"event,omitzero"`
}

// Divider is a line between two elements.
type Divider struct{}

// Accordion is a title that opens to a text.
type Accordion struct {
	Title    string   `json:"title"`
	Subtitle string   `json:"subtitle,omitzero"`
	Image    *Picture `json:"image,omitzero"`
	Text     string   `json:"text,omitzero"`
}

// Chips are suggestions of what to say.
type Chips []Chip

// Chip is a suggestion: its text is sent on a click, unless it has an Anchor.
type Chip struct {
	Text   string   `json:"text"`
	Image  *Picture `json:"image,omitzero"`
	Anchor *Link    `json:"anchor,omitzero"`
}

// Raw is an element that this package does not know, type included.
type Raw jsontext.Value

func (Info) element()        {}
func (Description) element() {}
func (Image) element()       {}
func (Button) element()      {}
func (ListItem) element()    {}
func (Divider) element()     {}
func (Accordion) element()   {}
func (Chips) element()       {}
func (Raw) element()         {}

// typed adds an element's type to its members.
type typed[T any] struct {
	Type string `json:"type"`
	Of   T      `json:",embed"`
}

func withType[T any](name string, of T) ([]byte, error) { return json.Marshal(typed[T]{name, of}) }

// The elements without their methods: these would be called for ever.
type (
	info        Info
	description Description
	image       Image
	button      Button
	listItem    ListItem
	accordion   Accordion
)

// MarshalJSON writes the element with its type.
func (e Info) MarshalJSON() ([]byte, error) { return withType("info", info(e)) }

// MarshalJSON writes the element with its type.
func (e Description) MarshalJSON() ([]byte, error) { return withType("description", description(e)) }

// MarshalJSON writes the element with its type.
func (e Image) MarshalJSON() ([]byte, error) { return withType("image", image(e)) }

// MarshalJSON writes the element with its type.
func (e Button) MarshalJSON() ([]byte, error) { return withType("button", button(e)) }

// MarshalJSON writes the element with its type.
func (e ListItem) MarshalJSON() ([]byte, error) { return withType("list", listItem(e)) }

// MarshalJSON writes the element with its type.
func (Divider) MarshalJSON() ([]byte, error) { return withType("divider", struct{}{}) }

// MarshalJSON writes the element with its type.
func (e Accordion) MarshalJSON() ([]byte, error) { return withType("accordion", accordion(e)) }

// MarshalJSON writes the element with its type.
func (e Chips) MarshalJSON() ([]byte, error) {
	return withType("chips", struct {
		Options []Chip `json:"options"`
	}{e})
}

// MarshalJSON writes the element as it is.
func (e Raw) MarshalJSON() ([]byte, error) { return e, nil }
