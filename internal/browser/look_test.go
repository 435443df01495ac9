package browser

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// readAxe gives the accessibility checker, if it is the one that was vendored.
func readAxe(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("testdata", "axe-core")
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	var script []byte
	for line := range bytes.Lines(sums) {
		want, name, _ := strings.Cut(strings.TrimSpace(string(line)), "  ")
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
			t.Fatalf("%s is not the file that was vendored", name)
		}
		if name == "axe.min.js" {
			script = content
		}
	}
	if len(script) == 0 {
		t.Fatal("SHA256SUMS does not name axe.min.js")
	}
	return string(script)
}

// serious are the findings of axe-core that keep somebody from using the page.
func serious(p *tab) []string {
	return value[[]string](p, `axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations
		.filter((v) => v.impact === 'serious' || v.impact === 'critical')
		.map((v) => v.impact + ' ' + v.id + ': ' + v.help + '\n  ' + v.nodes.slice(0, 4).map((n) => n.target.join(' ') + ': ' + n.failureSummary.replaceAll('\n', ' ')).join('\n  ')))`)
}

// Whoever does not see, or not well, or has no mouse, can use the page.
func TestAccessibility(t *testing.T) {
	axe := readAxe(t)
	s := start(t, "--request="+t.TempDir())
	trigger(t, s, "--client-cert", "mallory")
	trigger(t, s, "--spoof", "replay")
	for _, scheme := range []string{"light", "dark"} {
		p := open(t, s.URL)
		if err := PreferColors(p.ctx, scheme); err != nil {
			t.Fatal(err)
		}
		value[bool](p, axe+"; true")
		check := func(where string) {
			t.Helper()
			for _, finding := range serious(p) {
				t.Errorf("%s, %s: %s", where, scheme, finding)
			}
		}
		for _, id := range []int{1, 2, 3} {
			p.goTo(fmt.Sprint("#/calls/", id))
			p.wait(fmt.Sprintf(`document.querySelector('.detail p.dim')?.textContent.startsWith('#%d ')`, id))
			check(fmt.Sprint("call ", id))
		}
		for _, name := range []string{"Request", "Response", "Headers", "Certificate", "Token", "Log line"} {
			p.click(".tabs button", name)
			check(name)
		}
		p.click("#keys", "?")
		check("keys")
		p.click("dialog[open] button", "Close")
		p.click(".acts button", "Copy as curl")
		p.sees("dialog[open] pre", "curl")
		check("curl")
		p.click("dialog[open] button", "Close")
		p.goTo("#/compose/confirm")
		p.sees(".form label", "color")
		p.click(".form button", "Add one")
		p.fill(".pair-row input:nth-child(2)", "[")
		check("form")
		p.click(".tabs button", "JSON")
		p.put(".code-area", `{"a": }`)
		p.choose("#caller-clientCert", "mallory")
		check("editor")
		p.goTo("#/conversation/session-test-001")
		p.sees(".bubble", "is on its way")
		p.sees(".side", "Forget")
		value[bool](p, `document.querySelector('.say-more').open = true`)
		check("conversation")
		p.goTo("#/faults")
		p.sees(".switch-row", "slow handler")
		check("faults")
		p.goTo("#/stack")
		p.sees(".page", "Routes")
		check("stack")
	}
}

// Everything that can be clicked can be reached and pressed with the keyboard, in
// the order in which it stands.
func TestFocusOrder(t *testing.T) {
	s := start(t)
	p := open(t, s.URL)
	p.sees(".detail h1", "200")
	var order []string
	for range 40 {
		p.do(chromedp.KeyEvent("\t"))
		order = append(order, value[string](p, `(document.activeElement.closest('header.top, nav.list, section.detail, aside') ?? document.activeElement).className.split(' ')[0] + ' ' + (document.activeElement.textContent || document.activeElement.getAttribute('aria-label')).trim().slice(0, 20)`))
	}
	all := strings.Join(order, "\n")
	at := -1
	for _, want := range []string{"skip-link Skip to the content", "top Calls", "top Stack", "side Filter calls", "side Follow", "side confirm", "detail Replay", "detail Save as test…", "detail Handshake", "detail Checks"} {
		next := strings.Index(all, want)
		if next < 0 || next < at {
			t.Fatalf("%q is not in its place:\n%s", want, all)
		}
		at = next
	}
}

// The page is dark where the system is, unless it was told otherwise, and remembers
// that.
func TestDarkMode(t *testing.T) {
	s := start(t)
	p := open(t, s.URL)
	p.sees(".call", "confirm")
	background := func() string {
		return value[string](p, `getComputedStyle(document.body).backgroundColor`)
	}
	const light, dark = "rgb(247, 247, 245)", "rgb(18, 20, 22)"
	is := func(when, want string) {
		t.Helper()
		if got := background(); got != want {
			t.Errorf("%s: the background is %s, want %s", when, got, want)
		}
	}
	for _, scheme := range []string{"dark", "light"} {
		if err := PreferColors(p.ctx, scheme); err != nil {
			t.Fatal(err)
		}
		is("system "+scheme, map[string]string{"light": light, "dark": dark}[scheme])
	}
	p.click("#theme", "◐") // light
	p.click("#theme", "☀") // dark
	is("chosen", dark)
	p.do(chromedp.Reload())
	p.sees(".call", "confirm")
	is("chosen, after a reload", dark)
	p.do(chromedp.KeyEvent("t")) // as the system
	is("as the system again", light)
}

// From 1100 pixels on, nothing is cut off at the side.
func TestWidths(t *testing.T) {
	s := start(t)
	trigger(t, s, "--token", "wrong-audience")
	p := open(t, s.URL)
	for _, width := range []int64{1100, 1440, 1920} {
		p.do(chromedp.EmulateViewport(width, 900))
		for _, hash := range []string{"#/calls/1", "#/calls/2", "#/compose/confirm", "#/conversation/session-test-001", "#/faults", "#/stack"} {
			p.goTo(hash)
			p.wait(`document.querySelector('main h1')`)
			if wide := value[string](p, `[document.documentElement, ...document.querySelectorAll('main > *, .card, .list-head, header.top')].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className || e.tagName).join()`); wide != "" {
				t.Errorf("%s at %d pixels: %s is wider than its place", hash, width, wide)
			}
		}
	}
}

// Without a load balancer, and for a real agent, the page says what there is.
func TestOtherModes(t *testing.T) {
	s := start(t, "--direct")
	p := open(t, s.URL)
	p.sees(".chip", "direct")
	p.sees(".detail h1", "200 · answered")
	p.wait(`document.querySelector('.stations li:nth-child(2)').className === 'none'`)
	p.goTo("#/compose/confirm")
	p.sees(".send-side option", "flexible")
	if options := value[string](p, `document.getElementById('caller-spoof').textContent`); strings.Contains(options, "outsider") {
		t.Errorf("who goes round the load balancer where there is none? %s", options)
	}

	public := start(t, "--public-url=https://agent.example.com/shirts", "--policy=idtoken", "--project-number=123456789012")
	q := open(t, public.URL, "the server responded with a status of 400")
	q.sees(".empty h1", "No calls yet")
	q.sees(".empty", "https://agent.example.com/shirts")
	q.goTo("#/compose")
	q.sees(".page", "only Google can make a token")
	q.goTo("#/conversation")
	q.sees(".page", "only Google can make a token")
	q.goTo("#/stack")
	q.sees(".page", "Google’s own")

	// Somebody who has found the tunnel.
	_, end, _ := strings.Cut(public.Output(), "tunnel's end")
	resp, err := http.Post(strings.Fields(end)[0]+"/shirts", "application/json", strings.NewReader(`{"text":"who is there?"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	q.goTo("#/calls")
	q.sees(".detail h1", "401 · token_missing")
	q.sees(".checks", "no load balancer: TLS ends in the tunnel")
	q.wait(`document.querySelector('.stations li').className === 'none' && document.querySelector('.stations li:nth-child(2)').className === 'none'`)
	q.click(".tabs button", "Certificate")
	q.sees(".panel", "The tunnel terminates TLS")
	q.click(".acts button", "Copy as curl")
	q.sees(".toast", "only Google can make a token")
}

// Code that does not build is a line over every view, with what the compiler says.
func TestBuildError(t *testing.T) {
	s := start(t)
	p := open(t, s.URL)
	p.sees(".call", "confirm")
	p.pretend(`build: window.compiler ?? 'handlers/handlers.go:41:2: undefined: sizes <b>x</b>'`)
	p.do(chromedp.Reload())
	p.sees("#build", "The code does not build.")
	p.sees("#build pre", "handlers.go:41:2: undefined: sizes <b>x</b>")
	value[bool](p, `window.compiler = '', true`)
	p.wait(`!document.getElementById('build')`)
}
