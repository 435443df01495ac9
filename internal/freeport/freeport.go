// Package freeport finds ports for programs that have to be told where to listen,
// as a function is by PORT.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports below those that systems hand out by themselves, to connections and to who
// listens on port 0 (Linux from 32768, RFC 6335 from 49152). One of those that is
// free now may be somebody's when the program starts.
const first, count = 20000, 10000

const attempts = 100

// Pick gives a port of 127.0.0.1 on which nobody listens. It is not reserved:
// another Pick gives the same with a chance of one in ten thousand. Pick may be
// called concurrently.
func Pick() (string, error) {
	var errs []error
	for range attempts {
		port := strconv.Itoa(first + rand.IntN(count))
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			return port, l.Close()
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("freeport: none of %d ports can be had: %w", attempts, errors.Join(errs[:3]...))
}
