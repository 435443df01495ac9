package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"example.com/cxhook/internal/emulator"
)

// serveCmd is the stack that stays.
type serveCmd struct {
	Port         int    `default:"8443" help:"Port of the load balancer on 127.0.0.1; the next free one if it is taken."`
	FunctionPort int    `default:"8080" help:"The same, of the function."`
	LBMode       string `name:"lb-mode" enum:"lenient,strict" default:"lenient" help:"What the load balancer does with a certificate that it cannot verify: tell the function (lenient), or end the handshake (strict)."`
	Direct       bool   `help:"No load balancer: the function terminates TLS itself, and refuses a wrong client certificate in the handshake. --port is its port."`
	ServerCert   string `name:"server-cert" enum:"self,chain" default:"self" help:"With --direct: a self-made server certificate, for the agent's custom CA setting, or one from a CA chain."`
}

func (c *serveCmd) Run(ctx context.Context, out *streams) error {
	log := &liveLog{w: out.out}
	first := make(chan logLine, 16) // of the sample call, which is printed at length
	var live atomic.Bool
	direct := ""
	if c.Direct {
		direct = c.ServerCert
	}
	s, err := startStack(ctx, stackConfig{direct: direct, balancerPort: c.Port, functionPort: c.FunctionPort, mode: c.LBMode, stderr: out.err, onLine: func(l logLine) {
		if live.Load() {
			log.print(l)
			return
		}
		select {
		case first <- l:
		default: // nobody waits for more than the one line
		}
	}})
	if err != nil {
		if ctx.Err() != nil {
			return nil // ctrl-C while it was starting
		}
		return err
	}
	err = c.serve(ctx, out.out, s, first, &live)
	if err == nil || ctx.Err() != nil {
		fmt.Fprintln(out.out, "\nstopping")
		err = nil
	}
	return errors.Join(err, s.stop())
}

func (c *serveCmd) serve(ctx context.Context, w io.Writer, s *stack, first <-chan logLine, live *atomic.Bool) error {
	body, err := emulator.SampleCall(emulator.Sample{})
	if err != nil {
		return err
	}
	s.printStations(w, c.ServerCert)
	fmt.Fprintf(w, "Google's sample call: \"I want to buy a large red shirt\", tag confirm\n\n")
	rep, err := s.call(ctx, &callCmd{ClientCert: "google", Token: "valid"}, body, first)
	if err == nil {
		printReport(w, rep)
		err = s.printCurl(w, body)
	}
	if err != nil {
		return err
	}
	fmt.Fprint(w, "\nOther callers: go run ./cmd/local call --help. Stop with ctrl-C. Calls as they come:\n\n")
	live.Store(true)

	refresh := time.NewTicker(tokenRefresh)
	defer refresh.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.function.ended:
			return fmt.Errorf("the function ended by itself: %w", s.function.err)
		case <-refresh.C:
			if _, err := s.writeToken(); err != nil {
				return err
			}
		}
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

// liveLog prints a line for each call.
type liveLog struct{ w io.Writer }

func (l *liveLog) print(line logLine) {
	now := time.Now().Format(time.TimeOnly)
	if line.Request == nil {
		fmt.Fprintf(l.w, "%s  %s %s\n", now, line.Message, line.Error)
		return
	}
	t := ""
	if line.Micros != nil {
		t = micros(line.Micros.Total)
	}
	fmt.Fprintf(l.w, "%s  %d  %s  %s\n", now, line.Request.Status, t, line.Message)
	if r := line.Refusal; r != nil {
		presented := r.Presented
		if presented == "" {
			presented = r.Unverified
		}
		fmt.Fprintf(l.w, "            presented  %s\n            expected   %s\n", presented, r.Expected)
		if r.Hint != "" {
			fmt.Fprintf(l.w, "            hint       %s\n", r.Hint)
		}
	}
}
