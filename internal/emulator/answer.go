package emulator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Turn is what was said in one call of a session.
type Turn struct {
	Time time.Time `json:"time"`
	Tag  string    `json:"tag"`
	// Said is the user's part: text, an intent's trigger, an event, digits or a
	// transcript.
	Said string `json:"said"`
	// Heard is what the user hears, as ResponseMessages: what the agent had to say
	// before it called the webhook, then the webhook's own, or those alone where it
	// replaces them.
	Heard []jsontext.Value `json:"heard"`
	// Event is what the agent sees of a webhook that failed; Silent says that it
	// does not, because the route has a transition target.
	Event  string `json:"event,omitzero"`
	Silent bool   `json:"silent,omitzero"`
	// Page is where the session is afterwards; "" if that is not known.
	Page string `json:"page"`
	// Ended says that the session ended with this turn.
	Ended bool `json:"ended,omitzero"`
}

func (t *Turn) size() int {
	n := len(t.Said) + len(t.Tag)
	for _, m := range t.Heard {
		n += len(m)
	}
	return n
}

// turnOf begins a turn with its request.
func turnOf(req object, now time.Time) Turn {
	t := Turn{Time: now}
	for _, name := range []string{"text", "triggerIntent", "triggerEvent", "dtmfDigits", "transcript"} {
		if t.Said == "" {
			member(req, name, &t.Said)
		}
	}
	var info object
	if member(req, "fulfillmentInfo", &info) == nil {
		member(info, "tag", &t.Tag)
	}
	member(req, "messages", &t.Heard)
	return t
}

// failed notes a turn whose webhook failed: what the request said stays said, since
// the agent knew it before it called.
func (s *sessions) failed(name string, sent []byte, x *Exchange) {
	var req, info, parameters, page object
	if errors.Join(json.Unmarshal(sent, &req), member(req, "sessionInfo", &info), member(info, "parameters", &parameters), member(req, "pageInfo", &page)) != nil {
		return // it was read before it was sent
	}
	page, _, err := answerForm(page, nil)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.get(name)
	next.adopt(page, parameters)
	turn := turnOf(req, s.now())
	turn.Event, turn.Silent, turn.Page = x.failure(), x.Silent(), next.current()
	x.Heard = turn.Heard
	s.keep(name, next, turn)
}

// adopt takes over the page of a request, unless the session has moved on since, and
// changes of its parameters; null deletes one.
func (s *session) adopt(page object, changes ...object) {
	s.ended = false
	s.parameters = maps.Clone(s.parameters)
	if s.parameters == nil {
		s.parameters = object{}
	}
	for _, change := range changes {
		for key, value := range change {
			key = s.parameters.key(key)
			if value.Kind() == 'n' {
				delete(s.parameters, key)
			} else {
				s.parameters[key] = value.Clone()
			}
		}
	}
	if page != nil && (!s.moved || pageName(page) == s.current()) {
		s.page = page
	}
}

// keep keeps a session after a turn. The caller holds mu.
func (s *sessions) keep(name string, next session, turn Turn) {
	next.used = s.now()
	next.turns = append(slices.Clone(next.turns), turn)
	next.turns = next.turns[max(0, len(next.turns)-maxTurns):]
	for ; len(next.turns) > 1; next.turns = next.turns[1:] {
		n := 0
		for _, turn := range next.turns {
			n += turn.size()
		}
		if n <= maxSessionBytes {
			break
		}
	}
	s.kept.Add(name, &next)
}

// response applies a WebhookResponse to the session of the request that was sent:
// its parameters replace those of the same names, null deletes one, its form is
// answered, and a target becomes the current page. It gives what the user hears.
func (s *sessions) response(name string, sent, body []byte) ([]jsontext.Value, error) {
	var resp, info, changes, answered, says object
	if len(body) == 0 {
		return nil, errors.New("the response is empty; a webhook that has nothing to say answers {}")
	}
	if err := json.Unmarshal(body, &resp); err != nil {
		return nil, fmt.Errorf("the response is no WebhookResponse: %w", err)
	}
	var targetPage, targetFlow, merge string
	if err := errors.Join(member(resp, "sessionInfo", &info), member(resp, "pageInfo", &answered), member(resp, "fulfillmentResponse", &says),
		member(resp, "targetPage", &targetPage), member(resp, "targetFlow", &targetFlow)); err != nil {
		return nil, fmt.Errorf("response: %w", err)
	}
	if err := member(info, "parameters", &changes); err != nil {
		return nil, fmt.Errorf("response: sessionInfo: %w", err)
	}
	var messages []jsontext.Value
	if err := errors.Join(member(says, "messages", &messages), member(says, "mergeBehavior", &merge)); err != nil {
		return nil, fmt.Errorf("response: fulfillmentResponse: %w", err)
	}
	if targetPage != "" && targetFlow != "" {
		return nil, errors.New("response: targetPage and targetFlow are both set; they are a oneof")
	}
	var req, asked, parameters, page object
	if err := errors.Join(json.Unmarshal(sent, &req), member(req, "sessionInfo", &asked), member(asked, "parameters", &parameters), member(req, "pageInfo", &page)); err != nil {
		return nil, err
	}
	page, filled, err := answerForm(page, answered)
	if err != nil {
		return nil, fmt.Errorf("response: pageInfo: %w", err)
	}
	turn := turnOf(req, s.now())
	if merge == "REPLACE" {
		turn.Heard = nil
	}
	turn.Heard = append(turn.Heard, messages...)

	s.mu.Lock()
	defer s.mu.Unlock()
	// The webhook may have been slow, and the session further on: only what this
	// call changes is changed.
	next := s.get(name)
	next.adopt(page, parameters, filled, changes)
	if err := next.parameters.fits(); err != nil {
		return nil, err
	}
	if targetFlow != "" {
		targetPage = targetFlow + "/pages/" + startPage
	}
	if targetPage != "" && !next.move(targetPage) {
		next = session{turns: next.turns, ended: true} // the next request begins anew
	}
	turn.Page, turn.Ended = next.current(), next.ended
	s.keep(name, next, turn)
	return turn.Heard, nil
}

// The targets that are no pages.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/handler (symbolic transition targets)
const (
	startPage    = "START_PAGE"
	endFlow      = "END_FLOW" // and END_FLOW_WITH_…
	endSession   = "END_SESSION"
	previousPage = "PREVIOUS_PAGE"
	currentPage  = "CURRENT_PAGE"
)

// move goes to the target of a transition; it is false at the end of the session. A
// page that it goes back to is as it was left, its form included.
func (s *session) move(target string) bool {
	here := s.current()
	flow, _, _ := strings.Cut(here, "/pages/")
	_, symbol, ok := strings.Cut(target, "/pages/")
	if !ok {
		symbol = target
	}
	s.trail = slices.Clone(s.trail)
	back := func(fits func(page string) bool) bool {
		for i, page := range slices.Backward(s.trail) {
			if fits(pageName(page)) {
				s.page, s.moved, s.trail = page, true, s.trail[:i]
				return true
			}
		}
		return false
	}
	switch {
	case symbol == currentPage:
		return true
	case symbol == endSession:
		return false
	case strings.HasPrefix(symbol, endFlow):
		// With no other, it is the flow that the session began in.
		return back(func(page string) bool { return !strings.HasPrefix(page, flow+"/") })
	case symbol == previousPage:
		back(func(string) bool { return true })
		return true
	}
	if !ok && symbol == startPage {
		target = flow + "/pages/" + startPage
	}
	if here != "" {
		s.trail = append(s.trail, s.page)
		s.trail = s.trail[max(0, len(s.trail)-maxTrail):]
	}
	name, err := encode(target)
	if err != nil {
		return true // a name that is no text; it was read as JSON
	}
	// The display name and the form belong to the page that was left.
	s.page, s.moved = object{"currentPage": name}, true
	return true
}
