package cx

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeFunc sets dst from one JSON value.
type decodeFunc func(v jsontext.Value, dst reflect.Value) *mismatch

// mismatch is a value that does not fit: where in it, what would have fitted, and
// what kind of value came.
type mismatch struct{ path, want, have string }

// decoder is a compiled type.
type decoder struct {
	decode  decodeFunc
	want    string      // what fits, in words
	values  []string    // of an enumeration
	members []Parameter // of a struct
}

// have names a value by its kind: parameters are what an end user said, and errors
// go to the log.
func have(v jsontext.Value) string { return haveKind(v.Kind()) }

func haveKind(k jsontext.Kind) string {
	switch k {
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

var (
	typeRaw      = reflect.TypeFor[jsontext.Value]()
	typeDuration = reflect.TypeFor[time.Duration]()
	typeTime     = reflect.TypeFor[time.Time]()
	typeV2       = reflect.TypeFor[json.UnmarshalerFrom]()
	typeV1       = reflect.TypeFor[json.Unmarshaler]()
	typeText     = reflect.TypeFor[encoding.TextUnmarshaler]()
	typeEnum     = reflect.TypeFor[enumeration]()
)

// isPlainStruct says whether a struct is bound member by member, not as a value.
func isPlainStruct(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t != typeTime && !p.Implements(typeV2) && !p.Implements(typeV1) && !p.Implements(typeText)
}

// enumeration is a Go string type that lists its values.
type enumeration interface{ Values() []string }

// decoderOf compiles a type. within are the structs that t is a part of.
func decoderOf(t reflect.Type, within []reflect.Type) (*decoder, error) {
	p := reflect.PointerTo(t)
	switch {
	case t == typeRaw:
		return &decoder{want: "any value", decode: func(v jsontext.Value, dst reflect.Value) *mismatch {
			dst.SetBytes(slices.Clone(v))
			return nil
		}}, nil
	case t == typeDuration:
		return &decoder{want: "a duration", decode: decodeDuration}, nil
	case t.Kind() == reflect.String && p.Implements(typeEnum):
		return enumDecoder(reflect.New(t).Interface().(enumeration).Values())
	case p.Implements(typeV2), p.Implements(typeV1), p.Implements(typeText), t == typeTime:
		return selfDecoder(t), nil
	}
	switch t.Kind() {
	case reflect.String:
		return &decoder{want: "a text", decode: decodeString}, nil
	case reflect.Bool:
		return &decoder{want: "a boolean", decode: decodeBool}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &decoder{want: "an integer", decode: decodeInt}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &decoder{want: "an integer of 0 or more", decode: decodeUint}, nil
	case reflect.Float32, reflect.Float64:
		return &decoder{want: "a number", decode: decodeFloat}, nil
	case reflect.Pointer:
		return pointerDecoder(t, within)
	case reflect.Slice:
		return sliceDecoder(t, within)
	case reflect.Map:
		return mapDecoder(t, within)
	case reflect.Struct:
		return structDecoder(t, within)
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return selfDecoder(t), nil
		}
	}
	return nil, fmt.Errorf("a %s cannot be bound to a parameter", t)
}

// selfDecoder is for types that decode themselves.
func selfDecoder(t reflect.Type) *decoder {
	want := "any value"
	if t.Kind() != reflect.Interface {
		want = "a " + t.Name()
		if w, ok := reflect.New(t).Interface().(interface{ want() string }); ok {
			want = w.want()
		}
	}
	return &decoder{want: want, decode: func(v jsontext.Value, dst reflect.Value) *mismatch {
		if err := json.Unmarshal(v, dst.Addr().Interface()); err != nil {
			m := &mismatch{want: want, have: have(v)}
			var own *mismatch
			if errors.As(err, &own) {
				m.have = own.have
			}
			return m
		}
		return nil
	}}
}

func (m *mismatch) Error() string { return "want " + m.want + ", have " + m.have }

func enumDecoder(values []string) (*decoder, error) {
	if len(values) == 0 {
		return nil, errors.New("the enumeration has no values")
	}
	want := "one of " + strings.Join(values, ", ")
	return &decoder{want: want, values: values, decode: func(v jsontext.Value, dst reflect.Value) *mismatch {
		if v.Kind() != '"' {
			return &mismatch{want: want, have: have(v)}
		}
		s := unquote(v)
		if !slices.Contains(values, s) {
			return &mismatch{want: want, have: "another text"}
		}
		dst.SetString(s)
		return nil
	}}, nil
}

// unquote gives the text of a JSON string that a decoder has already accepted.
func unquote(v jsontext.Value) string {
	if !slices.Contains(v, '\\') {
		return string(v[1 : len(v)-1])
	}
	b, _ := jsontext.AppendUnquote(nil, v)
	return string(b)
}

func decodeString(v jsontext.Value, dst reflect.Value) *mismatch {
	if v.Kind() != '"' {
		return &mismatch{want: "a text", have: have(v)}
	}
	dst.SetString(unquote(v))
	return nil
}

func decodeBool(v jsontext.Value, dst reflect.Value) *mismatch {
	switch v.Kind() {
	case 't':
		dst.SetBool(true)
	case 'f':
		dst.SetBool(false)
	default:
		return &mismatch{want: "a boolean", have: have(v)}
	}
	return nil
}

// maxExact is the largest integer that a double, which all of Dialogflow's numbers
// are, tells from its neighbours.
const maxExact = 1 << 53

// integer gives an integral number, however it is spelt: 2, 2.0 and 2e0.
func integer(v jsontext.Value) (float64, *mismatch) {
	if v.Kind() != '0' {
		return 0, &mismatch{want: "an integer", have: have(v)}
	}
	f, err := strconv.ParseFloat(string(v), 64)
	switch {
	case err != nil || math.Abs(f) > maxExact:
		return 0, &mismatch{want: "an integer up to 2^53", have: "a larger number"}
	case f != math.Trunc(f):
		return 0, &mismatch{want: "an integer", have: "a number with a fraction"}
	}
	return f, nil
}

func decodeInt(v jsontext.Value, dst reflect.Value) *mismatch {
	f, m := integer(v)
	if m != nil {
		return m
	}
	if dst.OverflowInt(int64(f)) {
		return &mismatch{want: fmt.Sprintf("an integer of %d bits", dst.Type().Bits()), have: "a larger number"}
	}
	dst.SetInt(int64(f))
	return nil
}

func decodeUint(v jsontext.Value, dst reflect.Value) *mismatch {
	f, m := integer(v)
	if m != nil {
		return m
	}
	if f < 0 {
		return &mismatch{want: "an integer of 0 or more", have: "a negative number"}
	}
	if dst.OverflowUint(uint64(f)) {
		return &mismatch{want: fmt.Sprintf("an integer of %d bits", dst.Type().Bits()), have: "a larger number"}
	}
	dst.SetUint(uint64(f))
	return nil
}

func decodeFloat(v jsontext.Value, dst reflect.Value) *mismatch {
	if v.Kind() != '0' {
		return &mismatch{want: "a number", have: have(v)}
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || dst.OverflowFloat(f) {
		return &mismatch{want: "a number", have: "a larger number"}
	}
	dst.SetFloat(f)
	return nil
}

func pointerDecoder(t reflect.Type, within []reflect.Type) (*decoder, error) {
	elem, err := decoderOf(t.Elem(), within)
	if err != nil {
		return nil, err
	}
	d := *elem
	d.decode = func(v jsontext.Value, dst reflect.Value) *mismatch {
		if v.Kind() == 'n' {
			return nil
		}
		p := reflect.New(t.Elem())
		if m := elem.decode(v, p.Elem()); m != nil {
			return m
		}
		dst.Set(p)
		return nil
	}
	return &d, nil
}

func sliceDecoder(t reflect.Type, within []reflect.Type) (*decoder, error) {
	elem, err := decoderOf(t.Elem(), within)
	if err != nil {
		return nil, err
	}
	want := "a list of " + strings.TrimPrefix(strings.TrimPrefix(elem.want, "a "), "an ")
	return &decoder{want: want, values: elem.values, members: elem.members, decode: func(v jsontext.Value, dst reflect.Value) *mismatch {
		var items []jsontext.Value
		if v.Kind() != '[' || json.Unmarshal(v, &items) != nil {
			return &mismatch{want: want, have: have(v)}
		}
		list := reflect.MakeSlice(t, len(items), len(items))
		for i, item := range items {
			if m := elem.decode(item, list.Index(i)); m != nil {
				m.path = "[" + strconv.Itoa(i) + "]" + m.path
				return m
			}
		}
		dst.Set(list)
		return nil
	}}, nil
}

func mapDecoder(t reflect.Type, within []reflect.Type) (*decoder, error) {
	if t.Key().Kind() != reflect.String {
		return nil, fmt.Errorf("a %s cannot be bound to a parameter: its keys are not strings", t)
	}
	elem, err := decoderOf(t.Elem(), within)
	if err != nil {
		return nil, err
	}
	return &decoder{want: "an object", decode: func(v jsontext.Value, dst reflect.Value) *mismatch {
		members, m := membersOf(v)
		if m != nil {
			return m
		}
		out := reflect.MakeMapWithSize(t, len(members))
		for name, value := range members {
			e := reflect.New(t.Elem()).Elem()
			if m := elem.decode(value, e); m != nil {
				m.path = "." + clip(name) + m.path
				return m
			}
			out.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), e)
		}
		dst.Set(out)
		return nil
	}}, nil
}

func membersOf(v jsontext.Value) (map[string]jsontext.Value, *mismatch) {
	var members map[string]jsontext.Value
	if v.Kind() != '{' || json.Unmarshal(v, &members) != nil {
		return nil, &mismatch{want: "an object", have: have(v)}
	}
	return members, nil
}

// structDecoder binds an object's members by the same tags as the parameters
// themselves; form, intent and original mean nothing there and are refused.
func structDecoder(t reflect.Type, within []reflect.Type) (*decoder, error) {
	if slices.Contains(within, t) {
		return nil, fmt.Errorf("a %s holds itself; want jsontext.Value for such a part", t)
	}
	scratch := new(Bound)
	bd := compile(t, scratch, within)
	if len(scratch.problems) > 0 {
		return nil, errors.Join(scratch.problems...)
	}
	for _, f := range bd.fields {
		if f.source != FromSession {
			return nil, fmt.Errorf("member %q of an object: it cannot come from the %s", f.name, f.source)
		}
	}
	return &decoder{want: "an object", members: scratch.params, decode: func(v jsontext.Value, dst reflect.Value) *mismatch {
		members, m := membersOf(v)
		if m != nil {
			return m
		}
		for i := range bd.fields {
			f := &bd.fields[i]
			value := members[f.name]
			if !isSet(value) {
				if f.required {
					return &mismatch{path: "." + f.name, want: f.want, have: "nothing"}
				}
				if value = f.fallback; value == nil {
					continue
				}
			}
			if m := f.decode(value, dst.FieldByIndex(f.index)); m != nil {
				m.path = "." + f.name + m.path
				return m
			}
		}
		return nil
	}}, nil
}
