package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"example.com/cxhook/internal/emulator"
)

// keyServer is the emulator's key server on loopback, with a clock: how long a fetch
// took, from the connection to the last byte that was handed to the kernel.
type keyServer struct {
	url string
	srv *http.Server

	mu   sync.Mutex
	last time.Duration // the fetch that ended last; 0 if none has since reset
}

type acceptedKey struct{}

func newKeyServer(issuer *emulator.Issuer) (*keyServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &keyServer{url: "http://" + l.Addr().String() + emulator.KeysPath}
	k.srv = &http.Server{ReadHeaderTimeout: 5 * time.Second,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, acceptedKey{}, time.Now())
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			issuer.ServeHTTP(w, r)
			http.NewResponseController(w).Flush()
			k.mu.Lock()
			k.last = time.Since(r.Context().Value(acceptedKey{}).(time.Time))
			k.mu.Unlock()
		})}
	go k.srv.Serve(l)
	return k, nil
}

func (k *keyServer) reset() {
	k.mu.Lock()
	k.last = 0
	k.mu.Unlock()
}

func (k *keyServer) lastFetch() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}
