package gcloud

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/cxhook/internal/emulator"
)

// secure takes the connections that a client opens through the proxy.
type secure struct{ conns chan net.Conn }

// TLS lets programs that trust CURL_CA_BUNDLE, such as curl, call the fake by https
// under every host's name. It is to be called before the first command. config is
// asked at each handshake, with a configuration that has the host's certificate,
// and may change it.
func (r *Runner) TLS(t testing.TB, config func(host string, c *tls.Config)) {
	t.Helper()
	pki, err := emulator.NewPKI(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pki.ServerRootsPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	r.env = append(r.env, "CURL_CA_BUNDLE="+bundle)
	r.secure = &secure{conns: make(chan net.Conn)}
	server := http.Server{Handler: r.handler, ErrorLog: log.New(io.Discard, "", 0)} // refused handshakes
	go server.Serve(tls.NewListener(r.secure, &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			cert, err := pki.ServerCertificate(hello.ServerName)
			if err != nil {
				return nil, err
			}
			c := &tls.Config{Certificates: []tls.Certificate{cert}}
			config(hello.ServerName, c)
			return c, nil
		},
	}))
	t.Cleanup(func() { server.Close() })
}

func (s *secure) connect(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		conn.Close()
		return
	}
	s.conns <- conn
}

// Accept, Close and Addr make it a net.Listener; Close is called once.
func (s *secure) Accept() (net.Conn, error) {
	conn, ok := <-s.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (s *secure) Close() error   { close(s.conns); return nil }
func (s *secure) Addr() net.Addr { return &net.TCPAddr{} }
