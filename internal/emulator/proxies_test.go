package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"example.com/cxhook/internal/freeport"
	"example.com/cxhook/verify"
)

// proxySource is what one of the proxies forwards, to whom.
type proxySource struct {
	Name    string // of the front, in the configuration
	Source  verify.Source
	Strict  bool
	Port    string
	Backend string // the function's address

	function *judgedServer
}

// proxyRun is a real proxy that is running, with a front for each source and mode.
type proxyRun struct {
	Dir, Module            string
	Resume                 bool
	EdgeHeader, EdgeSecret string
	Fronts                 []*proxySource
}

// judgedServer is the function behind one front: the certificate is judged as in
// production, and what was decided is handed over. The token is no part of this.
type judgedServer struct {
	*httptest.Server
	verdict chan judgement
	chain   atomic.Bool // the front forwarded intermediates with the last call
}

type judgement struct {
	code     verify.Code // "" where it was let in
	identity string
	hops     int // requests that came of one
}

func newJudgedServer(t *testing.T, source verify.Source) *judgedServer {
	f := &judgedServer{verdict: make(chan judgement, 8)}
	verifier := newVerifier(t, func(cfg *verify.Config) { cfg.Certificate.Source = source })
	handle := func(rep *verify.Report, err *verify.Error) judgement {
		j := judgement{identity: rep.Identity}
		if err != nil && err.Station != verify.StationToken {
			j.code = err.Code
		}
		return j
	}
	tell := func(r *http.Request, j judgement) {
		select {
		case f.verdict <- j:
		case <-r.Context().Done(): // the proxy has gone, and with it whoever would read
		}
	}
	h := verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tell(r, handle(verify.FromContext(r.Context()), nil))
		io.WriteString(w, "{}")
	}), func(w http.ResponseWriter, r *http.Request, rep *verify.Report, err *verify.Error) {
		tell(r, handle(rep, err))
		w.WriteHeader(err.Status())
	})
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // trailers are there before the judgement
		chain := r.Header.Get("Client-Cert-Chain") + r.Header.Get("X-Client-Cert-Chain")
		f.chain.Store(chain != "")
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// proxies are the real fronts, and what each can forward.
var proxies = []struct {
	name, template string
	sources        []verify.Source
	files          []string // that the configuration loads
	command        func(dir string) *exec.Cmd
}{
	{"haproxy", "haproxy.cfg.tmpl", []verify.Source{verify.SourceRFC9440, verify.SourceGoogleLB}, []string{"chain.lua"},
		func(dir string) *exec.Cmd { return exec.Command("haproxy", "-db", "-f", dir+"/haproxy.cfg") }},
	{"nginx", "nginx.conf.tmpl", []verify.Source{verify.SourceNginx, verify.SourceRFC9440}, []string{"chain.js"},
		func(dir string) *exec.Cmd {
			return exec.Command("nginx", "-p", dir, "-e", "stderr", "-c", dir+"/nginx.conf")
		}},
}

// njsModules is where distributions put the script module.
var njsModules = []string{"/usr/lib/nginx/modules/ngx_http_js_module.so", "/usr/lib64/nginx/modules/ngx_http_js_module.so"}

// TestProxies sends one table of callers and forgeries through real proxies, in
// both validation modes, with and without resumed sessions: what the fronts of
// other tests are written to do, these do.
func TestProxies(t *testing.T) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			if _, err := exec.LookPath(p.name); err != nil {
				t.Skipf("%s is not installed: .ci/run installs it (%v)", p.name, err)
			}
			for _, resume := range []bool{false, true} {
				name := "full handshakes"
				if resume {
					name = "resumed sessions"
				}
				t.Run(name, func(t *testing.T) {
					run := &proxyRun{Dir: t.TempDir(), Resume: resume, EdgeHeader: verify.DefaultEdgeHeader, EdgeSecret: testSecret}
					sources := p.sources
					if p.name == "nginx" {
						for _, module := range njsModules {
							if _, err := os.Stat(module); err == nil {
								run.Module = module
							}
						}
						if run.Module == "" {
							sources = sources[:1]
							t.Log("SKIPPED: nginx with RFC 9440 headers: the script module (libnginx-mod-http-js) is not installed")
						}
					}
					for _, source := range sources {
						for _, strict := range []bool{false, true} {
							f := newJudgedServer(t, source)
							port, err := freeport.Pick()
							if err != nil {
								t.Fatal(err)
							}
							mode := map[bool]string{false: "lenient", true: "strict"}[strict]
							run.Fronts = append(run.Fronts, &proxySource{Name: string(source) + "-" + mode, Source: source, Strict: strict, Backend: f.Listener.Addr().String(), function: f, Port: port})
						}
					}
					run.start(t, p.template, p.files, p.command(run.Dir))
					for _, front := range run.Fronts {
						t.Run(front.Name, func(t *testing.T) {
							callers(t, p.name, front, resume)
							forgeries(t, p.name, front)
						})
					}
				})
			}
		})
	}
}

// start writes the configuration, starts the proxy and waits until it answers.
func (run *proxyRun) start(t *testing.T, name string, files []string, cmd *exec.Cmd) {
	t.Helper()
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(run.Dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server, err := pki().ServerCertificate("webhook.example", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	chain, key, err := EncodePEM(&server)
	if err != nil {
		t.Fatal(err)
	}
	write("server.pem", chain)
	write("server-key.pem", key)
	write("server-with-key.pem", append(chain, key...))
	write("roots.pem", append(pki().Bundle("google"), pki().Bundle("google-legacy")...))
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join("testdata", "proxies", file))
		if err != nil {
			t.Fatal(err)
		}
		write(file, content)
	}
	var config bytes.Buffer
	if err := template.Must(template.ParseFiles(filepath.Join("testdata", "proxies", name))).Execute(&config, run); err != nil {
		t.Fatal(err)
	}
	write(strings.TrimSuffix(name, ".tmpl"), config.Bytes())

	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, &said)
		}
	})
	for _, front := range run.Fronts {
		until(t, ended, func() bool {
			conn, err := net.Dial("tcp", front.address())
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
}

// until asks again until the answer is yes, the process has ended, or it takes too
// long.
func until(t *testing.T, ended <-chan struct{}, yes func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !yes() {
		select {
		case <-ended:
			t.Fatal("the proxy ended by itself")
		case <-limit:
			t.Fatal("the proxy does not answer")
		case <-again.C:
		}
	}
}

func (f *proxySource) address() string { return "127.0.0.1:" + f.Port }

// judged gives what the function decided of a call that has been answered; ok is
// false where the front kept the call to itself.
func (f *proxySource) judged() (j judgement, ok bool) {
	for {
		select {
		case next := <-f.function.verdict:
			next.hops = j.hops + 1
			j, ok = next, true
		default:
			return j, ok
		}
	}
}

const keptByFront verify.Code = "(kept by the front)"

// callers are the good and bad certificates.
func callers(t *testing.T, proxy string, front *proxySource, resume bool) {
	for _, tt := range []struct {
		kind string
		// lenient gives the code by source; "" is let in.
		lenient map[verify.Source]verify.Code
	}{
		{"google", nil},
		{"legacy", nil},
		{"mallory", map[verify.Source]verify.Code{"rfc9440": verify.CertIdentityUnknown, "google-lb": verify.CertIdentityUnknown, "nginx": verify.CertIdentityUnknown}},
		{"rogue", map[verify.Source]verify.Code{"rfc9440": verify.CertUntrusted, "google-lb": verify.CertNotVerified, "nginx": verify.CertNotVerified}},
		{"custom", map[verify.Source]verify.Code{"rfc9440": verify.CertUntrusted, "google-lb": verify.CertNotVerified, "nginx": verify.CertNotVerified}},
		{"expired", map[verify.Source]verify.Code{"rfc9440": verify.CertExpired, "google-lb": verify.CertNotVerified, "nginx": verify.CertExpired}},
		{"none", map[verify.Source]verify.Code{"rfc9440": verify.CertMissing, "google-lb": verify.CertMissing, "nginx": verify.CertMissing}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			want := tt.lenient[front.Source]
			if front.Strict && want != "" && tt.kind != "mallory" {
				want = keptByFront
			}
			s := &stack{address: front.address()}
			d := s.dialogflow(t, func(cfg *DialogflowConfig) {
				cfg.ClientCertificate = clientCertificate(t, tt.kind)
				cfg.Token = func(context.Context) (string, error) { return token(t, "valid"), nil }
			})
			for i := range 2 {
				x := send(t, d, nil)
				d.CloseIdleConnections()
				j, reached := front.judged()
				if !reached {
					j.code = keptByFront
				}
				if j.code != want || (want == "") != (x.Status == 200) || j.hops > 1 {
					t.Fatalf("call %d: status %d, code %q after %d requests, error %v; want %q", i+1, x.Status, j.code, j.hops, x.Err, want)
				}
				if want == "" && j.identity == "" {
					t.Error("let in as nobody")
				}
				if want == keptByFront {
					return
				}
				if got := x.TLS != nil && x.TLS.Resumed; got != (resume && i == 1) {
					t.Errorf("call %d: resumed %v", i+1, got)
				}
				// HAProxy has the client's chain on full handshakes alone, nginx never.
				if got := front.function.chain.Load(); want == "" && got != (proxy == "haproxy" && !x.TLS.Resumed) {
					t.Errorf("call %d: chain forwarded: %v", i+1, got)
				}
			}
		})
	}
}

// forgeries come from a client that the front lets through, or that has no
// certificate, and write what the front writes. All but the last two are what the
// function must never be misled by.
func forgeries(t *testing.T, proxy string, front *proxySource) {
	forged := forgedLines(t, front.Source)
	name := map[verify.Source]string{"rfc9440": "Client-Cert", "google-lb": "X-Client-Cert-Leaf", "nginx": "X-SSL-Client-Cert"}[front.Source]
	missing := verify.CertMissing
	post := "POST /shirts HTTP/1.1\r\nHost: webhook.example\r\nConnection: close\r\n"
	with := func(lines ...string) string {
		return post + "Content-Length: 2\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n{}"
	}
	for _, tt := range []struct {
		name, kind, request string
		want                []verify.Code // any of these; "" is let in as google
	}{
		{"forged, no certificate", "none", with(forged...), []verify.Code{missing}},
		{"forged, another certificate", "mallory", with(forged...), []verify.Code{verify.CertIdentityUnknown}},
		{"twice", "mallory", with(append(forged, forged...)...), []verify.Code{verify.CertIdentityUnknown}},
		{"another case", "mallory", with(strings.ToUpper(forged[0][:8]) + forged[0][8:]), []verify.Code{verify.CertIdentityUnknown}},
		{"underscores", "mallory", with(strings.ReplaceAll(forged[0][:12], "-", "_") + forged[0][12:]), []verify.Code{verify.CertIdentityUnknown, keptByFront}},
		{"edge secret", "google", with(verify.DefaultEdgeHeader + ": guess"), []verify.Code{""}},
		{"forged, right certificate", "google", with(forgedFor(t, front.Source, "mallory")...), []verify.Code{""}},
		{"hop-by-hop", "google", strings.Replace(with(), "Connection: close", "Connection: close, "+name+", "+verify.DefaultEdgeHeader, 1), []verify.Code{""}},
		{"trailer", "mallory", post + "Transfer-Encoding: chunked\r\nTrailer: " + name + "\r\n\r\n2\r\n{}\r\n0\r\n" + forged[0] + "\r\n\r\n", []verify.Code{verify.CertIdentityUnknown}},
		// Two lengths, or a folded line: the front refuses, or hands on one request
		// that is judged as what it is.
		{"content length and chunked", "mallory", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n" + strings.Join(forged, "\r\n") + "\r\n\r\n", []verify.Code{verify.CertIdentityUnknown, keptByFront}},
		{"folded line", "mallory", post + "Content-Length: 2\r\nX-A: b\r\n " + forged[0] + "\r\n\r\n{}", []verify.Code{verify.CertIdentityUnknown, keptByFront}},
		{"folded name", "none", post + "Content-Length: 2\r\n" + name + ":\r\n " + strings.SplitN(forged[0], ": ", 2)[1] + "\r\n\r\n{}", []verify.Code{missing, keptByFront}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if front.Strict && tt.kind == "none" {
				want = []verify.Code{keptByFront}
			}
			front.sendRaw(t, tt.kind, tt.request)
			j, reached := front.judged()
			if !reached {
				j.code = keptByFront
			}
			if j.code == "" && j.identity != "google" {
				t.Errorf("let in as %q", j.identity)
			}
			if j.hops > 1 {
				t.Errorf("one request became %d", j.hops)
			}
			for _, code := range want {
				if j.code == code {
					return
				}
			}
			t.Errorf("code %q, want one of %q", j.code, want)
		})
	}
}

// sendRaw writes a request as it stands and reads the answer to its end.
func (f *proxySource) sendRaw(t *testing.T, kind, request string) {
	config := clientTLS(clientCertificate(t, kind))
	conn, err := tls.Dial("tcp", f.address(), config)
	if err != nil {
		return // refused in a TLS 1.2 handshake
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, strings.Replace(request, "Connection: close", "Authorization: Bearer "+token(t, "valid")+"\r\nConnection: close", 1))
	io.Copy(io.Discard, conn)
}

func forgedLines(t *testing.T, source verify.Source) []string { return forgedFor(t, source, "google") }

// forgedFor is what the front of a source would write for a certificate.
func forgedFor(t *testing.T, source verify.Source, kind string) []string {
	cert := clientCertificate(t, kind)
	leaf := byteSequence(cert.Leaf.Raw)
	switch source {
	case verify.SourceRFC9440:
		return []string{"Client-Cert: " + leaf}
	case verify.SourceNginx:
		escaped := strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(string(certificatePEM(cert.Leaf.Raw)))
		return []string{"X-SSL-Client-Cert: " + escaped, "X-SSL-Client-Verify: SUCCESS"}
	}
	headers, err := ForgedHeaders(verify.DefaultGoogleLBHeaders(), cert)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{"X-Client-Cert-Leaf: " + leaf}
	for name, values := range headers {
		if name != "X-Client-Cert-Leaf" {
			lines = append(lines, name+": "+values[0])
		}
	}
	return lines
}
