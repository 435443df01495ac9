package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// link is a TCP connection between two parties that can be broken.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// Directions of a toxic: towards the server, and from it.
const (
	upstream   = "upstream"
	downstream = "downstream"
)

// newLink listens on a port of this machine and passes on to another.
func newLink(t *testing.T, to string) *link {
	t.Helper()
	l := &link{t: t, proxy: toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), t.Name(), "127.0.0.1:0", to)}
	l.up()
	t.Cleanup(l.down)
	return l
}

func (l *link) address() string { return l.proxy.Listen }

// backend is where a load balancer finds it.
func (l *link) backend() *url.URL { return &url.URL{Scheme: "http", Host: l.address()} }

// down refuses connections and ends those that there are; up takes them again, on
// the same port.
func (l *link) down() { l.proxy.Stop() }

func (l *link) up() {
	l.t.Helper()
	if err := l.proxy.Start(); err != nil {
		l.t.Fatal(err)
	}
}

// toxic breaks something.
type toxic struct {
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Attributes map[string]any `json:"attributes"`
}

// add breaks connections from now on, and mend breaks those no more; the
// connections that there were are gone then.
func (l *link) add(toxics ...toxic) {
	l.t.Helper()
	for _, x := range toxics {
		b, err := json.Marshal(x)
		if err != nil {
			l.t.Fatal(err)
		}
		if _, err := l.proxy.Toxics.AddToxicJson(bytes.NewReader(b)); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *link) mend() {
	l.t.Helper()
	l.down()
	l.proxy.Toxics.ResetToxics(context.Background())
	l.up()
}
