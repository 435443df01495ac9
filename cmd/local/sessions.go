package main

import "example.com/cxhook/internal/emulator"

// Sessions names what the agent keeps. A real agent's sessions are its own affair.
func (s *stack) Sessions() []string {
	if s.agent == nil {
		return nil
	}
	return s.agent.Sessions()
}

// Session gives what is kept of one.
func (s *stack) Session(name string) (state emulator.SessionState, ok bool) {
	if s.agent == nil {
		return state, false
	}
	return s.agent.SessionState(name)
}

// Reset forgets one.
func (s *stack) Reset(name string) bool { return s.agent != nil && s.agent.Reset(name) }
