package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	webhook "example.com/cxhook"
	"example.com/cxhook/cx"
	"example.com/cxhook/handlers"
	"example.com/cxhook/internal/console"
	"example.com/cxhook/internal/telemetry"
	"example.com/cxhook/internal/telemetry/cloudlog"
	"example.com/cxhook/verify"
)

// functionCmd is the function as a process: what the buildpack's generated main is
// in the cloud. That one serves with functions-framework's Start, which has no
// timeouts and no way to stop in order; this one has both.
type functionCmd struct {
	Port    int    `help:"First port to try; 0 is any free one." default:"8080"`
	Bind    string `help:"Address to listen on." default:"127.0.0.1" placeholder:"IP"`
	TLSCert string `name:"tls-cert" help:"Terminate TLS here, with this chain (PEM)." type:"existingfile" and:"tls"`
	TLSKey  string `name:"tls-key" help:"The key of --tls-cert." type:"existingfile" and:"tls"`
	Child   bool   `hidden:"" help:"Take the stack's orders on standard input, and end with it."`
}

// The line of the log that tells the parent where the function listens.
const listening = "listening"

func (c *functionCmd) Run(ctx context.Context, s *streams) error {
	if c.Child {
		signal.Ignore(os.Interrupt) // ctrl-C reaches the whole group; the parent ends us when it is done
	}
	if err := checkBind(c.Bind, true); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more ends no call
	cfg, err := webhook.ConfigFromEnv()
	if err != nil {
		return err
	}
	errorLog := slog.NewJSONHandler(s.err, nil)
	var client *cloudlog.Log // nil where standard output is collected
	cfg.LogClient = telemetry.NewLines(s.out)
	if cfg.LogTo == webhook.LogCloud {
		if client, err = cloudlog.New(ctx, cfg.Project, func(err error) { slog.New(errorLog).Error(err.Error()) }); err != nil {
			return err
		}
		cfg.LogClient = client
	}
	err = c.serve(ctx, s, cfg, slog.NewLogLogger(errorLog, slog.LevelWarn))
	if client != nil {
		closing, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		err = errors.Join(err, client.Close(closing))
	}
	return err
}

func (c *functionCmd) serve(ctx context.Context, s *streams, cfg webhook.Config, errorLog *log.Logger) error {
	faults := &handlerFaults{}
	var routes []console.Route
	paths := []string{}
	cfg.Register = func(ctx context.Context, m *cx.Mux) (func(context.Context) error, error) {
		m.Use(faults.middleware)
		closer, err := handlers.Register(ctx, m)
		for _, r := range m.Routes() {
			routes = append(routes, routeOf(r))
		}
		for _, p := range m.Paths() {
			paths = append(paths, p.Path)
		}
		return closer, err
	}
	listener, err := listen(c.Bind, c.Port)
	if err != nil {
		return err
	}
	hook, err := webhook.New(ctx, cfg)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := newServer(hook)
	server.ErrorLog = errorLog
	leaver := newLeaver(server)
	serve := func() error { return server.Serve(listener) }
	if c.TLSCert != "" {
		if err := c.terminateTLS(server, cfg.Verify, cfg.LogClient); err != nil {
			return errors.Join(err, listener.Close())
		}
		serve = func() error { return server.ServeTLS(listener, "", "") }
	}
	log := slog.New(slog.NewJSONHandler(s.out, nil))
	log.Info(listening, "address", listener.Addr().String(), "routes", routes, "paths", paths)

	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	parentGone := make(chan struct{})
	if c.Child {
		go func() { // the parent holds our standard input open for as long as it lives
			faults.obey(os.Stdin, log)
			close(parentGone)
		}()
	}
	stop := false
	select {
	case err := <-failed:
		return errors.Join(err, hook.Close(ctx))
	case <-parentGone: // the stack has sent its calls elsewhere before
	case <-ctx.Done(): // SIGTERM, or ctrl-C
		stop = true
	}
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	closing, cancel := context.WithTimeout(context.Background(), drainTime+closeTime)
	defer cancel()
	if stop {
		leaver.leave(drain, listener)
		<-failed // or Shutdown closes the listener once more, and that is an error
	}
	err = server.Shutdown(drain)
	if err != nil { // calls that took too long are cut off
		err = errors.Join(err, server.Close())
	}
	return errors.Join(err, hook.Close(closing))
}

// terminateTLS makes the server of Google's page: it asks for the client
// certificate and verifies it in the handshake. Who is refused there made no call,
// but has a line in the log.
func (c *functionCmd) terminateTLS(server *http.Server, cfg verify.Config, lines telemetry.Log) error {
	certificate, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return err
	}
	server.TLSConfig, err = verify.ServerTLSConfig(cfg, certificate)
	server.ErrorLog = log.New(refusals{lines}, "", 0)
	return err
}

// refusals writes what http.Server has to say as lines of the function's log.
type refusals struct{ log telemetry.Log }

func (r refusals) Write(p []byte) (int, error) {
	r.log.Write(&telemetry.Entry{Severity: telemetry.Warning, Time: time.Now(), Message: strings.TrimSpace(string(p))})
	return len(p), nil
}

// Whoever sends SIGTERM waits for some 10 s: drainTime is for calls in flight,
// closeTime for what handlers hold, and again for the log.
const (
	drainTime = 8 * time.Second
	closeTime = 900 * time.Millisecond
)

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

// routeOf is a route as the console shows it.
func routeOf(r cx.RouteInfo) console.Route {
	out := console.Route{Tag: r.Tag, Name: r.Name, Fallback: r.Fallback, BudgetMillis: r.Budget.Milliseconds()}
	for _, p := range r.Parameters {
		out.Parameters = append(out.Parameters, parameterOf(p))
	}
	return out
}

func parameterOf(p cx.Parameter) console.Parameter {
	out := console.Parameter{Name: p.Name, Source: string(p.Source), Type: p.Type, Required: p.Required, Default: p.Default, Values: p.Values}
	for _, m := range p.Members {
		out.Members = append(out.Members, parameterOf(m))
	}
	return out
}
