package verify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// lineLog hands over what a server logs, line by line.
type lineLog chan string

func (l lineLog) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func (l lineLog) next(t *testing.T) string {
	t.Helper()
	select {
	case line := <-l:
		return line
	case <-time.After(10 * time.Second):
		t.Fatal("the server logs nothing")
		panic("unreachable")
	}
}

// handshakeServer is a server that terminates TLS itself.
func handshakeServer(t *testing.T, cfg Config, version uint16) (*httptest.Server, lineLog) {
	t.Helper()
	w := world()
	host := w.stranger.issueClient(dn(common("server")), func(c *x509.Certificate) {
		c.DNSNames, c.ExtKeyUsage = []string{"webhook.example"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	config, err := ServerTLSConfig(cfg, tls.Certificate{Certificate: [][]byte{host.Raw}, PrivateKey: host.key})
	if err != nil {
		t.Fatal(err)
	}
	config.MaxVersion = version
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.DidResume {
			io.WriteString(w, "resumed")
		}
	}))
	errors := make(lineLog, 16)
	server.TLS, server.Config.ErrorLog = config, log.New(errors, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, errors
}

func handshakeClient(leaf *holder, chain ...*holder) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(world().stranger.Certificate)
	config := &tls.Config{RootCAs: roots, ServerName: "webhook.example", Time: func() time.Time { return certNow }, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	if leaf != nil {
		cert := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: leaf.key}
		for _, h := range chain {
			cert.Certificate = append(cert.Certificate, h.Raw)
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
}

// TestServerTLSConfig: who is refused, is refused within the handshake, and the
// server's log says why.
func TestServerTLSConfig(t *testing.T) {
	w := world()
	now := certNow
	cfg := Config{Certificate: CertificateConfig{Source: SourceTLS, Identities: w.identities()}, Now: func() time.Time { return now }}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server, errors := handshakeServer(t, cfg, version)
		for _, tt := range []struct {
			name   string
			client *http.Client
			want   string // in the server's log; "" where it is let in
		}{
			{"google", handshakeClient(w.google, w.r2), ""},
			{"without the known intermediate", handshakeClient(w.google), ""},
			{"legacy", handshakeClient(w.legacy, w.legacySub), ""},
			{"somebody else", handshakeClient(w.mallory, w.r2), string(CertIdentityUnknown) + "; presented: CN=Mallory Ltd"},
			{"stranger", handshakeClient(stranger(w), w.strangerSub), "x509: certificate signed by unknown authority: CN=Stranger Root,O=Stranger is not among the pinned roots"},
			{"expired", handshakeClient(ended(w), w.r2), string(CertExpired)},
			{"as many above it as may be", handshakeClient(w.google, repeated(w.r2, MaxForwardedCertificates)...), ""},
			{"one too many", handshakeClient(w.google, repeated(w.r2, MaxForwardedCertificates+1)...), "presented: 12 certificates; expected: at most 10 besides the leaf"},
			{"none", handshakeClient(nil), "didn't provide a certificate"},
		} {
			t.Run(tls.VersionName(version)+"/"+tt.name, func(t *testing.T) {
				resp, err := tt.client.Get(server.URL)
				if err == nil {
					resp.Body.Close()
				}
				switch {
				case tt.want == "" && err != nil:
					t.Errorf("refused: %v\n%s", err, errors.next(t))
				case tt.want != "" && err == nil:
					t.Error("let in")
				case tt.want != "" && !strings.Contains(err.Error(), "remote error: tls: "):
					t.Errorf("failed with %v, want an alert", err)
				}
				if tt.want == "" {
					return
				}
				if line := errors.next(t); !strings.Contains(line, tt.want) {
					t.Errorf("the server's log lacks %q:\n%s", tt.want, line)
				}
			})
		}
		// The certificate of a resumed session is judged again, by today's date.
		t.Run(tls.VersionName(version)+"/resumed", func(t *testing.T) {
			defer func() { now = certNow }()
			client := handshakeClient(w.google, w.r2)
			for i := range 2 {
				resp, err := client.Get(server.URL)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				if resp.Body.Close(); (string(body) == "resumed") != (i == 1) {
					t.Fatalf("connection %d: %q", i+1, body)
				}
			}
			now = w.google.NotAfter.Add(time.Second)
			if resp, err := client.Get(server.URL); err == nil {
				resp.Body.Close()
				t.Error("let in after its end")
			}
		})
	}

	t.Run("report only", func(t *testing.T) {
		cfg.Certificate.ReportOnly = true
		server, _ := handshakeServer(t, cfg, tls.VersionTLS13)
		for _, client := range []*http.Client{handshakeClient(nil), handshakeClient(w.mallory, w.r2)} {
			resp, err := client.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
	})

	t.Run("configuration", func(t *testing.T) {
		_, err := ServerTLSConfig(Config{Certificate: CertificateConfig{Source: SourceNginx}})
		if err == nil || !strings.Contains(err.Error(), "Certificate.Source") || !strings.Contains(err.Error(), "no server certificate") {
			t.Errorf("error %v", err)
		}
	})
}

// TestServerTLSConfigClock: where no clock is given, the certificate is judged by
// the system's.
func TestServerTLSConfigClock(t *testing.T) {
	w := world()
	synctest.Test(t, func(t *testing.T) {
		config, err := ServerTLSConfig(Config{Certificate: CertificateConfig{Source: SourceTLS, Identities: w.identities()}}, tls.Certificate{})
		if err != nil {
			t.Fatal(err)
		}
		connection := tls.ConnectionState{PeerCertificates: []*x509.Certificate{w.google.Certificate}}
		var refused *Error
		if err := config.VerifyConnection(connection); !errors.As(err, &refused) || refused.Code != CertNotYetValid {
			t.Errorf("in %v: %v, want %s", time.Now(), err, CertNotYetValid)
		}
		time.Sleep(time.Until(certNow))
		if err := config.VerifyConnection(connection); err != nil {
			t.Errorf("in %v: %v", time.Now(), err)
		}
	})
}

func repeated(h *holder, n int) []*holder { return slices.Repeat([]*holder{h}, n) }
