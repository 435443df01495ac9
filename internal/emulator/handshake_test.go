package emulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/cxhook/verify"
)

// Each client certificate in each mode, over both versions of TLS, on a first
// connection and a resumed one: what the function gets, and what it makes of it.
func TestClientCertificates(t *testing.T) {
	kinds := []struct {
		kind, problem string      // Google's word; "" is verified
		code          verify.Code // of the function behind lenient mode; "" lets the call in
	}{
		{"google", "", ""},
		{"legacy", "", ""},
		{"custom", "", verify.CertUntrusted}, // the function was not told of this identity
		{"mallory", "", verify.CertIdentityUnknown},
		{"rogue", problemFailed, verify.CertNotVerified},
		{"expired", problemFailed, verify.CertExpired},
		{"none", problemNotProvided, verify.CertMissing},
	}
	if len(kinds) != len(ClientCertificates) {
		t.Errorf("%d kinds tested, %d exist", len(kinds), len(ClientCertificates))
	}
	bearer := token(t, "valid")
	for _, mode := range []Mode{Strict, Lenient} {
		s := newStack(t, mode, nil, nil)
		for _, tt := range kinds {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				t.Run(fmt.Sprintf("%s/%s/%s", mode, tt.kind, tls.VersionName(version)), func(t *testing.T) {
					d := s.dialogflow(t, func(cfg *DialogflowConfig) {
						cfg.ClientCertificate = clientCertificate(t, tt.kind)
						cfg.Token = func(context.Context) (string, error) { return bearer, nil }
					})
					d.transport.TLSClientConfig.MinVersion, d.transport.TLSClientConfig.MaxVersion = version, version
					for _, resumed := range []bool{false, true} {
						x, o := send(t, d, nil), <-s.seen
						if mode == Strict && tt.problem != "" {
							// There is no session to resume: the second handshake is as the first.
							wantRefused(t, x, o, tt.problem)
							continue
						}
						resumed = resumed && tt.kind != "expired" // crypto/tls shakes hands anew
						if x.Failed != "" || x.Status != 200 || x.TLS.Version != tls.VersionName(version) || x.TLS.Resumed != resumed || x.Reused {
							t.Fatalf("%s %v, status %d, TLS %+v, reused %t; want resumed %t", x.Failed, x.Err, x.Status, x.TLS, x.Reused, resumed)
						}
						r := <-s.got
						if r.Header.Get("X-Client-Cert-Error") != tt.problem || o.Problem != tt.problem || o.Verified != (tt.problem == "") || o.Present != (tt.kind != "none") || o.Resumed != resumed || o.Refused != nil {
							t.Errorf("error %q, observed %+v", r.Header.Get("X-Client-Cert-Error"), o)
						}
						wantJudged(t, r, tt.code)
						d.CloseIdleConnections()
					}
				})
			}
		}
	}
}

func wantRefused(t *testing.T, x *Exchange, o Observation, problem string) {
	t.Helper()
	if x.Failed != StageHandshake || x.Status != 0 || x.Err == nil || !strings.HasPrefix(x.Err.Error(), "the TLS handshake failed: ") || !strings.Contains(x.Err.Error(), "bad certificate") {
		t.Errorf("stage %q, status %d, error %v", x.Failed, x.Status, x.Err)
	}
	if o.Refused == nil || o.Refused.Error() != "client certificate refused: "+problem || o.Problem != problem {
		t.Errorf("observed refusal %v, problem %q; want %s", o.Refused, o.Problem, problem)
	}
}

// wantJudged lets the function's own verifier judge a request; where it lets it
// in, it has no warning.
func wantJudged(t *testing.T, r *http.Request, code verify.Code) {
	t.Helper()
	rep, err := newVerifier(t, nil).Verify(r.WithContext(t.Context())) // its own ended with the answer
	var denied *verify.Error
	if got := verify.Code(""); errors.As(err, &denied) {
		if got = denied.Code; got != code {
			t.Errorf("judged %q, want %q: %v", got, code, err)
		}
		return
	}
	if err != nil || code != "" {
		t.Errorf("let in, want %q (%v)", code, err)
	}
	for _, c := range rep.Checks {
		if c.Outcome != verify.Pass {
			t.Errorf("%s %s: %s: %s, want %s", c.Outcome, c.Station, c.Name, c.Presented, c.Expected)
		}
	}
}

// A resumed session is judged by today's date, not by that of its first
// handshake: here the intermediate has expired meanwhile.
func TestResumedIsJudgedAnew(t *testing.T) {
	for _, mode := range []Mode{Strict, Lenient} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(fmt.Sprintf("%s/%s", mode, tls.VersionName(version)), func(t *testing.T) {
				clock := newClock()
				cas := lab(t, 1, func(c *x509.Certificate) { c.NotAfter = clock.now().Add(time.Minute) })
				cert, err := cas.issue(&x509.Certificate{NotBefore: clock.now().Add(-time.Hour), NotAfter: clock.now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
				if err != nil {
					t.Fatal(err)
				}
				s := newStack(t, mode, nil, func(cfg *LoadBalancerConfig) { cfg.Now, cfg.TrustStore = clock.now, TrustStore{Roots: cas.certs[:1]} })
				d := s.dialogflow(t, func(cfg *DialogflowConfig) { cfg.ClientCertificate = cert })
				d.transport.TLSClientConfig.MinVersion, d.transport.TLSClientConfig.MaxVersion = version, version
				if x, o := send(t, d, nil), <-s.seen; x.Status != 200 || !o.Verified || o.Resumed {
					t.Fatalf("first: %q %v, observed %+v", x.Failed, x.Err, o)
				}
				d.CloseIdleConnections()
				clock.advance(2 * time.Minute)
				x, o := send(t, d, nil), <-s.seen
				if o.Verified || !o.Present || o.Problem != problemFailed || !o.Resumed || (x.Status == 0) != (mode == Strict) {
					t.Errorf("second: %q %v, observed %+v", x.Failed, x.Err, o)
				}
			})
		}
	}
}

// The key must be the certificate's in either mode.
func TestProofOfPossession(t *testing.T) {
	for _, mode := range []Mode{Strict, Lenient} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			s := newStack(t, mode, nil, nil)
			stolen := &tls.Certificate{Certificate: clientCertificate(t, "google").Certificate, PrivateKey: clientCertificate(t, "mallory").PrivateKey}
			d := s.dialogflow(t, func(cfg *DialogflowConfig) { cfg.ClientCertificate = stolen })
			d.transport.TLSClientConfig.MinVersion, d.transport.TLSClientConfig.MaxVersion = version, version
			x, o := send(t, d, nil), <-s.seen
			if x.Failed != StageHandshake || x.Status != 0 || o.Refused == nil || o.Present || o.Verified || o.Subject != "" {
				t.Errorf("%s, %s: %q %v, status %d, observed %+v", mode, tls.VersionName(version), x.Failed, x.Err, x.Status, o)
			}
			if len(s.got) != 0 {
				t.Error("forwarded")
			}
		}
	}
}

func TestNotTLS(t *testing.T) {
	s := newStack(t, Lenient, nil, nil)
	resp, err := http.Get("http://" + s.address + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if o := <-s.seen; resp.StatusCode != 400 || o.Refused == nil || o.TLSVersion != "" {
		t.Errorf("%s, observed %+v", resp.Status, o)
	}
	old := clientTLS(nil)
	old.MaxVersion = tls.VersionTLS11
	old.MinVersion = tls.VersionTLS10
	if conn, err := tls.Dial("tcp", s.address, old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	if o := <-s.seen; o.Refused == nil || !strings.Contains(o.Refused.Error(), "version") {
		t.Errorf("observed %v", o.Refused)
	}
}

// A refused client can go on writing, and finds the alert when it reads: a reset
// could overtake it.
func TestRefusedIsNotReset(t *testing.T) {
	s := newStack(t, Strict, nil, nil)
	raw, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	conn := tls.Client(raw, clientTLS(clientCertificate(t, "rogue")))
	if err := conn.Handshake(); err != nil { // TLS 1.3: not refused yet
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || err.Error() != "remote error: tls: bad certificate" {
		t.Errorf("error %v", err)
	}
	for range 5 {
		if _, err := raw.Write(make([]byte, 1024)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := raw.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("then %d bytes, error %v", n, err)
	}
}
