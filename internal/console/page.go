package console

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"path"
)

// What the page is made of. All of it is ours: it asks nobody else for anything,
// and is served as it lies there.
//
//go:embed web
var web embed.FS

var pageTemplate = template.Must(template.ParseFS(web, "web/page.html"))

// contentTypes are those of the page's files; the machine's own list may have
// others.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// policy lets the page run its own files and talk to its own server, and no more.
// What a call carries can therefore be no script, whatever it is: there is none
// inline, and (Trusted Types) no text is ever made markup.
//
// Sources: https://www.w3.org/TR/CSP3/ and https://www.w3.org/TR/trusted-types/
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// protect sets what every answer carries: other people's pages can neither frame
// nor embed it, and nothing of it is stored.
func protect(h http.Header) {
	for name, value := range map[string]string{
		"Cache-Control":                "no-store",
		"Content-Security-Policy":      policy,
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
	} {
		h.Set(name, value)
	}
}

// page serves the page, with the token of this run in it.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, map[string]string{"Token": s.token, "Run": s.run}); err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(page.Bytes())
}

// asset serves one of the page's files.
func asset(w http.ResponseWriter, r *http.Request) {
	kind := contentTypes[path.Ext(r.URL.Path)]
	content, err := web.ReadFile(r.URL.Path[1:])
	if kind == "" || err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Write(content)
}
