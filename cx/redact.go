package cx

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// RemoveParameter takes a parameter out of the request: out of the session's
// parameters, the intent's and the form's, and out of Raw. It is for secrets that
// travel as parameters. Removing it here does not remove it from Dialogflow.
//
// Raw is dropped as a whole if the parameter cannot be found in it.
func (r *Request) RemoveParameter(name string) {
	delete(r.SessionInfo.Parameters, name)
	if r.IntentInfo != nil {
		delete(r.IntentInfo.Parameters, name)
	}
	for i := range r.PageInfo.FormInfo.ParameterInfo {
		if p := &r.PageInfo.FormInfo.ParameterInfo[i]; p.DisplayName == name {
			p.Value = nil
		}
	}
	if r.Raw == nil {
		return
	}
	raw, err := removeFromBody(r.Raw, name)
	if err != nil { // not reached: the same bytes were decoded
		raw = nil
	}
	r.Raw = raw
}

// removeFromBody cuts the parameter out of a body; all other bytes stay as they
// came.
func removeFromBody(body []byte, name string) ([]byte, error) {
	without := func(v jsontext.Value) (jsontext.Value, error) { return cutMember(v, name) }
	body, err := editMember(body, "sessionInfo", func(v jsontext.Value) (jsontext.Value, error) {
		return editMember(v, "parameters", without)
	})
	if err == nil {
		body, err = editMember(body, "intentInfo", func(v jsontext.Value) (jsontext.Value, error) {
			return editMember(v, "parameters", without)
		})
	}
	if err == nil {
		body, err = editMember(body, "pageInfo", func(v jsontext.Value) (jsontext.Value, error) {
			return editMember(v, "formInfo", func(v jsontext.Value) (jsontext.Value, error) {
				return editMember(v, "parameterInfo", func(v jsontext.Value) (jsontext.Value, error) { return removeFromForm(v, name) })
			})
		})
	}
	return body, err
}

// removeFromForm cuts the value of one parameter out of a list of them.
func removeFromForm(list jsontext.Value, name string) (jsontext.Value, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(list))
	if dec.PeekKind() != '[' {
		return list, nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	for n := 0; dec.PeekKind() != ']'; n++ {
		element, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		var info struct {
			DisplayName string `json:"displayName"`
		}
		if element.Kind() != '{' || json.Unmarshal(element, &info) != nil || info.DisplayName != name {
			continue
		}
		end := int(dec.InputOffset())
		cut, err := cutMember(element, "value")
		if err != nil {
			return nil, err
		}
		edited := bytes.Join([][]byte{list[:end-len(element)], cut, list[end:]}, nil)
		if bytes.Equal(edited, list) {
			continue
		}
		return removeFromForm(edited, name) // it may be there again
	}
	return list, nil
}

// place is where a member is in an object's bytes.
type place struct {
	before   int // the end of what precedes the name: the brace, or the value before
	value    int // where the value begins
	end      int // where it ends
	first    bool
	present  bool
	lastByte int // the comma behind it, or the closing brace
}

// findMember looks for a member of the object; of anything else there is none.
func findMember(object jsontext.Value, name string) (p place, err error) {
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if dec.PeekKind() != '{' {
		return p, nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return p, err
	}
	for first := true; dec.PeekKind() != '}'; first = false {
		before := int(dec.InputOffset())
		quoted, err := dec.ReadValue()
		if err != nil {
			return p, err
		}
		found := string(contents(quoted)) == name
		value, err := dec.ReadValue()
		if err != nil {
			return p, err
		}
		if end := int(dec.InputOffset()); found {
			next := bytes.IndexAny(object[end:], ",}")
			if next < 0 {
				return p, errors.New("an object without an end")
			}
			return place{before: before, value: end - len(value), end: end, first: first, present: true, lastByte: end + next}, nil
		}
	}
	return p, nil
}

// editMember puts another value in the place of a member's.
func editMember(object jsontext.Value, name string, edit func(jsontext.Value) (jsontext.Value, error)) (jsontext.Value, error) {
	p, err := findMember(object, name)
	if err != nil || !p.present {
		return object, err
	}
	value, err := edit(object[p.value:p.end])
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{object[:p.value], value, object[p.end:]}, nil), nil
}

// cutMember takes a member out of an object, with the comma that joined it to the
// one before, or to the one behind if it was the first.
func cutMember(object jsontext.Value, name string) (jsontext.Value, error) {
	p, err := findMember(object, name)
	if err != nil || !p.present {
		return object, err
	}
	end := p.end
	if p.first && object[p.lastByte] == ',' {
		end = p.lastByte + 1
	}
	return bytes.Join([][]byte{object[:p.before], object[end:]}, nil), nil
}
