package browser

import "testing"

// The map of an exported agent: where it calls, and whether somebody answers.
func TestAgentMap(t *testing.T) {
	axe := readAxe(t)
	s := start(t, "--agent=../agent/testdata/export")
	p := open(t, s.URL+"/#/agent")
	p.sees("h1", "Parcel Desk")
	p.sees(".map-page.bad b", "note.size") // the shirts agent answers none of them
	p.sees(".map-page.bad b", "/rates")
	p.sees("section.map > p", "nobody answers")
	p.sees("section.map > p.dim code", "confirm")
	value[bool](p, axe+"; true")
	for _, finding := range serious(p) {
		t.Error(finding)
	}

	without := start(t)
	p = open(t, without.URL+"/#/agent")
	p.sees("section.map code", "serve --agent EXPORT")
}
