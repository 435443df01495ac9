package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/joho/godotenv"

	"example.com/cxhook/internal/agent"
	"example.com/cxhook/internal/console"
	"example.com/cxhook/internal/emulator"
)

// serveCmd is the stack that stays.
type serveCmd struct {
	Port         int      `default:"8443" help:"Port of the load balancer; the next free one if it is taken."`
	FunctionPort int      `default:"8080" help:"The same, of the function."`
	ConsolePort  int      `default:"4040" help:"The same, of the console."`
	Bind         string   `default:"127.0.0.1" help:"Address of the load balancer. The function and the console stay on loopback." placeholder:"IP"`
	Beyond       bool     `name:"danger-beyond-loopback" help:"Allow a --bind that other machines can reach."`
	LBMode       string   `name:"lb-mode" enum:"lenient,strict" default:"lenient" help:"What the load balancer does with a certificate that it cannot verify: tell the function (lenient), or end the handshake (strict)."`
	Direct       bool     `help:"No load balancer: the function terminates TLS itself, and refuses a wrong client certificate in the handshake. --port is its port."`
	ServerCert   string   `name:"server-cert" enum:"self,chain" default:"self" help:"With --direct: a self-made server certificate, for the agent's custom CA setting, or one from a CA chain."`
	Watch        bool     `help:"Build and start the function anew when a .go file changes. Sessions stay; code that does not build leaves the running code alone."`
	Request      string   `help:"Folder of saved calls: conversations as cxtest plays them." placeholder:"DIR"`
	Agent        string   `help:"An exported agent, a folder or a zip file: the console shows where it calls, and which handler answers." placeholder:"EXPORT"`
	Config       string   `help:"File of NAME=value lines (.env) for the function's environment." placeholder:"FILE"`
	Faults       []string `help:"Break these from the start: see the command faults." placeholder:"NAME"`

	PublicURL     string `name:"public-url" help:"Answer a real agent that calls this URL through a tunnel, which forwards to --port over plain HTTP: Google's keys, and the URL as the audience." placeholder:"URL"`
	Policy        string `enum:"idtoken," default:"" help:"With --public-url, idtoken: a tunnel that terminates TLS leaves no client certificate to prove." placeholder:"idtoken"`
	ProjectNumber string `name:"project-number" help:"With --public-url: number of the agent's project." placeholder:"NUMBER"`
}

func (c *serveCmd) Run(ctx context.Context, out *streams) error {
	cfg, shown, err := c.config(out)
	if err != nil {
		return err
	}
	var program *watcher
	if c.Watch {
		if program, err = newWatcher(ctx); err != nil {
			return err
		}
		defer program.Close()
	}
	s, err := startStack(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil // ctrl-C while it was starting
		}
		return err
	}
	err = c.serve(ctx, out, s, shown, program)
	if err == nil || ctx.Err() != nil {
		fmt.Fprintln(out.out, "\nstopping")
		err = nil
	}
	return errors.Join(err, s.stop())
}

// config checks the command line, before anything is started.
func (c *serveCmd) config(out *streams) (cfg stackConfig, shown console.Config, err error) {
	cfg = stackConfig{bind: c.Bind, balancerPort: c.Port, functionPort: c.FunctionPort, mode: c.LBMode, timeout: emulator.DefaultTimeout, retries: retries, stderr: out.err,
		onNote: func(l *console.Line) { printNote(out.out, l) }}
	if err := checkBind(c.Bind, c.Beyond); err != nil {
		return cfg, shown, err
	}
	if c.Direct {
		if cfg.direct = c.ServerCert; c.Bind != "127.0.0.1" {
			return cfg, shown, usagef("--bind and --direct: the function listens on 127.0.0.1")
		}
	}
	if cfg.public, err = c.publicURL(); err != nil {
		return cfg, shown, err
	}
	for _, name := range c.Faults {
		if _, ok := faults[name]; !ok {
			return cfg, shown, usagef("--faults %s: have %q", name, faultNames())
		}
	}
	if c.Request != "" {
		if shown.Saved, err = console.OpenSaved(c.Request); err != nil {
			return cfg, shown, usagef("--request: %v", err)
		}
	}
	if c.Agent != "" {
		if shown.Agent, err = agent.Open(c.Agent); err != nil {
			return cfg, shown, usagef("--agent: %v", err)
		}
	}
	if c.Config != "" {
		if cfg.env, err = godotenv.Read(c.Config); err != nil {
			return cfg, shown, usagef("--config %s: %v", c.Config, err)
		}
	}
	return cfg, shown, nil
}

func (c *serveCmd) serve(ctx context.Context, out *streams, s *stack, shown console.Config, program *watcher) error {
	s.printStations(out.out, c.ServerCert)
	s.printUnused(out.out)
	for _, name := range c.Faults {
		if err := s.SetFault(name, true); err != nil {
			return err
		}
	}
	window, err := s.openConsole(c.ConsolePort, shown)
	if err != nil {
		return err
	}
	defer window.close()
	fmt.Fprintf(out.out, "console        %s\n\n", window.url)
	if s.cfg.public == nil {
		if err := s.sample(ctx, out.out); err != nil {
			return err
		}
		fmt.Fprint(out.out, "\nOther callers: go run ./cmd/local trigger --help. Stop with ctrl-C. Calls as they come:\n\n")
	} else {
		fmt.Fprint(out.out, "Stop with ctrl-C. Calls as they come:\n\n")
	}

	if program != nil {
		go s.renewAll(ctx, out, program)
	}
	live := s.ring.Live()
	refresh := time.NewTicker(tokenRefresh)
	defer refresh.Stop()
	function := s.running()
	ended := function.ended
	for {
		calls, more := live()
		for _, call := range calls {
			printCall(out.out, call)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-more:
		case <-s.replaced:
			function = s.running()
			ended = function.ended
		case <-ended:
			ended = nil
			switch {
			case function.stopped.Load(): // for its successor
			case program == nil:
				return fmt.Errorf("the function ended by itself: %w", function.err)
			default:
				fmt.Fprintf(out.err, "the function ended by itself (%v); the next change starts it again\n", function.err)
			}
		case <-refresh.C:
			if s.issuer != nil {
				if _, err := s.writeToken(); err != nil {
					return err
				}
			}
		}
	}
}

// sample sends Google's sample call, or one that this agent's handlers answer, and
// prints it at length.
func (s *stack) sample(ctx context.Context, w io.Writer) error {
	send := s.withTag(console.Send{})
	if send.Tag == "" {
		fmt.Fprintf(w, "Google's sample call: \"I want to buy a large red shirt\", tag %s\n\n", googlesTag)
	} else {
		fmt.Fprintf(w, "A call of the tag %s, with invented values for what its handler requires\n\n", send.Tag)
	}
	body, err := bodyOf(send)
	if err != nil {
		return err
	}
	id, err := s.Send(ctx, console.Send{Request: body, Source: "sample"})
	if err != nil {
		return err
	}
	call, _, _ := s.ring.Call(id)
	printReport(w, call)
	return s.printCurl(w, body)
}

// window is the console, served.
type window struct {
	url      string
	server   *http.Server
	withdraw func() error
}

// openConsole serves the console until it is closed, and leaves word of it for the
// other commands.
func (s *stack) openConsole(port int, shown console.Config) (*window, error) {
	l, err := listen("", port)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	shown.Ring, shown.Stack = s.ring, s
	handler := console.NewServer(shown)
	w := &window{url: "http://" + l.Addr().String(), server: newServer(handler)}
	streams, end := context.WithCancel(context.Background())
	w.server.BaseContext = func(net.Listener) context.Context { return streams }
	w.server.RegisterOnShutdown(end) // a stream lasts until one of its ends goes
	if w.withdraw, err = console.Announce(w.url, handler.Token()); err != nil {
		return nil, errors.Join(fmt.Errorf("console: %w", err), l.Close())
	}
	go w.server.Serve(l)
	return w, nil
}

func (w *window) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if w.server.Shutdown(ctx) != nil {
		w.server.Close()
	}
	w.withdraw()
}

// printUnused says which variables of the user's the stack sets itself.
func (s *stack) printUnused(w io.Writer) {
	var unused []string
	for name, value := range s.cfg.env {
		if s.env[name] != value {
			unused = append(unused, name)
		}
	}
	if slices.Sort(unused); len(unused) > 0 {
		fmt.Fprintf(w, "not used: %s; the stack has its own\n", unused)
	}
}

// tokenRefresh is well below the hour for which a token lives.
const tokenRefresh = 20 * time.Minute

// writeToken writes a new token where the curl line reads it.
func (s *stack) writeToken() (file string, err error) {
	token, err := s.issuer.Token("valid", s.url, projectNumber)
	if err != nil {
		return "", err
	}
	return s.write("authorization", []byte("Authorization: Bearer "+token+"\n"))
}

// printCurl prints a line that sends the same call again with curl.
func (s *stack) printCurl(w io.Writer, body []byte) error {
	certificate, err := s.pki.ClientCertificate("google")
	if err != nil {
		return err
	}
	chain, key, err := emulator.EncodePEM(certificate)
	if err != nil {
		return err
	}
	files := make(map[string]string)
	for name, content := range map[string][]byte{"request.json": body, "client.pem": chain, "client-key.pem": key, "server-ca.pem": s.serverRootsPEM} {
		if files[name], err = s.write(name, content); err != nil {
			return err
		}
	}
	token, err := s.writeToken()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe same with curl (the token's file is kept fresh):\n\n  curl --cacert %s --cert %s --key %s \\\n    -H @%s -H 'Content-Type: application/json' --data-binary @%s %s\n",
		files["server-ca.pem"], files["client.pem"], files["client-key.pem"], token, files["request.json"], s.url)
	return nil
}
