package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/cxhook/cx"
)

func TestRatesParcel(t *testing.T) {
	m := cx.NewMux()
	release, err := Register(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if release != nil {
		defer release(t.Context())
	}
	h, err := m.Handler()
	if err != nil {
		t.Fatal(err)
	}
	const body = "{\"weight\":2.5,\"to\":{\"zip\":\"something\",\"express\":true},\"currency\":\"something\"}" // the values are invented
	r := httptest.NewRequestWithContext(t.Context(), "POST", PathRatesParcel, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		t.Errorf("got %d %s, want 200", rec.Code, rec.Body)
	}
}
