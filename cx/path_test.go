package cx_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/cx"
)

type rateQuery struct {
	Weight float64 `json:"weight"`
	To     struct {
		Zip cx.Text `json:"zip"`
	} `json:"to,omitzero"`
	Kind  stockKind `json:"kind"`
	Extra any       `json:"-"`
}

type stockKind string

func (stockKind) Values() []string { return []string{"box", "bag"} }

type rateOffer struct {
	Price  float64 `json:"price"`
	Offers []struct {
		Name string `json:"name"`
	} `json:"offers"`
}

func TestMuxPath(t *testing.T) {
	m := cx.NewMux()
	m.Path("/rates", cx.Flexible(func(_ context.Context, q rateQuery) (rateOffer, error) {
		return rateOffer{Price: q.Weight * 2}, nil
	}))
	m.Path("/plain", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	h, err := m.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, want, route string
		status            int
	}{
		{"/rates", `{"price":6,"offers":[]}`, "/rates", 200},
		{"/plain", "", "/plain", 418},
		{"/rates/", "", "", 400}, // the agent's webhook, which has no tag
		{"/", "", "", 400},
	} {
		call := new(cx.Call)
		r := httptest.NewRequestWithContext(cx.WithCall(t.Context(), call), http.MethodPost, tt.path, strings.NewReader(`{"weight":3}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.status || tt.want != "" && w.Body.String() != tt.want || call.Route != tt.route {
			t.Errorf("%s: got %d %s by %q; want %d %s by %q", tt.path, w.Code, w.Body, call.Route, tt.status, tt.want, tt.route)
		}
	}
	want := []cx.PathInfo{
		{Path: "/rates",
			In: []cx.Parameter{{Name: "weight", Type: "a number"}, {Name: "to", Type: "an object", Members: []cx.Parameter{{Name: "zip", Type: "a text or a number"}}},
				{Name: "kind", Type: "one of box, bag", Values: []string{"box", "bag"}}},
			Out: []cx.Parameter{{Name: "price", Type: "a number"}, {Name: "offers", Type: "a list of objects", Members: []cx.Parameter{{Name: "name", Type: "a text"}}}}},
		{Path: "/plain"},
	}
	if diff := cmp.Diff(want, m.Paths()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMuxPathRefused(t *testing.T) {
	m := cx.NewMux()
	ok := http.NotFoundHandler()
	m.Path("rates", ok)
	m.Path("/live", ok)
	m.Path("/twice", ok)
	m.Path("/twice", ok)
	m.Path("/nil", nil)
	_, err := m.Handler()
	want := `cx: path "rates": want one that begins with / and is not a probe's
cx: path "/live": want one that begins with / and is not a probe's
cx: path "/twice" is registered twice
cx: path "/nil" has no handler`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
