package cx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// DecodeRequest reads a WebhookRequest. It is exact: member names are
// case-sensitive, and duplicate members, invalid UTF-8 and two members of a
// oneof are refused. Unknown members are ignored. Errors are a *DecodeError. The
// Request does not alias body.
func DecodeRequest(body []byte) (*Request, error) {
	req := new(Request)
	if err := json.Unmarshal(body, &copied{req, string(body)}); err != nil {
		return nil, decodeError(err)
	}
	return req, nil
}

// copied is a request to be read, and a copy of the whole body: all texts are parts
// of the one copy, which is cheaper than a copy for each.
type copied struct {
	req  *Request
	body string
}

func (c *copied) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return c.req.read(source{dec, c.body})
}

// source is what a request is read from.
type source struct {
	*jsontext.Decoder
	body string // that the decoder reads, from the first byte; "" if that is not known
}

// text gives what the string says that was read last. Where the body has it as it
// is, without escapes, it is the body's.
func (s source) text(said []byte) string {
	if end := int(s.InputOffset()) - len(`"`); s.body != "" && s.body[end-len(said):end] == string(said) {
		return s.body[end-len(said) : end]
	}
	return string(said)
}

// DecodeError says why a body is refused: where in it, and what is wrong. It holds
// nothing of the body but the names of members on the way there.
type DecodeError struct {
	Path   string // JSON Pointer (RFC 6901); "" is the body as a whole
	Offset int64  // in bytes
	Reason string
}

func (e *DecodeError) Error() string {
	path := e.Path
	if path == "" {
		path = "/"
	}
	return fmt.Sprintf("%s at byte %d: %s", clip(path), e.Offset, e.Reason)
}

// fault is a reason of our own for which a body is refused.
type fault string

func (f fault) Error() string { return string(f) }

// refuse skips the next value and says why it is refused, and where.
func refuse(dec *jsontext.Decoder, reason string) error {
	if err := dec.SkipValue(); err != nil {
		return err
	}
	return &json.SemanticError{ByteOffset: dec.InputOffset(), JSONPointer: dec.StackPointer(), Err: fault(reason)}
}

// decodeError keeps of the JSON library's error what is not an end user's: its
// text may quote the value.
func decodeError(err error) error {
	e := &DecodeError{Reason: "malformed JSON"}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		e.Path, e.Offset = string(semantic.JSONPointer), semantic.ByteOffset
		e.Reason = "a value of another type than wanted"
		if semantic.JSONKind != 0 && semantic.GoType != nil {
			e.Reason = "want " + wanted(semantic.GoType) + ", have " + haveKind(semantic.JSONKind)
		}
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		e.Path, e.Offset, e.Reason = string(syntactic.JSONPointer), syntactic.ByteOffset, "malformed JSON"
	}
	var own fault
	switch {
	case errors.As(err, &own):
		e.Reason = string(own)
	case errors.Is(err, jsontext.ErrDuplicateName):
		e.Reason = "the member occurs twice"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Reason = "the JSON ends too early"
	}
	return e
}

// wanted names what a Go type takes, as JSON has it.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "a boolean"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "an object"
	default:
		return "a number"
	}
}

// decodeObject reads an object: each of its members is read by member, which may
// use the name until it reads on. null stands for no object at all.
func decodeObject(dec source, member func(name []byte) error) error {
	switch dec.PeekKind() {
	case 'n':
		return dec.SkipValue()
	case '{':
	default:
		return refuse(dec.Decoder, "want an object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := member(contents(name)); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// contents gives what a JSON string says.
func contents(quoted jsontext.Value) []byte {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		text, _ := jsontext.AppendUnquote(nil, quoted) // the decoder has checked it
		return text
	}
	return quoted[1 : len(quoted)-1]
}

// A reader reads the next value into a variable. The readers here do what
// json.UnmarshalDecode does, and leave to it what is not of the kind that one
// expects; they save its reflection, a fifth of the time of decoding a request.
type reader[T any] func(source, *T) error

func readAny[T any](dec source, into *T) error { return json.UnmarshalDecode(dec.Decoder, into) }

func readText[T ~string](dec source, into *T) error {
	if dec.PeekKind() != '"' {
		return json.UnmarshalDecode(dec.Decoder, into)
	}
	v, err := dec.ReadValue()
	if err == nil {
		*into = T(dec.text(contents(v)))
	}
	return err
}

func readValue(dec source, into *jsontext.Value) (err error) {
	*into, err = nextValue(dec)
	return err
}

func nextValue(dec source) (jsontext.Value, error) {
	v, err := dec.ReadValue()
	return v.Clone(), err
}

// readStruct reads a google.protobuf.Struct: an object, or null for none.
func readStruct(dec source, into *jsontext.Value) error {
	switch dec.PeekKind() {
	case 'n':
		return dec.SkipValue()
	case '{':
		return readValue(dec, into)
	default:
		return refuse(dec.Decoder, "want an object")
	}
}

func readList[T any](dec source, into *[]T, element reader[T]) error {
	if dec.PeekKind() != '[' {
		return json.UnmarshalDecode(dec.Decoder, into)
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	list := make([]T, 0, 2)
	for dec.PeekKind() != ']' {
		list = append(list, *new(T))
		if err := element(dec, &list[len(list)-1]); err != nil {
			return err
		}
	}
	*into = list
	_, err := dec.ReadToken()
	return err
}

func readMap[M ~map[string]T, T any](dec source, into *M, next func(source) (T, error)) error {
	if dec.PeekKind() != '{' {
		return json.UnmarshalDecode(dec.Decoder, into)
	}
	m := M{}
	*into = m
	return decodeObject(dec, func(name []byte) (err error) {
		key := dec.text(name)
		m[key], err = next(dec)
		return err
	})
}

func readPointer[T any](dec source, into **T, element reader[T]) error {
	if dec.PeekKind() == 'n' {
		return dec.SkipValue()
	}
	*into = new(T)
	return element(dec, *into)
}

// oneof reads a member of which an object may have one: seen remembers the first.
// null is no member.
func oneof[T any](dec source, seen *string, name string, into *T, read reader[T]) error {
	if dec.PeekKind() == 'n' {
		return dec.SkipValue()
	}
	if *seen != "" {
		return refuse(dec.Decoder, *seen+" and "+name+" are both set; want one at most")
	}
	*seen = name
	return read(dec, into)
}
