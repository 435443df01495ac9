package chaos

import (
	"context"
	"crypto/tls"
	"sync"
	"testing"
	"time"

	"example.com/cxhook/internal/emulator"
)

// mode is how a call of the soak comes by its TLS session.
type mode int

const (
	kept    mode = iota // on a connection that there is
	resumed             // a new connection, with a session ticket
	full                // a new connection, with a whole handshake
	modes
)

func (m mode) String() string {
	return [...]string{"kept connection", "resumed session", "full handshake"}[m]
}

// shot is one call of a load.
type shot struct {
	result
	mode mode
	due  time.Duration // since the beginning, when it was to begin
	took time.Duration // from then to the end of the answer
	as   mode          // how it came by its session, as the client saw it
}

// load calls at a fixed rate, whatever the answers take: each call has its time, and
// a wait for a free worker is a part of what it took.
type load struct {
	p           *path
	certificate *tls.Certificate
	rate        int // calls a second
	duration    time.Duration
	workers     int
}

// run calls, the modes in turn, and gives what became of the calls.
func (l *load) run(t *testing.T) []shot {
	var mu sync.Mutex
	var shots []shot
	ticks := make(chan int)
	begin := time.Now()
	var wg sync.WaitGroup
	for range l.workers {
		wg.Go(func() {
			clients := [modes]*emulator.Dialogflow{kept: l.client(t), resumed: l.client(t)}
			defer func() {
				for _, d := range clients {
					if d != nil {
						d.CloseIdleConnections()
					}
				}
			}()
			for i := range ticks {
				s := shot{mode: mode(i % int(modes)), due: l.due(i)}
				d := clients[s.mode]
				if s.mode == full {
					d = l.client(t) // has no tickets
				}
				if d == nil {
					continue
				}
				var x *emulator.Exchange
				s.result, x = call(t, d)
				s.took, s.as = time.Since(begin)-s.due, sessionOf(x)
				if s.mode != kept {
					d.CloseIdleConnections()
				}
				mu.Lock()
				shots = append(shots, s)
				mu.Unlock()
			}
		})
	}
	for i := 0; l.due(i) < l.duration; i++ {
		time.Sleep(time.Until(begin.Add(l.due(i))))
		ticks <- i
	}
	close(ticks)
	wg.Wait()
	return shots
}

// due is when call i begins.
func (l *load) due(i int) time.Duration {
	return time.Duration(i) * time.Second / time.Duration(l.rate)
}

// client gives an agent with a token that it has for some time, as Dialogflow does;
// nil if it cannot.
func (l *load) client(t *testing.T) *emulator.Dialogflow {
	d, err := emulator.NewDialogflow(emulator.DialogflowConfig{WebhookURL: l.p.url, ServerRoots: l.p.pki.ServerRoots(), ClientCertificate: l.certificate,
		Token: func(context.Context) (string, error) { return l.p.token() }})
	if err != nil {
		t.Error(err)
		return nil
	}
	return d
}

// tokenTime is for how long a token of the soak is used; the function verifies a new
// signature then.
const tokenTime = 10 * time.Second

// renewed gives a token that is minted anew when tokenTime is over.
func renewed(mint func() (string, error)) func() (string, error) {
	var mu sync.Mutex
	var token string
	var minted time.Time
	return func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(minted) < tokenTime {
			return token, nil
		}
		var err error
		token, err = mint()
		minted = time.Now()
		return token, err
	}
}

func sessionOf(x *emulator.Exchange) mode {
	switch {
	case x == nil || x.TLS == nil:
		return modes
	case x.Reused:
		return kept
	case x.TLS.Resumed:
		return resumed
	default:
		return full
	}
}
