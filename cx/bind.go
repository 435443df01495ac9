package cx

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Source is where a parameter is read from.
type Source string

// The sources of parameters.
const (
	FromSession  Source = "session"  // sessionInfo.parameters
	FromForm     Source = "form"     // the current page's form
	FromIntent   Source = "intent"   // the matched intent, resolved
	FromOriginal Source = "original" // the matched intent, the end user's words
)

// Parameter describes a parameter that a bound handler takes.
type Parameter struct {
	Name     string
	Source   Source
	Type     string // as "an integer", "a text", "a list"
	Required bool
	Default  string   // as written in the tag
	Values   []string // of an enumeration
	Members  []Parameter
}

// Bound is a Handler with typed parameters: see Bind.
type Bound struct {
	serve    HandlerFunc
	params   []Parameter
	problems []error // why P cannot be bound; the Mux reports them
}

// Serve binds the parameters and calls the function.
func (b *Bound) Serve(ctx context.Context, req *Request) (*Response, error) { return b.serve(ctx, req) }

// Parameters lists what the handler takes, in the order of P's fields.
func (b *Bound) Parameters() []Parameter { return slices.Clone(b.params) }

// Bind makes a Handler of a function whose parameters are the struct P. P is
// compiled once, here; what cannot be bound is reported by Mux.Handler. The
// fields say where they come from:
//
//	type Order struct {
//		Color string  `cx:"color"`               // session parameter, required
//		Size  Size    `cx:"size,default=medium"` // a type with a Values method is an enumeration
//		Count int     `cx:"count,optional"`      // 0 if missing; 2 and 2.0 fit
//		Gift  *string `cx:"gift"`                // nil if missing
//		Zip   cx.Text `cx:"zip,form"`            // of the current page's form; text or number
//		City  string  `cx:"city,intent"`         // of the matched intent, resolved
//		Said  string  `cx:"city,original"`       // the same in the end user's words
//		Extra Extra   // an embedded or untagged struct: its fields belong to P
//		notes []string // unexported fields and those tagged "-" are left alone
//	}
//
// Names are case-sensitive and exact. null, and EMPTY in a form, count as missing.
// A field may be a string, bool, integer, float, a pointer, slice, map with string
// keys or struct of these, jsontext.Value for the raw JSON, time.Duration, the
// types of this package (Text, Date, …), and whatever decodes itself from JSON or
// text. Text never becomes a number.
//
// If P has a method Validate() error, it is called on the bound parameters; its
// error is the handler's: see Invalid.
//
// All parameters that are missing or wrong are reported together, as a BindError.
// If all of them are in the current page's form, the answer sends the end user
// back there; else the call fails with 400.
func Bind[P any](f func(context.Context, *Request, P) (*Response, error)) *Bound {
	b := new(Bound)
	binder := compile(reflect.TypeFor[P](), b, nil)
	if m, ok := reflect.TypeFor[*P]().MethodByName("Validate"); ok && !reflect.TypeFor[*P]().Implements(reflect.TypeFor[validator]()) {
		b.problems = append(b.problems, fmt.Errorf("method %s.Validate is a %s and would not be called; want func() error", reflect.TypeFor[P](), m.Type))
	}
	if f == nil {
		b.problems = append(b.problems, errors.New("the function is nil"))
	}
	b.serve = func(ctx context.Context, req *Request) (*Response, error) {
		p := new(P)
		if err := binder.bind(req, reflect.ValueOf(p).Elem()); err != nil {
			return nil, err
		}
		if v, ok := any(p).(validator); ok {
			if err := v.Validate(); err != nil {
				return nil, err
			}
		}
		return f(ctx, req, *p)
	}
	return b
}

type validator interface{ Validate() error }

// binder fills a struct from a request. It is compiled once and then only read.
type binder struct{ fields []boundField }

type boundField struct {
	index    []int
	name     string
	source   Source
	required bool
	fallback jsontext.Value // the default; nil if there is none
	decode   decodeFunc
	want     string
}

func compile(t reflect.Type, b *Bound, within []reflect.Type) *binder {
	bd := new(binder)
	if t.Kind() != reflect.Struct {
		b.problems = append(b.problems, fmt.Errorf("parameters are a %s; want a struct", t))
		return bd
	}
	within = append(slices.Clip(within), t)
	seen := map[Source]map[string]bool{}
	var walk func(t reflect.Type, index []int)
	walk = func(t reflect.Type, index []int) {
		for i := range t.NumField() {
			f := t.Field(i)
			at := append(slices.Clone(index), i)
			tag, tagged := f.Tag.Lookup("cx")
			if tag == "-" {
				continue
			}
			if !tagged && f.Type.Kind() == reflect.Struct && (f.Anonymous || f.IsExported()) && isPlainStruct(f.Type) {
				walk(f.Type, at)
				continue
			}
			if !f.IsExported() {
				if tagged {
					b.problems = append(b.problems, fmt.Errorf("field %s.%s: it is tagged but not exported", t, f.Name))
				}
				continue
			}
			bf, p, err := compileField(f, tag, within)
			if err != nil {
				b.problems = append(b.problems, fmt.Errorf("field %s.%s: %w", t, f.Name, err))
				continue
			}
			if seen[bf.source] == nil {
				seen[bf.source] = map[string]bool{}
			}
			if seen[bf.source][bf.name] {
				b.problems = append(b.problems, fmt.Errorf("field %s.%s: the %s parameter %q is bound twice", t, f.Name, bf.source, bf.name))
			}
			seen[bf.source][bf.name] = true
			bf.index = at
			bd.fields = append(bd.fields, bf)
			b.params = append(b.params, p)
		}
	}
	walk(t, nil)
	return bd
}

// compileField reads a field's tag: name[,form|intent|original][,optional][,default=…].
func compileField(f reflect.StructField, tag string, within []reflect.Type) (boundField, Parameter, error) {
	name, options, _ := strings.Cut(tag, ",")
	bf := boundField{name: name, source: FromSession, required: f.Type.Kind() != reflect.Pointer}
	if name == "" {
		return bf, Parameter{}, errors.New(`no parameter is named; want a tag as cx:"size", or cx:"-" to leave the field alone`)
	}
	dec, err := decoderOf(f.Type, within)
	if err != nil {
		return bf, Parameter{}, err
	}
	bf.decode, bf.want = dec.decode, dec.want
	p := Parameter{Name: name, Type: dec.want, Values: dec.values, Members: dec.members}
	for options != "" {
		var option string
		if strings.HasPrefix(options, "default=") { // takes the rest: a default may have commas
			option, options = options, ""
		} else {
			option, options, _ = strings.Cut(options, ",")
		}
		switch {
		case option == "form":
			bf.source = FromForm
		case option == "intent":
			bf.source = FromIntent
		case option == "original":
			bf.source = FromOriginal
		case option == "optional":
			bf.required = false
		case strings.HasPrefix(option, "default="):
			p.Default = strings.TrimPrefix(option, "default=")
			if bf.fallback, err = fallbackOf(p.Default, f.Type, dec); err != nil {
				return bf, p, err
			}
			bf.required = false
		default:
			return bf, p, fmt.Errorf("option %q; have form, intent, original, optional and default=VALUE", option)
		}
	}
	p.Source, p.Required = bf.source, bf.required
	return bf, p, nil
}

// fallbackOf gives a default as JSON: the text itself if that is JSON which the
// field takes, else the text as a JSON string.
func fallbackOf(text string, t reflect.Type, dec *decoder) (jsontext.Value, error) {
	quoted, _ := jsontext.AppendQuote(nil, text)
	for _, v := range []jsontext.Value{jsontext.Value(text), quoted} {
		if v.IsValid() && dec.decode(v, reflect.New(t).Elem()) == nil {
			return v, nil
		}
	}
	return nil, fmt.Errorf("default %q: want %s", text, dec.want)
}

// bind fills dst, and reports everything that does not fit.
func (bd *binder) bind(req *Request, dst reflect.Value) error {
	var problems BindError
	for i := range bd.fields {
		f := &bd.fields[i]
		v := f.value(req)
		if !isSet(v) {
			if f.required {
				problems = append(problems, &ParameterError{f.source, f.name, f.want, "nothing", f.name})
				continue
			}
			if v = f.fallback; v == nil {
				continue
			}
		}
		if err := f.decode(v, dst.FieldByIndex(f.index)); err != nil {
			problems = append(problems, &ParameterError{f.source, f.name + err.path, err.want, err.have, f.name})
		}
	}
	if problems != nil {
		return problems
	}
	return nil
}

// value is the parameter as it came; nil or null if it did not.
func (f *boundField) value(req *Request) jsontext.Value {
	switch f.source {
	case FromForm:
		if p := req.FormParameter(f.name); p != nil && p.State != StateEmpty {
			return p.Value
		}
	case FromIntent:
		if req.IntentInfo != nil {
			return req.IntentInfo.Parameters[f.name].ResolvedValue
		}
	case FromOriginal:
		if req.IntentInfo != nil {
			if original := req.IntentInfo.Parameters[f.name].OriginalValue; original != "" {
				quoted, err := jsontext.AppendQuote(nil, original)
				if err == nil {
					return quoted
				}
			}
		}
	default:
		return req.SessionInfo.Parameters[f.name]
	}
	return nil
}
