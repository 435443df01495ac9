package freeport

import (
	"net"
	"strconv"
	"testing"
)

func TestPick(t *testing.T) {
	picked := map[string]bool{}
	for range 200 {
		port, err := Pick()
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(port)
		if err != nil || n < first || n >= first+count {
			t.Fatalf("picked %q", port)
		}
		if picked[port] {
			t.Fatalf("picked %s, on which somebody listens", port)
		}
		picked[port] = true
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}
