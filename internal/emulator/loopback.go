package emulator

import (
	"context"
	"fmt"
	"net"
	"time"
)

// dialTimeout is generous for a connection that never leaves the machine.
const dialTimeout = 5 * time.Second

// isLoopback says whether a host is this machine's own. A name other than
// localhost is not: it would have to be looked up.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// dialLoopback is the one way by which the emulator opens a connection: to this
// machine, and without a look at the resolver, which may ask a name server even
// for localhost.
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("%s is not this machine: the emulator dials loopback addresses alone", address)
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	if host != "localhost" {
		return dialer.DialContext(ctx, network, address)
	}
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		if six, errSix := dialer.DialContext(ctx, network, net.JoinHostPort("::1", port)); errSix == nil {
			return six, nil
		}
	}
	return conn, err
}
