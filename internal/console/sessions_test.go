package console

import (
	"net/http"
	"strings"
	"testing"
)

func TestSessions(t *testing.T) {
	s, _ := newTestServer(t)
	for _, tt := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/api/sessions", 200, `"name":"` + confirmSession + `"`},
		{"GET", "/api/sessions/s", 200, `"page":"p"`},
		{"GET", "/api/sessions/" + confirmSession, 200, `"page":"p"`},
		{"GET", "/api/sessions/" + strings.ReplaceAll(confirmSession, "/", "%2F"), 200, `"page":"p"`},
		{"GET", "/api/sessions/other", 404, "nothing is kept of session projects/p/locations/l/agents/a/sessions/other"},
		{"DELETE", "/api/sessions/s", 200, "{}"},
		{"DELETE", "/api/sessions/other", 404, "nothing is kept"},
	} {
		if w := ask(s, tt.method, tt.path, "", nil); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, w.Code, w.Body, tt.status, tt.want)
		}
	}
	if w := ask(s, "DELETE", "/api/sessions/s", "", func(r *http.Request) { r.Header.Del(TokenHeader) }); w.Code != 403 {
		t.Errorf("without the token: %d %s", w.Code, w.Body)
	}
}

// A line for curl is made of the bytes that were sent, where they are known.
func TestCurlOf(t *testing.T) {
	s, n := newTestServer(t)
	n.ring.Exchanged(n.begin(Sent{Source: "trigger"}), exchange(200, confirm))
	n.ring.Begin(trace(77), Sent{Source: "trigger"})
	if w := ask(s, "POST", "/api/calls/1/curl", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "curl --data-binary") || !strings.Contains(w.Body.String(), "# 1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s, "POST", "/api/calls/2/curl", "", nil); w.Code != 400 || !strings.Contains(w.Body.String(), "its body is not known") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
