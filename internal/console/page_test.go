package console

import (
	"net/http"
	"strings"
	"testing"
)

// The page has the token of this run in it, and nothing inline that could run.
func TestPage(t *testing.T) {
	s, _ := newTestServer(t)
	w := ask(s, "GET", "/", "", nil)
	page := w.Body.String()
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(page, `name="console-token" content="`+s.Token()+`"`) {
		t.Errorf("%d %s\n%s", w.Code, w.Header(), page)
	}
	for _, inline := range []string{"<style", " style=", " onclick=", "<script>", "http://", "https://"} {
		if strings.Contains(page, inline) {
			t.Errorf("the page has %q in it", inline)
		}
	}
	if w := ask(s, "GET", "/", "", func(r *http.Request) { r.Host = "rebound.example.com" }); w.Code != 403 || strings.Contains(w.Body.String(), s.Token()) {
		t.Errorf("under another name: %d %s", w.Code, w.Body)
	}
}

func TestAssets(t *testing.T) {
	s, _ := newTestServer(t)
	for path, want := range map[string]string{
		"/web/main.js":            "text/javascript; charset=utf-8",
		"/web/base.css":           "text/css; charset=utf-8",
		"/web/icon.svg":           "image/svg+xml",
		"/web/none.js":            "",
		"/web/page.html":          "", // the template
		"/web/":                   "",
		"/web/..%2fserver.go":     "",
		"/web/%2e%2e/server.go":   "",
		"/web/main.js/":           "",
		"/nothing":                "",
		"/web/%5c..%5cserver.go":  "",
		"/web/../web/%00/main.js": "",
	} {
		w := ask(s, "GET", path, "", nil)
		if found := w.Code == 200; found != (want != "") || found && w.Header().Get("Content-Type") != want {
			t.Errorf("%s: %d %s, want %q", path, w.Code, w.Header().Get("Content-Type"), want)
		}
	}
}

// Every answer says who may run, frame, embed and store it, refusals too.
func TestProtection(t *testing.T) {
	s, _ := newTestServer(t)
	for _, path := range []string{"/", "/web/main.js", "/api/calls", "/api/none", "/nothing"} {
		h := ask(s, "GET", path, "", nil).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
				"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Referrer-Policy":              "no-referrer",
			"X-Content-Type-Options":       "nosniff",
			"Cache-Control":                "no-store",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s: %s, want %s", path, name, got, want)
			}
		}
	}
}
