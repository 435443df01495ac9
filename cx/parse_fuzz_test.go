package cx_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"example.com/cxhook/cx"
)

// FuzzParseSession holds that a session's name is read in one way: written again it
// is the same, its parts are whole segments, and what is no name gives no parts.
func FuzzParseSession(f *testing.F) {
	for _, seed := range []string{
		"projects/p/locations/l/agents/a/sessions/s", "projects/p/locations/l/agents/a/environments/e/sessions/s", "projects/p/agent/sessions/s", "",
		"projects/p/locations/l/agents/a/environments//sessions/s", "projects/p/locations/l/agents/a/sessions/s/", "/projects/p/locations/l/agents/a/sessions/s",
		"projects/projects/locations/locations/agents/agents/environments/environments/sessions/sessions", "PROJECTS/p/locations/l/agents/a/sessions/s", "projects/p%2Fq/locations/l/agents/a/sessions/\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		s, err := cx.ParseSession(name)
		if err != nil {
			if s != (cx.Session{}) {
				t.Errorf("%q: refused, and in part: %+v", name, s)
			}
			return
		}
		if s.String() != name {
			t.Errorf("read %q\nwrote %q", name, s)
		}
		parts := []string{s.Project, s.Location, s.Agent, s.ID}
		if strings.Contains(strings.Join(append(parts, s.Environment), ""), "/") || slices.Contains(parts, "") {
			t.Errorf("%q: an empty part, or more than a segment: %+v", name, s)
		}
		if !strings.HasPrefix(name, s.AgentName()+"/") {
			t.Errorf("%q: agent %q", name, s.AgentName())
		}
	})
}

// FuzzLocalized holds that any two language codes, and any at registration, give a
// text that is there.
func FuzzLocalized(f *testing.F) {
	l, err := cx.NewLocalized("en", map[string][]string{"en": {"Hello"}, "de": {"Hallo"}, "pt-BR": {"Oi"}, "zh-Hant": {"你好"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][2]string{{"en", ""}, {"de-AT", "fr"}, {"", ""}, {"pt_BR", "zh-TW"}, {"x-private", "i-klingon"}, {"en-u-ca-gregory-t-it-m0-xxx", "art-lojban"}, {"und-Latn-001", "mul"}, {strings.Repeat("a-", 200), "\xff"}} {
		f.Add(seed[0], seed[1])
	}
	texts := []string{"Hello", "Hallo", "Oi", "你好"}
	f.Fuzz(func(t *testing.T, code, detected string) {
		req := &cx.Request{LanguageCode: code, LanguageInfo: &cx.LanguageInfo{ResolvedLanguageCode: detected}}
		if got := l.For(req); len(got) != 1 || !slices.Contains(texts, got[0]) {
			t.Errorf("%q, %q: %q", code, detected, got)
		}
		if own, err := cx.NewLocalized(code, map[string][]string{code: {"a"}}); (own == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", code, own, err)
		}
	})
}

// FuzzSystemValues holds that a value of one of Dialogflow's own entity types which
// is read can be written, and is then read as the same.
func FuzzSystemValues(f *testing.F) {
	for _, seed := range []string{
		`{"year":2026,"month":12,"day":1}`, `{"hours":15,"minutes":30,"seconds":0,"nanos":0}`, `{"year":2026,"hours":1e3}`, `{"amount":10,"unit":"min"}`, `{"amount":null}`, `{"name":"A","original":"a"}`,
		`{"city":"y","zip-code":12345}`, `"text"`, `14165059687`, `1e300`, `-0`, `{"year":1e300}`, `{"year":0.5}`, `"3.5s"`, `{"amount":1e300,"unit":"week"}`, `"9999999999h1s"`, `null`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, into := range []any{new(cx.Date), new(cx.TimeOfDay), new(cx.DateTime), new(cx.Amount), new(cx.Person), new(cx.Location), new(cx.Text)} {
			if json.Unmarshal(value, into) != nil {
				continue
			}
			written, err := json.Marshal(into)
			if err != nil {
				t.Fatalf("%T of %s: does not encode: %v", into, value, err)
			}
			again := reflect.New(reflect.TypeOf(into).Elem()).Interface()
			if err := json.Unmarshal(written, again); err != nil || !reflect.DeepEqual(into, again) {
				t.Errorf("%T of %s: %+v, written %s, read %+v (%v)", into, value, into, written, again, err)
			}
			switch v := into.(type) {
			case *cx.Date:
				v.On(time.UTC)
			case *cx.DateTime:
				v.On(time.UTC)
			}
		}
	})
}
