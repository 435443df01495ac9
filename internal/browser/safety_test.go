package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// Another page that the user has open can neither make calls, nor read, nor frame
// the console.
func TestCrossOrigin(t *testing.T) {
	s := start(t)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><body>another page")
	}))
	defer evil.Close()
	p := open(t, evil.URL, "") // whatever the browser says of refusals
	tries := map[string]string{
		"a simple POST":          `fetch(C + '/api/calls', {method: 'POST', mode: 'no-cors', body: '{"tag":"confirm"}'}).then(() => 'sent, unread', String)`,
		"a POST with JSON":       `fetch(C + '/api/calls', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'}).then((r) => 'read ' + r.status, () => 'refused')`,
		"a POST with a token":    `fetch(C + '/api/calls', {method: 'POST', headers: {'X-Console-Token': 'guess'}, body: '{}'}).then((r) => 'read ' + r.status, () => 'refused')`,
		"reading":                `fetch(C + '/api/calls').then((r) => 'read ' + r.status, () => 'refused')`,
		"reading the page":       `fetch(C + '/').then((r) => 'read ' + r.status, () => 'refused')`,
		"reading without CORS":   `fetch(C + '/api/calls', {mode: 'no-cors'}).then(() => 'answered', () => 'refused')`,
		"listening":              `new Promise((done) => { const e = new EventSource(C + '/api/stream'); e.onerror = () => { e.close(); done('refused') }; e.onopen = () => done('open') })`,
		"a script of the API's":  `new Promise((done) => { const s = document.createElement('script'); s.src = C + '/api/calls'; s.onload = () => done('loaded'); s.onerror = () => done('refused'); document.head.append(s) })`,
		"a script of the page's": `new Promise((done) => { const s = document.createElement('script'); s.src = C + '/web/theme.js'; s.onload = () => done('loaded'); s.onerror = () => done('refused'); document.head.append(s) })`,
		"a form":                 `new Promise((done) => { const f = document.createElement('form'); f.method = 'post'; f.action = C + '/api/calls'; f.target = 'sink'; f.enctype = 'text/plain'; f.innerHTML = '<input name=\'{"tag":"confirm","text":"\' value=\'"}\'>'; const i = document.createElement('iframe'); i.name = 'sink'; i.onload = () => done('sent'); document.body.append(i, f); f.submit() })`,
		"a frame":                `new Promise((done) => { const i = document.createElement('iframe'); i.src = C + '/'; i.onload = () => { try { done('seen ' + i.contentDocument.body.innerText) } catch { done('refused') } }; document.body.append(i) })`,
	}
	want := map[string]string{"a simple POST": "", "a form": "sent"} // what is sent is refused by the server, unread
	for name, script := range tries {
		got := value[string](p, fmt.Sprintf("(() => { const C = %q; return %s })()", s.URL, script))
		if expected, ok := want[name]; ok && (expected == "" || got == expected) {
			continue
		}
		if got != "refused" {
			t.Errorf("%s: %s", name, got)
		}
	}
	// A frame that is refused looks like one of another origin; the browser says which.
	p.says("frame-ancestors 'none'")
	// A window of the console has no opener's hand in it.
	if got := value[string](p, fmt.Sprintf(`new Promise((done) => { const w = window.open(%q); setTimeout(() => { try { done(w.closed || !w.document ? 'refused' : 'seen') } catch { done('refused') } }, 500) })`, s.URL)); got != "refused" {
		t.Errorf("a window: %s", got)
	}
	if n := open(t, s.URL).calls(); n != 1 {
		t.Errorf("%d calls were made, want the sample alone", n)
	}
}

// A name that somebody made point here (DNS rebinding) gets nothing.
func TestForeignHost(t *testing.T) {
	s := start(t)
	u, _ := url.Parse(s.URL)
	p := open(t, "http://"+reboundHost+":"+u.Port()+"/", "403", "Cross-Origin-Opener-Policy")
	if text := value[string](p, `document.documentElement.outerHTML`); !strings.Contains(text, "the console answers to 127.0.0.1 and localhost alone") || strings.Contains(text, "console-token") {
		t.Errorf("under another name: %s", text)
	}
	if got := value[int](p, `fetch('/api/calls', {method: 'POST', headers: {'X-Console-Token': 'guess'}, body: '{}'}).then((r) => r.status)`); got != 403 {
		t.Errorf("a POST under another name: %d", got)
	}
	if got := value[int](p, `fetch('/api/calls').then((r) => r.status)`); got != 403 {
		t.Errorf("a GET under another name: %d", got)
	}
	q := open(t, "http://localhost:"+u.Port()+"/")
	q.sees(".call", "confirm")
	q.click(".acts button", "Replay")
	q.sees(".detail p", "#2")
}

// hostile is markup and script in every place that a call has.
const hostile = `"><img src=x onerror="window.hit=1"><script>window.hit=1</script><svg onload="window.hit=1"><iframe src="javascript:parent.hit=1"></iframe>`

// A body full of script is shown, and nothing of it is run, made an element, or
// fetched.
func TestHostileBody(t *testing.T) {
	s := start(t)
	element := func(kind string) map[string]any {
		link := map[string]any{"href": "javascript:window.hit=1"}
		return map[string]any{"type": kind, "title": hostile, "subtitle": hostile, "text": hostile, "rawUrl": "javascript:window.hit=1", "accessibilityText": hostile,
			"anchor": link, "actionLink": "javascript:window.hit=1", "event": map[string]any{"event": hostile}, "image": map[string]any{"rawUrl": "https://example.com/" + hostile},
			"options": []any{map[string]any{"text": hostile, "anchor": link}, map[string]any{"text": hostile}}}
	}
	var elements []any
	for _, kind := range []string{"info", "image", "button", "list", "divider", "accordion", "chips", hostile} {
		elements = append(elements, element(kind))
	}
	request := map[string]any{
		"text": hostile, "languageCode": hostile,
		"fulfillmentInfo": map[string]any{"tag": "confirm"},
		"intentInfo":      map[string]any{"displayName": hostile},
		"pageInfo":        map[string]any{"currentPage": hostile, "displayName": hostile, "formInfo": map[string]any{"parameterInfo": []any{map[string]any{"displayName": hostile, "state": "FILLED", "value": hostile}}}},
		"sessionInfo":     map[string]any{"session": "projects/p/locations/l/agents/a/sessions/" + strings.ReplaceAll(hostile, "/", ""), "parameters": map[string]any{"color": hostile, "size": "large", hostile: hostile}},
		"messages": []any{map[string]any{"text": map[string]any{"text": []any{hostile}}}, map[string]any{"payload": map[string]any{"richContent": []any{elements}}},
			map[string]any{"payload": map[string]any{hostile: hostile}}, map[string]any{"playAudio": map[string]any{"audioUri": "javascript:window.hit=1"}}, map[string]any{hostile: hostile},
			map[string]any{"telephonyTransferCall": map[string]any{"phoneNumber": hostile}}},
	}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hostile.json")
	if err := os.WriteFile(file, body, 0o644); err != nil {
		t.Fatal(err)
	}
	trigger(t, s, "--request="+file)

	p := open(t, s.URL+"/#/calls/2")
	p.sees(".bubble.user", "onerror")
	p.sees(".bubble.agent", "is on its way") // the answer has the hostile color in it
	innocent := func(where string) {
		t.Helper()
		if found := value[string](p, `[...document.querySelectorAll('img, script:not([src^="/web/"]), iframe, object, embed, svg[onload], [onerror], [onload], a[href^="javascript" i], [style*="url"]')].map((e) => e.outerHTML).join('\n')`); found != "" {
			t.Errorf("%s: %s", where, found)
		}
	}
	innocent("conversation of the call")
	for _, name := range []string{"Checks", "Request", "Response", "Headers", "Certificate", "Token", "Log line"} {
		p.click(".tabs button", name)
		innocent(name)
	}
	p.click(".acts button", "Edit")
	p.sees(".detail h1", "Compose")
	innocent("form")
	p.click(".tabs button", "JSON")
	p.wait(`document.querySelector('.code-area').value.includes('onerror')`)
	innocent("editor")
	value[bool](p, `[...document.querySelectorAll('.code-area')].forEach((a) => a.dispatchEvent(new Event('input'))), true`)
	p.goTo("#/conversation/" + url.PathEscape(strings.ReplaceAll(hostile, "/", "")))
	p.sees(".bubble.user", "onerror")
	p.sees(".rich", "onerror")
	innocent("conversation")
	value[bool](p, `[...document.querySelectorAll('.rich summary, .bubble summary')].forEach((e) => e.click()), true`)
	if value[bool](p, `'hit' in window`) {
		t.Error("a script of the body was run")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, request := range p.requests {
		if !strings.HasPrefix(request, s.URL+"/") {
			t.Errorf("the page asked for %s", request)
		}
	}
}

// A body of any shape is shown; none of them keeps the page from being drawn.
func TestOddBodies(t *testing.T) {
	s := start(t)
	const session = `"sessionInfo":{"session":"projects/p/locations/l/agents/a/sessions/odd","parameters":`
	bodies := []string{
		`{` + session + `[1]}}`, `{` + session + `"x"}, "text": {"a": 1}}`,
		`{` + session + `{}}, "messages": {"a": 1}, "text": ["b"], "pageInfo": []}`,
		`{` + session + `{"n": 12345678901234567890}}, "messages": [null, 1, "a", [], {"text": {"text": "b"}}, {"text": {"text": [1]}}, {"payload": 5}, {"payload": {"richContent": [5, [null, 5, {"type": "chips", "options": 5}, {"type": "chips", "options": [null]}, {"type": "info", "anchor": 5}, {"type": "description", "text": 5}]]}}]}`,
		`{` + session + `{}}, "pageInfo": {"currentPage": 5, "displayName": {"a": 1}, "formInfo": {"parameterInfo": [null, 5, {"state": 5}]}}}`,
		`{` + session + `{}}, "pageInfo": {"formInfo": {"parameterInfo": {"a": 1}}}, "triggerIntent": 5, "fulfillmentInfo": {"tag": ["x"]}}`,
	}
	p := open(t, s.URL, "the server responded with a status of")
	for i, body := range bodies {
		// Byte for byte: the agent itself would not send them.
		id := value[int](p, fmt.Sprintf(`fetch('/api/calls', {method: 'POST', headers: {'X-Console-Token': document.querySelector('meta[name="console-token"]').content}, body: JSON.stringify({body: btoa(%q)})}).then((r) => r.json()).then((c) => c.id)`, body))
		p.goTo(fmt.Sprint("#/calls/", id))
		p.wait(fmt.Sprintf(`document.querySelector('.detail p.dim')?.textContent.startsWith('#%d ')`, id))
		for _, name := range []string{"Request", "Response", "Checks"} {
			p.click(".tabs button", name)
		}
		p.click(".acts button", "Edit")
		p.sees(".detail h1", "Compose")
		p.click(".tabs button", "Form")
		p.sees(".form", "Other session parameters")
		if toast := value[string](p, `document.querySelector('.toast.bad')?.textContent ?? ''`); toast != "" {
			t.Errorf("body %d: %s", i, toast)
		}
	}
	p.goTo("#/conversation/odd")
	p.wait(`document.querySelectorAll('.turn').length > 0`)
	if toast := value[string](p, `document.querySelector('.toast.bad')?.textContent ?? ''`); toast != "" {
		t.Errorf("conversation: %s", toast)
	}
}
