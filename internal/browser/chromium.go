package browser

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// ErrNoChromium says that there is none on this machine.
var ErrNoChromium = errors.New("no chromium: install the package chromium, or google-chrome")

// NewChromium starts a headless one, which ends with cancel.
func NewChromium(ctx context.Context, extra ...chromedp.ExecAllocatorOption) (_ context.Context, cancel func(), err error) {
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if program, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, nil, ErrNoChromium
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.DisableGPU, chromedp.Flag("force-color-profile", "srgb"))
	if os.Getuid() == 0 { // Chromium's sandbox does not start for root
		options = append(options, chromedp.NoSandbox)
	}
	options = append(options, extra...)
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	browser, end := chromedp.NewContext(allocator)
	cancel = func() {
		end()
		stop()
	}
	if err := chromedp.Do(browser); err != nil {
		cancel()
		return nil, nil, err
	}
	return browser, cancel, nil
}

// PreferColors has a tab believe that its user prefers a color scheme: light or
// dark.
func PreferColors(tab context.Context, scheme string) error {
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	return err
}
