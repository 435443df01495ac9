package emulator

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
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
	maxSessions = 1000
)

// object is a JSON object of which some members matter and the others are passed
// on as they came.
type object map[string]jsontext.Value

// session is what the agent remembers between two calls.
type session struct {
	parameters object
	page       string // the target of the last transition, "" if there was none
	used       time.Time
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

// get gives a session that has not ended, or an empty one.
func (s *sessions) get(name string) session {
	if kept, ok := s.kept.Get(name); ok && s.now().Sub(kept.used) <= sessionLife {
		return *kept
	}
	return session{}
}

// request makes a WebhookRequest current: the session's parameters join those of
// the body, which win, and the page is where the last transition led. A body that
// this does not change is sent byte for byte.
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
	if len(kept.parameters) == 0 && kept.page == "" {
		return body, name, nil
	}
	merged := maps.Clone(kept.parameters)
	if merged == nil {
		merged = object{}
	}
	maps.Copy(merged, own)
	if info["parameters"], err = encode(merged); err != nil {
		return nil, "", err
	}
	if req["sessionInfo"], err = encode(info); err != nil {
		return nil, "", err
	}
	if kept.page != "" {
		// The display name and the form belong to the page that was left.
		if req["pageInfo"], err = encode(map[string]string{"currentPage": kept.page}); err != nil {
			return nil, "", err
		}
	}
	sent, err = encode(req)
	return sent, name, err
}

var sessionName = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/agents/[^/]+/(environments/[^/]+/)?sessions/[^/]+$`)

// response applies a WebhookResponse to the session of the request that was sent:
// its parameters replace those of the same names, null deletes one, and a target
// becomes the current page.
func (s *sessions) response(name string, sent, body []byte) error {
	var resp, info, changes object
	if len(body) == 0 {
		return errors.New("the response is empty; a webhook that has nothing to say answers {}")
	}
	if err := json.Unmarshal(body, &resp); err != nil {
		return fmt.Errorf("the response is no WebhookResponse: %w", err)
	}
	if err := member(resp, "sessionInfo", &info); err != nil {
		return fmt.Errorf("response: %w", err)
	}
	if err := member(info, "parameters", &changes); err != nil {
		return fmt.Errorf("response: sessionInfo: %w", err)
	}
	var page, flow string
	if err := errors.Join(member(resp, "targetPage", &page), member(resp, "targetFlow", &flow)); err != nil {
		return fmt.Errorf("response: %w", err)
	}
	if page != "" && flow != "" {
		return errors.New("response: targetPage and targetFlow are both set; they are a oneof")
	}
	if flow != "" {
		page = flow + "/pages/START_PAGE"
	}
	parameters := object{}
	var req, asked object
	if err := errors.Join(json.Unmarshal(sent, &req), member(req, "sessionInfo", &asked), member(asked, "parameters", &parameters)); err != nil {
		return err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	// The webhook may have been slow, and the session further on: only what this
	// call changes is changed.
	now := s.get(name)
	next := session{parameters: maps.Clone(now.parameters), page: now.page, used: s.now()}
	if next.parameters == nil {
		next.parameters = object{}
	}
	for _, change := range []object{parameters, changes} {
		for key, value := range change {
			if value.Kind() == 'n' {
				delete(next.parameters, key)
			} else {
				next.parameters[key] = value.Clone()
			}
		}
	}
	switch {
	case strings.HasSuffix(page, "/pages/END_SESSION"), page == "END_SESSION":
		s.kept.Remove(name) // the next request begins anew
		return nil
	case page != "":
		next.page = page
	}
	s.kept.Add(name, &next)
	return nil
}

// Session gives what is kept of a session: its parameters as JSON and the page
// that it is on; both are empty where nothing is kept.
func (d *Dialogflow) Session(name string) (parameters map[string]jsontext.Value, page string) {
	d.sessions.mu.Lock()
	defer d.sessions.mu.Unlock()
	s := d.sessions.get(name)
	return maps.Clone(s.parameters), s.page
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
