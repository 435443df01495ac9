package cx_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/cx"
)

// decodeAs binds one session parameter "p" of that JSON to a T.
func decodeAs[T any](t testing.TB, value string) (T, error) {
	t.Helper()
	type params struct {
		P T `cx:"p"`
	}
	var got T
	b := cx.Bind(func(_ context.Context, _ *cx.Request, p params) (*cx.Response, error) {
		got = p.P
		return cx.Say("ok"), nil
	})
	req, err := cx.DecodeRequest([]byte(`{"sessionInfo":{"parameters":{"p":` + value + `}}}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Serve(t.Context(), req)
	return got, err
}

// A case is a type, a value as it comes, and what it binds to or why it does not.
type bindCase struct {
	value string
	run   func(t *testing.T, value string) (any, error)
	want  any // or
	err   string
}

func takes[T any](value string, want T) bindCase {
	return bindCase{value, func(t *testing.T, v string) (any, error) { return decodeAs[T](t, v) }, want, ""}
}

func refuses[T any](value, err string) bindCase {
	return bindCase{value, func(t *testing.T, v string) (any, error) { return decodeAs[T](t, v) }, nil, err}
}

type hex struct{ n int }

func (h *hex) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "%x", &h.n)
	return err
}

type pointerEnum string

func (*pointerEnum) Values() []string { return []string{"a"} }

type address struct {
	City string  `cx:"city"`
	Zip  cx.Text `cx:"zip,optional"`
	Land string  `cx:"land,default=CA"`
}

func TestBindTypes(t *testing.T) {
	seven := 7
	for _, tt := range []bindCase{
		takes(`"red"`, "red"),
		takes(`"r\u00e9d \"x\""`, `réd "x"`),
		takes(`""`, ""), // an empty text is a value
		refuses[string](`5`, `want a text, have a number`),
		refuses[string](`null`, `want a text, have nothing`),
		refuses[string](`["red"]`, `want a text, have a list`),

		takes(`true`, true),
		refuses[bool](`"true"`, `want a boolean, have a text`),

		takes(`2`, 2), takes(`2.0`, 2), takes(`2e0`, 2), takes(`-9.0`, int8(-9)), takes(`-0`, 0),
		takes(`9007199254740992`, int64(1)<<53),
		refuses[int](`2.5`, `want an integer, have a number with a fraction`),
		refuses[int](`"2"`, `want an integer, have a text`),
		refuses[int](`true`, `want an integer, have a boolean`),
		refuses[int8](`128`, `want an integer of 8 bits, have a larger number`),
		refuses[int64](`9007199254740994`, `want an integer up to 2^53, have a larger number`),
		refuses[int](`1e400`, `want an integer up to 2^53, have a larger number`),
		takes(`255`, uint8(255)), takes(`-0.0`, uint(0)),
		refuses[uint](`-1`, `want an integer of 0 or more, have a negative number`),
		refuses[uint8](`256`, `want an integer of 8 bits, have a larger number`),

		takes(`2.5`, 2.5), takes(`2`, float32(2)),
		refuses[float64](`"2"`, `want a number, have a text`),
		refuses[float32](`1e39`, `want a number, have a larger number`),

		takes(`"14165059687"`, cx.Text("14165059687")), takes(`14165059687`, cx.Text("14165059687")),
		takes(`14165059687.0`, cx.Text("14165059687")), takes(`1.5`, cx.Text("1.5")),
		refuses[cx.Text](`true`, `want a text or a number, have a boolean`),

		takes(`7`, &seven), takes[*int](`7.0`, &seven),
		takes[*int](`null`, nil),
		takes(`[1,2.0]`, []int{1, 2}), takes(`[]`, []int{}),
		refuses[[]int](`[1,"secret"]`, `[1]": want an integer, have a text`),
		refuses[[]int](`{}`, `want a list of integer, have an object`),
		takes(`{"a":1}`, map[string]int{"a": 1}),
		refuses[map[string]int](`{"a":"secret"}`, `.a": want an integer, have a text`),
		takes(`{"city":"Toronto","zip":5}`, address{"Toronto", "5", "CA"}),
		takes(`{"city":"Toronto","City":"x","land":null}`, address{"Toronto", "", "CA"}), // exact names
		refuses[address](`{"CITY":"Toronto"}`, `.city": want a text, have nothing`),
		refuses[address](`{"city":5}`, `.city": want a text, have a number`),
		refuses[address](`"Toronto"`, `want an object, have a text`),
		takes(`[{"city":"A"}]`, []address{{"A", "", "CA"}}),
		refuses[[]address](`[{"city":"A"},{"city":1}]`, `[1].city": want a text, have a number`),
		takes(`{"a":[1, 2]}`, jsontext.Value(`{"a":[1, 2]}`)),
		takes[any](`{"a":[1,"x"]}`, map[string]any{"a": []any{1.0, "x"}}),

		takes(`"small"`, size("small")),
		refuses[size](`"Small"`, `want one of small, large, have another text`),
		refuses[size](`5`, `want one of small, large, have a number`),
		takes(`["small","large"]`, []size{"small", "large"}),
		refuses[pointerEnum](`"b"`, `want one of a, have another text`),

		takes(`{"year":2026,"month":12.0,"day":1}`, cx.Date{Year: 2026, Month: 12, Day: 1}),
		takes(`{"month":12}`, cx.Date{Month: 12}),
		refuses[cx.Date](`"2026-12-01"`, `want a date, have a text`),
		refuses[cx.Date](`{"year":"secret"}`, `want a date, have an object with other members`),
		takes(`{"hours":15,"minutes":30,"seconds":0,"nanos":0}`, cx.TimeOfDay{Hours: 15, Minutes: 30}),
		refuses[cx.TimeOfDay](`5`, `want a time, have a number`),
		takes(`{"year":2026,"month":1,"day":2,"hours":3,"minutes":4,"seconds":5,"nanos":6}`, cx.DateTime{cx.Date{2026, 1, 2}, cx.TimeOfDay{3, 4, 5, 6}}),
		refuses[cx.DateTime](`"now"`, `want a date and time, have a text`),
		takes(`{"amount":10,"unit":"USD"}`, cx.Amount{Amount: 10, Unit: "USD"}),
		refuses[cx.Amount](`{"unit":"USD"}`, `want an amount with a unit, have an object without an amount`),
		takes(`{"name":"N","original":"O"}`, cx.Person{Name: "N", Original: "O"}), takes(`"N"`, cx.Person{Name: "N", Original: "N"}),
		refuses[cx.Person](`5`, `want a person, have a number`),
		takes(`{"city":"C","zip-code":12345,"Country":"x"}`, cx.Location{City: "C", ZipCode: "12345"}), takes(`"there"`, cx.Location{Original: "there"}),
		refuses[cx.Location](`[]`, `want a location, have a list`),

		takes(`{"amount":10,"unit":"min"}`, 10*time.Minute), takes(`{"amount":1.5,"unit":"h"}`, 90*time.Minute), takes(`"3.5s"`, 3500*time.Millisecond),
		refuses[time.Duration](`{"amount":1,"unit":"mo"}`, `have an amount with another unit than s, min, h, day or week`),
		refuses[time.Duration](`{"amount":1e300,"unit":"h"}`, `want a duration, have a longer one`),
		refuses[time.Duration](`"soon"`, `want a duration, have another text`),
		refuses[time.Duration](`5`, `want a duration, have a number`),
		takes(`"2026-01-02T03:04:05Z"`, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		refuses[time.Time](`"secret"`, `want a Time, have a text`),
		takes(`"ff"`, hex{255}),
		refuses[hex](`"zz"`, `want a hex, have a text`),
	} {
		t.Run(fmt.Sprintf("%T %s", tt.want, tt.value), func(t *testing.T) {
			got, err := tt.run(t, tt.value)
			if tt.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(hex{})); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), `session parameter "p`) || !strings.HasSuffix(err.Error(), tt.err) {
				t.Errorf("got %v\nwant …%s", err, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the value leaks: %v", err)
			}
		})
	}
}

type place struct {
	Street string `cx:"street,optional"`
}

type sources struct {
	Session  string `cx:"a"`
	Form     string `cx:"a,form"`
	Resolved string `cx:"a,intent"`
	Original string `cx:"a,original"`
	place
	Place struct {
		City string `cx:"city,optional"`
	}
	Skipped chan int `cx:"-"`
	Count   int      `cx:"count,default=3"`
	Word    string   `cx:"word,default=a, b"`
	Flag    bool     `cx:"flag,optional"`
	Ptr     *string  `cx:"ptr,default=x"`
}

func bindTo[P any](t testing.TB, body string) (P, error) {
	t.Helper()
	var got P
	b := cx.Bind(func(_ context.Context, _ *cx.Request, p P) (*cx.Response, error) {
		got = p
		return cx.Say("ok"), nil
	})
	req, err := cx.DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Serve(t.Context(), req)
	return got, err
}

func TestBindSources(t *testing.T) {
	const body = `{"sessionInfo":{"parameters":{"a":"session","street":"s","city":"c","A":"wrong","ptr":null}},
		"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"A","value":"wrong"},{"displayName":"a","state":"FILLED","value":"form"}]}},
		"intentInfo":{"parameters":{"a":{"originalValue":"said \"it\"","resolvedValue":"resolved"}}}}`
	got, err := bindTo[sources](t, body)
	if err != nil {
		t.Fatal(err)
	}
	x := "x"
	want := sources{Session: "session", Form: "form", Resolved: "resolved", Original: `said "it"`, place: place{"s"}, Count: 3, Word: "a, b", Ptr: &x}
	want.Place.City = "c"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	// Everything that is missing is reported together, in the order of the fields.
	_, err = bindTo[sources](t, `{"sessionInfo":{"parameters":{"a":null,"count":"x"}},"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"a","state":"EMPTY","value":"old"}]}}}`)
	wantErr := `session parameter "a": want a text, have nothing; form parameter "a": want a text, have nothing; ` +
		`intent parameter "a": want a text, have nothing; original parameter "a": want a text, have nothing; session parameter "count": want an integer, have a text`
	if err == nil || err.Error() != wantErr {
		t.Errorf("got %v\nwant %s", err, wantErr)
	}
	var bind cx.BindError
	if !errors.As(err, &bind) || len(bind) != 5 || bind[4].Name != "count" || bind[4].Source != cx.FromSession {
		t.Errorf("%#v", err)
	}
}

// The parameter that does not bind is named in the log, and its value is not.
func TestUnbindableParameter(t *testing.T) {
	m := cx.NewMux()
	cx.Handle(m, "t", func(_ context.Context, _ *cx.Request, p struct {
		Count int  `cx:"count"`
		Size  size `cx:"size"`
	}) (*cx.Response, error) {
		return cx.Say("ok"), nil
	})
	h := handlerOf(t, m)
	got := post(t, h, `{"text":"secret words","sessionInfo":{"parameters":{"count":"secret","size":"secret2"}},`+tagged[1:])
	got.failed(t, 400, "parameter_invalid")
	if want := `session parameter "count": want an integer, have a text; session parameter "size": want one of small, large, have another text`; got.call.Err == nil || got.call.Err.Error() != want {
		t.Errorf("got %v\nwant %s", got.call.Err, want)
	}
	if strings.Contains(got.text(), "secret") {
		t.Errorf("the value leaks: %s", got.text())
	}
	post(t, h, `{"sessionInfo":{"parameters":{"count":2.0,"size":"small"}},`+tagged[1:]).answered(t)
}

type order struct {
	Size  string `cx:"size"`
	Count int    `cx:"count,form"`
}

func (o *order) Validate() error {
	switch o.Size {
	case "huge":
		return cx.Invalid("size", "not a size", "Small or large?", "Which size: small or large?")
	case "tiny":
		return fmt.Errorf("order: %w", cx.Invalid("size", "not a size"))
	case "broken":
		return errStock
	}
	return nil
}

func TestForms(t *testing.T) {
	m := cx.NewMux()
	cx.Handle(m, "t", func(context.Context, *cx.Request, order) (*cx.Response, error) { return cx.Say("ok"), nil })
	h := handlerOf(t, m)
	body := func(size, count string, form ...string) string {
		var info []string
		for _, name := range form {
			value := ""
			if name == "count" {
				value = `,"value":` + count
			}
			info = append(info, `{"displayName":"`+name+`","state":"FILLED"`+value+`}`)
		}
		return `{"sessionInfo":{"parameters":{"size":"` + size + `"}},"pageInfo":{"formInfo":{"parameterInfo":[` + strings.Join(info, ",") + `]}},` + tagged[1:]
	}
	const invalidSize = `"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"size","state":"INVALID"}]}}`
	for _, tt := range []struct{ name, body, want, code string }{
		{"valid", body("small", "2", "size", "count"), okBody, ""},
		{"in the form, with prompts", body("huge", "2", "size", "count"), `{"fulfillmentResponse":{"messages":[{"text":{"text":["Small or large?","Which size: small or large?"]}}]},` + invalidSize + `}`, ""},
		{"in the form, wrapped, without prompts", body("tiny", "2", "size", "count"), `{` + invalidSize + `}`, ""},
		{"not in the form", body("huge", "2", "count"), "", "parameter_invalid"},
		{"in the form under another case", body("huge", "2", "Size", "count"), "", "parameter_invalid"},
		{"does not bind, in the form", body("small", `"two"`, "size", "count"), `{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"count","state":"INVALID"}]}}}`, ""},
		{"missing, not in the form", body("small", "", "size"), "", "parameter_invalid"},
		{"another error", body("broken", "2", "size", "count"), "", "handler_error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := post(t, h, tt.body)
			if tt.code != "" {
				status := http.StatusBadRequest
				if tt.code == "handler_error" {
					status = 500
				}
				got.failed(t, status, tt.code)
				return
			}
			if got.status != 200 || got.body != tt.want || got.call.Code != "" {
				t.Errorf("got %d %s (%v)\nwant %s", got.status, got.body, got.call.Err, tt.want)
			}
		})
	}
}

// A parameter's name may have dots of its own.
func TestDottedNameInForm(t *testing.T) {
	m := cx.NewMux()
	cx.Handle(m, "t", func(context.Context, *cx.Request, struct {
		N []int `cx:"a.b,form"`
	}) (*cx.Response, error) {
		return cx.Say("ok"), nil
	})
	got := post(t, handlerOf(t, m), `{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"a.b","value":["x"]}]}},`+tagged[1:])
	if want := `{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"a.b","state":"INVALID"}]}}}`; got.body != want {
		t.Errorf("got %s\nwant %s", got.body, want)
	}
}

func TestCXTimes(t *testing.T) {
	loc := time.FixedZone("x", 3600)
	d := cx.Date{Year: 2026, Month: 12, Day: 1}
	if got := d.On(loc); !got.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, loc)) {
		t.Errorf("got %v", got)
	}
	if got := (cx.DateTime{Date: d, TimeOfDay: cx.TimeOfDay{Hours: 15, Nanos: 7}}).On(loc); !got.Equal(time.Date(2026, 12, 1, 15, 0, 0, 7, loc)) {
		t.Errorf("got %v", got)
	}
	// What a response sets, a later request binds.
	resp, err := cx.EncodeResponse(new(cx.Response).WithParameter("p", cx.DateTime{Date: d, TimeOfDay: cx.TimeOfDay{Hours: 15}}).WithParameter("gone", nil))
	if want := `{"sessionInfo":{"parameters":{"gone":null,"p":{"year":2026,"month":12,"day":1,"hours":15,"minutes":0,"seconds":0,"nanos":0}}}}`; err != nil || string(resp) != want {
		t.Errorf("got %s, %v\nwant %s", resp, err, want)
	}
	if _, err := decodeAs[int](t, fmt.Sprint(int64(math.MaxInt64))); err == nil {
		t.Error("2^63-1 is not exact in a double")
	}
}
