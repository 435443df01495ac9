package emulator

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// sessionLife is for how long CX keeps a session after its last request.
	//
	// Source: https://cloud.google.com/dialogflow/cx/docs/concept/session
	sessionLife = 30 * time.Minute
	// maxSessions bounds the sessions that are kept; the oldest goes first.
	maxSessions = 200
	// maxSessionBytes bounds a session's parameters, names included, and what was
	// heard in its turns: with maxSessions, what all of them take.
	maxSessionBytes = 256 << 10
	// maxTurns bounds the turns that are kept of one.
	maxTurns = 20
	// maxTrail bounds the pages that it can go back to: no less than the flows that
	// may be active at once, the outermost of which CX forgets first.
	//
	// Source: https://cloud.google.com/dialogflow/cx/docs/concept/handler (flow stack limit)
	maxTrail = 25
)

// object is a JSON object of which some members matter and the others are passed
// on as they came.
type object map[string]jsontext.Value

func (o object) size() (n int) {
	for key, value := range o {
		n += len(key) + len(value)
	}
	return n
}

// fits says why a session cannot have these parameters; nil if it can.
func (o object) fits() error {
	if n := o.size(); n > maxSessionBytes {
		return fmt.Errorf("the session's parameters would take %d bytes; the emulator keeps %d", n, maxSessionBytes)
	}
	return nil
}

// key gives the spelling that a parameter has in o: names that differ in case alone
// are one parameter, and the spelling that came first stays.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/concept/parameter (naming)
func (o object) key(name string) string {
	if _, ok := o[name]; ok {
		return name
	}
	for key := range o {
		if strings.EqualFold(key, name) {
			return key
		}
	}
	return name
}

// session is what the agent remembers between two calls. Its values never change.
type session struct {
	parameters object
	page       object   // pageInfo, as the next request has it; nil if no request had one
	moved      bool     // page is the target of a transition, and not for a request to say
	trail      []object // the pages before, as they were left, the latest last
	turns      []Turn
	ended      bool // the turns are all that is left
	used       time.Time
}

// current is the page that the session is on; "" if that is not known.
func (s *session) current() string { return pageName(s.page) }

func pageName(page object) (name string) {
	member(page, "currentPage", &name) // was read before it was kept
	return name
}

// sessions keeps them by name.
type sessions struct {
	now  func() time.Time
	mu   sync.Mutex
	kept *lru.Cache[string, *session]
}

func newSessions(now func() time.Time) *sessions {
	kept, _ := lru.New[string, *session](maxSessions) // errs on sizes below 1 only
	return &sessions{now: now, kept: kept}
}

// get gives a session that has not ended, or an empty one. The caller holds mu.
func (s *sessions) get(name string) session {
	if kept, ok := s.kept.Peek(name); ok && s.now().Sub(kept.used) <= sessionLife {
		return *kept
	}
	return session{}
}

// request makes a WebhookRequest current: the session's parameters and its page's
// form join those of the body, which win, and the page is where the last transition
// led. A body that this does not change is sent byte for byte.
func (s *sessions) request(body []byte) (sent []byte, name string, err error) {
	var req, info object
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, "", fmt.Errorf("the body is no WebhookRequest: %w", err)
	}
	if err := member(req, "sessionInfo", &info); err != nil {
		return nil, "", err
	}
	if err := member(info, "session", &name); err != nil {
		return nil, "", fmt.Errorf("sessionInfo: %w", err)
	}
	if !sessionName.MatchString(name) {
		return nil, "", fmt.Errorf("sessionInfo.session: %q is no session name: want projects/PROJECT/locations/LOCATION/agents/AGENT/sessions/SESSION, with environments/ENVIRONMENT before sessions or not", name)
	}
	var own object
	if err := member(info, "parameters", &own); err != nil {
		return nil, "", fmt.Errorf("sessionInfo: %w", err)
	}
	s.mu.Lock()
	kept := s.get(name)
	s.mu.Unlock()
	page, changed, err := kept.pageOf(req)
	if err != nil {
		return nil, "", err
	}
	if len(kept.parameters) == 0 && !changed {
		return body, name, own.fits()
	}
	merged := maps.Clone(kept.parameters)
	if merged == nil {
		merged = object{}
	}
	for key, value := range own {
		merged[merged.key(key)] = value
	}
	if err := merged.fits(); err != nil {
		return nil, "", err
	}
	if info["parameters"], err = encode(merged); err != nil {
		return nil, "", err
	}
	if req["sessionInfo"], err = encode(info); err != nil {
		return nil, "", err
	}
	if changed {
		if req["pageInfo"], err = encode(page); err != nil {
			return nil, "", err
		}
	}
	sent, err = encode(req)
	return sent, name, err
}

var sessionName = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/agents/[^/]+/(environments/[^/]+/)?sessions/[^/]+$`)

// pageOf gives the pageInfo of a request in this session; changed is false where it
// is the request's own.
func (s *session) pageOf(req object) (page object, changed bool, err error) {
	var own object
	var current string
	if err := member(req, "pageInfo", &own); err != nil {
		return nil, false, err
	}
	if err := member(own, "currentPage", &current); err != nil {
		return nil, false, fmt.Errorf("pageInfo: %w", err)
	}
	if _, _, err := formOf(own); err != nil {
		return nil, false, fmt.Errorf("pageInfo: %w", err)
	}
	switch elsewhere := current != "" && current != s.current(); {
	case s.page == nil, elsewhere && !s.moved:
		return own, false, nil
	case elsewhere: // what the request says of a page belongs to the one that was left
		return s.page, true, nil
	}
	page = maps.Clone(s.page)
	maps.Copy(page, own)
	if page["formInfo"], err = joinForms(s.page, own); err != nil {
		return nil, false, err
	}
	if page["formInfo"] == nil {
		delete(page, "formInfo")
	}
	same := func(a, b jsontext.Value) bool { return string(a) == string(b) }
	return page, !maps.EqualFunc(page, own, same), nil
}

// SessionState is what is kept of a session.
type SessionState struct {
	Name       string                    `json:"name"`
	Used       time.Time                 `json:"used"`
	Parameters map[string]jsontext.Value `json:"parameters"`
	Page       string                    `json:"page"` // "" if no request named one
	// Form holds the parameters of the page's form, as the next request's
	// parameterInfo has them.
	Form []map[string]jsontext.Value `json:"form"`
	// Turns are the latest, oldest first.
	Turns []Turn `json:"turns"`
	// Ended says that the session has ended, and the next request begins anew. What
	// was said in it is still there to be read.
	Ended bool `json:"ended"`
}

// Sessions gives the names of the sessions that are kept, the latest used first.
func (d *Dialogflow) Sessions() []string {
	s := d.sessions
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.DeleteFunc(s.kept.Keys(), func(name string) bool { return s.get(name).used.IsZero() })
	slices.Reverse(names) // Keys has the oldest first
	return names
}

// SessionState gives what is kept of a session; ok is false where that is nothing.
func (d *Dialogflow) SessionState(name string) (state SessionState, ok bool) {
	d.sessions.mu.Lock()
	kept := d.sessions.get(name)
	d.sessions.mu.Unlock()
	state = SessionState{Name: name, Used: kept.used, Parameters: maps.Clone(kept.parameters), Page: kept.current(), Turns: slices.Clone(kept.turns), Ended: kept.ended}
	form, _, _ := formOf(kept.page) // was read before it was kept
	for _, p := range form {
		state.Form = append(state.Form, p)
	}
	return state, !kept.used.IsZero()
}

// Session gives the parameters of a session as JSON, and its page; both are empty
// where nothing is kept.
func (d *Dialogflow) Session(name string) (parameters map[string]jsontext.Value, page string) {
	state, _ := d.SessionState(name)
	return state.Parameters, state.Page
}

// Reset forgets a session; it says whether there was one.
func (d *Dialogflow) Reset(name string) bool {
	d.sessions.mu.Lock()
	defer d.sessions.mu.Unlock()
	return d.sessions.kept.Remove(name)
}

// member decodes a member of an object, by its exact name, if it is there.
func member(o object, name string, into any) error {
	value, ok := o[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func encode(v any) (jsontext.Value, error) { return json.Marshal(v, json.Deterministic(true)) }
