package agent

import (
	"bytes"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Location is a place in the export.
type Location struct {
	File    string
	Pointer string // JSON Pointer (RFC 6901) in the file; "" is all of it
}

func (l Location) String() string { return l.File + "#" + l.Pointer }

// Line gives the line of the file at which a location begins, from 1; 0 if it is
// not known.
func (a *Agent) Line(l Location) int {
	text := a.text[l.File]
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		if string(dec.StackPointer()) == l.Pointer && (l.Pointer != "" || dec.InputOffset() > 0) {
			return 1 + bytes.Count(text[:dec.InputOffset()], []byte("\n"))
		}
		if _, err := dec.ReadToken(); err != nil {
			return 0
		}
	}
}

// Trigger is what makes a fulfillment happen.
type Trigger string

// The triggers of fulfillments.
const (
	OnEntry     Trigger = "entry"     // the page is entered
	OnRoute     Trigger = "route"     // a route matches
	OnEvent     Trigger = "event"     // an event handler matches
	OnPrompt    Trigger = "prompt"    // the form asks for a parameter
	OnReprompt  Trigger = "reprompt"  // it asks again
	OnKnowledge Trigger = "knowledge" // a data store answers
)

// Step is a fulfillment and where it stands.
type Step struct {
	Location    Location
	Trigger     Trigger
	Fulfillment *Fulfillment
	Flow        *Flow          // nil in a group of the agent
	Page        *Page          // nil in a flow's start page and in groups
	Group       *RouteGroup    // of a route that is in one
	Route       *Route         // OnRoute
	Handler     *EventHandler  // OnEvent, OnReprompt
	Parameter   *FormParameter // OnPrompt, OnReprompt
	Knowledge   *Knowledge     // OnKnowledge
}

// Target says where the conversation goes after the step; both are empty if it stays.
func (s *Step) Target() (page, flow string) {
	switch {
	case s.Route != nil:
		return s.Route.TargetPage, s.Route.TargetFlow
	case s.Handler != nil:
		return s.Handler.TargetPage, s.Handler.TargetFlow
	case s.Knowledge != nil:
		return s.Knowledge.TargetPage, s.Knowledge.TargetFlow
	}
	return "", ""
}

// Moves says whether the step has a transition target of any kind.
func (s *Step) Moves() bool {
	page, flow := s.Target()
	return page != "" || flow != "" || s.Route != nil && s.Route.TargetPlaybook != "" || s.Handler != nil && s.Handler.TargetPlaybook != ""
}

// Where says in words where the step stands.
func (s *Step) Where() string {
	var b strings.Builder
	switch {
	case s.Page != nil:
		fmt.Fprintf(&b, "page %q of flow %q", s.Page.DisplayName, s.Flow.DisplayName)
	case s.Group != nil && s.Flow != nil:
		fmt.Fprintf(&b, "route group %q of flow %q", s.Group.DisplayName, s.Flow.DisplayName)
	case s.Group != nil:
		fmt.Fprintf(&b, "route group %q of the agent", s.Group.DisplayName)
	default:
		fmt.Fprintf(&b, "start page of flow %q", s.Flow.DisplayName)
	}
	switch s.Trigger {
	case OnRoute:
		switch {
		case s.Route.Intent != "" && s.Route.Condition != "":
			fmt.Fprintf(&b, ", route of intent %q if %s", s.Route.Intent, clip(s.Route.Condition))
		case s.Route.Intent != "":
			fmt.Fprintf(&b, ", route of intent %q", s.Route.Intent)
		default:
			fmt.Fprintf(&b, ", route if %s", clip(s.Route.Condition))
		}
	case OnEvent:
		fmt.Fprintf(&b, ", event %s", s.Handler.Event)
	case OnPrompt:
		fmt.Fprintf(&b, ", prompt for %q", s.Parameter.DisplayName)
	case OnReprompt:
		fmt.Fprintf(&b, ", prompt for %q after %s", s.Parameter.DisplayName, s.Handler.Event)
	case OnEntry:
		b.WriteString(", on entry")
	case OnKnowledge:
		b.WriteString(", answer of a data store")
	}
	return b.String()
}

// clip shortens what an agent's author wrote to what fits in a line.
func clip(s string) string {
	const most = 60
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// Calls says whether the step calls a webhook.
func (s *Step) Calls() bool { return s.Fulfillment.Webhook != "" }

// Steps gives every fulfillment of the agent, in the order of the files.
func (a *Agent) Steps() iter.Seq[*Step] {
	return func(yield func(*Step) bool) {
		w := &walker{yield: yield}
		for _, f := range a.Flows {
			w.routes(Step{Flow: f}, f.File, f.Routes)
			w.handlers(Step{Flow: f, Trigger: OnEvent}, f.File, "/eventHandlers", f.EventHandlers)
			w.knowledge(Step{Flow: f}, f.File, f.Knowledge)
			for _, p := range f.Pages {
				w.page(f, p)
			}
			for _, g := range f.Groups {
				w.routes(Step{Flow: f, Group: g}, g.File, g.Routes)
			}
		}
		for _, g := range a.Groups {
			w.routes(Step{Group: g}, g.File, g.Routes)
		}
	}
}

type walker struct {
	yield func(*Step) bool
	done  bool
}

func (w *walker) step(s Step, file, pointer string, f *Fulfillment) {
	if w.done || f == nil {
		return
	}
	s.Location, s.Fulfillment = Location{file, pointer}, f
	w.done = !w.yield(&s)
}

func (w *walker) routes(s Step, file string, routes []*Route) {
	s.Trigger = OnRoute
	for i, r := range routes {
		if r == nil {
			continue
		}
		s.Route = r
		w.step(s, file, "/transitionRoutes/"+strconv.Itoa(i)+"/triggerFulfillment", r.Fulfillment)
	}
}

func (w *walker) handlers(s Step, file, at string, handlers []*EventHandler) {
	for i, h := range handlers {
		if h == nil {
			continue
		}
		s.Handler = h
		w.step(s, file, at+"/"+strconv.Itoa(i)+"/triggerFulfillment", h.Fulfillment)
	}
}

func (w *walker) knowledge(s Step, file string, k *Knowledge) {
	if k != nil {
		s.Trigger, s.Knowledge = OnKnowledge, k
		w.step(s, file, "/knowledgeConnectorSettings/triggerFulfillment", k.Fulfillment)
	}
}

func (w *walker) page(f *Flow, p *Page) {
	s := Step{Flow: f, Page: p}
	entry := s
	entry.Trigger = OnEntry
	w.step(entry, p.File, "/entryFulfillment", p.Entry)
	for i, param := range p.Form.Parameters {
		if param == nil {
			continue
		}
		at := "/form/parameters/" + strconv.Itoa(i) + "/fillBehavior"
		prompt := s
		prompt.Trigger, prompt.Parameter = OnPrompt, param
		w.step(prompt, p.File, at+"/initialPromptFulfillment", param.FillBehavior.Prompt)
		prompt.Trigger = OnReprompt
		w.handlers(prompt, p.File, at+"/repromptEventHandlers", param.FillBehavior.Reprompts)
	}
	w.routes(s, p.File, p.Routes)
	handler := s
	handler.Trigger = OnEvent
	w.handlers(handler, p.File, "/eventHandlers", p.EventHandlers)
	w.knowledge(s, p.File, p.Knowledge)
}

// Page finds a page of a flow by its display name; nil if there is none.
func (f *Flow) Page(name string) *Page {
	for _, p := range f.Pages {
		if p.DisplayName == name {
			return p
		}
	}
	return nil
}

// Flow finds a flow by its display name; nil if there is none.
func (a *Agent) Flow(name string) *Flow { return named(a.Flows, name) }

// Intent finds an intent by its display name; nil if there is none.
func (a *Agent) Intent(name string) *Intent { return named(a.Intents, name) }

// Webhook finds a webhook by its display name; nil if there is none. A webhook that
// was deleted is named by its id.
func (a *Agent) Webhook(name string) *Webhook { return named(a.Webhooks, name) }

// EntityType finds an entity type by its display name, with or without @; nil if
// there is none.
func (a *Agent) EntityType(name string) *EntityType {
	return named(a.EntityTypes, strings.TrimPrefix(name, "@"))
}

func named[T any, P interface {
	*T
	display() string
}](list []P, name string) P {
	for _, v := range list {
		if v.display() == name {
			return v
		}
	}
	return nil
}

func (f *Flow) display() string       { return f.DisplayName }
func (i *Intent) display() string     { return i.DisplayName }
func (w *Webhook) display() string    { return w.DisplayName }
func (e *EntityType) display() string { return e.DisplayName }

// symbolic are the targets that are no page or flow of the agent, as exports write
// them and as the API does.
var symbolic = map[string]bool{}

func init() {
	for _, name := range []string{"End Session", "End Flow", "Current Page", "Start Page", "Previous Page", "End Flow With Failure", "End Flow With Cancellation", "End Flow With Human Escalation"} {
		symbolic[name] = true
		symbolic[strings.ToUpper(strings.ReplaceAll(name, " ", "_"))] = true
	}
}

// IsSymbolic says whether a target page is one that every flow has.
func IsSymbolic(page string) bool { return symbolic[page] }
