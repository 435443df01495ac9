package console

import (
	"net/http"
	"slices"

	"example.com/cxhook/internal/agent"
)

// AgentMap is an exported agent as the page draws it: where it calls the function,
// and whether somebody answers there.
type AgentMap struct {
	Name  string    `json:"name"`
	Flows []MapFlow `json:"flows"` // the last one, without a name, holds the agent's own route groups
	// Unused are tags that the function answers and nobody calls.
	Unused []string `json:"unused"`
}

// MapFlow is a flow: its start page, which has no name, its pages, and its route
// groups.
type MapFlow struct {
	Name  string    `json:"name"`
	Pages []MapPage `json:"pages"`
}

// MapPage is a page, or a group of routes.
type MapPage struct {
	Name  string    `json:"name"`
	Group bool      `json:"group,omitzero"`
	Form  []string  `json:"form"` // parameters that it collects
	Calls []MapCall `json:"calls"`
	Leads []string  `json:"leads"` // pages and flows that it goes to
}

// MapCall is a fulfillment that calls a webhook.
type MapCall struct {
	Trigger string `json:"trigger"` // entry, route, event, prompt, reprompt or knowledge
	Where   string `json:"where"`   // in words
	Webhook string `json:"webhook"`
	Tag     string `json:"tag,omitzero"`
	Path    string `json:"path,omitzero"` // of a flexible webhook
	// Handled is yes, no, or fallback: by a handler of other tags, or one that looks
	// at more than the tag.
	Handled string `json:"handled"`
	// Silent says that a failure is not noticed: there is a transition target.
	Silent bool `json:"silent,omitzero"`
}

// agentMap holds the export against what the function answers at this moment; null
// where none was given.
func (s *Server) agentMap(http.ResponseWriter, *http.Request) (any, error) {
	if s.cfg.Agent == nil {
		return nil, nil
	}
	return mapOf(s.cfg.Agent, s.cfg.Stack.Info()), nil
}

func mapOf(a *agent.Agent, info Info) *AgentMap {
	m := &AgentMap{Name: a.Settings.DisplayName, Flows: []MapFlow{}, Unused: []string{}}
	paths := map[string]string{} // of flexible webhooks
	for _, f := range a.FlexibleWebhooks() {
		paths[f.Webhook.DisplayName] = f.Path
	}
	called := map[string]bool{}
	var flow *MapFlow
	for step := range a.Steps() {
		name := ""
		if step.Flow != nil {
			name = step.Flow.DisplayName
		}
		if flow == nil || flow.Name != name {
			m.Flows = append(m.Flows, MapFlow{Name: name, Pages: pagesOf(step.Flow)})
			flow = &m.Flows[len(m.Flows)-1]
		}
		page := flow.page(step)
		if to := leadsTo(step); to != "" && !slices.Contains(page.Leads, to) {
			page.Leads = append(page.Leads, to)
		}
		if step.Calls() {
			f := step.Fulfillment
			call := MapCall{Trigger: string(step.Trigger), Where: step.Where(), Webhook: f.Webhook, Tag: f.Tag, Path: paths[f.Webhook], Silent: step.Moves()}
			call.Handled = handled(call, info)
			called[f.Tag] = called[f.Tag] || call.Path == ""
			page.Calls = append(page.Calls, call)
		}
	}
	for _, r := range info.Routes {
		if r.Tag != "" && !called[r.Tag] {
			m.Unused = append(m.Unused, r.Tag)
		}
	}
	return m
}

// pagesOf gives the start page and the pages of a flow, those too from which
// nothing is called; of none it gives none.
func pagesOf(f *agent.Flow) []MapPage {
	if f == nil {
		return []MapPage{}
	}
	pages := []MapPage{newPage("", false)}
	for _, p := range f.Pages {
		page := newPage(p.DisplayName, false)
		for _, param := range p.Form.Parameters {
			if param != nil {
				page.Form = append(page.Form, param.DisplayName)
			}
		}
		pages = append(pages, page)
	}
	return pages
}

func newPage(name string, group bool) MapPage {
	return MapPage{Name: name, Group: group, Form: []string{}, Calls: []MapCall{}, Leads: []string{}}
}

// page is where a step stands; a group is made when its first step comes.
func (f *MapFlow) page(step *agent.Step) *MapPage {
	name := ""
	switch {
	case step.Group != nil:
		name = step.Group.DisplayName
	case step.Page != nil:
		name = step.Page.DisplayName
	}
	group := step.Group != nil
	for i := range f.Pages {
		if p := &f.Pages[i]; p.Name == name && p.Group == group {
			return p
		}
	}
	f.Pages = append(f.Pages, newPage(name, group))
	return &f.Pages[len(f.Pages)-1]
}

// leadsTo is where a step goes, as the page says it; "" is nowhere.
func leadsTo(step *agent.Step) string {
	page, flow := step.Target()
	if flow != "" {
		return "flow " + flow
	}
	return page
}

// handled says who answers a call.
func handled(c MapCall, info Info) string {
	if c.Path != "" {
		if slices.Contains(info.Paths, c.Path) {
			return "yes"
		}
		return "no"
	}
	for _, r := range info.Routes {
		if r.Tag != "" && r.Tag == c.Tag {
			return "yes"
		}
	}
	if slices.ContainsFunc(info.Routes, func(r Route) bool { return r.Fallback || r.Tag == "" }) {
		return "fallback"
	}
	return "no"
}
