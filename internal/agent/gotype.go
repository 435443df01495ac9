package agent

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxValues is how long an enumeration may be; a longer one is a text.
const maxValues = 50

// goType is the Go type of a parameter.
type goType struct {
	name   string // as Go has it, without a pointer
	list   bool
	values []string // of an enumeration of ours
	fields []goField
	entity string // the entity type that enumeration or struct is of
	sample string // a JSON value that fits
}

// goField is a member of a composite entity type.
type goField struct {
	alias string
	typ   goType
}

func (t goType) String() string {
	if t.list {
		return "[]" + t.name
	}
	return t.name
}

// The types that are not of an entity type of the agent's own.
var (
	typeAny    = goType{name: "jsontext.Value", sample: `"anything"`}
	typeText   = goType{name: "cx.Text", sample: `"something"`}
	typeString = goType{name: "string", sample: `"something"`}
	typeFloat  = goType{name: "float64", sample: `2.5`}
	typeInt    = goType{name: "int", sample: `2`}
	typeBool   = goType{name: "bool", sample: `true`}
	typeAmount = goType{name: "cx.Amount", sample: `{"amount":2,"unit":"h"}`}
)

// systemTypes are those of Google's entity types; what is missing may be anything.
// Numbers that are names (telephone, zip code) come as texts or as numbers.
//
// Source: https://cloud.google.com/dialogflow/cx/docs/reference/system-entities
var systemTypes = map[string]goType{
	"any": typeText, "number": typeFloat, "number-integer": typeInt, "cardinal": typeInt, "ordinal": typeInt,
	"number-sequence": typeText, "flight-number": typeText, "zip-code": typeText, "phone-number": typeText, "percentage": typeText,
	"date":      {name: "cx.Date", sample: `{"year":2026,"month":12,"day":1}`},
	"time":      {name: "cx.TimeOfDay", sample: `{"hours":15,"minutes":30,"seconds":0,"nanos":0}`},
	"date-time": {name: "cx.DateTime", sample: `{"year":2026,"month":12,"day":1,"hours":15,"minutes":30,"seconds":0,"nanos":0}`},
	"duration":  typeAmount, "age": typeAmount, "temperature": typeAmount, "currency": typeAmount,
	"person":   {name: "cx.Person", sample: `{"name":"Ada","original":"Ada"}`},
	"location": {name: "cx.Location", sample: `{"city":"Berlin","original":"Berlin"}`},
	"email":    {name: "string", sample: `"ada@example.com"`}, "url": {name: "string", sample: `"https://example.com/"`},
	"given-name": typeString, "last-name": typeString, "color": typeString, "language": typeString, "address": typeString, "street-address": typeString,
	"geo-city": typeString, "geo-city-us": typeString, "geo-city-gb": typeString, "geo-country": typeString, "geo-state": typeString, "geo-capital": typeString,
	"place-attraction": typeString, "airport": typeString,
}

// typeOf gives the type of an entity type's values.
func (g *generator) typeOf(entity string, list bool) goType {
	t := g.single(entity, 0)
	if list {
		t.list, t.sample = true, "["+t.sample+"]"
	}
	return t
}

// single is typeOf without lists. A composite type is followed one level down.
func (g *generator) single(entity string, depth int) goType {
	name := strings.TrimPrefix(entity, "@")
	if system, ok := strings.CutPrefix(name, "sys."); ok {
		switch t, known := systemTypes[system]; {
		case known:
			return t
		case strings.HasPrefix(system, "unit-"):
			return typeAmount
		}
		return typeAny
	}
	e := g.agent.EntityType(name)
	switch {
	case e == nil:
		return typeAny
	case e.Kind == KindRegexp:
		return typeText
	}
	values, composite, plain := []string{}, false, false
	fields := map[string]goField{}
	var order []string
	for _, entity := range e.Entities {
		if entity == nil {
			continue
		}
		texts := []string{string(entity.Value)}
		if e.Kind == KindMap {
			for _, s := range entity.Synonyms {
				texts = append(texts, string(s))
			}
		}
		isComposite := false
		for _, text := range texts {
			for _, m := range entityRef.FindAllStringSubmatch(text, -1) {
				isComposite = true
				alias := m[2]
				if alias == "" {
					alias = strings.TrimPrefix(m[1], "sys.")
				}
				if _, seen := fields[alias]; !seen && depth == 0 {
					fields[alias] = goField{alias, g.single(m[1], depth+1)}
					order = append(order, alias)
				}
			}
		}
		composite = composite || isComposite
		plain = plain || !isComposite
		if v := string(entity.Value); !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	switch {
	case composite && (plain || depth > 0):
		return typeAny
	case composite:
		t := goType{entity: name}
		var sample []string
		for _, alias := range order {
			t.fields = append(t.fields, fields[alias])
			sample = append(sample, strconv.Quote(alias)+":"+fields[alias].typ.sample)
		}
		t.name, t.sample = g.typeName(name), "{"+strings.Join(sample, ",")+"}"
		return t
	case len(values) == 0 || len(values) > maxValues || e.AutoExpansion != "" && e.AutoExpansion != "AUTO_EXPANSION_MODE_UNSPECIFIED" || slices.ContainsFunc(values, numeric.MatchString):
		return typeText
	}
	sample, _ := jsontext.AppendQuote(nil, values[0])
	return goType{name: g.typeName(name), values: values, entity: name, sample: string(sample)}
}

var (
	entityRef = regexp.MustCompile(`@([\p{L}\p{N}_.-]+)(?::([\p{L}\p{N}_-]+))?`)
	numeric   = regexp.MustCompile(`^[+-]?[0-9.,]+$`)
)

// parameterType gives the type of a session parameter: what all that sets it, and all
// values that test cases have recorded of it, have in common.
func (g *generator) parameterType(name string) goType {
	var t goType
	join := func(other goType) {
		if t.name == "" {
			t = other
		} else {
			t = common(t, other)
		}
	}
	for _, s := range g.parameters.Set[Ref{InSession, name}] {
		switch s.Kind {
		case "form", "intent":
			join(g.typeOf(s.EntityType, s.IsList))
		case "preset":
			if s.Value.Kind() != 'n' {
				join(typeOfValue(s.Value))
			}
		default:
			join(typeAny)
		}
	}
	switch {
	case t.name == "":
		t = g.comparedType(name)
	case t.name == "string" && t.entity == "" && slices.ContainsFunc(g.parameters.Set[Ref{InSession, name}], func(s Setter) bool { return s.Kind == "preset" }):
		t = typeText // one text that it is set to says little of the others
	}
	for _, v := range g.recorded[name] {
		if !t.fits(v) {
			t = common(t, typeOfValue(v))
			if !t.fits(v) {
				return typeAny
			}
		}
	}
	return t
}

// comparedType gives the type of a parameter that nothing in the agent sets, by what
// conditions compare it with.
func (g *generator) comparedType(name string) goType {
	var t goType
	compared := regexp.MustCompile(`\$session\.params\.` + regexp.QuoteMeta(name) + `\s*(?:!=|[<>]=?|=)\s*("(?:[^"\\]|\\.)*"|[^\s()]+)`)
	g.agent.conditions(func(_ *Step, _ Location, condition string) {
		for _, m := range compared.FindAllStringSubmatch(condition, -1) {
			other := typeText
			switch word := strings.ToLower(m[1]); {
			case word == "null", word == `""`:
				continue
			case word == "true", word == "false":
				other = typeBool
			case numeric.MatchString(word):
				other = typeFloat
			case strings.HasPrefix(word, "$"):
				other = typeAny
			}
			if t.name == "" {
				t = other
			} else {
				t = common(t, other)
			}
		}
	})
	if t.name == "" {
		return typeAny
	}
	return t
}

// typeOfValue gives the type of a value that stands in the agent. A text with a
// reference may become anything.
func typeOfValue(v jsontext.Value) goType {
	switch v.Kind() {
	case '"':
		if text := textOf(v); !strings.Contains(text, "$") {
			return goType{name: "string", values: []string{text}, sample: string(v)}
		}
	case '0':
		return typeFloat
	case 't', 'f':
		return typeBool
	}
	return typeAny
}

func textOf(v jsontext.Value) string {
	b, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return ""
	}
	return string(b)
}

// common is a type that takes the values of both.
func common(a, b goType) goType {
	if a.name == b.name && a.list == b.list {
		if a.entity == "" {
			a.values = nil // two literals
		}
		return a
	}
	text := func(t goType) bool {
		return !t.list && (t.name == "string" || t.name == "cx.Text" || t.values != nil)
	}
	number := func(t goType) bool { return !t.list && (t.name == "int" || t.name == "float64") }
	switch {
	case text(a) && text(b):
		for _, pair := range [][2]goType{{a, b}, {b, a}} { // a literal that the enumeration has
			if pair[0].entity != "" && pair[1].entity == "" && len(pair[1].values) == 1 && slices.Contains(pair[0].values, pair[1].values[0]) {
				return pair[0]
			}
		}
		return typeText
	case number(a) && number(b):
		return typeFloat
	case number(a) && b.name == "cx.Text" && !b.list, number(b) && a.name == "cx.Text" && !a.list:
		return typeText
	}
	return typeAny
}

// fits says whether a recorded value can be bound to the type.
func (t goType) fits(v jsontext.Value) bool {
	k := v.Kind()
	switch {
	case k == 'n' || t.name == typeAny.name && !t.list:
		return true
	case t.list:
		return k == '['
	case t.entity != "" && t.values != nil:
		return k == '"' && slices.Contains(t.values, textOf(v))
	case t.name == "string":
		return k == '"'
	case t.name == "cx.Text":
		return k == '"' || k == '0'
	case t.name == "float64":
		return k == '0'
	case t.name == "int":
		return k == '0' && !strings.ContainsAny(string(v), ".eE")
	case t.name == "bool":
		return k == 't' || k == 'f'
	case t.name == "cx.Person", t.name == "cx.Location":
		return k == '{' || k == '"'
	default:
		return k == '{'
	}
}
