package agent

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Shape is a JSON value as far as it is known before a call. Kind is in words as
// cx.Parameter's Type; "" is any, as of a reference that is all of the value.
type Shape struct {
	Name    string
	Kind    string
	Members []*Shape // of an object, in their order
	Item    *Shape   // of a list, its first
	// Reference is what stands for all of the value; Quoted says that it is written
	// as a text.
	Reference string
	Quoted    bool
}

// Member gives a member of an object, or nil.
func (s *Shape) Member(name string) *Shape {
	for _, m := range s.Members {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// Flexible is a flexible webhook as a function from JSON to JSON.
type Flexible struct {
	Webhook  *Webhook
	Path     string // where the function serves it
	Invented bool   // the URI has no path of its own, or another webhook has it too
	Body     *Shape // nil if the webhook sends none
	BodyErr  error
	Mapping  []Mapping
}

// Mapping is a parameter that is taken from the response.
type Mapping struct {
	Target   Ref
	JSONPath string
	Path     []string // the members that lead to it, as far as they are names
	List     []bool   // whether the member is a list; of the same length
}

// FlexibleWebhooks gives the flexible webhooks, each with a path of its own.
func (a *Agent) FlexibleWebhooks() []*Flexible {
	uses := map[string]int{}
	for _, w := range a.Webhooks {
		uses[pathOf(w.Web().URI)]++
	}
	var list []*Flexible
	for _, w := range a.Webhooks {
		if !w.Flexible() || w.Disabled {
			continue
		}
		f := &Flexible{Webhook: w, Path: pathOf(w.Web().URI)}
		if f.Path == "" || uses[f.Path] > 1 || f.Path == "/live" || f.Path == "/ready" {
			f.Path, f.Invented = "/"+slug(w.DisplayName), true
		}
		if body := strings.TrimSpace(w.Web().RequestBody); body != "" {
			f.Body, f.BodyErr = shapeOfTemplate(body)
		}
		for _, kv := range w.Web().ParameterMapping {
			m := Mapping{Target: targetOf(kv.Key), JSONPath: kv.Value}
			m.Path, m.List = membersOfJSONPath(kv.Value)
			f.Mapping = append(f.Mapping, m)
		}
		list = append(list, f)
	}
	return list
}

// slug makes a path's name of a display name.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if s := strings.TrimSuffix(b.String(), "-"); s != "" {
		return s
	}
	return "webhook"
}

// bare marks a reference that was written without quotes, before the template is
// read as JSON.
const bare = "\x00"

// shapeOfTemplate reads a request body: JSON in which $session.params.x, $flow.x and
// $sys.func.X(…) stand for values, bare or within a text.
func shapeOfTemplate(body string) (*Shape, error) {
	v := jsontext.Value(quoteReferences(body))
	var syntax *jsontext.SyntacticError
	switch err := json.Unmarshal(v, new(any)); {
	case errors.As(err, &syntax): // offsets are of what became of the body
		return nil, fmt.Errorf("%w at %s", syntax.Err, cmp.Or(string(syntax.JSONPointer), "its root"))
	case err != nil:
		return nil, err
	}
	return shapeOf("", v)
}

// quoteReferences makes texts of bare references.
func quoteReferences(body string) string {
	var b strings.Builder
	text := false
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case text && c == '\\' && i+1 < len(body):
			b.WriteByte(c)
			i++
			b.WriteByte(body[i])
			continue
		case c == '"':
			text = !text
		case !text && c == '$':
			end, depth := i, 0
			for end < len(body) && (depth > 0 || !strings.ContainsRune(",}] \t\r\n", rune(body[end]))) {
				switch body[end] {
				case '(':
					depth++
				case ')':
					depth--
				}
				end++
			}
			quoted, err := jsontext.AppendQuote(nil, bare+body[i:end])
			if err != nil { // not UTF-8: the decoder says so
				quoted = []byte(body[i:end])
			}
			b.Write(quoted)
			i = end - 1
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func shapeOf(name string, v jsontext.Value) (*Shape, error) {
	s := &Shape{Name: name}
	switch v.Kind() {
	case '"':
		var text string
		if err := json.Unmarshal(v, &text); err != nil {
			return nil, err
		}
		if ref, ok := strings.CutPrefix(text, bare); ok {
			s.Reference = ref
		} else if wholeReference.MatchString(text) {
			s.Reference, s.Quoted = strings.TrimSpace(text), true
		} else {
			s.Kind = "a text"
		}
	case '0':
		s.Kind = "a number"
	case 't', 'f':
		s.Kind = "a boolean"
	case '[':
		s.Kind = "a list"
		var items []jsontext.Value
		if err := json.Unmarshal(v, &items); err != nil {
			return nil, err
		}
		if len(items) > 0 {
			item, err := shapeOf("", items[0])
			if err != nil {
				return nil, err
			}
			s.Item = item
		}
	case '{':
		s.Kind = "an object"
		dec := jsontext.NewDecoder(strings.NewReader(string(v)))
		dec.ReadToken()
		for dec.PeekKind() == '"' {
			key, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			member := key.String()
			value, err := dec.ReadValue()
			if err != nil {
				return nil, err
			}
			m, err := shapeOf(member, value.Clone())
			if err != nil {
				return nil, err
			}
			s.Members = append(s.Members, m)
		}
	case 'n':
	default:
		return nil, fmt.Errorf("no JSON value: %s", clip(string(v)))
	}
	return s, nil
}
