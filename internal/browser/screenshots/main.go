// Command screenshots takes the pictures of the README from the page itself:
//
//	go -C internal/browser run ./screenshots ../../docs
//
// With -all, it takes each view at three widths, to look at.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"

	"example.com/cxhook/internal/browser"
)

func main() {
	log.SetFlags(0)
	all := flag.Bool("all", false, "each view, at 1100, 1440 and 1920 pixels")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: screenshots [-all] DIR")
	}
	if err := take(flag.Arg(0), *all); err != nil {
		log.Fatal(err)
	}
}

// calls are made before the pictures are taken: some that pass, and some that do
// not.
var calls = [][]string{
	{"trigger", "--session", "s-40be", "--client-cert", "none"},
	{"trigger", "--session", "s-40be", "--spoof", "outsider"},
	{"trigger", "--session", "s-21c0", "stock", "color=green", "size=small"},
	{"trigger", "--session", "s-21c0", "confirm", "color=green", "size=huge"},
	{"trigger", "--session", "s-9d02", "--client-cert", "mallory"},
	{"trigger", "--session", "s-9d02", "--spoof", "replay"},
	{"trigger", "--session", "s-7f3a", "stock", "color=blue"},
	{"trigger", "--session", "s-7f3a", "confirm", "color=blue"},
	{"trigger", "--session", "s-7f3a", "confirm", "color=blue", "--token", "wrong-audience"},
}

func take(dir string, all bool) error {
	temporary, err := os.MkdirTemp("", "screenshots-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	program, err := browser.Build("../..", temporary)
	if err != nil {
		return err
	}
	stack, err := browser.Start(program, temporary)
	if err != nil {
		return err
	}
	defer stack.Stop()
	for _, args := range calls {
		if out, err := stack.Run(args...); err != nil {
			return fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	ctx, cancel, err := browser.NewChromium(context.Background())
	if err != nil {
		return err
	}
	defer cancel()
	last := len(calls) + 1 // Google's sample call is the first
	shots := []shot{{name: "console", hash: fmt.Sprint("#/calls/", last), width: 1440, height: 900}}
	if all {
		shots = nil
		for _, width := range []int64{1100, 1440, 1920} {
			for name, hash := range map[string]string{
				"fail": fmt.Sprint("#/calls/", last), "pass": fmt.Sprint("#/calls/", last-1), "attack": fmt.Sprint("#/calls/", last-3), "outsider": "#/calls/3",
				"compose": "#/compose/confirm", "conversation": "#/conversation/s-7f3a", "faults": "#/faults", "stack": "#/stack",
			} {
				shots = append(shots, shot{name: fmt.Sprintf("%s-%d", name, width), hash: hash, width: width, height: 900})
			}
			for name, look := range looks {
				shots = append(shots, shot{fmt.Sprintf("%s-%d", name, width), look[0], width, 900, look[1]})
			}
		}
	}
	for _, s := range shots {
		for _, scheme := range []string{"light", "dark"} {
			if err := s.take(ctx, stack.URL, scheme, filepath.Join(dir, s.name+"-"+scheme+".png")); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

type shot struct {
	name, hash    string
	width, height int64
	script        string // is run first
}

// looks are what is to be seen after a click or two: an address and a script.
var looks = map[string][2]string{
	"certificate": {"#/calls/6", `document.getElementById('tab-certificate').click()`},
	"token":       {"#/calls/10", `document.getElementById('tab-token').click()`},
	"headers":     {"#/calls/2", `document.getElementById('tab-headers').click()`},
	"curl":        {"#/calls/10", `document.querySelectorAll('.acts button')[3].click()`},
	"keys":        {"#/calls/10", `document.getElementById('keys').click()`},
	"editor": {"#/compose/confirm", `document.getElementById('tab-json').click();
		const area = document.querySelector('.code-area');
		area.value = area.value.replace('"red"', 'red');
		area.dispatchEvent(new Event('input'));
		document.querySelector('.send-side .primary').click()`},
	"answer": {"#/compose/confirm", `const s = document.getElementById('caller-clientCert');
		s.value = 'mallory';
		s.dispatchEvent(new Event('change'));
		document.querySelector('.send-side .primary').click()`},
	"rich": {"#/conversation/rich", `const say = (text, payload) => ({text, fulfillmentInfo: {tag: 'confirm'}, sessionInfo: {session: 'projects/p/locations/l/agents/a/sessions/rich', parameters: {color: 'red', size: 'huge'}},
			pageInfo: {currentPage: 'p', displayName: 'Order', formInfo: {parameterInfo: [{displayName: 'size', required: true, state: 'FILLED', value: 'huge', justCollected: true}, {displayName: 'color', required: true, state: 'FILLED', value: 'red'}]}},
			messages: [{text: {text: ['Have a look at these.']}}, {payload: {richContent: payload}}]});
		fetch('/api/calls', {method: 'POST', headers: {'X-Console-Token': document.querySelector('meta[name="console-token"]').content}, body: JSON.stringify({request: say('Which shirts do you have?', [[
			{type: 'image', rawUrl: 'https://example.com/shirt.png', accessibilityText: 'A red shirt'},
			{type: 'info', title: 'Red shirt', subtitle: 'Small to large', anchor: {href: 'https://example.com/red'}},
			{type: 'list', title: 'Care', subtitle: 'Wash at 30°'}, {type: 'divider'}, {type: 'accordion', title: 'Sizes', text: 'Small, medium and large'},
			{type: 'button', text: 'Order it', event: {event: 'order'}}, {type: 'chips', options: [{text: 'Small'}, {text: 'Medium'}, {text: 'Large'}]}]])})})`},
}

// settle is for how long the page has to draw what it asks the server for.
const settle = 700 * time.Millisecond

func (s shot) take(ctx context.Context, url, scheme, file string) error {
	tab, cancel := chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(tab, chromedp.EmulateViewport(s.width, s.height)); err != nil {
		return err
	}
	if err := browser.PreferColors(tab, scheme); err != nil {
		return err
	}
	if err := chromedp.Do(tab, chromedp.Navigate(url+"/"+s.hash), chromedp.WaitVisible(chromedp.CSS("main h1")), chromedp.Sleep(settle), chromedp.Evaluate[chromedp.Void]("{"+s.script+"}"), chromedp.Sleep(settle)); err != nil {
		return err
	}
	png, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(file, png, 0o644)
}
