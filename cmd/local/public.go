package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync/atomic"
	"time"

	"example.com/cxhook/internal/emulator"
)

// publicURL is a real agent's way to this machine, through a tunnel.
type publicURL struct{ url, project string }

var digits = regexp.MustCompile(`^[0-9]+$`)

// publicURL checks the flags of --public-url; nil is none.
func (c *serveCmd) publicURL() (*publicURL, error) {
	if c.PublicURL == "" {
		if c.Policy != "" || c.ProjectNumber != "" {
			return nil, usagef("--policy and --project-number go with --public-url")
		}
		return nil, nil
	}
	u, err := url.Parse(c.PublicURL)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, usagef("--public-url %s: want https://HOST/PATH, exactly as the agent's webhook has it", c.PublicURL)
	case c.Policy != "idtoken":
		return nil, usagef("--public-url: a tunnel terminates TLS, and the client certificate is lost there; say --policy idtoken to do without it")
	case !digits.MatchString(c.ProjectNumber):
		return nil, usagef("--public-url: --project-number is the number of the agent's project: gcloud projects describe PROJECT --format='value(projectNumber)'")
	case c.Direct:
		return nil, usagef("--public-url and --direct: a tunnel that passes TLS through needs neither, see docs/emulator.md")
	}
	return &publicURL{c.PublicURL, c.ProjectNumber}, nil
}

// publicFront is where the tunnel comes out: a plain HTTP listener that notes what
// passes.
type publicFront struct {
	address string
	server  *http.Server
	backend atomic.Pointer[url.URL]
}

func (f *publicFront) setBackend(u *url.URL) { f.backend.Store(u) }

// startPublic starts the function with Google's own keys, and what stands before
// it.
func (s *stack) startPublic(ctx context.Context) error {
	s.url = s.cfg.public.url
	own := map[string]string{"CXHOOK_POLICY": "idtoken", "CXHOOK_PROJECT_NUMBERS": s.cfg.public.project}
	if err := s.startFunction(ctx, own); err != nil {
		return err
	}
	l, err := listen(s.cfg.bind, s.cfg.balancerPort)
	if err != nil {
		return fmt.Errorf("tunnel's end: %w", err)
	}
	f := &publicFront{address: l.Addr().String()}
	f.setBackend(s.backend())
	f.server = newServer(emulator.Record(&httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
		to := f.backend.Load()
		pr.Out.URL.Scheme, pr.Out.URL.Host = to.Scheme, to.Host
		pr.Out.URL.RawQuery = pr.In.URL.RawQuery
		pr.SetXForwarded()
	}}, time.Now, s.ring.Observed))
	s.public = f
	go f.server.Serve(l)
	return nil
}

func (p *publicURL) print(w io.Writer, s *stack) {
	fmt.Fprintf(w, `tunnel's end   http://%s  for %s
function       http://%s  policy idtoken, Google's own keys, agents of project %s

The tunnel terminates TLS: Dialogflow's client certificate is lost there and is not
proved. Whoever steals a token within its hour gets in. In production the load
balancer's policy is mtls+idtoken.
`, s.public.address, p.url, s.running().address, p.project)
}
