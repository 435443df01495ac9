package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"time"

	webhook "example.com/cxhook"
)

// functionCmd is the function as a process: what the buildpack's generated main is
// in the cloud. That one serves with functions-framework's Start, which has no
// timeouts and no way to stop in order; this one has both.
type functionCmd struct {
	Port int `help:"First port to try on 127.0.0.1; 0 is any free one." default:"8080"`
}

// The line of the log that tells the parent where the function listens.
const listening = "listening"

func (c *functionCmd) Run(ctx context.Context, s *streams) error {
	signal.Ignore(os.Interrupt) // ctrl-C reaches the whole group; the parent ends us when it is done
	cfg, err := webhook.ConfigFromEnv()
	if err != nil {
		return err
	}
	cfg.Log = s.out
	listener, err := listen(c.Port)
	if err != nil {
		return err
	}
	hook, err := webhook.New(ctx, cfg)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := newServer(hook)
	server.ErrorLog = slog.NewLogLogger(slog.NewJSONHandler(s.err, nil), slog.LevelWarn)
	slog.New(slog.NewJSONHandler(s.out, nil)).Info(listening, "address", listener.Addr().String())

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	parentGone := make(chan struct{})
	go func() { // the parent holds our standard input open for as long as it lives
		io.Copy(io.Discard, os.Stdin)
		close(parentGone)
	}()
	select {
	case err := <-failed:
		return errors.Join(err, hook.Close(ctx))
	case <-parentGone:
	case <-ctx.Done(): // SIGTERM
	}
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return errors.Join(server.Shutdown(drain), hook.Close(drain))
}

// drainTime is what calls in flight have at the end. Cloud Run gives 10 s.
const drainTime = 8 * time.Second

// newServer gives a server with every timeout set. The function's own budget ends
// long before these.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       35 * time.Second,
		WriteTimeout:      40 * time.Second, // above the longest timeout of a webhook, 30 s
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    128 << 10, // a leaf and its chain have up to 44 KiB in base64
	}
}

// portTries is how many ports are tried after a taken one.
const portTries = 50

// listen opens the first free port from port on, on loopback; 0 is any.
func listen(port int) (net.Listener, error) {
	if port < 0 || port > 65535 {
		return nil, usagef("port %d: want 0 to 65535", port)
	}
	var first error
	for p := port; p < port+portTries && p <= 65535; p++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err == nil {
			return l, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("no free port from %d on: %w", port, first)
}
