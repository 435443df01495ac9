package main

import (
	"fmt"
	"net"
	"strconv"
)

// portTries is how many ports are tried after a taken one.
const portTries = 50

// listen opens the first free port from port on; 0 is any. bind is an IP address,
// "" is 127.0.0.1.
func listen(bind string, port int) (net.Listener, error) {
	if port < 0 || port > 65535 {
		return nil, usagef("port %d: want 0 to 65535", port)
	}
	if bind == "" {
		bind = "127.0.0.1"
	}
	var first error
	for p := port; p < port+portTries && p <= 65535; p++ {
		l, err := net.Listen("tcp", net.JoinHostPort(bind, strconv.Itoa(p)))
		if err == nil {
			return l, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("no free port from %d on: %w", port, first)
}

// checkBind refuses an address that others can reach, unless it was said in so many
// words: the stack mints tokens and certificates for whoever asks.
func checkBind(bind string, beyond bool) error {
	ip := net.ParseIP(bind)
	switch {
	case ip == nil:
		return usagef("--bind %s: want an IP address, as 127.0.0.1", bind)
	case !ip.IsLoopback() && !beyond:
		return usagef("--bind %s: other machines would reach the stack, which refuses nobody that has its keys; --danger-beyond-loopback allows it", bind)
	}
	return nil
}

// reachable is an address under which a listener on all of them can be called from
// here.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
}
