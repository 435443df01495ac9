package main

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// lingerTime is for how long a server that was told to end still answers on the
// connections that clients keep. It is a part of drainTime.
const lingerTime = 2 * time.Second

// leaver ends a server without a call that meets a closed connection.
// http.Server.Shutdown closes idle connections at once, and what a client is writing
// into one at that moment is lost: the client cannot know whether it was read. Here
// each answer first says "Connection: close", so that the client lets go itself.
//
// What remains is HTTP/1.1's: a connection that was idle all the while is closed in
// the end, and a call may just be on its way.
//
// Source: RFC 9112 section 9.6
type leaver struct {
	handler http.Handler
	open    atomic.Int64 // connections
	leaving atomic.Bool
	closed  chan struct{} // has one in it when a connection has closed
}

// newLeaver takes the place of the server's handler.
func newLeaver(s *http.Server) *leaver {
	l := &leaver{handler: s.Handler, closed: make(chan struct{}, 1)}
	s.Handler, s.ConnState = l, l.connState
	return l
}

func (l *leaver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.handler.ServeHTTP(&leavingWriter{w, l}, r)
}

func (l *leaver) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		l.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		l.open.Add(-1)
		select {
		case l.closed <- struct{}{}:
		default:
		}
	}
}

// leave takes no new connection, and returns when clients have let go of those that
// there are, after lingerTime, or with ctx. Shutdown must follow.
func (l *leaver) leave(ctx context.Context, listener net.Listener) {
	l.leaving.Store(true)
	listener.Close() // Serve's own error says no more than that
	enough := time.NewTimer(lingerTime)
	defer enough.Stop()
	for l.open.Load() > 0 {
		select {
		case <-l.closed:
		case <-enough.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// leavingWriter asks the client to let go of the connection once the server leaves.
// It does so when the answer begins, and not before: cx sets and unsets the same
// header while it reads a body.
type leavingWriter struct {
	http.ResponseWriter
	*leaver
}

func (w *leavingWriter) WriteHeader(status int) {
	if w.leaving.Load() {
		w.Header().Set("Connection", "close")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write may begin the answer too.
func (w *leavingWriter) Write(b []byte) (int, error) {
	if w.leaving.Load() {
		w.Header().Set("Connection", "close") // of no effect later
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap serves http.ResponseController.
func (w *leavingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
