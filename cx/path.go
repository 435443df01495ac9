package cx

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// Path registers a handler for the calls to a path, exactly: a flexible webhook or
// an OpenAPI tool (see Flexible). Every other path is the agent's webhook. Tags,
// Match, middleware and Admit are of the webhook and do not apply.
func (m *Mux) Path(path string, h http.Handler) {
	switch {
	case !strings.HasPrefix(path, "/") || path == "/live" || path == "/ready":
		m.problem("path %q: want one that begins with / and is not a probe's", path)
	case m.byPath[path] != nil:
		m.problem("path %q is registered twice", path)
	}
	if h == nil {
		m.problem("path %q has no handler", path)
	}
	info := PathInfo{Path: path}
	if d, ok := h.(interface{ describe() (in, out reflect.Type) }); ok {
		in, out := d.describe()
		info.In, info.Out = membersByJSON(in, nil), membersByJSON(out, nil)
	}
	m.paths = append(m.paths, info)
	m.byPath[path] = h
}

// PathInfo describes a registered path.
type PathInfo struct {
	Path string
	// In and Out are the members of a Flexible function's types; nil where those
	// are no structs, and for other handlers.
	In, Out []Parameter
}

// Paths lists the paths in the order of registration.
func (m *Mux) Paths() []PathInfo { return slices.Clone(m.paths) }

func (*flexible[In, Out]) describe() (in, out reflect.Type) {
	return reflect.TypeFor[In](), reflect.TypeFor[Out]()
}

// membersByJSON describes the members of a struct as JSON has them. within are the
// structs that t is a part of.
func membersByJSON(t reflect.Type, within []reflect.Type) []Parameter {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || !isPlainStruct(t) || slices.Contains(within, t) {
		return nil
	}
	within = append(slices.Clip(within), t)
	var members []Parameter
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-" || !f.IsExported():
			continue
		case f.Anonymous && !tagged:
			members = append(members, membersByJSON(f.Type, within)...)
			continue
		case name == "":
			name = f.Name
		}
		p := Parameter{Name: name, Type: "an object", Members: membersByJSON(f.Type, within)}
		if p.Members == nil {
			p.Type = "any value"
			if dec, err := decoderOf(f.Type, within); err == nil {
				p.Type, p.Values = dec.want, dec.values
			}
		} else if f.Type.Kind() == reflect.Slice {
			p.Type = "a list of objects"
		}
		members = append(members, p)
	}
	return members
}
