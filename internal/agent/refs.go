package agent

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Scope is where a parameter lives.
type Scope string

// The scopes of parameters. A form's parameter is the page's and the session's, an
// intent's is the intent's and the session's.
const (
	InSession Scope = "session" // $session.params.x: what a webhook sees
	InFlow    Scope = "flow"    // $flow.x: what no webhook sees
	InPage    Scope = "page"    // $page.params.x
	InIntent  Scope = "intent"  // $intent.params.x
)

// Ref is a reference to a parameter.
type Ref struct {
	Scope Scope
	Name  string
}

func (r Ref) String() string {
	switch r.Scope {
	case InFlow:
		return "$flow." + r.Name
	default:
		return "$" + string(r.Scope) + ".params." + r.Name
	}
}

var refPattern = regexp.MustCompile(`\$(session\.params|page\.params|intent\.params|flow)\.([\p{L}\p{N}_-]+)(\.status\b)?`)

// refsIn gives the references in a condition, a text or a JSON value, each once. The
// status of a form ($page.params.status, $page.params.x.status) is no parameter.
func refsIn(text string) []Ref {
	var refs []Ref
	seen := map[Ref]bool{}
	for _, m := range refPattern.FindAllStringSubmatch(text, -1) {
		r := Ref{Scope(strings.TrimSuffix(m[1], ".params")), m[2]}
		if r.Scope == InPage && (r.Name == "status" || m[3] != "") || seen[r] {
			continue
		}
		seen[r] = true
		refs = append(refs, r)
	}
	return refs
}

// targetOf reads what a preset or a mapping sets: a bare name is the session's.
func targetOf(parameter string) Ref {
	if refs := refsIn(parameter); len(refs) == 1 && strings.HasPrefix(parameter, "$") {
		return refs[0]
	}
	return Ref{InSession, parameter}
}

// Setter is a place that sets a parameter.
type Setter struct {
	Kind       string // form, intent, preset, mapping, generator, flow
	EntityType string // of a form or an intent
	IsList     bool
	Value      jsontext.Value // of a preset
	Location   Location
	Where      string
}

// Reader is a place that reads a parameter.
type Reader struct {
	Condition bool // of a route or a case; else a text, a value, a request body
	Location  Location
	Where     string
	Step      *Step // nil for a webhook's body
}

// Parameters says who sets and who reads each parameter of an agent.
type Parameters struct {
	Set  map[Ref][]Setter
	Read map[Ref][]Reader
}

// Parameters looks through the whole agent.
func (a *Agent) Parameters() *Parameters {
	p := &Parameters{map[Ref][]Setter{}, map[Ref][]Reader{}}
	for _, f := range a.Flows {
		for _, list := range [][]*ParameterSchema{f.Inputs, f.Outputs} {
			for _, d := range list {
				p.set(Ref{InFlow, d.Name}, Setter{Kind: "flow", Location: Location{f.File, ""}, Where: "flow " + strconv.Quote(f.DisplayName)})
				p.set(Ref{InSession, d.Name}, Setter{Kind: "flow", Location: Location{f.File, ""}, Where: "flow " + strconv.Quote(f.DisplayName)})
			}
		}
		for _, page := range f.Pages {
			for i, param := range page.Form.Parameters {
				if param == nil {
					continue
				}
				s := Setter{Kind: "form", EntityType: param.EntityType, IsList: param.IsList, Where: "form of page " + strconv.Quote(page.DisplayName),
					Location: Location{page.File, "/form/parameters/" + strconv.Itoa(i)}}
				p.set(Ref{InSession, param.DisplayName}, s)
				p.set(Ref{InPage, param.DisplayName}, s)
			}
		}
	}
	for _, intent := range a.Intents {
		for i, param := range intent.Parameters {
			s := Setter{Kind: "intent", EntityType: param.EntityType, IsList: param.IsList, Where: "intent " + strconv.Quote(intent.DisplayName),
				Location: Location{intent.File, "/parameters/" + strconv.Itoa(i)}}
			p.set(Ref{InSession, param.ID}, s)
			p.set(Ref{InIntent, param.ID}, s)
		}
	}
	for _, w := range a.Webhooks {
		web := w.Web()
		where := "webhook " + strconv.Quote(w.DisplayName)
		for _, kv := range web.ParameterMapping {
			p.set(targetOf(kv.Key), Setter{Kind: "mapping", Location: Location{w.File, ""}, Where: where})
		}
		for _, ref := range refsIn(web.RequestBody + " " + web.URI) {
			p.Read[ref] = append(p.Read[ref], Reader{Location: Location{w.File, ""}, Where: where})
		}
	}
	for s := range a.Steps() {
		p.step(s)
	}
	a.conditions(func(s *Step, at Location, condition string) { p.read(condition, s, at, true) })
	return p
}

func (p *Parameters) set(r Ref, s Setter) { p.Set[r] = append(p.Set[r], s) }

func (p *Parameters) read(text string, s *Step, at Location, condition bool) {
	for _, ref := range refsIn(text) {
		p.Read[ref] = append(p.Read[ref], Reader{condition, at, s.Where(), s})
	}
}

func (p *Parameters) step(s *Step) {
	f := s.Fulfillment
	for i, set := range f.SetParameters {
		at := Location{s.Location.File, s.Location.Pointer + "/setParameterActions/" + strconv.Itoa(i)}
		value := set.Value
		if value == nil {
			value = jsontext.Value("null")
		}
		p.set(targetOf(set.Parameter), Setter{Kind: "preset", Value: value, Location: at, Where: s.Where()})
		p.read(string(set.Value), s, at, false)
	}
	for _, g := range f.Generators {
		p.set(targetOf(g.OutputParameter), Setter{Kind: "generator", Location: s.Location, Where: s.Where()})
		p.read(string(g.InputParameters), s, s.Location, false)
	}
	messages := func(list ...*Message) {
		for _, m := range list {
			if m != nil {
				raw, err := json.Marshal(m)
				if err == nil {
					p.read(string(raw), s, s.Location, false)
				}
			}
		}
	}
	messages(f.Messages...)
	var cases func(c *ConditionalCases)
	cases = func(c *ConditionalCases) {
		if c == nil {
			return
		}
		for _, one := range c.Cases {
			p.read(one.Condition, s, s.Location, true)
			for _, content := range one.Content {
				messages(content.Message)
				cases(content.Cases)
			}
		}
	}
	for _, c := range f.Cases {
		cases(c)
	}
}

// conditions gives the condition of each route, with a step that stands for it.
func (a *Agent) conditions(yield func(s *Step, at Location, condition string)) {
	routes := func(s Step, file string, routes []*Route) {
		s.Trigger = OnRoute
		for i, r := range routes {
			if r != nil && r.Condition != "" {
				one := s
				one.Route, one.Location = r, Location{file, "/transitionRoutes/" + strconv.Itoa(i)}
				yield(&one, Location{file, one.Location.Pointer + "/condition"}, r.Condition)
			}
		}
	}
	for _, f := range a.Flows {
		routes(Step{Flow: f}, f.File, f.Routes)
		for _, p := range f.Pages {
			routes(Step{Flow: f, Page: p}, p.File, p.Routes)
		}
		for _, g := range f.Groups {
			routes(Step{Flow: f, Group: g}, g.File, g.Routes)
		}
	}
	for _, g := range a.Groups {
		routes(Step{Group: g}, g.File, g.Routes)
	}
}

// Assigned says whether something gives the parameter a value; presets of null
// take it away.
func (p *Parameters) Assigned(r Ref) bool {
	for _, s := range p.Set[r] {
		if s.Kind != "preset" || s.Value.Kind() != 'n' {
			return true
		}
	}
	return false
}
