package agent

import (
	"fmt"
	"slices"
	"strings"

	"example.com/cxhook/cx"
)

// lintFlexible holds flexible webhooks against the handlers of their paths.
func (l *linter) lintFlexible() {
	called := map[string]bool{}
	var paths []string
	for _, p := range l.code.Paths {
		paths = append(paths, p.Path)
	}
	for _, f := range l.FlexibleWebhooks() {
		if strings.HasSuffix(hostOf(f.Webhook.Web().URI), ".googleapis.com") {
			continue // one of Google's own APIs
		}
		called[f.Path] = true
		at := l.at(Location{f.Webhook.File, ""})
		info := pathInfo(l.code.Paths, f.Path)
		switch {
		case info == nil:
			fix := "Register one with Mux.Path, or correct the URI."
			if f.Invented {
				fix = fmt.Sprintf("Its URI has no path of its own: give it https://HOST%s and register that with Mux.Path.", f.Path)
			}
			l.report("flexible-without-handler", f.Webhook.DisplayName, at, fmt.Sprintf("no handler answers the path %s of the flexible webhook %q%s", f.Path, f.Webhook.DisplayName, didYouMean(f.Path, paths)), fix)
		case info.In != nil || info.Out != nil:
			l.lintBody(f, info, at)
			l.lintMapping(f, info, at)
		}
	}
	tools := ""
	for _, t := range l.Tools {
		if t.OpenAPI != nil {
			tools += t.OpenAPI.TextSchema
		}
	}
	for _, p := range l.code.Paths {
		if !called[p.Path] && !strings.Contains(tools, p.Path) {
			l.report("path-without-webhook", p.Path, l.inHandlers(p.Path), "no flexible webhook and no tool calls the path "+p.Path,
				"Correct the path, or delete the handler once no version of the agent in use calls it.")
		}
	}
}

func pathInfo(paths []cx.PathInfo, path string) *cx.PathInfo {
	for i := range paths {
		if paths[i].Path == path {
			return &paths[i]
		}
	}
	return nil
}

// lintBody compares the members that the webhook sends with those that the handler
// takes.
func (l *linter) lintBody(f *Flexible, info *cx.PathInfo, at Place) {
	if f.BodyErr != nil {
		l.report("flexible-body", f.Webhook.DisplayName, at, fmt.Sprintf("the body of the webhook %q is no JSON: %v", f.Webhook.DisplayName, f.BodyErr), "Correct it.")
		return
	}
	if f.Body == nil || info.In == nil {
		return
	}
	var walk func(where string, body *Shape, in []cx.Parameter)
	walk = func(where string, body *Shape, in []cx.Parameter) {
		var names []string
		for _, p := range in {
			names = append(names, p.Name)
			m := body.Member(p.Name)
			if m == nil {
				continue
			}
			if want := kindOf(p.Type); want != "" && m.Kind != "" && want != m.Kind {
				l.report("flexible-body", f.Webhook.DisplayName, at, fmt.Sprintf("the webhook %q sends %s as %s, and the handler of %s takes %s", f.Webhook.DisplayName, where+p.Name, m.Kind, f.Path, p.Type), "Correct the body, or the type of the handler.")
			}
			if m.Kind == "an object" && p.Members != nil {
				walk(where+p.Name+".", m, p.Members)
			}
		}
		for _, m := range body.Members {
			if !slices.Contains(names, m.Name) {
				l.report("flexible-body", f.Webhook.DisplayName, at, fmt.Sprintf("the webhook %q sends %s, which the handler of %s does not take%s", f.Webhook.DisplayName, where+m.Name, f.Path, didYouMean(m.Name, names)), "Correct the name, add it to the handler's type, or take it out of the body.")
			}
		}
	}
	walk("", f.Body, info.In)
}

// lintMapping looks for what the webhook reads from the response.
func (l *linter) lintMapping(f *Flexible, info *cx.PathInfo, at Place) {
	if info.Out == nil {
		return
	}
	for _, m := range f.Mapping {
		members := info.Out
		for i, name := range m.Path {
			var names []string
			var found *cx.Parameter
			for j := range members {
				names = append(names, members[j].Name)
				if members[j].Name == name {
					found = &members[j]
				}
			}
			if found == nil {
				l.report("flexible-mapping", f.Webhook.DisplayName, at, fmt.Sprintf("the webhook %q takes %s from %s, and the response of %s has no %s%s", f.Webhook.DisplayName, m.Target, m.JSONPath, f.Path, strings.Join(m.Path[:i+1], "."), didYouMean(name, names)),
					"Correct the mapping, or add it to the type of the response.")
				break
			}
			if members = found.Members; members == nil {
				break // of a type that says no more
			}
		}
	}
}

// kindOf is the JSON kind of a parameter's type in words, as Shape has it; "" is any.
func kindOf(words string) string {
	switch {
	case words == "a text", strings.HasPrefix(words, "one of "):
		return "a text"
	case words == "a number", words == "a boolean", words == "an object":
		return words
	case strings.HasPrefix(words, "an integer"):
		return "a number"
	case strings.HasPrefix(words, "a list"):
		return "a list"
	}
	return ""
}
