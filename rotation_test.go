package webhook

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// load is an agent that calls without a pause while something is rotated.
type load struct {
	p        *path
	presents atomic.Pointer[string] // the kind of its client certificate
	stop     chan struct{}
	wg       sync.WaitGroup

	mu       sync.Mutex
	answered int
	failed   []string // what the calls that failed came to
	more     chan struct{}
}

// callers is how many calls are under way at a time.
const callers = 4

func newLoad(p *path, certificate string) *load {
	l := &load{p: p, stop: make(chan struct{}), more: make(chan struct{})}
	l.presents.Store(&certificate)
	for range callers {
		l.wg.Go(l.run)
	}
	return l
}

// run calls until stop; every few calls with a handshake of its own, as from
// another of Dialogflow's machines.
func (l *load) run() {
	body, err := emulator.SampleCall(emulator.Sample{})
	if err != nil {
		panic(err)
	}
	var d *emulator.Dialogflow
	kind := ""
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			return
		default:
		}
		if now := *l.presents.Load(); now != kind || n%8 == 0 {
			kind = now
			certificate, err := l.p.pki.ClientCertificate(kind)
			if err != nil {
				panic(err)
			}
			if d != nil {
				d.CloseIdleConnections()
			}
			if d, err = emulator.NewDialogflow(emulator.DialogflowConfig{WebhookURL: l.p.url, ServerRoots: l.p.pki.ServerRoots(), ClientCertificate: certificate,
				Token: func(context.Context) (string, error) { return l.p.issuer.Token("valid", l.p.url, testProject) }}); err != nil {
				panic(err)
			}
		}
		x, err := d.Call(context.Background(), emulator.Call{Body: body, Verbatim: true})
		l.mu.Lock()
		switch {
		case err != nil:
			l.failed = append(l.failed, err.Error())
		case x.Status != http.StatusOK || x.Failed != "":
			l.failed = append(l.failed, fmt.Sprint(kind, " ", x.Status, " ", x.Err))
		}
		l.answered++
		close(l.more)
		l.more = make(chan struct{})
		l.mu.Unlock()
	}
}

// calls returns when n more calls have ended that began after now.
func (l *load) calls(n int) {
	l.mu.Lock()
	until := l.answered + callers + n
	l.mu.Unlock()
	for {
		l.mu.Lock()
		enough, more := l.answered >= until, l.more
		l.mu.Unlock()
		if enough {
			return
		}
		<-more
	}
}

// end stops the load and gives how many calls failed of how many.
func (l *load) end() (failed []string, all int) {
	close(l.stop)
	l.wg.Wait()
	return l.failed, l.answered
}

// Every step of a rotation is followed by some calls, so that a step that loses one
// is seen.
const callsPerStep = 60

const otherSecret = "fedcba9876543210fedcba9876543210"

// The edge secret is rotated under load, in the order of docs/deploy.md, and no call
// is lost; in the wrong order some are.
func TestRotateEdgeSecret(t *testing.T) {
	accept := func(p *path, secrets ...string) {
		p.cfg.Verify.Edge.Secrets = secrets
		p.balancer.SetBackend(p.revision(p.cfg))
	}
	t.Run("in order", func(t *testing.T) {
		p := newPath(t, nil)
		l := newLoad(p, "google")
		l.calls(callsPerStep)
		accept(p, otherSecret, testSecret)
		l.calls(callsPerStep)
		if !strings.Contains(p.log.String(), string(verify.EdgeSecretPrevious)) {
			t.Error("the log does not say that the old secret is still in use")
		}
		p.balancer.SetEdgeSecret(otherSecret)
		l.calls(callsPerStep)
		before := len(p.log.String())
		l.calls(callsPerStep)
		if strings.Contains(p.log.String()[before:], string(verify.EdgeSecretPrevious)) {
			t.Error("the log says that the old secret is in use, and it is not")
		}
		accept(p, otherSecret)
		l.calls(callsPerStep)
		if failed, all := l.end(); len(failed) > 0 || all < 5*callsPerStep {
			t.Errorf("%d of %d calls failed: %.3q", len(failed), all, failed)
		}
	})
	t.Run("the balancer first", func(t *testing.T) {
		p := newPath(t, nil)
		l := newLoad(p, "google")
		l.calls(callsPerStep)
		p.balancer.SetEdgeSecret(otherSecret)
		l.calls(callsPerStep)
		accept(p, otherSecret, testSecret)
		if failed, _ := l.end(); len(failed) < callsPerStep/2 || failed[0] != "google 403 <nil>" {
			t.Errorf("%d calls failed: %.3q", len(failed), failed)
		}
	})
}

// Dialogflow changes its certificate, and the roots with it, under load and a strict
// policy. Who accepts learns the new root first: the function, then the balancer.
// The old one leaves in reverse.
func TestRotateRoots(t *testing.T) {
	accept := func(p *path, identities ...verify.Identity) {
		p.cfg.Verify.Certificate.Identities = identities
		p.balancer.SetBackend(p.revision(p.cfg))
	}
	trust := func(p *path, mode emulator.Mode, identities ...string) {
		if err := p.balancer.SetPolicy(p.pki.TrustStore(identities...), mode); err != nil {
			t.Fatal(err)
		}
	}
	start := func(t *testing.T) (p *path, google, legacy verify.Identity) {
		p = newPath(t, nil)
		google, legacy = p.identity(verify.GoogleIdentity()), p.identity(verify.GoogleLegacyIdentity())
		accept(p, legacy)
		trust(p, emulator.Strict, "google-legacy")
		return p, google, legacy
	}
	t.Run("in order", func(t *testing.T) {
		p, google, legacy := start(t)
		l := newLoad(p, "legacy")
		present := "google"
		for _, step := range []func(){
			func() {},
			func() { accept(p, google, legacy) },
			func() { trust(p, emulator.Strict, "google", "google-legacy") },
			func() { l.presents.Store(&present) },
			func() { trust(p, emulator.Lenient, "google") }, // a policy is replaced by another
			func() { trust(p, emulator.Strict, "google") },
			func() { accept(p, google) },
		} {
			step()
			l.calls(callsPerStep)
		}
		if failed, all := l.end(); len(failed) > 0 || all < 7*callsPerStep {
			t.Errorf("%d of %d calls failed: %.3q", len(failed), all, failed)
		}
	})
	t.Run("the sender first", func(t *testing.T) {
		p, _, _ := start(t)
		l := newLoad(p, "google")
		l.calls(callsPerStep)
		failed, all := l.end()
		if len(failed) != all || !strings.HasPrefix(failed[0], "google 0 ") {
			t.Errorf("%d of %d calls failed: %.3q", len(failed), all, failed)
		}
	})
}
