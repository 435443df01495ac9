package agent

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// generator makes code for an agent.
type generator struct {
	agent      *Agent
	parameters *Parameters
	recorded   map[string][]jsontext.Value // values of session parameters in test cases
	existing   *existing
	taken      names             // names of the package's generated part
	typeNames  map[string]string // of entity types
	tags       []*tagPlan
	paths      []*pathPlan
}

// tagPlan is what is generated for a tag.
type tagPlan struct {
	tag        string
	base       string // TagBase, BaseParameters, base
	steps      []*Step
	parameters []parameterPlan
	reads      []readPlan
	test       testPlan
}

// parameterPlan is a field of a tag's parameters.
type parameterPlan struct {
	name, field string
	typ         goType
	required    bool
	from        []string
}

// readPlan is a parameter that the agent reads after a call.
type readPlan struct {
	name  string
	where string
	alone bool // nothing in the agent sets it
}

// pathPlan is what is generated for a flexible webhook.
type pathPlan struct {
	*Flexible
	base string
}

// plain says whether the webhook brings no JSON body, so that its handler is a plain
// http.Handler.
func (p *pathPlan) plain() bool {
	method := p.Webhook.Web().HTTPMethod
	return p.Body == nil && p.BodyErr == nil || method != "" && method != "HTTP_METHOD_UNSPECIFIED" && method != "POST" && method != "PUT" && method != "PATCH"
}

// plan says what is to be generated. Names that were given before stay.
func (g *generator) plan() {
	steps := map[string][]*Step{}
	for s := range g.agent.Steps() {
		if w := g.agent.Webhook(s.Fulfillment.Webhook); s.Calls() && s.Fulfillment.Tag != "" && (w == nil || !w.Flexible()) {
			steps[s.Fulfillment.Tag] = append(steps[s.Fulfillment.Tag], s)
		}
	}
	g.recorded = map[string][]jsontext.Value{}
	for _, c := range g.agent.TestCases {
		for _, turn := range c.Turns {
			for name, v := range turn.Output.Parameters {
				g.recorded[name] = append(g.recorded[name], v)
			}
		}
	}
	g.taken = names{}
	for _, base := range g.existing.tags {
		g.taken[base] = true
	}
	for _, base := range g.existing.paths {
		g.taken[base] = true
	}
	tests := g.recordedCalls()
	for _, tag := range slices.Sorted(maps.Keys(steps)) {
		if g.existing.registered[tag] && g.existing.tags[tag] == "" {
			continue // code that was written without us answers it
		}
		t := &tagPlan{tag: tag, base: g.existing.tags[tag], steps: steps[tag]}
		if t.base == "" {
			t.base = g.taken.take(goName(tag))
		}
		t.parameters = g.parametersAt(t.steps)
		t.reads = g.readsAfter(t.steps)
		t.test = g.testOf(t, tests[tag])
		g.tags = append(g.tags, t)
	}
	for _, f := range g.agent.FlexibleWebhooks() {
		p := &pathPlan{Flexible: f, base: g.existing.paths[f.Path]}
		if p.base == "" && g.existing.registered[f.Path] {
			continue
		}
		if p.base == "" {
			p.base = g.taken.take(goName(f.Webhook.DisplayName))
		}
		g.paths = append(g.paths, p)
	}
}

// typeName gives the name of an entity type's Go type.
func (g *generator) typeName(entity string) string {
	if name, ok := g.typeNames[entity]; ok {
		return name
	}
	name := g.taken.take(goName(entity))
	g.typeNames[entity] = name
	return name
}

// parametersAt gives the session parameters that may be set where a tag is called.
func (g *generator) parametersAt(steps []*Step) []parameterPlan {
	count := map[string]int{} // steps that certainly have it
	seen := map[string]bool{}
	var list []string
	may := func(name string) {
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	for _, s := range steps {
		if s.Page != nil {
			final := s.Trigger == OnRoute && s.Route.Intent == "" && finalForm(s.Route.Condition)
			for _, p := range s.Page.Form.Parameters {
				if p == nil {
					continue
				}
				may(p.DisplayName)
				if final && p.Required {
					count[p.DisplayName]++
				}
			}
		}
		if s.Route != nil {
			for _, ref := range refsIn(s.Route.Condition) { // what it is compared with may come from another webhook
				if ref.Scope == InSession && ref.Name != "" {
					may(ref.Name)
				}
			}
			if intent := g.agent.Intent(s.Route.Intent); intent != nil {
				for _, p := range intent.Parameters {
					may(p.ID)
				}
			}
		}
		for _, set := range s.Fulfillment.SetParameters {
			if r := targetOf(set.Parameter); r.Scope == InSession && set.Value != nil && set.Value.Kind() != 'n' {
				may(r.Name)
			}
		}
	}
	for _, name := range g.readAt(steps) {
		if g.parameters.Assigned(Ref{InSession, name}) {
			may(name)
		}
	}
	var plans []parameterPlan
	fields := names{"Validate": true} // a method that a user may add
	for _, name := range list {
		p := parameterPlan{name: name, typ: g.parameterType(name), required: count[name] == len(steps)}
		for _, s := range g.parameters.Set[Ref{InSession, name}] {
			from := s.Where
			if s.EntityType != "" {
				from += " (" + s.EntityType + ")"
			}
			if s.Kind == "preset" {
				from = "preset of " + from
			}
			if !slices.Contains(p.from, from) {
				p.from = append(p.from, from)
			}
		}
		plans = append(plans, p)
	}
	slices.SortFunc(plans, func(a, b parameterPlan) int { return strings.Compare(a.name, b.name) })
	for i := range plans {
		plans[i].field = fields.take(goName(plans[i].name))
	}
	return plans
}

var formIsFinal = regexp.MustCompile(`\$page\.params\.status\s*=\s*"?FINAL\b`)

// finalForm says whether a condition asks for a form that is complete.
func finalForm(condition string) bool {
	return formIsFinal.MatchString(condition) && !strings.Contains(condition, " OR ")
}

// readAt gives the session parameters that the places of a call speak of: in the
// route's condition, in the fulfillment, on the page.
func (g *generator) readAt(steps []*Step) []string {
	found := map[string]bool{}
	for ref, readers := range g.parameters.Read {
		if ref.Scope != InSession {
			continue
		}
		for _, r := range readers {
			for _, s := range steps {
				if r.Step != nil && (r.Step.Page != nil && r.Step.Page == s.Page || r.Step.Route != nil && r.Step.Route == s.Route) {
					found[ref.Name] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// readsAfter gives the session parameters that the agent reads where it goes on after
// a call: on the target, or on the page itself, which evaluates its routes again.
func (g *generator) readsAfter(steps []*Step) []readPlan {
	found := map[string]readPlan{}
	for ref, readers := range g.parameters.Read {
		if ref.Scope != InSession {
			continue
		}
		for _, r := range readers {
			if r.Step == nil || !slices.ContainsFunc(steps, func(s *Step) bool { return g.follows(s, r.Step) }) {
				continue
			}
			if _, ok := found[ref.Name]; !ok {
				found[ref.Name] = readPlan{ref.Name, r.Where, !g.parameters.Assigned(ref)}
			}
		}
	}
	list := slices.Collect(maps.Values(found))
	slices.SortFunc(list, func(a, b readPlan) int {
		if a.alone != b.alone {
			return cmp.Compare(b2i(b.alone), b2i(a.alone))
		}
		return strings.Compare(a.name, b.name)
	})
	return list
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// follows says whether next may happen after the call at s without another page
// between.
func (g *generator) follows(s, next *Step) bool {
	if next.Fulfillment != nil && next.Fulfillment == s.Fulfillment || next.Route != nil && next.Route == s.Route {
		return false // it was evaluated before the call
	}
	page, flow := s.Target()
	switch {
	case flow != "":
		return next.Flow != nil && next.Flow.DisplayName == flow && next.Page == nil
	case page != "" && !IsSymbolic(page):
		return next.Page != nil && next.Page.DisplayName == page && (s.Flow == nil || next.Flow == s.Flow)
	case page != "" && page != "Current Page" && page != "CURRENT_PAGE":
		return false
	}
	if s.Page != nil {
		return next.Page == s.Page && next.Trigger != OnEntry
	}
	return next.Page == nil && next.Flow == s.Flow && s.Flow != nil
}

// calledFrom lists the places of a tag's calls for a comment.
func calledFrom(steps []*Step) []string {
	var list []string
	for _, s := range steps {
		if w := s.Where(); !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	const most = 8
	if len(list) > most {
		list = append(list[:most], fmt.Sprintf("and %d more places", len(list)-most))
	}
	return list
}
