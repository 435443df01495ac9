package cx

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Text is a text that may have come as a number: Dialogflow sends the same
// parameter as 14165059687 in one call and as "14165059687" in the next. A whole
// number is written without fraction and exponent.
type Text string

// UnmarshalJSON takes a JSON string or number.
func (t *Text) UnmarshalJSON(b []byte) error {
	v := jsontext.Value(b)
	switch v.Kind() {
	case '"':
		*t = Text(unquote(v))
	case '0':
		if f, m := integer(v); m == nil {
			*t = Text(strconv.FormatFloat(f, 'f', -1, 64))
		} else {
			*t = Text(b)
		}
	default:
		return &mismatch{want: "a text or a number", have: have(v)}
	}
	return nil
}

func (*Text) want() string { return "a text or a number" }

// Date is the value of @sys.date. A part that was not said is 0.
type Date struct{ Year, Month, Day int }

// TimeOfDay is the value of @sys.time.
type TimeOfDay struct{ Hours, Minutes, Seconds, Nanos int }

// DateTime is the value of @sys.date-time: date and time as the end user said
// them, without a zone.
type DateTime struct {
	Date
	TimeOfDay
}

// Amount is a number with a unit: @sys.duration, @sys.unit-currency,
// @sys.unit-length and the like.
type Amount struct {
	Amount float64 `json:"amount"`
	Unit   string  `json:"unit,omitzero"` // as "min", "USD", "km"
}

// Person is the value of @sys.person.
type Person struct {
	Name     string `json:"name,omitzero"`
	Original string `json:"original,omitzero"`
}

// Location is the value of @sys.location, as far as it was said.
type Location struct {
	StreetAddress string `json:"street-address,omitzero"`
	City          string `json:"city,omitzero"`
	AdminArea     string `json:"admin-area,omitzero"`
	Country       string `json:"country,omitzero"`
	ZipCode       string `json:"zip-code,omitzero"`
	BusinessName  string `json:"business-name,omitzero"`
	Original      string `json:"original,omitzero"`
}

// On is the instant of a date and time at a place.
func (d DateTime) On(loc *time.Location) time.Time {
	return time.Date(d.Year, time.Month(d.Month), d.Day, d.Hours, d.Minutes, d.Seconds, d.Nanos, loc)
}

// On is the first instant of the date at a place.
func (d Date) On(loc *time.Location) time.Time {
	return time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, 0, 0, loc)
}

type wireDate struct {
	Year  float64 `json:"year,omitzero"`
	Month float64 `json:"month,omitzero"`
	Day   float64 `json:"day,omitzero"`
}

type wireTime struct {
	Hours   float64 `json:"hours"`
	Minutes float64 `json:"minutes"`
	Seconds float64 `json:"seconds"`
	Nanos   float64 `json:"nanos"`
}

// UnmarshalJSON takes {"year":2026,"month":12,"day":1}.
func (d *Date) UnmarshalJSON(b []byte) error {
	var w wireDate
	if err := unmarshalObject(b, &w, "a date"); err != nil {
		return err
	}
	*d = Date{int(w.Year), int(w.Month), int(w.Day)}
	return nil
}

// MarshalJSON writes what UnmarshalJSON takes.
func (d Date) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireDate{float64(d.Year), float64(d.Month), float64(d.Day)})
}

// UnmarshalJSON takes {"hours":15,"minutes":30,"seconds":0,"nanos":0}.
func (t *TimeOfDay) UnmarshalJSON(b []byte) error {
	var w wireTime
	if err := unmarshalObject(b, &w, "a time"); err != nil {
		return err
	}
	*t = TimeOfDay{int(w.Hours), int(w.Minutes), int(w.Seconds), int(w.Nanos)}
	return nil
}

// MarshalJSON writes what UnmarshalJSON takes.
func (t TimeOfDay) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireTime{float64(t.Hours), float64(t.Minutes), float64(t.Seconds), float64(t.Nanos)})
}

// UnmarshalJSON takes an object with the members of Date and TimeOfDay.
func (d *DateTime) UnmarshalJSON(b []byte) error {
	if err := d.Date.UnmarshalJSON(b); err != nil {
		return err
	}
	return d.TimeOfDay.UnmarshalJSON(b)
}

// MarshalJSON writes what UnmarshalJSON takes.
func (d DateTime) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		wireDate `json:",embed"`
		wireTime `json:",embed"`
	}{wireDate{float64(d.Year), float64(d.Month), float64(d.Day)}, wireTime{float64(d.Hours), float64(d.Minutes), float64(d.Seconds), float64(d.Nanos)}})
}

func (*Date) want() string      { return "a date" }
func (*TimeOfDay) want() string { return "a time" }
func (*DateTime) want() string  { return "a date and time" }
func (*Amount) want() string    { return "an amount with a unit" }
func (*Person) want() string    { return "a person" }
func (*Location) want() string  { return "a location" }

// UnmarshalJSON takes {"amount":10,"unit":"min"}.
func (a *Amount) UnmarshalJSON(b []byte) error {
	var w struct {
		Amount *float64 `json:"amount"`
		Unit   string   `json:"unit"`
	}
	if err := unmarshalObject(b, &w, "an amount with a unit"); err != nil {
		return err
	}
	if w.Amount == nil {
		return &mismatch{want: "an amount with a unit", have: "an object without an amount"}
	}
	*a = Amount{*w.Amount, w.Unit}
	return nil
}

// UnmarshalJSON takes {"name":"…","original":"…"} or a text.
func (p *Person) UnmarshalJSON(b []byte) error {
	if v := jsontext.Value(b); v.Kind() == '"' {
		name := unquote(v)
		*p = Person{name, name}
		return nil
	}
	var w struct {
		Name     string `json:"name"`
		Original string `json:"original"`
	}
	if err := unmarshalObject(b, &w, "a person"); err != nil {
		return err
	}
	*p = Person(w)
	return nil
}

// UnmarshalJSON takes an object with the members of @sys.location, or a text.
func (l *Location) UnmarshalJSON(b []byte) error {
	if v := jsontext.Value(b); v.Kind() == '"' {
		*l = Location{Original: unquote(v)}
		return nil
	}
	var w struct {
		StreetAddress string `json:"street-address"`
		City          string `json:"city"`
		AdminArea     string `json:"admin-area"`
		Country       string `json:"country"`
		ZipCode       Text   `json:"zip-code"`
		BusinessName  string `json:"business-name"`
		Original      string `json:"original"`
	}
	if err := unmarshalObject(b, &w, "a location"); err != nil {
		return err
	}
	*l = Location{w.StreetAddress, w.City, w.AdminArea, w.Country, string(w.ZipCode), w.BusinessName, w.Original}
	return nil
}

func unmarshalObject(b []byte, into any, want string) error {
	if v := jsontext.Value(b); v.Kind() != '{' {
		return &mismatch{want: want, have: have(v)}
	}
	if err := json.Unmarshal(b, into); err != nil {
		return &mismatch{want: want, have: "an object with other members"}
	}
	return nil
}

// units are those of @sys.duration that have a fixed length.
var units = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"day": 24 * time.Hour, "days": 24 * time.Hour,
	"wk": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
}

// decodeDuration takes @sys.duration with a unit of fixed length (no months), and
// google.protobuf.Duration's "3.5s".
func decodeDuration(v jsontext.Value, dst reflect.Value) *mismatch {
	const want = "a duration"
	if v.Kind() == '"' {
		d, err := time.ParseDuration(unquote(v))
		if err != nil || !strings.HasSuffix(unquote(v), "s") {
			return &mismatch{want: want, have: "another text"}
		}
		dst.SetInt(int64(d))
		return nil
	}
	var a Amount
	if err := a.UnmarshalJSON(v); err != nil {
		return &mismatch{want: want, have: have(v)}
	}
	unit, ok := units[a.Unit]
	if !ok {
		return &mismatch{want: want, have: "an amount with another unit than s, min, h, day or week"}
	}
	d := a.Amount * float64(unit)
	if d > float64(1<<62) || d < -float64(1<<62) {
		return &mismatch{want: want, have: "a longer one"}
	}
	dst.SetInt(int64(d))
	return nil
}
