package console

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Summary is a call as lists show it.
type Summary struct {
	ID   int       `json:"id"`
	Seq  int       `json:"seq"` // of the last change, over all calls
	Time time.Time `json:"time"`
	// Source is who asked for the call: sample, trigger, compose, replay, or
	// outside, where somebody else called.
	Source   string `json:"source"`
	ReplayOf int    `json:"replayOf,omitzero"`
	Path     string `json:"path,omitzero"`
	Tag      string `json:"tag,omitzero"`
	Session  string `json:"session,omitzero"` // its full name
	Said     string `json:"said,omitzero"`    // by the end user: the beginning of it
	Status   int    `json:"status"`           // 0 where no HTTP answer came, or not yet
	// Verdict is pass or fail; "" while the call is under way.
	Verdict string `json:"verdict"`
	// Outcome is the function's word: answered, refused, invalid, failed, late or
	// unavailable; "" where it has said none.
	Outcome string `json:"outcome,omitzero"`
	// Invalid names the parameters of the page's form that the answer sends the
	// caller back for, with commas between them.
	Invalid string `json:"invalid,omitzero"`
	// Warn says that somebody should look, though the call passed: a check warned,
	// the answer was late or sent the caller back to the form, or an attack passed.
	Warn bool `json:"warn,omitzero"`
	// Reason is the code of the check that failed.
	Reason string  `json:"reason,omitzero"`
	Micros float64 `json:"us"` // in all, as far as is known
	// Message says it in words: the function's, or why the call did not get there.
	Message string `json:"message"`
	// Event is what the agent's event handlers see; "" is none.
	Event string `json:"event,omitzero"`
	// Done says that nothing more is expected.
	Done bool `json:"done"`
}

// Call is everything that is known of a call.
type Call struct {
	Summary
	Trace      string             `json:"trace"`
	Way        string             `json:"way,omitzero"` // other than through the load balancer: outsider, internal, direct or tunnel
	ClientCert string             `json:"clientCert,omitzero"`
	Token      string             `json:"token,omitzero"` // the kind of it
	Verdicts   []Verdict          `json:"verdicts"`
	Timings    map[string]float64 `json:"timings"`          // microseconds, by station, and "total"
	Attempt    int                `json:"attempt,omitzero"` // of one fulfillment, from 1; Dialogflow tries again once
	Silent     bool               `json:"silent,omitzero"`  // it failed and the agent does not notice: the route has a target
	Note       string             `json:"note,omitzero"`    // of an attack that passes: why
	Failure    string             `json:"failure,omitzero"` // what the sender saw, where no whole answer came
	Cause      string             `json:"cause,omitzero"`   // what the function's log says of an error
	Request    Message            `json:"request"`          // as sent, or as received from outside
	Response   Message            `json:"response"`         // as received
	Forwarded  http.Header        `json:"forwarded"`        // what the load balancer said of the certificate
	Chain      []Certificate      `json:"chain,omitzero"`   // that was presented, leaf first
	Bearer     *Bearer            `json:"bearer,omitzero"`  // decoded, not judged
	TLS        string             `json:"tls,omitzero"`     // version, and whether resumed
	Log        jsontext.Value     `json:"log,omitzero"`     // the function's line
	Exact      bool               `json:"exact,omitzero"`   // everything that was sent is kept
}

// Message is one side of a call. The bearer is in Header only where somebody asked
// for it.
type Message struct {
	Header http.Header `json:"header"`
	// Body is text, or base64 where Base64 says so: bytes that are no UTF-8.
	Body      string `json:"body"`
	Base64    bool   `json:"base64,omitzero"`
	Bytes     int64  `json:"bytes"`              // of the whole body
	Truncated bool   `json:"truncated,omitzero"` // Body is the beginning

	raw []byte
}

func message(header http.Header, body []byte, bytes int64) Message {
	m := Message{Header: header, Bytes: bytes, Truncated: bytes > int64(len(body)), raw: body}
	if m.Header == nil {
		m.Header = http.Header{}
	}
	if utf8.Valid(body) || m.Truncated {
		m.Body = strings.ToValidUTF8(string(body), "\uFFFD")
	} else {
		m.Body, m.Base64 = base64.StdEncoding.EncodeToString(body), true
	}
	return m
}

// redact hides the bearer: whoever looks at the page over a shoulder must not be
// able to use it.
func redact(h http.Header) http.Header {
	h = h.Clone()
	for i, v := range h["Authorization"] {
		scheme, _, _ := strings.Cut(v, " ")
		h["Authorization"][i] = scheme + " [redacted]"
	}
	return h
}

// facts are what a WebhookRequest says of itself.
type facts struct {
	Tag struct {
		Tag string `json:"tag"`
	} `json:"fulfillmentInfo"`
	Session struct {
		Session string `json:"session"`
	} `json:"sessionInfo"`
	Text       string `json:"text"`
	Transcript string `json:"transcript"`
	Event      string `json:"triggerEvent"`
	Digits     string `json:"dtmfDigits"`
}

// maxSaid is how many characters of what was said lists show.
const maxSaid = 100

// said is what the end user did.
func (f facts) said() string {
	said := []rune(cmp.Or(f.Text, f.Transcript, f.Event, f.Digits))
	return string(said[:min(len(said), maxSaid)])
}

// refused names the parameters of the form that a WebhookResponse does not take.
func refused(response []byte) string {
	var r struct {
		Page struct {
			Form struct {
				Parameters []struct {
					Name  string `json:"displayName"`
					State string `json:"state"`
				} `json:"parameterInfo"`
			} `json:"formInfo"`
		} `json:"pageInfo"`
	}
	if json.Unmarshal(response, &r) != nil {
		return ""
	}
	var names []string
	for _, p := range r.Page.Form.Parameters {
		if p.State == "INVALID" {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, ", ")
}

// factsOf reads what there is to read; a body that is none has no facts.
func factsOf(body []byte) (f facts) {
	if json.Unmarshal(body, &f) != nil {
		return facts{}
	}
	return f
}
