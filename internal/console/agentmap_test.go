package console

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/cxhook/internal/agent"
)

// The map of an export has every page, every call, and whether somebody answers.
func TestAgentMap(t *testing.T) {
	a, err := agent.Open("../agent/testdata/export")
	if err != nil {
		t.Fatal(err)
	}
	calls := func(info Info) (list []string) {
		for _, f := range mapOf(a, info).Flows {
			for _, p := range f.Pages {
				for _, c := range p.Calls {
					list = append(list, fmt.Sprintf("%s/%s: %s %s%s %s silent=%v", f.Name, p.Name, c.Trigger, c.Tag, c.Path, c.Handled, c.Silent))
				}
			}
		}
		return list
	}
	some := Info{Routes: []Route{{Tag: "track"}, {Tag: "nobody-calls"}}, Paths: []string{"/rates"}}
	if got, want := calls(some), []string{
		"Default Start Flow/: route note.size no silent=false",
		"Default Start Flow/Deliver again: route deliver-again no silent=false",
		"Default Start Flow/Price: route price/rates yes silent=false",
		"Default Start Flow/Track: route track yes silent=false",
	}; !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	m := mapOf(a, some)
	if len(m.Flows) != 1 || len(m.Flows[0].Pages) != 5 || !slices.Equal(m.Unused, []string{"nobody-calls"}) {
		t.Errorf("%+v", m)
	}
	for _, p := range m.Flows[0].Pages {
		if p.Name == "Track" && (!slices.Equal(p.Form, []string{"parcel", "zip"}) || !slices.Equal(p.Leads, []string{"End Flow", "Deliver again"})) {
			t.Errorf("page Track: %+v", p)
		}
		if p.Group != (p.Name == "Help") {
			t.Errorf("%s: group %v", p.Name, p.Group)
		}
	}
	// A fallback answers every tag, and no path.
	for _, line := range calls(Info{Routes: []Route{{Tag: "track"}, {Fallback: true}}}) {
		want := " fallback "
		switch {
		case strings.Contains(line, "/rates"):
			want = " no "
		case strings.Contains(line, "track"):
			want = " yes "
		}
		if !strings.Contains(line, want) {
			t.Errorf("%s, want%s", line, want)
		}
	}
}

// Without an export there is no map, which is no mistake.
func TestNoAgentMap(t *testing.T) {
	s, _ := newTestServer(t)
	if w := ask(s, "GET", "/api/agent", "", nil); w.Code != 200 || w.Body.String() != "null\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	var err error
	if s.cfg.Agent, err = agent.Open("../agent/testdata/export"); err != nil {
		t.Fatal(err)
	}
	if w := ask(s, "GET", "/api/agent", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"tag":"track"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
