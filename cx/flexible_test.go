package cx_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
)

type stockQuery struct {
	Color string `json:"color"`
	Size  string `json:"size,omitzero"`
	Count int    `json:"count,omitzero"`
	Trap  trap   `json:"trap,omitzero"`
	Do    string `json:"do,omitzero"`
}

// trap is a type whose methods misbehave.
type trap struct{ Text string }

func (t *trap) UnmarshalJSON([]byte) error { panic("trap: decoding") }
func (t trap) MarshalJSON() ([]byte, error) {
	if t.Text == "panic" {
		panic("trap: encoding")
	}
	return []byte(`"trap"`), nil
}

func TestFlexible(t *testing.T) {
	h := cx.Flexible(func(ctx context.Context, in stockQuery) (any, error) {
		switch in.Do {
		case "panic":
			panic("x")
		case "exit":
			runtime.Goexit()
		case "503":
			return nil, &cx.Error{Status: 503, Err: errStock}
		case "chan":
			return make(chan int), nil
		case "trap":
			return trap{"panic"}, nil
		case "large":
			return strings.Repeat("a", cx.MaxResponseBytes-1), nil
		}
		return map[string]any{"what": in.Color + in.Size, "b": 1, "a": jsontext.Value("[2]")}, nil
	})
	for _, tt := range []struct {
		name, body string
		change     func(*http.Request)
		status     int
		want, code string
	}{
		{"post", `{"color":"red","unknown":1}`, nil, 200, `{"a":[2],"b":1,"what":"red"}`, ""},
		{"put", `{"color":"50%"}`, func(r *http.Request) { r.Method = "PUT" }, 200, `{"a":[2],"b":1,"what":"50%"}`, ""},
		{"exact names", `{"Color":"red","SIZE":"large"}`, nil, 200, `{"a":[2],"b":1,"what":""}`, ""},
		{"get", `{}`, func(r *http.Request) { r.Method = "GET" }, 405, "", "method_not_allowed"},
		{"text", `{}`, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "", "content_type_unsupported"},
		{"too large", strings.Repeat(" ", cx.MaxRequestBytes+1), nil, 413, "", "body_too_large"},
		{"broken", `{"color"`, nil, 400, "", "body_malformed"},
		{"duplicate", `{"color":"a","color":"b"}`, nil, 400, "", "body_malformed"},
		{"wrong type", `{"count":"secret"}`, nil, 400, "", "body_malformed"},
		{"panic", `{"do":"panic"}`, nil, 500, "", "handler_panic"},
		{"exit", `{"do":"exit"}`, nil, 500, "", "handler_silent"},
		{"503", `{"do":"503"}`, nil, 503, "", "handler_error"},
		{"cannot be encoded", `{"do":"chan"}`, nil, 500, "", "response_refused"},
		{"64 KiB", `{"do":"large"}`, nil, 500, "", "response_too_large"},
		{"panic in decoding", `{"trap":1}`, nil, 500, "", "handler_panic"},
		{"panic in encoding", `{"do":"trap"}`, nil, 500, "", "handler_panic"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, call := newRequest(t, tt.body)
			if tt.change != nil {
				tt.change(r)
			}
			got := serve(h, r, call)
			if tt.code != "" {
				got.failed(t, tt.status, tt.code)
			} else if got.status != 200 || got.body != tt.want || call.Code != "" {
				t.Errorf("got %d %s (%v)\nwant %s", got.status, got.body, call.Err, tt.want)
			}
			if strings.Contains(got.text(), "secret") {
				t.Errorf("leaks: %s", got.text())
			}
		})
	}
}

func TestFlexibleInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := cx.Flexible(func(context.Context, struct{}) (string, error) { <-release; return "x", nil })
		begin := time.Now()
		got := post(t, h, `{}`)
		got.failed(t, 504, "handler_late")
		if took := time.Since(begin); took != cx.DefaultBudget || got.call.Overruns != 1 || !got.call.Late {
			t.Errorf("after %v, %d overruns", took, got.call.Overruns)
		}
		close(release)
	})
}

func TestErrorUnwraps(t *testing.T) {
	err := error(&cx.Error{Status: 503, Err: errStock})
	if !errors.Is(err, errStock) || err.Error() != errStock.Error() {
		t.Errorf("got %v", err)
	}
	if got := (&cx.Error{Status: 503}).Error(); got != "503 Service Unavailable" {
		t.Errorf("got %q", got)
	}
}
