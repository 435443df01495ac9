package main

import (
	"bufio"
	"bytes"
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
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// What the stack stands for: a project that does not exist.
const (
	projectID     = "local-shirts"
	projectNumber = "123456789012"
	webhookPath   = "/shirts-agent-webhook"
)

// stack is everything that a call passes, on loopback: Dialogflow is not part of
// it, it is made for each call.
type stack struct {
	pki      *emulator.PKI
	issuer   *emulator.Issuer
	balancer *emulator.LoadBalancer
	function *process
	mode     string
	url      string // of the webhook, through the load balancer
	keysURL  string
	dir      string // what curl needs; removed at the end

	direct         bool           // no load balancer: TLS ends in the function
	serverRoots    *x509.CertPool // that verify the server
	serverRootsPEM []byte

	mu   sync.Mutex
	seen map[string]emulator.Observation // by trace
}

// stackConfig says how a stack differs from the usual one.
type stackConfig struct {
	balancerPort, functionPort int // first ones to try; 0 is any free one
	mode                       string
	direct                     string        // no load balancer, and a server certificate of this kind: self or chain
	onLine                     func(logLine) // called with each line of the function's log
	stderr                     io.Writer
}

// startStack starts everything and returns when the function serves.
func startStack(ctx context.Context, cfg stackConfig) (_ *stack, err error) {
	s := &stack{mode: cfg.mode, direct: cfg.direct != "", seen: map[string]emulator.Observation{}}
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
	if err := s.startIssuer(); err != nil {
		return nil, err
	}
	s.serverRoots, s.serverRootsPEM = s.pki.ServerRoots(), s.pki.ServerRootsPEM()
	if s.direct {
		return s, s.startDirect(ctx, cfg)
	}
	front, err := listen(cfg.balancerPort)
	if err != nil {
		return nil, fmt.Errorf("load balancer: %w", err)
	}
	s.url = "https://" + front.Addr().String() + webhookPath
	secret := edgeSecret()
	if err := s.startFunction(ctx, cfg, secret); err != nil {
		return nil, errors.Join(err, front.Close())
	}
	if err := s.startBalancer(front, secret); err != nil {
		return nil, errors.Join(err, front.Close())
	}
	return s, nil
}

func (s *stack) startIssuer() (err error) {
	if s.issuer, err = emulator.NewIssuer(time.Now); err != nil {
		return err
	}
	l, err := listen(0)
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
	certificate, err := s.pki.ServerCertificate("127.0.0.1", "localhost")
	if err != nil {
		return err
	}
	s.balancer, err = emulator.NewLoadBalancer(emulator.LoadBalancerConfig{
		Certificate: certificate, TrustStore: s.pki.TrustStore("google", "google-legacy"), Mode: emulator.Mode(s.mode),
		Headers: verify.DefaultGoogleLBHeaders(), EdgeHeader: verify.DefaultEdgeHeader, EdgeSecret: secret,
		Backend: &url.URL{Scheme: "http", Host: s.function.address},
		OnCall:  s.observe,
	})
	if err != nil {
		return err
	}
	go s.balancer.Serve(front)
	return nil
}

// observe keeps what the balancer saw of a call until somebody takes it.
func (s *stack) observe(o emulator.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) > 1000 { // nobody takes those of curl's calls
		clear(s.seen)
	}
	s.seen[o.Trace] = o
}

func (s *stack) taken(trace string) *emulator.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.seen[trace]
	if !ok {
		return nil
	}
	delete(s.seen, trace)
	return &o
}

// startFunction starts the function as a process of its own, configured by its
// environment as in the cloud; only roots and keys are ours.
func (s *stack) startFunction(ctx context.Context, cfg stackConfig, secret string, args ...string) error {
	env := map[string]string{
		"CXHOOK_AUDIENCES":       s.url,
		"CXHOOK_PROJECT_NUMBERS": projectNumber,
		"CXHOOK_KEYS_URL":        s.keysURL,
		"CXHOOK_LOG_CHECKS":      "true",
		"GOOGLE_CLOUD_PROJECT":   projectID,
	}
	if s.direct {
		env["CXHOOK_CERTIFICATE_SOURCE"] = "tls"
	} else {
		env["CXHOOK_EDGE_SECRET"] = secret
	}
	for identity, variable := range map[string]string{"google": "CXHOOK_GOOGLE_CA_FILE", "google-legacy": "CXHOOK_GOOGLE_LEGACY_CA_FILE"} {
		file, err := s.write(identity+"-ca.pem", s.pki.Bundle(identity))
		if err != nil {
			return err
		}
		env[variable] = file
	}
	var err error
	s.function, err = startProcess(ctx, cfg, env, args...)
	return err
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
	if s.function != nil {
		problems = append(problems, s.function.stop(ctx))
	}
	if s.issuer != nil {
		problems = append(problems, s.issuer.Shutdown(ctx))
	}
	if s.dir != "" {
		problems = append(problems, os.RemoveAll(s.dir))
	}
	return errors.Join(problems...)
}

// process is the function as a child process.
type process struct {
	cmd     *exec.Cmd
	stdin   io.Closer // the child ends when this does, whatever becomes of us
	address string
	ended   chan struct{}
	err     error // how it ended; to be read once ended is closed
}

// startTimeout is how long the function may take to serve.
const startTimeout = 30 * time.Second

func startProcess(ctx context.Context, cfg stackConfig, env map[string]string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, append([]string{"function", fmt.Sprintf("--port=%d", cfg.functionPort)}, args...)...), ended: make(chan struct{})}
	p.cmd.Env = childEnv(env)
	var complaint bytes.Buffer // what it says if it cannot start
	p.cmd.Stderr = io.MultiWriter(cfg.stderr, &complaint)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	address := make(chan string, 1)
	go func() {
		p.readLog(stdout, cfg, address)
		p.err = p.cmd.Wait() // after the last line was read
		close(p.ended)
	}()
	select {
	case p.address = <-address:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("the function did not start: %w", p.err)
	case <-time.After(startTimeout):
		err = fmt.Errorf("the function did not serve within %v", startTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	stopping, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return nil, errors.Join(err, p.stop(stopping))
}

// readLog passes on the lines of the function's log.
func (p *process) readLog(r io.Reader, cfg stackConfig, address chan<- string) {
	lines := bufio.NewReader(r)
	for {
		b, err := lines.ReadBytes('\n')
		if len(b) > 0 {
			if line, err := parseLogLine(b); err != nil {
				cfg.stderr.Write(b) // a handler printed it
			} else if line.Msg == listening {
				address <- line.Address
			} else {
				cfg.onLine(line)
			}
		}
		if err != nil {
			return
		}
	}
}

// childEnv is our environment without what would configure the function another
// way than the stack does.
func childEnv(set map[string]string) []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		_, ours := set[name]
		if !ours && !strings.HasPrefix(name, "CXHOOK_") && name != "K_SERVICE" {
			env = append(env, kv)
		}
	}
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}

// stop ends the process: in order, or if it takes too long, at once.
func (p *process) stop(ctx context.Context) error {
	p.stdin.Close()
	select {
	case <-p.ended:
	case <-ctx.Done():
		p.cmd.Process.Kill()
		<-p.ended
	}
	if p.err != nil {
		return fmt.Errorf("the function: %w", p.err)
	}
	return nil
}
