package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A server that leaves answers on the connections that its clients keep, asks them
// to let go, and has left when they have. Nobody new is let in.
func TestLeave(t *testing.T) {
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }},
		{"body alone", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }},
		{"header of its own", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			w.Header().Del("Connection") // as cx does
			io.WriteString(w, "ok")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := newServer(row.handler)
			leaver := newLeaver(server)
			go server.Serve(listener)
			defer server.Close()
			client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
			call := func() (closes bool) {
				t.Helper()
				resp, err := client.Post("http://"+listener.Addr().String(), "text/plain", strings.NewReader("x"))
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				return resp.Close
			}
			if call() {
				t.Fatal("the connection is not kept")
			}
			left := make(chan struct{})
			go func() { leaver.leave(context.Background(), listener); close(left) }()
			for !leaver.leaving.Load() { // another goroutine says so, at once
				time.Sleep(time.Millisecond)
			}
			if !call() {
				t.Error("the client is not asked to let go")
			}
			<-left
			if n := leaver.open.Load(); n != 0 {
				t.Errorf("%d connections are open", n)
			}
			if _, err := client.Get("http://" + listener.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("a new connection: %v", err)
			}
		})
	}
}

// A client that keeps its connection does not hold up the end for longer than
// lingerTime, nor for longer than the whole drain.
func TestLeaveIdleConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(http.NotFoundHandler())
	leaver := newLeaver(server)
	go server.Serve(listener)
	defer server.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for leaver.open.Load() == 0 { // until the server has accepted it
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	leaver.leave(ctx, listener)
	if n := leaver.open.Load(); n != 1 {
		t.Errorf("%d connections are open, want the idle one", n)
	}
}
