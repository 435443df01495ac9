package agent

import (
	"fmt"
	"strconv"
	"strings"
)

// pathTypes writes what a flexible webhook sends and what it reads.
func (w *writer) pathTypes(c *code, p *pathPlan) {
	if !p.plain() {
		c.comment("", fmt.Sprintf("%sRequest is what the flexible webhook %q sends.", p.base, p.Webhook.DisplayName))
		switch {
		case p.Body == nil || p.Body.Kind != "an object":
			c.line("type %sRequest = jsontext.Value\n", p.base)
		case len(p.Body.Members) == 0:
			c.line("type %sRequest struct{}\n", p.base)
		default:
			c.line("type %sRequest %s\n", p.base, w.shapeType(p.Body))
		}
	}
	c.comment("", fmt.Sprintf("%sResponse is what the flexible webhook %q reads from the response.", p.base, p.Webhook.DisplayName))
	root := &node{}
	for _, m := range p.Mapping {
		root.add(m)
	}
	if len(root.members) == 0 || root.all {
		if len(p.Mapping) > 0 {
			c.line("//")
			for _, m := range p.Mapping {
				c.item(fmt.Sprintf("%s: %s", m.JSONPath, m.Target))
			}
		}
		c.line("type %sResponse map[string]any\n", p.base)
		return
	}
	c.line("type %sResponse %s\n", p.base, root.typ())
}

// shapeType gives the Go type of a value that a webhook sends.
func (w *writer) shapeType(s *Shape) string {
	switch s.Kind {
	case "an object":
		if len(s.Members) == 0 {
			return "map[string]jsontext.Value"
		}
		var c code
		c.line("struct {")
		fields := names{}
		for _, m := range s.Members {
			if strings.ContainsAny(m.Name, ",\"'`\\\n") {
				continue
			}
			comment := ""
			if m.Reference != "" {
				comment = " // " + oneLine(m.Reference)
			}
			c.line("%s %s `json:%q`%s", fields.take(goName(m.Name)), w.shapeType(m), m.Name, comment)
		}
		c.WriteString("}")
		return c.String()
	case "a list":
		if s.Item == nil {
			return "[]jsontext.Value"
		}
		return "[]" + w.shapeType(s.Item)
	case "a text":
		return "string"
	case "a number":
		return "float64"
	case "a boolean":
		return "bool"
	}
	// A reference: what its parameter holds, which may be nothing. Within quotes a
	// number may come as a text.
	switch t := w.referenceType(s); {
	case t.list:
	case t.name == "float64" || t.name == "int":
		if s.Quoted {
			return "*cx.Text"
		}
		return "*float64"
	case t.name == "bool" && !s.Quoted:
		return "*bool"
	case t.name == "cx.Text" || t.name == "string" || t.values != nil:
		return "*cx.Text"
	}
	return "jsontext.Value"
}

// referenceType is the type of the parameter that a reference names.
func (w *writer) referenceType(s *Shape) goType {
	refs := refsIn(s.Reference)
	if len(refs) != 1 || refs[0].Scope == InFlow || strings.ContainsAny(strings.TrimPrefix(s.Reference, refs[0].String()), ".[") {
		return typeAny
	}
	return w.parameterType(refs[0].Name)
}

// node is a member of a response, by what mappings read of it.
type node struct {
	name    string
	list    bool
	all     bool // a mapping takes the whole of it
	members []*node
	from    []string
}

func (n *node) add(m Mapping) {
	at := n
	for i, name := range m.Path {
		var next *node
		for _, member := range at.members {
			if member.name == name {
				next = member
			}
		}
		if next == nil {
			next = &node{name: name}
			at.members = append(at.members, next)
		}
		next.list = next.list || m.List[i]
		at = next
	}
	at.all = true
	at.from = append(at.from, m.Target.String())
}

func (n *node) typ() string {
	list := ""
	if n.list {
		list = "[]"
	}
	if n.all || len(n.members) == 0 {
		return list + "any"
	}
	var c code
	c.line("%sstruct {", list)
	fields := names{}
	for _, m := range n.members {
		if strings.ContainsAny(m.name, ",\"'`\\\n") {
			continue
		}
		comment := ""
		if len(m.from) > 0 {
			comment = " // " + oneLine(strings.Join(m.from, ", "))
		}
		c.line("%s %s `json:%q`%s", fields.take(goName(m.name)), m.typ(), m.name+",omitzero", comment)
	}
	c.WriteString("}")
	return c.String()
}

// pathStub is the file of a flexible webhook's handler.
func (w *writer) pathStub(p *pathPlan) []byte {
	var c code
	method := localName(p.base)
	c.comment("", fmt.Sprintf("%s answers the flexible webhook %q at %s. Whoever may edit the agent writes its body, which proves nothing.", method, p.Webhook.DisplayName, p.Path))
	if p.plain() {
		c.line("func (a *agent) %s(w http.ResponseWriter, r *http.Request) {", method)
		c.line("// TODO: answer.")
		c.line("body, err := json.Marshal(%sResponse{})", p.base)
		c.line("if err != nil {\ncx.WriteError(w, http.StatusInternalServerError)\nreturn\n}")
		c.line("w.Header().Set(\"Content-Type\", \"application/json\")\nw.Write(body)\n}")
	} else {
		c.line("func (a *agent) %s(ctx context.Context, in %sRequest) (%sResponse, error) {", method, p.base, p.base)
		c.line("// TODO: answer.\nreturn %sResponse{}, nil\n}", p.base)
	}
	return w.source("", &c)
}

// pathTest is a call of a flexible webhook's path.
func (w *writer) pathTest(p *pathPlan) []byte {
	method, body := p.Webhook.Web().HTTPMethod, ""
	if method == "" || method == "HTTP_METHOD_UNSPECIFIED" {
		method = "POST"
	}
	if p.Body != nil && p.BodyErr == nil {
		body = w.sampleOf(p.Body)
	} else if !p.plain() {
		body = "{}"
	}
	var c code
	c.line("func Test%s(t *testing.T) {", p.base)
	c.line("m := cx.NewMux()\nrelease, err := Register(t.Context(), m)\nif err != nil {\nt.Fatal(err)\n}")
	c.line("if release != nil {\ndefer release(t.Context())\n}")
	c.line("h, err := m.Handler()\nif err != nil {\nt.Fatal(err)\n}")
	c.line("const body = %s // the values are invented", strconv.Quote(body))
	c.line("r := httptest.NewRequestWithContext(t.Context(), %q, Path%s, strings.NewReader(body))", method, p.base)
	c.line("r.Header.Set(\"Content-Type\", \"application/json\")\nrec := httptest.NewRecorder()\nh.ServeHTTP(rec, r)")
	c.line("if rec.Code != http.StatusOK {\nt.Errorf(\"got %%d %%s, want 200\", rec.Code, rec.Body)\n}\n}")
	return w.source("", &c)
}

// sampleOf gives a value of a shape as JSON.
func (w *writer) sampleOf(s *Shape) string {
	switch s.Kind {
	case "an object":
		var members []string
		for _, m := range s.Members {
			members = append(members, strconv.Quote(m.Name)+":"+w.sampleOf(m))
		}
		return "{" + strings.Join(members, ",") + "}"
	case "a list":
		if s.Item == nil {
			return "[]"
		}
		return "[" + w.sampleOf(s.Item) + "]"
	case "a text":
		return `"something"`
	case "a number":
		return "1"
	case "a boolean":
		return "true"
	}
	switch t := w.referenceType(s); {
	case t.list || t.sample == "":
		return "null"
	case (t.name == "float64" || t.name == "int" || t.name == "bool") && s.Quoted:
		return `"` + t.sample + `"`
	default:
		return t.sample
	}
}
