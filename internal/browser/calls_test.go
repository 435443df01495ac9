package browser

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The first call is on the page as soon as the page is, and others as they come.
func TestLiveList(t *testing.T) {
	s := start(t)
	began := time.Now()
	p := open(t, s.URL)
	p.waitFor(2*time.Second, `document.querySelector('.call.pass[href="#/calls/1"]')`)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the first call is on the page after %v", took)
	}
	p.sees(".detail h1", "200 · answered")
	p.sees(".chip.live", "live")

	trigger(t, s, "confirm", "color=blue", "--client-cert", "mallory")
	p.waitFor(2*time.Second, `document.querySelector('.call.fail[href="#/calls/2"]')`)
	p.sees(".call.fail", "cert_identity_unknown")
	p.sees(".detail h1", "403 · cert_identity_unknown") // the latest one is followed

	p.click(".call", "I want to buy a large red shirt")
	p.sees(".detail h1", "200 · answered")
	trigger(t, s, "stock")
	p.sees(".call", "stock")
	p.wait(`document.querySelector('.detail p.dim').textContent.startsWith('#1 ')`) // the one that was chosen stays

	visible := func() string {
		return value[string](p, `[...document.querySelectorAll('.call-list li:not([hidden]) a')].map((a) => a.getAttribute('href')).join()`)
	}
	for filter, want := range map[string]string{
		"":                   "#/calls/3,#/calls/2,#/calls/1",
		"status:403":         "#/calls/2",
		"is:passed":          "#/calls/3,#/calls/1",
		"tag:confirm 200":    "#/calls/1",
		"reason:cert":        "#/calls/2",
		"session:session-te": "#/calls/3,#/calls/2,#/calls/1",
		"nothing-like-this":  "",
	} {
		p.put(`input[type="search"]`, filter)
		if got := visible(); got != want {
			t.Errorf("filter %q shows %q, want %q", filter, got, want)
		}
	}
	p.sees(".list .empty", "No call is like this")
}

// A stream that is cut goes on where it was, and the page says so meanwhile.
func TestReconnect(t *testing.T) {
	s := start(t)
	cable := newCable(t, strings.TrimPrefix(s.URL, "http://"))
	p := open(t, "http://"+cable.address(), "net::ERR_")
	p.sees(".call", "confirm")
	cable.cut()
	p.sees("#lost", "does not answer")
	p.sees(".chip.live", "reconnecting")
	for range 3 {
		trigger(t, s, "stock")
	}
	cable.mend()
	p.wait(`!document.getElementById('lost') && document.querySelectorAll('.call').length === 4`)
	p.sees(".chip.live", "live")
}

// A page of a stack that is gone says so, and a reload mends it.
func TestStackStartedAnew(t *testing.T) {
	needChromium(t)
	first, err := Start(program, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(first.URL)
	p := open(t, first.URL, "net::ERR_", "403")
	p.sees(".call", "confirm")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	p.sees("#lost", "does not answer")
	start(t, "--console-port="+u.Port())
	p.sees("#stale", "started anew")
	p.click("#stale button", "Reload")
	p.wait(`!document.getElementById('stale') && document.querySelector('.call')`)
	p.click(".acts button", "Replay")
	p.sees(".detail h1", "200 · answered")
	p.sees(".detail p", "replay of")
}

// Why a call failed is above everything else that is known of it.
func TestWhy(t *testing.T) {
	s := start(t)
	trigger(t, s, "--token", "wrong-audience")
	trigger(t, s, "--spoof", "replay")
	trigger(t, s, "--spoof", "outsider")
	p := open(t, s.URL+"/#/calls/2")
	p.sees(".why.fail", "A token for another service")
	p.sees(".why.fail dd", "https://elsewhere.example.com/webhook")
	p.sees(".why.fail", "webhook.error.rejected")
	stations := func() string {
		return value[string](p, `[...document.querySelectorAll('.stations li')].map((l) => l.className).join()`)
	}
	p.wait(`document.querySelector('.stations .fail')`)
	if got, want := stations(), "pass,pass,pass,pass,fail,skip,skip,skip,skip"; got != want {
		t.Errorf("stations: %s, want %s", got, want)
	}
	p.sees(".checks tr.fail td", "RFC 7519 section 4.1.3")
	p.sees(".waterfall", "Handshake")
	p.goTo("#/calls/3")
	p.sees(".why.warn", "Accepted, and not defended")
	p.goTo("#/calls/4")
	p.sees(".why.fail", "Edge secret: secret")
	if got, want := stations(), "none,none,fail,skip,skip,skip,skip,skip,skip"; got != want {
		t.Errorf("stations: %s, want %s", got, want)
	}
	p.click(".tabs button", "Certificate")
	p.sees(".panel", "it made up")
}

// A station that only some policies have stands in its place.
func TestStationsOfPolicies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("CXHOOK_AGENTS=123456789012=projects/other/locations/global/agents/a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := open(t, start(t, "--config="+file).URL)
	p.sees(".detail h1", "403 · agent_not_allowed")
	p.sees(".why.fail", "Agent: ")
	if got, want := value[string](p, `[...document.querySelectorAll('.stations li')].map((l) => l.className).join()`), "pass,pass,pass,pass,pass,pass,fail,skip,skip,skip"; got != want {
		t.Errorf("stations: %s, want %s", got, want)
	}
}

// Everything that a call had with it is in one of the tabs.
func TestTabs(t *testing.T) {
	s := start(t)
	p := open(t, s.URL+"/#/calls/1")
	for tab, want := range map[string][]string{
		"Checks":      {"fingerprint", "a chain to a pinned root"},
		"Request":     {`"tag": "confirm"`, `"I want to buy a large red shirt"`},
		"Response":    {"Thank you! One large, red shirt"},
		"Headers":     {"X-Client-Cert-Leaf", "Bearer [redacted]", "Content-Length"},
		"Certificate": {"identity"},
		"Token":       {"RS256", "https://accounts.google.com", "until when"},
		"Log line":    {"logging.googleapis.com/trace"},
	} {
		p.click(".tabs button", tab)
		for _, text := range want {
			p.sees(".panel", text)
		}
	}
	p.click(".tabs button", "Token")
	if shown := value[string](p, `document.body.textContent`); strings.Contains(shown, "eyJ") {
		t.Error("the token is on the page before somebody asked for it")
	}
	p.click(".panel button", "Show the token itself")
	p.sees(".panel pre", "Bearer eyJ")
}

func TestReplay(t *testing.T) {
	s := start(t)
	p := open(t, s.URL+"/#/calls/1")
	p.click(".acts button", "Replay")
	p.sees(".detail p", "#2")
	p.sees(".detail p", "replay of")
	p.sees(".detail h1", "200 · answered")
	p.goTo("#/calls/1")
	p.wait(`document.querySelector('.detail p.dim')?.textContent.startsWith('#1 ')`)
	p.click(".acts button", "Replay exactly")
	p.sees(".detail p", "#3")

	// Edited: the form has what was sent, and what is sent has what was edited.
	p.click(".acts button", "Edit")
	p.sees(".detail h1", "Compose")
	p.sees(".detail .dim", "From call #3")
	p.wait(`[...document.querySelectorAll('.field')].some((f) => f.textContent.startsWith('size') && f.querySelector('input').value === 'large')`)
	value[bool](p, `[...document.querySelectorAll('.field')].find((f) => f.textContent.startsWith('size')).querySelector('input').setAttribute('id', 'edited'), true`)
	p.fill("#edited", "small")
	p.click(".send-side button", "Send")
	p.sees(".result", "One small, red shirt is on its way")
	p.click(".result a", "See call #4")
	p.sees(".detail p", "compose")
}

// The curl line is an honest one: it makes the same call, by the same caller.
func TestCurl(t *testing.T) {
	s := start(t)
	trigger(t, s, "--client-cert", "mallory")
	trigger(t, s, "--spoof", "outsider")
	for i, want := range []string{"is on its way", "Forbidden", "Forbidden"} {
		id := i + 1
		p := open(t, fmt.Sprintf("%s/#/calls/%d", s.URL, id))
		p.click(".acts button", "Copy as curl")
		p.sees("dialog pre", "curl ")
		line := value[string](p, `document.querySelector('dialog pre').textContent`)
		out, err := exec.Command("sh", "-c", strings.Replace(line, "curl ", "curl -sS ", 1)).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("call %d: %s\n%v: %s; want %q", id, line, err, out, want)
		}
		status := []string{"200", "403", "403"}[i]
		p.wait(fmt.Sprintf(`document.querySelector('.call[href="#/calls/%d"] .num b')?.textContent === %q`, 3+id, status))
	}
}

func TestKeys(t *testing.T) {
	s := start(t)
	trigger(t, s, "stock")
	trigger(t, s, "--token", "none")
	p := open(t, s.URL)
	at := func(hash string) { p.t.Helper(); p.wait(fmt.Sprintf("location.hash === %q", hash)) }
	p.sees(".detail h1", "token_missing")
	p.do(chromedp.KeyEvent("j"))
	at("#/calls/2")
	p.sees(".detail h1", "stock")
	p.do(chromedp.KeyEvent("j"))
	at("#/calls/1")
	p.wait(`document.querySelector('.detail p.dim')?.textContent.startsWith('#1 ')`)
	p.do(chromedp.KeyEvent("k"))
	at("#/calls/2")
	p.do(chromedp.KeyEvent("/"))
	p.wait(`document.activeElement.type === 'search'`)
	p.do(chromedp.KeyEvent("j")) // typed, and no shortcut
	at("#/calls/2")
	p.wait(`document.activeElement.value.endsWith('j')`)
	p.do(chromedp.KeyEvent("\u001b"))
	p.wait(`document.activeElement.type !== 'search'`)
	p.do(chromedp.KeyEvent("?"))
	p.sees("dialog[open]", "replay exactly")
	p.click("dialog[open] button", "Close")
	p.do(chromedp.KeyEvent("4"))
	at("#/faults")
	p.sees(".switch-row", "slow handler")
}
