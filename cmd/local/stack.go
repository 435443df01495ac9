package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"example.com/cxhook/internal/console"
	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// What the stack stands for: a project that does not exist.
const (
	projectID     = "local-shirts"
	projectNumber = "123456789012"
	webhookPath   = "/shirts-agent-webhook"
)

// stack is everything that a call passes, on loopback.
type stack struct {
	cfg      stackConfig
	ring     *console.Ring
	pki      *emulator.PKI
	issuer   *emulator.Issuer
	agent    *emulator.Dialogflow // keeps the sessions; callers differ from call to call
	balancer *emulator.LoadBalancer
	public   *publicFront
	url      string            // of the webhook, as an agent has it
	keysURL  string            // "" is Google's own
	env      map[string]string // of the function
	args     []string          // of the function's command
	dir      string            // what curl needs; removed at the end

	serverRoots    *x509.CertPool // that verify the server
	serverRootsPEM []byte

	replaced chan struct{} // another function runs; for serve
	breaking sync.Mutex    // held while something is broken or mended, or the function replaced

	mu       sync.Mutex
	function *process // the one that new calls go to
	restarts int
	build    string          // what is wrong with the code
	broken   map[string]bool // faults, by name
}

// stackConfig says how a stack differs from the usual one.
type stackConfig struct {
	bind                       string // address; "" is 127.0.0.1
	balancerPort, functionPort int    // first ones to try; 0 is any free one
	mode                       string
	direct                     string        // no load balancer, and a server certificate of this kind: self or chain
	public                     *publicURL    // no load balancer either: a real agent calls through a tunnel
	timeout                    time.Duration // of the fake Dialogflow; 0 is callTimeout
	retries                    int
	env                        map[string]string // of the function, besides what the stack sets
	onNote                     func(*console.Line)
	stderr                     io.Writer
}

// startStack starts everything and returns when the function serves.
func startStack(ctx context.Context, cfg stackConfig) (_ *stack, err error) {
	s := &stack{cfg: cfg, ring: console.NewRing(time.Now), broken: map[string]bool{}, replaced: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "cxhook-"); err != nil {
		return nil, err
	}
	if s.pki, err = emulator.NewPKI(time.Now()); err != nil {
		return nil, err
	}
	if cfg.public != nil {
		return s, s.startPublic(ctx)
	}
	if err := s.startIssuer(); err != nil {
		return nil, err
	}
	s.serverRoots, s.serverRootsPEM = s.pki.ServerRoots(), s.pki.ServerRootsPEM()
	if cfg.direct != "" {
		return s, s.startDirect(ctx)
	}
	front, err := listen(cfg.bind, cfg.balancerPort)
	if err != nil {
		return nil, fmt.Errorf("load balancer: %w", err)
	}
	s.url = "https://" + reachable(front.Addr()) + webhookPath
	secret := edgeSecret()
	if err := s.startFunction(ctx, map[string]string{"CXHOOK_EDGE_SECRET": secret}); err != nil {
		return nil, errors.Join(err, front.Close())
	}
	if err := s.startBalancer(front, secret); err != nil {
		return nil, errors.Join(err, front.Close())
	}
	return s, s.startAgent()
}

func (s *stack) startIssuer() (err error) {
	if s.issuer, err = emulator.NewIssuer(time.Now); err != nil {
		return err
	}
	l, err := listen("", 0)
	if err != nil {
		return fmt.Errorf("token issuer: %w", err)
	}
	s.keysURL = "http://" + l.Addr().String() + emulator.KeysPath
	go s.issuer.Serve(l)
	return nil
}

func edgeSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return base64.StdEncoding.EncodeToString(b)
}

func (s *stack) startBalancer(front net.Listener, secret string) (err error) {
	host, _, err := net.SplitHostPort(reachable(front.Addr()))
	if err != nil {
		return err
	}
	certificate, err := s.pki.ServerCertificate(host, "localhost")
	if err != nil {
		return err
	}
	s.balancer, err = emulator.NewLoadBalancer(emulator.LoadBalancerConfig{
		Certificate: certificate, TrustStore: s.pki.TrustStore("google", "google-legacy"), Mode: emulator.Mode(s.cfg.mode),
		Headers: verify.DefaultGoogleLBHeaders(), EdgeHeader: verify.DefaultEdgeHeader, EdgeSecret: secret,
		Backend: s.backend(), OnCall: s.ring.Observed,
	})
	if err != nil {
		return err
	}
	go s.balancer.Serve(front)
	return nil
}

// backend is where the function is at the moment.
func (s *stack) backend() *url.URL { return &url.URL{Scheme: "http", Host: s.running().address} }

func (s *stack) running() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.function
}

// startFunction starts the function as a process of its own, configured by its
// environment as in the cloud; only roots and keys are ours. What the stack sets
// wins over the user's.
func (s *stack) startFunction(ctx context.Context, own map[string]string, args ...string) error {
	env := map[string]string{"CXHOOK_AUDIENCES": s.url, "CXHOOK_LOG_CHECKS": "true"}
	if s.cfg.public == nil {
		env["CXHOOK_PROJECT_NUMBERS"], env["CXHOOK_KEYS_URL"], env["GOOGLE_CLOUD_PROJECT"] = projectNumber, s.keysURL, projectID
		for identity, variable := range map[string]string{"google": "CXHOOK_GOOGLE_CA_FILE", "google-legacy": "CXHOOK_GOOGLE_LEGACY_CA_FILE"} {
			file, err := s.write(identity+"-ca.pem", s.pki.Bundle(identity))
			if err != nil {
				return err
			}
			env[variable] = file
		}
	}
	for name, value := range own {
		env[name] = value
	}
	for name, value := range s.cfg.env {
		if _, ours := env[name]; !ours {
			env[name] = value
		}
	}
	s.env, s.args = env, args
	p, err := s.startProcess(ctx, "", s.cfg.functionPort)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.function = p
	return nil
}

// write writes a file into the stack's folder, for its owner only.
func (s *stack) write(name string, content []byte) (string, error) {
	file := filepath.Join(s.dir, name)
	return file, os.WriteFile(file, content, 0o600)
}

// stop ends everything that was started, the balancer first.
func (s *stack) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var problems []error
	if s.balancer != nil {
		problems = append(problems, s.balancer.Shutdown(ctx))
	}
	if s.public != nil {
		problems = append(problems, s.public.server.Shutdown(ctx))
	}
	if p := s.running(); p != nil {
		problems = append(problems, p.stop(ctx))
	}
	if s.issuer != nil {
		problems = append(problems, s.issuer.Shutdown(ctx))
	}
	if s.dir != "" {
		problems = append(problems, os.RemoveAll(s.dir))
	}
	return errors.Join(problems...)
}
