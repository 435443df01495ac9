package cx_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
)

type noSizes string

func (noSizes) Values() []string { return nil }

// TestBindInside: what does not fit inside a pointer, a list or an object is found
// there, and named with its place; a null in a list of pointers is one.
func TestBindInside(t *testing.T) {
	long := strings.Repeat("k", 100)
	for _, c := range []bindCase{
		refuses[*int](`"a"`, `session parameter "p": want an integer, have a text`),
		refuses[[]*uint](`[1,"a"]`, `session parameter "p[1]": want an integer, have a text`),
		refuses[map[string]int](`{"a":1.5}`, `session parameter "p.a": want an integer, have a number with a fraction`),
		refuses[map[string]int](`{"`+long+`":"x"}`, `session parameter "p.`+long+`": want an integer, have a text`),
		refuses[map[string]int](`{"`+long+`k":"x"}`, `session parameter "p.`+long+`…": want an integer, have a text`),
		refuses[uint8](`"7"`, `session parameter "p": want an integer, have a text`),
		refuses[jsontext.Value](`null`, `session parameter "p": want any value, have nothing`),
		refuses[any](`null`, `session parameter "p": want any value, have nothing`),
		takes(`[null]`, []*int{nil}),
	} {
		t.Run(c.value, func(t *testing.T) {
			got, err := c.run(t, c.value)
			switch {
			case c.err == "" && (err != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", c.want)):
				t.Errorf("got %#v, %v, want %#v", got, err, c.want)
			case c.err != "" && (err == nil || err.Error() != c.err):
				t.Errorf("got %v\nwant %s", err, c.err)
			}
		})
	}
}

// TestUnbindableInside: a type that cannot be bound is refused at registration,
// wherever it is, and a field that is left out is not looked at.
func TestUnbindableInside(t *testing.T) {
	register := func(f func(*cx.Mux)) string {
		m := cx.NewMux()
		f(m)
		if _, err := m.Handler(); err != nil {
			return err.Error()
		}
		return ""
	}
	for want, f := range map[string]func(*cx.Mux){
		"a chan int cannot be bound": func(m *cx.Mux) {
			cx.Handle(m, "t", func(context.Context, *cx.Request, struct {
				P []chan int `cx:"p"`
			}) (*cx.Response, error) {
				return nil, nil
			})
		},
		"a func() cannot be bound": func(m *cx.Mux) {
			cx.Handle(m, "t", func(context.Context, *cx.Request, struct {
				P map[string]func() `cx:"p"`
			}) (*cx.Response, error) {
				return nil, nil
			})
		},
		"a fmt.Stringer cannot be bound": func(m *cx.Mux) {
			cx.Handle(m, "t", func(context.Context, *cx.Request, struct {
				P fmt.Stringer `cx:"p"`
			}) (*cx.Response, error) {
				return nil, nil
			})
		},
		"the enumeration has no values": func(m *cx.Mux) {
			cx.Handle(m, "t", func(context.Context, *cx.Request, struct {
				P noSizes `cx:"p"`
			}) (*cx.Response, error) {
				return nil, nil
			})
		},
	} {
		if got := register(f); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	if got := register(func(m *cx.Mux) {
		cx.Handle(m, "t", func(context.Context, *cx.Request, struct {
			P chan int `cx:"-"`
		}) (*cx.Response, error) {
			return nil, nil
		})
	}); got != "" {
		t.Errorf("a field that is left out: %s", got)
	}
}

// TestEmptyOriginal: an original value that is empty was not said.
func TestEmptyOriginal(t *testing.T) {
	_, err := bindTo[struct {
		O string `cx:"a,original"`
	}](t, `{"intentInfo":{"parameters":{"a":{"originalValue":"","resolvedValue":"x"}}}}`)
	if want := `original parameter "a": want a text, have nothing`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestStatusOfAnError: a handler chooses the status of a failure, and nothing else.
func TestStatusOfAnError(t *testing.T) {
	for given, want := range map[int]int{0: 500, 200: 500, 399: 500, 400: 400, 404: 500, 599: 599, 600: 500} {
		got := post(t, answering(t, func(context.Context, *cx.Request) (*cx.Response, error) {
			return nil, &cx.Error{Status: given, Err: errStock}
		}), tagged)
		if got.status != want {
			t.Errorf("%d: got %d, want %d", given, got.status, want)
		}
	}
}

// TestFlexibleOverrunsAreBounded: those of flexible webhooks as those of the others.
func TestFlexibleOverrunsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := cx.Flexible(func(context.Context, struct{}) (string, error) { <-release; return "x", nil })
		for range cx.MaxOverruns {
			post(t, h, `{}`).failed(t, 504, "handler_late")
		}
		post(t, h, `{}`).failed(t, 503, "overloaded")
		close(release)
		synctest.Wait()
		if got := post(t, h, `{}`); got.status != http.StatusOK {
			t.Errorf("after they have returned: got %d", got.status)
		}
	})
}

// TestFlexibleBound: an answer of as many bytes as Dialogflow takes is sent.
func TestFlexibleBound(t *testing.T) {
	for size, want := range map[int]int{cx.MaxResponseBytes: 200, cx.MaxResponseBytes + 1: 500} {
		h := cx.Flexible(func(context.Context, struct{}) (string, error) { return strings.Repeat("a", size-2), nil })
		if got := post(t, h, `{}`); got.status != want {
			t.Errorf("%d bytes: got %d, want %d", size, got.status, want)
		}
	}
}

// TestEncodingShown: a body that is encoded is refused, and the log says how.
func TestEncodingShown(t *testing.T) {
	r, call := newRequest(t, tagged)
	r.Header.Set("Content-Encoding", "gzip")
	got := serve(answering(t, func(context.Context, *cx.Request) (*cx.Response, error) { return cx.Say("x"), nil }), r, call)
	got.failed(t, 415, "content_type_unsupported")
	if got := call.Checks[len(call.Checks)-1].Presented; got != "application/json, encoded as gzip" {
		t.Errorf("got %q", got)
	}
}

// TestMatchNoPage: the empty id is no page's, and a page without an id none that
// anybody asks for.
func TestMatchNoPage(t *testing.T) {
	for _, page := range []string{"", "f/pages/", "f/pages", "pages/"} {
		for _, id := range []string{"", "x"} {
			if cx.MatchPage(id)(&cx.Request{PageInfo: cx.PageInfo{CurrentPage: page}}) {
				t.Errorf("page %q matches id %q", page, id)
			}
		}
	}
}
