package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
	"example.com/cxhook/handlers"
	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

const (
	audience   = "https://webhook.example.com/shirts"
	project    = "123456789012"
	edgeSecret = "0123456789abcdef0123456789abcdef"
)

// world is what stands outside the contestants, the same for all: authorities, the
// key server, and the request as the load balancer forwards it.
type world struct {
	pki    *emulator.PKI
	issuer *emulator.Issuer
	keys   *keyServer
	host   string
	header http.Header // of the call that the load balancer forwarded
	body   []byte
	answer []byte   // what every contestant has to answer, as handlers says it
	env    []string // what a contestant needs to know of it
}

// newWorld makes the keys and starts the key server; files go to dir.
func newWorld(ctx context.Context, dir string) (*world, error) {
	w := new(world)
	var err error
	if w.pki, err = emulator.NewPKI(time.Now()); err != nil {
		return nil, err
	}
	if w.issuer, err = emulator.NewIssuer(nil); err != nil {
		return nil, err
	}
	if w.keys, err = newKeyServer(w.issuer); err != nil {
		return nil, err
	}
	if w.body, err = emulator.SampleCall(emulator.Sample{}); err != nil {
		return nil, err
	}
	if w.answer, err = answerOf(ctx, w.body); err != nil {
		return nil, err
	}
	if err := w.forward(ctx); err != nil {
		return nil, fmt.Errorf("the load balancer's request: %w", err)
	}
	w.env = []string{"BENCH_ANSWER=" + string(w.answer), "CXHOOK_AUDIENCES=" + audience, "CXHOOK_PROJECT_NUMBERS=" + project, "CXHOOK_EDGE_SECRET=" + edgeSecret,
		"CXHOOK_KEYS_URL=" + w.keys.url, "CXHOOK_DANGER_OTHER_KEYS_URL=true"}
	for variable, identity := range map[string]string{"CXHOOK_GOOGLE_CA_FILE": "google", "CXHOOK_GOOGLE_LEGACY_CA_FILE": "google-legacy"} {
		file := filepath.Join(dir, identity+".pem")
		if err := os.WriteFile(file, w.pki.Bundle(identity), 0o600); err != nil {
			return nil, err
		}
		w.env = append(w.env, variable+"="+file)
	}
	return w, nil
}

// answerOf is what the example agent answers, without a network or a proof.
func answerOf(ctx context.Context, body []byte) ([]byte, error) {
	m := cx.NewMux()
	if _, err := handlers.Register(ctx, m); err != nil {
		return nil, err
	}
	h, err := m.Handler()
	if err != nil {
		return nil, err
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/shirts", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	if h.ServeHTTP(rec, r); rec.Code != http.StatusOK {
		return nil, fmt.Errorf("the example agent answers %d: %s", rec.Code, rec.Body)
	}
	return rec.Body.Bytes(), nil
}

// forward makes one call by way of the emulator's Dialogflow and load balancer and
// keeps the header that arrives behind them.
func (w *world) forward(ctx context.Context) error {
	backend := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.host, w.header = r.Host, r.Header.Clone()
		io.WriteString(rw, "{}")
	}))
	defer backend.Close()
	to, err := url.Parse(backend.URL)
	if err != nil {
		return err
	}
	certificate, err := w.pki.ServerCertificate("webhook.example.com")
	if err != nil {
		return err
	}
	balancer, err := emulator.NewLoadBalancer(emulator.LoadBalancerConfig{Certificate: certificate, TrustStore: w.pki.TrustStore("google", "google-legacy"),
		Mode: emulator.Strict, EdgeSecret: edgeSecret, Backend: to})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go balancer.Serve(l)
	defer balancer.Shutdown(context.Background())
	client, err := w.pki.ClientCertificate("google")
	if err != nil {
		return err
	}
	dialogflow, err := emulator.NewDialogflow(emulator.DialogflowConfig{WebhookURL: audience, Address: l.Addr().String(), ServerRoots: w.pki.ServerRoots(), ClientCertificate: client,
		Token: func(context.Context) (string, error) { return w.issuer.Token("valid", audience, project) }})
	if err != nil {
		return err
	}
	defer dialogflow.CloseIdleConnections()
	x, err := dialogflow.Call(ctx, emulator.Call{Body: w.body, Verbatim: true})
	if err != nil {
		return err
	}
	if x.Err != nil || w.header == nil {
		return fmt.Errorf("it did not arrive: %w", errors.Join(x.Err, errors.New(x.Event())))
	}
	return nil
}

// request is the call, byte by byte, with what differs put over the header.
func (w *world) request(body []byte, differs http.Header) []byte {
	h := w.header.Clone()
	maps.Copy(h, differs)
	h.Del("Content-Length")
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "POST /shirts HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", w.host, len(body))
	h.Write(&raw) // a Buffer takes everything
	raw.WriteString("\r\n")
	raw.Write(body)
	return raw.Bytes()
}

// padded is a call of at least size bytes: one more session parameter, which the
// agent has filled with a text.
func (w *world) padded(size int) ([]byte, error) {
	text := strings.Repeat("and one more thing; ", size/20+1)
	body, err := emulator.SampleCall(emulator.Sample{Parameters: map[string]jsontext.Value{"note": jsontext.Value(`""`)}})
	if err != nil {
		return nil, err
	}
	text = text[:max(0, size-len(body))]
	return emulator.SampleCall(emulator.Sample{Parameters: map[string]jsontext.Value{"note": jsontext.Value(`"` + text + `"`)}})
}

// distinct makes n calls from the first-th on, each with a token of its own and, if
// leaves is set, a client certificate of its own. It uses all cores.
func (w *world) distinct(first, n int, leaves bool) ([][]byte, error) {
	raws, problems := make([][]byte, n), make([]error, n)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			raws[i], problems[i] = w.one(uint64(first+i), leaves)
			<-slots
		})
	}
	wg.Wait()
	return raws, errors.Join(problems...)
}

func (w *world) one(i uint64, leaf bool) ([]byte, error) {
	token, err := w.issuer.DistinctToken(i, audience, project)
	if err != nil {
		return nil, err
	}
	differs := http.Header{}
	if leaf {
		var cert *tls.Certificate
		if cert, err = w.pki.RenewedGoogleCertificate(); err != nil {
			return nil, err
		}
		// The headers that the load balancer would set, had the holder called.
		if differs, err = emulator.ForgedHeaders(verify.DefaultGoogleLBHeaders(), cert); err != nil {
			return nil, err
		}
	}
	differs.Set("Authorization", "Bearer "+token)
	return w.request(w.body, differs), nil
}
