package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// lingerTime and lingerBytes bound what is read and thrown away after a refused
// handshake.
const (
	lingerTime  = time.Second
	lingerBytes = 1 << 20
)

// clientConn is a client's connection and what its handshake showed.
type clientConn struct {
	net.Conn
	verdict *verdict // set by the handshake
}

// handshakes is a listener whose connections have their handshake behind them.
// http.Server could do it, but would tell nobody how a handshake failed.
type handshakes struct {
	net.Listener
	lb    *LoadBalancer
	ctx   context.Context // ends with Close
	end   context.CancelFunc
	ready chan net.Conn
	fail  chan error
	wait  sync.WaitGroup
}

func newHandshakes(l net.Listener, lb *LoadBalancer) *handshakes {
	h := &handshakes{Listener: l, lb: lb, ready: make(chan net.Conn), fail: make(chan error)}
	h.ctx, h.end = context.WithCancel(context.Background())
	h.wait.Go(h.accept)
	return h
}

func (h *handshakes) accept() {
	for {
		raw, err := h.Listener.Accept()
		if err == nil {
			h.wait.Go(func() { h.shake(raw) })
			continue
		}
		select {
		case h.fail <- err: // http.Server decides: it waits, or gives up and closes
		case <-h.ctx.Done():
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// Accept gives a *tls.Conn; http.Server looks for HTTP/2 on no other type.
func (h *handshakes) Accept() (net.Conn, error) {
	select {
	case conn := <-h.ready:
		return conn, nil
	case err := <-h.fail:
		return nil, err
	case <-h.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close ends handshakes under way, and waits for that.
func (h *handshakes) Close() error {
	err := h.Listener.Close()
	h.end()
	h.wait.Wait()
	return err
}

func (h *handshakes) shake(raw net.Conn) {
	start := h.lb.cfg.Now()
	conn := &clientConn{Conn: raw}
	reported := false
	report := func(cs tls.ConnectionState, err error) {
		if !reported {
			reported = true
			seen := h.lb.observe(conn, &cs)
			seen.Refused, seen.Took = err, h.lb.cfg.Now().Sub(start)
			h.lb.cfg.OnCall(seen)
		}
	}
	cfg := h.lb.tls.Clone()
	// VerifyConnection runs on resumed connections too, with the certificates of
	// the first: they are judged anew, by today's date. It runs before the client
	// hears of the refusal, so a caller that was refused finds it reported.
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		policy := h.lb.policy.Load()
		conn.verdict = policy.judge(cs.PeerCertificates, h.lb.cfg.Now())
		if policy.mode == Strict && !conn.verdict.verified() {
			err := fmt.Errorf("client certificate refused: %s", conn.verdict.problem)
			report(cs, err)
			return err
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(h.ctx, handshakeTimeout)
	defer cancel()
	server := tls.Server(conn, cfg)
	if err := server.HandshakeContext(ctx); err != nil {
		conn.verdict = nil // of a key that was not proved, nothing is to be said
		report(server.ConnectionState(), err)
		var notTLS tls.RecordHeaderError
		if errors.As(err, &notTLS) && notTLS.Conn != nil {
			io.WriteString(raw, "HTTP/1.0 400 Bad Request\r\n\r\nThe plain HTTP request was sent to an HTTPS port\n")
		}
		linger(ctx, raw)
		return
	}
	select {
	case h.ready <- server:
	case <-h.ctx.Done():
		raw.Close()
	}
}

// linger closes a connection so that the client gets to read the last alert: a
// socket closed with unread bytes resets the connection, and a TLS 1.3 client has
// sent its request by then.
func linger(ctx context.Context, raw net.Conn) {
	defer raw.Close()
	half, ok := raw.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	if raw.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		io.CopyN(io.Discard, raw, lingerBytes)
	}
}
