package cx

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Session is a session's name in its parts:
//
//	projects/PROJECT/locations/LOCATION/agents/AGENT[/environments/ENVIRONMENT]/sessions/SESSION
type Session struct {
	Project, Location, Agent string
	Environment              string // "" is the draft environment
	ID                       string // chosen by the integration; may be anything
}

// ParseSession reads a session's name. It matches whole path segments, and none
// of them may be empty.
func ParseSession(name string) (Session, error) {
	parts := strings.Split(name, "/")
	keys := []string{"projects", "locations", "agents", "sessions"}
	if len(parts) == 10 {
		keys = []string{"projects", "locations", "agents", "environments", "sessions"}
	}
	malformed := fmt.Errorf("session %q: want projects/P/locations/L/agents/A[/environments/E]/sessions/S", name)
	if len(parts) != 2*len(keys) {
		return Session{}, malformed
	}
	for i, key := range keys {
		if parts[2*i] != key || parts[2*i+1] == "" {
			return Session{}, malformed
		}
	}
	s := Session{Project: parts[1], Location: parts[3], Agent: parts[5], ID: parts[len(parts)-1]}
	if len(parts) == 10 {
		s.Environment = parts[7]
	}
	return s, nil
}

// String gives the session's name; "" for the zero Session.
func (s Session) String() string {
	if s == (Session{}) {
		return ""
	}
	env := ""
	if s.Environment != "" {
		env = "/environments/" + s.Environment
	}
	return "projects/" + s.Project + "/locations/" + s.Location + "/agents/" + s.Agent + env + "/sessions/" + s.ID
}

// AgentName is the name of the session's agent:
// projects/PROJECT/locations/LOCATION/agents/AGENT.
func (s Session) AgentName() string {
	return "projects/" + s.Project + "/locations/" + s.Location + "/agents/" + s.Agent
}

// Session gives the parts of sessionInfo.session. It is the zero Session if that
// is not a session's name.
func (r *Request) Session() Session {
	s, _ := ParseSession(r.SessionInfo.Session)
	return s
}

// PageName gives the full name of a page of the current flow by its id, which may
// be one of Dialogflow's own: START_PAGE, END_FLOW, END_SESSION, CURRENT_PAGE,
// PREVIOUS_PAGE. It is "" if the request names no current page.
func (r *Request) PageName(id string) string {
	flow, _, ok := strings.Cut(r.PageInfo.CurrentPage, "/pages/")
	if !ok || id == "" {
		return ""
	}
	return flow + "/pages/" + id
}

// IdempotencyKey is the same for two attempts at one call, as far as Google's
// fields tell: a digest of session, response id, tag, page and the query. The
// agent may call twice in one turn with all of these alike; a handler for which
// that matters adds what it acts on.
func (r *Request) IdempotencyKey() string {
	parts := [...]string{r.SessionInfo.Session, r.DetectIntentResponseID, r.FulfillmentInfo.Tag, r.PageInfo.CurrentPage, r.query(), r.Utterance()}
	size := 0
	for _, part := range parts {
		size += len("1234:") + len(part)
	}
	// On the heap: a handler's stack is new with each call, and would have to grow.
	joined := make([]byte, 0, size)
	for _, part := range parts { // the lengths keep them apart, whatever is in them
		joined = append(strconv.AppendInt(joined, int64(len(part)), 10), ':')
		joined = append(joined, part...)
	}
	sum := sha256.Sum256(joined)
	return hex.EncodeToString(sum[:])
}
