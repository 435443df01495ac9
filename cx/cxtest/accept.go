package cxtest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
)

// Accept says why Dialogflow would refuse a webhook's response, everything at
// once, or gives nil. It reads JSON as Google's servers do: members in camelCase or
// snake_case, enum values by name or number, null for absence; unknown members,
// duplicates, other types and two members of a oneof are refused. Then it asks
// cx.Response.Check and looks at the size. Reasons name members, not values.
//
// Its measure is Google's published definition. Google's servers know members that
// are not published (redactedText, source); do not count on them.
func Accept(body []byte) error {
	if len(body) > cx.MaxResponseBytes {
		return &cx.SizeError{Bytes: len(body)}
	}
	v := jsontext.Value(bytes.TrimSpace(body))
	if len(v) == 0 {
		return errors.New("the body is empty; want a WebhookResponse as JSON")
	}
	if !v.IsValid() {
		return errors.New("malformed JSON: a syntax error, a duplicate member or invalid UTF-8")
	}
	if v.Kind() != '{' {
		return errors.New("want a JSON object")
	}
	var w wire
	canonical := w.value(v, reflect.TypeFor[cx.Response](), "")
	if w.problems != nil {
		return errors.Join(w.problems...)
	}
	resp := new(cx.Response)
	if err := json.Unmarshal(canonical, resp); err != nil {
		// What is left after wire's checks are two members of a oneof.
		var semantic *json.SemanticError
		if errors.As(err, &semantic) && semantic.Err != nil {
			return fmt.Errorf("%s: %w", dotted(string(semantic.JSONPointer)), semantic.Err)
		}
		return err
	}
	return resp.Check()
}

// dotted writes a JSON Pointer as this package writes paths.
func dotted(pointer string) string {
	var b strings.Builder
	for token := range jsontext.Pointer(pointer).Tokens() {
		if strings.Trim(token, "0123456789") == "" {
			b.WriteString("[" + token + "]")
			continue
		}
		b.WriteString("." + token)
	}
	return strings.TrimPrefix(b.String(), ".")
}

// wire reads JSON by cx's types as Google reads it by the proto's.
type wire struct{ problems []error }

func (w *wire) problem(path, format string, args ...any) {
	w.problems = append(w.problems, fmt.Errorf("%s: "+format, append([]any{path}, args...)...))
}

// enums has the names of values, and the one that stands for none.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[cx.MergeBehavior]():  {"MERGE_BEHAVIOR_UNSPECIFIED", "APPEND", "REPLACE"},
	reflect.TypeFor[cx.ParameterState](): {"PARAMETER_STATE_UNSPECIFIED", "EMPTY", "INVALID", "FILLED"},
	reflect.TypeFor[cx.ResponseType]():   {"RESPONSE_TYPE_UNSPECIFIED", "ENTRY_PROMPT", "PARAMETER_PROMPT", "HANDLER_PROMPT"},
}

// objects are the members that hold a google.protobuf.Struct; every other raw one
// is a google.protobuf.Value.
var objects = []string{"payload", "metadata", "inputParameters"}

// value gives v with the names that cx decodes, and notes what does not fit.
func (w *wire) value(v jsontext.Value, t reflect.Type, path string) jsontext.Value {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	want := ""
	switch kind := v.Kind(); {
	case t == reflect.TypeFor[jsontext.Value]():
		last := path[strings.LastIndexByte(path, '.')+1:]
		if slices.Contains(objects, last) && kind != '{' {
			want = "an object"
		}
	case enums[t] != nil:
		if kind == '0' {
			return jsontext.Value(`""`)
		}
		if kind != '"' || !slices.Contains(enums[t], text(v)) {
			want = "one of " + strings.Join(enums[t][1:], ", ")
		} else if text(v) == enums[t][0] {
			return jsontext.Value(`""`)
		}
	case t.Kind() == reflect.String && kind != '"':
		want = "a text"
	case t.Kind() == reflect.Bool && kind != 't' && kind != 'f':
		want = "a boolean"
	case t.Kind() == reflect.Float64 && kind != '0':
		want = "a number"
	case t == reflect.TypeFor[[]byte]():
		if kind != '"' {
			want = "a text in base64"
		} else if _, err := base64.StdEncoding.DecodeString(text(v)); err != nil {
			want = "a text in base64"
		}
	case t.Kind() == reflect.Slice:
		if kind == '[' {
			return w.list(v, t, path)
		}
		want = "a list"
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		if kind == '{' {
			return w.object(v, t, path)
		}
		want = "an object"
	}
	if want != "" {
		w.problem(path, "want %s, have %s", want, kindOf(v))
	}
	return v
}

func (w *wire) list(v jsontext.Value, t reflect.Type, path string) jsontext.Value {
	var items []jsontext.Value
	if err := json.Unmarshal(v, &items); err != nil {
		w.problem(path, "malformed JSON")
		return v
	}
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.Kind() == 'n' {
			w.problem(at, "null in a list")
			continue
		}
		items[i] = w.value(item, t.Elem(), at)
	}
	out, _ := json.Marshal(items)
	return out
}

func (w *wire) object(v jsontext.Value, t reflect.Type, path string) jsontext.Value {
	members := map[string]jsontext.Value{}
	dec := jsontext.NewDecoder(bytes.NewReader(v))
	dec.ReadToken()
	for dec.PeekKind() == '"' {
		quoted, _ := dec.ReadToken()
		name := quoted.String()
		raw, err := dec.ReadValue()
		if err != nil {
			w.problem(path, "malformed JSON")
			return v
		}
		value := raw.Clone()
		at := strings.TrimPrefix(path+"."+name, ".")
		if t.Kind() == reflect.Map {
			members[name] = value
			continue
		}
		field, ok := fieldOf(t, name)
		if !ok {
			w.problem(at, "Dialogflow knows no such member")
			continue
		}
		canonical := jsonName(field)
		if value.Kind() == 'n' && (field.Type != reflect.TypeFor[jsontext.Value]() || slices.Contains(objects, canonical)) {
			continue // null is absence, except in a google.protobuf.Value
		}
		if members[canonical] != nil {
			w.problem(at, "the member occurs in both spellings")
			continue
		}
		members[canonical] = w.value(value, field.Type, strings.TrimPrefix(path+"."+canonical, "."))
	}
	out, _ := json.Marshal(members, json.Deterministic(true))
	return out
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// fieldOf gives the field with this name in camelCase or snake_case.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if n := jsonName(f); n != "" && n != "-" && (n == name || snake(n) == name) {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func snake(camel string) string {
	var b strings.Builder
	for _, c := range camel {
		if 'A' <= c && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

func text(v jsontext.Value) string {
	b, _ := jsontext.AppendUnquote(nil, v)
	return string(b)
}

func kindOf(v jsontext.Value) string {
	switch v.Kind() {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case '[':
		return "a list"
	default:
		return "an object"
	}
}
