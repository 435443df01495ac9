package emulator

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// readBody reads a response whole and undoes its encoding.
func readBody(resp *http.Response) ([]byte, error) {
	var body io.Reader = &limitedReader{resp.Body, MaxResponseBytes}
	var err error
	switch encoding := strings.ToLower(resp.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return io.ReadAll(body)
	case "gzip", "x-gzip":
		body, err = gzip.NewReader(body)
	case "deflate": // zlib's format, RFC 9110 section 8.4.1.2
		body, err = zlib.NewReader(body)
	default:
		return nil, &responseError{fmt.Sprintf("the emulator cannot read a response in Content-Encoding %q", encoding)}
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(&limitedReader{body, MaxResponseBytes}) // what came out of it is bounded too
}

// stopwatch notes when the parts of one round trip happen. The transport may be
// dialling still when the round trip has ended: hence the lock.
type stopwatch struct {
	now   func() time.Time
	start time.Time

	mu                               sync.Mutex
	connectStart, handshakeStart     time.Time
	timings                          Timings
	connected, reused, firstByteSeen bool
	handshakeErr                     error
	tls                              *tls.ConnectionState
}

func newStopwatch(now func() time.Time) *stopwatch { return &stopwatch{now: now, start: now()} }

func (w *stopwatch) trace(ctx context.Context) context.Context {
	note := func(f func(now time.Time)) {
		w.mu.Lock()
		defer w.mu.Unlock()
		f(w.now())
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectStart: func(string, string) { note(func(now time.Time) { w.connectStart = now }) },
		ConnectDone: func(_, _ string, err error) {
			note(func(now time.Time) { w.connected, w.timings.Connect = err == nil, now.Sub(w.connectStart) })
		},
		TLSHandshakeStart: func() { note(func(now time.Time) { w.handshakeStart = now }) },
		TLSHandshakeDone: func(cs tls.ConnectionState, err error) {
			note(func(now time.Time) {
				w.handshakeErr, w.timings.Handshake = err, now.Sub(w.handshakeStart)
				if err == nil {
					w.tls = &cs
				}
			})
		},
		GotConn: func(info httptrace.GotConnInfo) {
			note(func(time.Time) {
				w.connected, w.reused = true, info.Reused
				if c, ok := info.Conn.(*tls.Conn); ok {
					cs := c.ConnectionState()
					w.tls = &cs
				}
			})
		},
		GotFirstResponseByte: func() {
			note(func(now time.Time) { w.firstByteSeen, w.timings.FirstByte = true, now.Sub(w.start) })
		},
	})
}

// fill writes into x what was noted.
func (w *stopwatch) fill(x *Exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.Timings, x.Reused = w.timings, w.reused
	if w.reused { // a connection that was begun for this call and lost the race
		x.Timings.Connect, x.Timings.Handshake = 0, 0
	}
	x.Timings.Total = w.now().Sub(w.start)
	if w.tls != nil {
		x.TLS = &TLSState{Version: tls.VersionName(w.tls.Version), CipherSuite: tls.CipherSuiteName(w.tls.CipherSuite), Resumed: w.tls.DidResume}
		if len(w.tls.PeerCertificates) > 0 {
			x.TLS.Server = w.tls.PeerCertificates[0].Subject.String()
		}
	}
}
