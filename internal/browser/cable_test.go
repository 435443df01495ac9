package browser

import (
	"io"
	"net"
	"sync"
	"testing"
)

// cable is a TCP connection to a server that can be cut.
type cable struct {
	t        *testing.T
	to       string
	listener net.Listener

	mu    sync.Mutex
	whole bool
	conns map[net.Conn]bool
}

func newCable(t *testing.T, to string) *cable {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{t: t, to: to, listener: l, whole: true, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		l.Close()
		c.cut()
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.carry(conn)
		}
	}()
	return c
}

func (c *cable) address() string { return c.listener.Addr().String() }

func (c *cable) carry(in net.Conn) {
	out, err := net.Dial("tcp", c.to)
	if err != nil {
		in.Close()
		return
	}
	c.mu.Lock()
	if !c.whole {
		c.mu.Unlock()
		in.Close()
		out.Close()
		return
	}
	c.conns[in], c.conns[out] = true, true
	c.mu.Unlock()
	go func() {
		io.Copy(out, in)
		out.Close()
	}()
	io.Copy(in, out)
	in.Close()
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole = false
	for conn := range c.conns {
		conn.Close()
	}
	clear(c.conns)
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole = true
}
