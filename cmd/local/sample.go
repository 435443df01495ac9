package main

import (
	"maps"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
	"example.com/cxhook/internal/agent"
	"example.com/cxhook/internal/console"
)

// googlesTag is the tag of the sample call on Google's page.
const googlesTag = "confirm"

// withTag gives a call that names no tag the one of Google's sample, where a handler
// answers that, and else the first tag that one answers, with values for what its
// handler requires. For handlers without any tag it is Google's all the same.
func (s *stack) withTag(send console.Send) console.Send {
	if send.Tag != "" || send.Request != nil || send.Body != nil {
		return send
	}
	var routes []cx.RouteInfo
	for _, r := range s.running().routes {
		if r.Tag == googlesTag {
			return send
		}
		routes = append(routes, cx.RouteInfo{Tag: r.Tag, Parameters: parametersOf(r.Parameters)})
	}
	tag, required := agent.FirstCall(routes)
	if tag == "" {
		return send
	}
	send.Tag = tag
	// Google's color and size mean nothing to another agent.
	parameters := map[string]jsontext.Value{"color": jsontext.Value("null"), "size": jsontext.Value("null")}
	maps.Copy(parameters, required)
	maps.Copy(parameters, send.Parameters)
	send.Parameters = parameters
	return send
}

// parametersOf reads what routeOf wrote.
func parametersOf(list []console.Parameter) []cx.Parameter {
	var out []cx.Parameter
	for _, p := range list {
		out = append(out, cx.Parameter{Name: p.Name, Source: cx.Source(p.Source), Type: p.Type, Required: p.Required, Values: p.Values, Members: parametersOf(p.Members)})
	}
	return out
}
