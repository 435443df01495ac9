package agent

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
)

// FirstCall gives a call that the handlers answer: the first tag, with a value for
// each session parameter that its handler requires. There is none where no route has
// a tag.
func FirstCall(routes []cx.RouteInfo) (tag string, parameters map[string]jsontext.Value) {
	for _, r := range routes {
		if r.Tag == "" {
			continue
		}
		parameters = map[string]jsontext.Value{}
		for _, p := range r.Parameters {
			if p.Required && p.Source == cx.FromSession {
				parameters[p.Name] = Example(p)
			}
		}
		return r.Tag, parameters
	}
	return "", nil
}

// Example gives a value that a handler's parameter takes, by what the handler says of
// its type.
func Example(p cx.Parameter) jsontext.Value {
	kind := strings.TrimPrefix(strings.TrimPrefix(p.Type, "an "), "a ")
	if item, ok := strings.CutPrefix(kind, "list of "); ok {
		p.Type = item
		return jsontext.Value("[" + string(Example(p)) + "]")
	}
	var example any = "something"
	switch {
	case len(p.Values) > 0:
		example = p.Values[0]
	case kind == "boolean":
		example = true
	case kind == "number", strings.HasPrefix(kind, "integer"):
		example = 1
	case kind == "date":
		example = cx.Date{Year: 2026, Month: 12, Day: 1}
	case kind == "time":
		example = cx.TimeOfDay{Hours: 15}
	case kind == "date and time":
		example = cx.DateTime{Date: cx.Date{Year: 2026, Month: 12, Day: 1}, TimeOfDay: cx.TimeOfDay{Hours: 15}}
	case kind == "amount with a unit", kind == "duration":
		example = cx.Amount{Amount: 2, Unit: "min"}
	case kind == "object":
		members := map[string]jsontext.Value{}
		for _, m := range p.Members {
			if m.Required {
				members[m.Name] = Example(m)
			}
		}
		example = members
	}
	b, err := json.Marshal(example, json.Deterministic(true))
	if err != nil { // all of them can be encoded
		panic(err)
	}
	return b
}
