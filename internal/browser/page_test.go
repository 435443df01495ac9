package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// What the tests share: the program, and a Chromium, whose tabs they open.
var (
	program  string
	chromium context.Context
	noBrowse error // why there is no Chromium
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	var end func()
	// One name that somebody made point here, for the test of DNS rebinding.
	chromium, end, noBrowse = NewChromium(context.Background(), chromedp.Flag("host-resolver-rules", "MAP "+reboundHost+" 127.0.0.1"))
	if noBrowse == nil {
		defer end()
		if program, err = Build(repository, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

const reboundHost = "rebound.example.com"

// patience is for how long something may take to be seen.
const patience = 20 * time.Second

// start starts a stack of the test's own.
func start(t *testing.T, args ...string) *Stack {
	t.Helper()
	needChromium(t)
	s, err := Start(program, t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func needChromium(t *testing.T) {
	t.Helper()
	if errors.Is(noBrowse, ErrNoChromium) {
		t.Skip(noBrowse)
	}
	if noBrowse != nil {
		t.Fatal(noBrowse)
	}
}

// trigger makes a call on the command line.
func trigger(t *testing.T, s *Stack, args ...string) {
	t.Helper()
	if out, err := s.Run(append([]string{"trigger"}, args...)...); err != nil {
		t.Fatalf("trigger %q: %v\n%s", args, err, out)
	}
}

// tab is a tab of the browser, and what went on in it.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	console  []string // warnings, errors and exceptions
	requests []string // URLs
}

// open opens a tab at an address. When the test ends, its console must be empty,
// except for lines with one of the allowed texts: what a test breaks on purpose is
// said there.
func open(t *testing.T, address string, allowed ...string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium)
	t.Cleanup(cancel)
	p := &tab{t: t, ctx: ctx}
	// The first action opens the tab, which lives as long as that action's context.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	messages, requests := chromedp.Console(ctx), chromedp.Events(ctx, network.RequestWillBeSent)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" || m.Type == "warning" {
				p.mu.Lock()
				p.console = append(p.console, fmt.Sprintf("%s %s (%s:%d)", m.Type, m.Text, m.URL, m.Line))
				p.mu.Unlock()
			}
		}
	}()
	go func() {
		for e, err := range requests {
			if err != nil {
				return
			}
			p.mu.Lock()
			p.requests = append(p.requests, e.Request.URL)
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() { // before the tab closes
		p.mu.Lock()
		defer p.mu.Unlock()
	lines:
		for _, line := range p.console {
			for _, text := range allowed {
				if strings.Contains(line, text) {
					continue lines
				}
			}
			t.Errorf("in the browser's console: %s", line)
		}
	})
	p.do(chromedp.Navigate(address))
	return p
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.fatal(err)
	}
}

func (p *tab) fatal(err error) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.t.Fatalf("%v\nconsole: %q", err, p.console)
}

// value evaluates an expression.
func value[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.fatal(fmt.Errorf("%s: %w", expression, err))
	}
	return v
}

// wait returns when an expression is true.
func (p *tab) wait(expression string) {
	p.t.Helper()
	p.waitFor(patience, expression)
}

func (p *tab) waitFor(limit time.Duration, expression string) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Poll[bool]("Boolean("+expression+")", chromedp.WithPollingTimeout(limit), chromedp.WithPollingInterval(20*time.Millisecond))); err != nil {
		text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 3000)`))
		p.fatal(fmt.Errorf("it did not come true: %s: %w\n%s", expression, err, text))
	}
}

// says returns when a line of the browser's console has a text in it.
func (p *tab) says(text string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		said := strings.Join(p.console, "\n")
		p.mu.Unlock()
		if strings.Contains(said, text) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the browser does not say %q; it says: %s", text, said)
		}
	}
}

// sees returns when an element has a text in it.
func (p *tab) sees(selector, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))", selector, text))
}

// click clicks the element of that selector which has that text.
func (p *tab) click(selector, text string) {
	p.t.Helper()
	p.sees(selector, text)
	value[bool](p, fmt.Sprintf(`{
		const e = [...document.querySelectorAll(%q)].find((e) => e.textContent.includes(%q));
		e.scrollIntoView({block: 'center'});
		e.setAttribute('data-clicked', '');
		true
	}`, selector, text))
	p.do(chromedp.Click(chromedp.CSS("[data-clicked]")))
	value[bool](p, `document.querySelector('[data-clicked]')?.removeAttribute('data-clicked'), true`)
}

// choose chooses an option as a user does.
func (p *tab) choose(selector, option string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%q)", selector))
	value[bool](p, fmt.Sprintf(`{
		const s = document.querySelector(%q);
		s.value = %q;
		if (s.value !== %[2]q) throw new Error('no such option');
		s.dispatchEvent(new Event('change', {bubbles: true}));
		true
	}`, selector, option))
}

// fill types a text in place of what a field has.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Focus(chromedp.CSS(selector)))
	value[bool](p, fmt.Sprintf("document.querySelector(%q).select(), true", selector))
	p.do(chromedp.KeyEvent(text))
}

// put sets a field's text, and says so to the page: for texts that are too long to
// type.
func (p *tab) put(selector, text string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	value[bool](p, fmt.Sprintf(`{
		const f = document.querySelector(%q);
		f.value = %q;
		f.dispatchEvent(new Event('input', {bubbles: true}));
		true
	}`, selector, text))
}

// goTo changes the view.
func (p *tab) goTo(hash string) {
	p.t.Helper()
	value[bool](p, fmt.Sprintf("location.hash = %q, true", hash))
}

// pretend puts members of GET /api/stack into the server's mouth, from the next load
// on: stacks that have them are other tests'.
func (p *tab) pretend(members string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		const real = window.fetch;
		window.fetch = async (path, o) => {
			const r = await real(path, o);
			return path === '/api/stack' ? new Response(JSON.stringify({...await r.json(), ` + members + `})) : r;
		};`}); err != nil {
		p.fatal(err)
	}
}

// calls are how many the server keeps.
func (p *tab) calls() int {
	p.t.Helper()
	return value[int](p, "fetch('/api/calls').then((r) => r.json()).then((l) => l.length)")
}
