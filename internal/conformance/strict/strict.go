// Package strict decodes a file of YAML or JSON into the API message that the
// file is meant to be, and refuses whatever the message does not have.
//
// What gcloud and the APIs pass over in silence, or refuse half-way through a
// roll-out, is an error here that names file, line and field: an unknown or
// repeated field, a snake_case name, a value of another type, an unknown enum
// value, a key without a value, a second document. Anchors, aliases, tags and
// merge keys are refused as well: gcloud's parser and this one need not agree
// about them.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Unmarshal decodes doc, one document of YAML or JSON, into m; name is what
// errors call it. Every field that does not exist is reported at once.
//
// The protos of Compute Engine have enums as strings, each beside a declaration
// of its values: these are held to the declaration.
func Unmarshal(name string, doc []byte, m proto.Message) error {
	root, err := parse(doc)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r := renderer{file: name, line: 1}
	r.value(root, "", m.ProtoReflect().Descriptor(), nil)
	if len(r.problems) > 0 {
		return errors.Join(r.problems...)
	}
	if err := (protojson.UnmarshalOptions{}).Unmarshal(r.out.Bytes(), m); err != nil {
		return located(name, err)
	}
	return nil
}

func parse(doc []byte) (*yaml.Node, error) {
	var root, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(doc))
	if err := dec.Decode(&root); errors.Is(err, io.EOF) {
		return nil, errors.New("no document in it")
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: a second document; want one", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return root.Content[0], nil
}

// position is how protojson says where in its JSON.
var position = regexp.MustCompile(`^proto:[\s\x{a0}]*(?:syntax error )?\(line (\d+):\d+\): `)

// located turns protojson's error into one about the file: the renderer keeps
// every value on its line, so that only the column is meaningless.
func located(name string, err error) error {
	text := err.Error()
	m := position.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s:%s: %s", name, m[1], strings.TrimPrefix(text, m[0]))
}

// renderer writes a YAML tree as JSON, each value on the line it has in the
// file, and collects what the message does not know.
type renderer struct {
	file     string
	out      bytes.Buffer
	line     int
	problems []error
}

func (r *renderer) problem(n *yaml.Node, path, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s:%d: %s: %s", r.file, n.Line, strings.TrimPrefix(path, "."), fmt.Sprintf(format, args...)))
}

// value renders n. message describes it if it is a message whose fields can be
// checked, field if it is a scalar or list of scalars of that field; both may be
// nil.
func (r *renderer) value(n *yaml.Node, path string, message protoreflect.MessageDescriptor, field protoreflect.FieldDescriptor) {
	for ; r.line < n.Line; r.line++ {
		r.out.WriteByte('\n')
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0 {
		r.problem(n, path, "anchors, aliases and tags are not read everywhere in the same way: write it out")
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		r.mapping(n, path, message, field)
	case yaml.SequenceNode:
		r.out.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				r.out.WriteByte(',')
			}
			r.value(item, fmt.Sprintf("%s[%d]", path, i), message, field)
		}
		r.out.WriteByte(']')
	default:
		r.scalar(n, path, field)
	}
}

func (r *renderer) mapping(n *yaml.Node, path string, message protoreflect.MessageDescriptor, field protoreflect.FieldDescriptor) {
	r.out.WriteByte('{')
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if i > 0 {
			r.out.WriteByte(',')
		}
		for ; r.line < key.Line; r.line++ {
			r.out.WriteByte('\n')
		}
		r.string(key.Value)
		r.out.WriteByte(':')
		at := path + "." + key.Value
		switch {
		case key.ShortTag() == "!!merge":
			r.problem(key, at, "merge keys are not read everywhere in the same way: write it out")
		case message != nil:
			fd := message.Fields().ByJSONName(key.Value)
			if fd == nil {
				r.problem(key, at, "no such field of %s%s", message.FullName(), meant(message, key.Value))
			}
			r.field(value, at, fd)
		case field != nil && field.IsMap():
			r.field(value, at, field.MapValue())
		default:
			r.value(value, at, nil, nil)
		}
	}
	r.out.WriteByte('}')
}

// field renders the value of fd, which is nil for an unknown one.
func (r *renderer) field(n *yaml.Node, path string, fd protoreflect.FieldDescriptor) {
	switch {
	case fd == nil:
		r.value(n, path, nil, nil)
	case fd.Message() == nil || fd.IsMap():
		r.value(n, path, nil, fd)
	case fd.Message().ParentFile().Package() == "google.protobuf": // Duration, Struct and so on have a JSON form of their own
		r.value(n, path, nil, nil)
	default:
		r.value(n, path, fd.Message(), nil)
	}
}

func (r *renderer) scalar(n *yaml.Node, path string, fd protoreflect.FieldDescriptor) {
	switch n.ShortTag() {
	case "!!null":
		r.problem(n, path, "no value")
		r.out.WriteString("null")
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			r.problem(n, path, "%v", err)
		}
		text, err := json.Marshal(v)
		if err != nil { // .inf and .nan
			r.problem(n, path, "%v", err)
		}
		r.out.Write(text)
	default:
		r.string(n.Value)
		if values := enum(fd); values != nil && values.ByName(protoreflect.Name(n.Value)) == nil {
			r.problem(n, path, "%q is not a value of %s", n.Value, values.Get(0).Parent().FullName())
		}
	}
}

func (r *renderer) string(s string) {
	text, _ := json.Marshal(s) // a string cannot fail
	r.out.Write(text)
}

// meant names the field that an unknown name is the other spelling of.
func meant(message protoreflect.MessageDescriptor, name string) string {
	for i := range message.Fields().Len() {
		if fd := message.Fields().Get(i); string(fd.Name()) == name || strings.EqualFold(fd.JSONName(), name) {
			return "; have " + fd.JSONName()
		}
	}
	return ""
}

// enum gives the values that Compute Engine declares for a field that is a string
// in its protos, or nil.
func enum(fd protoreflect.FieldDescriptor) protoreflect.EnumValueDescriptors {
	if fd == nil || fd.Kind() != protoreflect.StringKind || fd.ContainingMessage().IsMapEntry() {
		return nil
	}
	var name strings.Builder
	for part := range strings.SplitSeq(string(fd.Name()), "_") {
		if part != "" {
			name.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	e := fd.ContainingMessage().Enums().ByName(protoreflect.Name(name.String()))
	if e == nil {
		return nil
	}
	return e.Values()
}
