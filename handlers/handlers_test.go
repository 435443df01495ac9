package handlers

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/cxhook/cx"
	"example.com/cxhook/cx/cxtest"
)

// call sends one request body to the agent and gives status and body.
func call(t *testing.T, body string) (int, string, *cx.Call) {
	t.Helper()
	mux := cx.NewMux()
	closer, err := Register(t.Context(), mux)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := closer(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	h, err := mux.Handler()
	if err != nil {
		t.Fatal(err)
	}
	became := new(cx.Call)
	r := httptest.NewRequestWithContext(cx.WithCall(t.Context(), became), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), became
}

var update = flag.Bool("update", false, "write the responses of testdata/*.txtar")

// The conversations in testdata, which the local stack records and plays too: local
// record testdata/NAME.txtar.
func TestConversations(t *testing.T) {
	mux := cx.NewMux()
	closer, err := Register(t.Context(), mux)
	if err != nil {
		t.Fatal(err)
	}
	defer closer(t.Context())
	h, err := mux.Handler()
	if err != nil {
		t.Fatal(err)
	}
	cxtest.Run(t, h, "testdata/*.txtar", *update)
}

func TestConfirm(t *testing.T) {
	status, body, _ := call(t, `{"fulfillmentInfo":{"tag":"confirm"},"detectIntentResponseId":"r","sessionInfo":{"session":"s","parameters":{"color":"red","size":"large"}}}`)
	want := `{"fulfillmentResponse":{"messages":[{"text":{"text":["Thank you! One large, red shirt is on its way to you."]}}]},` +
		`"sessionInfo":{"parameters":{"order":{"id":"b8cece26","color":"red","size":"large"}}}}`
	if status != http.StatusOK || body != want {
		t.Errorf("got %d %s\nwant 200 %s", status, body, want)
	}
}

func TestConfirmTwiceIsOneOrder(t *testing.T) {
	const body = `{"fulfillmentInfo":{"tag":"confirm"},"detectIntentResponseId":"r","sessionInfo":{"session":"s","parameters":{"color":"red","size":"large"}}}`
	_, first, _ := call(t, body)
	_, retry, _ := call(t, body)
	_, other, _ := call(t, strings.Replace(body, `"r"`, `"r2"`, 1))
	if first != retry || first == other {
		t.Errorf("the same call made\n%s\n%s\nand another one\n%s", first, retry, other)
	}
}

func TestInvalidSize(t *testing.T) {
	const inForm = `{"fulfillmentInfo":{"tag":"confirm"},"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"size","state":"FILLED","value":"huge"}]}},"sessionInfo":{"parameters":{"color":"red","size":"huge"}}}`
	status, body, _ := call(t, inForm)
	want := `{"fulfillmentResponse":{"messages":[{"text":{"text":["We have small, medium, large. Which one would you like?"]}}]},` +
		`"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"size","state":"INVALID"}]}}}`
	if status != http.StatusOK || body != want {
		t.Errorf("in the form: got %d %s\nwant 200 %s", status, body, want)
	}
	status, _, became := call(t, strings.Replace(inForm, `"displayName":"size"`, `"displayName":"other"`, 1))
	if status != http.StatusBadRequest || became.Code != "parameter_invalid" {
		t.Errorf("not in the form: got %d %s, want 400 parameter_invalid", status, became.Code)
	}
}

func TestStock(t *testing.T) {
	const body = `{"fulfillmentInfo":{"tag":"stock"},"sessionInfo":{"parameters":{"color":"red","size":"large"}}}`
	for _, row := range []struct {
		delay string
		text  string
		code  string
		took  time.Duration
	}{
		{"0s", "We have 9 of the large, red shirts.", "", 0},
		{"1999ms", "We have 9 of the large, red shirts.", "", 1999 * time.Millisecond},
		{"3s", "The warehouse takes its time.", "handler_late", 2 * time.Second},
	} {
		t.Run(row.delay, func(t *testing.T) {
			t.Setenv("SHIRTS_STOCK_DELAY", row.delay)
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				status, answer, became := call(t, body)
				if status != http.StatusOK || !strings.Contains(answer, row.text) || became.Code != row.code || time.Since(start) != row.took {
					t.Errorf("got %d %q %s after %v; want 200 %q %q after %v", status, became.Code, answer, time.Since(start), row.code, row.text, row.took)
				}
			})
		})
	}
}

func TestBadDelay(t *testing.T) {
	t.Setenv("SHIRTS_STOCK_DELAY", "soon")
	if _, err := Register(t.Context(), cx.NewMux()); err == nil || err.Error() != `SHIRTS_STOCK_DELAY: "soon"; want a duration, as 3s` {
		t.Errorf("got %v", err)
	}
}
