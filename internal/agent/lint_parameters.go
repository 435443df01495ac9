package agent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/cxhook/cx"
)

// names gives the names of parameters that something sets for certain, in a scope.
func (l *linter) names(scope Scope) []string {
	var names []string
	for ref := range l.parameters.Set {
		if ref.Scope == scope && l.parameters.Assigned(ref) {
			names = append(names, ref.Name)
		}
	}
	if scope == InSession && l.code.Source != nil {
		for _, m := range l.code.Source.Sets {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (l *linter) lintParameters() {
	refs := slices.SortedFunc(maps.Keys(l.parameters.Read), func(a, b Ref) int {
		return cmp.Or(strings.Compare(string(a.Scope), string(b.Scope)), strings.Compare(a.Name, b.Name))
	})
	for _, ref := range refs {
		if ref.Scope != InSession && ref.Scope != InFlow || l.parameters.Assigned(ref) || l.codeSets(ref) {
			continue
		}
		var readers []Reader
		for _, r := range l.parameters.Read[ref] {
			if r.Condition {
				readers = append(readers, r)
			}
		}
		if len(readers) == 0 {
			continue
		}
		l.report("parameter-never-set", ref.Name, l.at(readers[0].Location), fmt.Sprintf("the condition reads %s, which nothing sets: no form, intent, preset or mapping of the agent, and no handler%s", ref, didYouMean(ref.Name, l.names(ref.Scope))),
			"Correct the name, or set it. If the client sets it, say so with //cxhook:ignore. "+upper(readers[0].Where)+places(len(readers))+".")
	}
	called := map[string]bool{}
	for _, s := range l.calls {
		called[s.Fulfillment.Tag] = true
	}
	for _, r := range l.code.Routes {
		if !called[r.Tag] {
			continue // that is said already
		}
		for _, p := range r.Parameters {
			if !p.Required || p.Source == cx.FromOriginal {
				continue
			}
			scope := map[cx.Source]Scope{cx.FromSession: InSession, cx.FromForm: InPage, cx.FromIntent: InIntent}[p.Source]
			if ref := (Ref{scope, p.Name}); !l.parameters.Assigned(ref) && !l.codeSets(ref) {
				l.report("handler-parameter-never-set", p.Name, l.inHandlers(r.Tag), fmt.Sprintf("the handler of %q requires the %s parameter %q, which nothing sets%s", r.Tag, p.Source, p.Name, didYouMean(p.Name, l.names(scope))),
					"Correct the name, make the parameter optional, or set it.")
			}
		}
	}
}

// codeSets says whether the handlers may set a parameter: any text of theirs counts,
// for names are handed about.
func (l *linter) codeSets(ref Ref) bool {
	if ref.Scope != InSession || l.code.Source == nil {
		return false
	}
	_, ok := l.code.Source.Texts[ref.Name]
	return ok
}

// lintTargets holds what the code names against the agent.
func (l *linter) lintTargets() {
	src := l.code.Source
	if src == nil {
		return
	}
	forms := map[string]bool{}
	pages, flows := map[string]string{}, map[string]string{} // display names by id
	for _, f := range l.Flows {
		flows[string(f.Name)] = f.DisplayName
		for _, p := range f.Pages {
			pages[string(p.Name)] = p.DisplayName
			for _, param := range p.Form.Parameters {
				if param != nil {
					forms[param.DisplayName] = true
				}
			}
		}
	}
	for _, m := range src.Invalid {
		if !forms[m.Name] {
			l.report("invalid-parameter-unknown", m.Name, m.place(), fmt.Sprintf("no form of the agent has the parameter %q%s", m.Name, didYouMean(m.Name, slices.Sorted(maps.Keys(forms)))),
				"Correct the name; what is in no form cannot be asked for again.")
		}
	}
	l.lintMentions("target-page-unknown", "page", src.Pages, pages)
	l.lintMentions("target-flow-unknown", "flow", src.Flows, flows)
}

func (m Mention) place() Place { return Place{File: m.File, Line: m.Line, InCode: true} }

func (l *linter) lintMentions(rule, what string, mentions []Mention, byID map[string]string) {
	for _, m := range mentions {
		id := m.Name[strings.LastIndexByte(m.Name, '/')+1:]
		if _, ok := byID[id]; ok || what == "page" && IsSymbolic(id) {
			continue
		}
		hint := ""
		for _, known := range slices.Sorted(maps.Keys(byID)) {
			if byID[known] == id {
				hint = fmt.Sprintf("; a %s is named by its id, here %s", what, known)
			}
		}
		if hint == "" {
			hint = didYouMean(id, slices.Sorted(maps.Keys(byID)))
		}
		l.report(rule, id, m.place(), fmt.Sprintf("the agent has no %s with the id %q%s", what, id, hint), "Dialogflow fails the call. Take the id from the export: the name in the "+what+"'s file.")
	}
}
