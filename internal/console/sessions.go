package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// SessionSummary is a session as lists show it.
type SessionSummary struct {
	Name  string    `json:"name"`
	Used  time.Time `json:"used"`
	Page  string    `json:"page"` // "" if no request named one
	Turns int       `json:"turns"`
}

func (s *Server) sessions(http.ResponseWriter, *http.Request) (any, error) {
	list := []SessionSummary{}
	for _, name := range s.cfg.Stack.Sessions() {
		if state, ok := s.cfg.Stack.Session(name); ok {
			list = append(list, SessionSummary{name, state.Used, state.Page, len(state.Turns)})
		}
	}
	return list, nil
}

// sessionName is the full name of a session that a path names by it, or by its id.
func (s *Server) sessionName(r *http.Request) string {
	name := r.PathValue("name")
	if !strings.Contains(name, "/") {
		name = s.cfg.Stack.Info().Agent + "/sessions/" + name
	}
	return name
}

func (s *Server) session(_ http.ResponseWriter, r *http.Request) (any, error) {
	name := s.sessionName(r)
	state, ok := s.cfg.Stack.Session(name)
	if !ok {
		return nil, &notFoundError{fmt.Sprintf("nothing is kept of session %s", name)}
	}
	return state, nil
}

// forget makes the next call of a session its first. The calls that were made stay.
func (s *Server) forget(_ http.ResponseWriter, r *http.Request) (any, error) {
	name := s.sessionName(r)
	if !s.cfg.Stack.Reset(name) {
		return nil, &notFoundError{fmt.Sprintf("nothing is kept of session %s", name)}
	}
	return struct{}{}, nil
}
