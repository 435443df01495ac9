package verify

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// Some forms of forgery exist on the wire only: net/http has made them one by the
// time a handler looks. These carry a call over real connections.

// overHTTP1 writes the call's headers and then lines, as they stand.
func overHTTP1(lines ...string) func(*certCall) {
	return func(call *certCall) {
		call.send = func(t *testing.T, h http.Handler, header http.Header) {
			request := "POST / HTTP/1.1\r\nHost: webhook.example\r\nContent-Length: 0\r\nConnection: close\r\n" + headerLines(header)
			for _, line := range lines {
				request += line + "\r\n"
			}
			sendRaw(t, h, request+"\r\n")
		}
	}
}

// trailerOverHTTP1 declares a trailer of a certificate header's name.
func trailerOverHTTP1(name, value string) func(*certCall) {
	return func(call *certCall) {
		call.send = func(t *testing.T, h http.Handler, header http.Header) {
			sendRaw(t, h, "POST / HTTP/1.1\r\nHost: webhook.example\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nTrailer: "+name+"\r\n"+
				headerLines(header)+"\r\n2\r\n{}\r\n0\r\n"+name+": "+value+"\r\n\r\n")
		}
	}
}

func headerLines(header http.Header) string {
	var b strings.Builder
	if err := header.Write(&b); err != nil {
		panic(err)
	}
	return b.String()
}

func sendRaw(t *testing.T, h http.Handler, request string) {
	server := httptest.NewServer(readsBody(h))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusBadRequest {
		t.Fatal("net/http refuses the request before the verifier sees it")
	}
}

// readsBody has the trailers arrive before the verifier looks: the worst case.
func readsBody(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		h.ServeHTTP(w, r)
	})
}

// overHTTP2 sends extra beside the call's headers, under names that Go's client
// makes lower case, so that both reach the server.
func overHTTP2(extra http.Header) func(*certCall) {
	return func(call *certCall) {
		call.send = func(t *testing.T, h http.Handler, header http.Header) {
			header = header.Clone()
			maps.Copy(header, extra)
			sendHTTP2(t, h, header, nil)
		}
	}
}

func trailerOverHTTP2(name, value string) func(*certCall) {
	return func(call *certCall) {
		call.send = func(t *testing.T, h http.Handler, header http.Header) {
			sendHTTP2(t, h, header, http.Header{name: {value}})
		}
	}
}

func sendHTTP2(t *testing.T, h http.Handler, header, trailer http.Header) {
	server := httptest.NewUnstartedServer(readsBody(h))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL, io.NopCloser(strings.NewReader("{}")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header, r.Trailer = header, trailer
	res, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ProtoMajor != 2 {
		t.Fatalf("spoke %s, want HTTP/2", res.Proto)
	}
}

type proxyStyle bool

const withDirector, withRewrite proxyStyle = true, false

// throughProxy sends a request that lists a header as hop-by-hop through a front
// that sets the call's headers: with Director, which ReverseProxy runs before it
// obeys Connection, or with Rewrite (docs/security.md).
func throughProxy(style proxyStyle, hopByHop string) func(*certCall) {
	return func(call *certCall) {
		call.send = func(t *testing.T, h http.Handler, header http.Header) {
			function := httptest.NewServer(h)
			defer function.Close()
			target, err := url.Parse(function.URL)
			if err != nil {
				t.Fatal(err)
			}
			proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				maps.Copy(r.Out.Header, header)
			}}
			if style == withDirector {
				//lint:ignore SA1019 that Director is unsafe here is what the row shows
				proxy = &httputil.ReverseProxy{Director: func(r *http.Request) {
					r.URL.Scheme, r.URL.Host = target.Scheme, target.Host
					maps.Copy(r.Header, header)
				}}
			}
			sendRaw(t, proxy, fmt.Sprintf("POST / HTTP/1.1\r\nHost: webhook.example\r\nContent-Length: 0\r\nConnection: close, %s\r\n\r\n", hopByHop))
		}
	}
}

// TestUpperCaseNameOverHTTP2 sends a certificate header's name in capitals, which
// no client library will: HTTP/2 forbids it, and net/http must not take it for
// the declared one. It writes frames by hand (RFC 9113 section 4.1, RFC 7541).
func TestUpperCaseNameOverHTTP2(t *testing.T) {
	for name, reaches := range map[string]bool{"x-client-cert-present": true, "X-Client-Cert-Present": false} {
		t.Run(name, func(t *testing.T) {
			reached := make(chan string, 1)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				reached <- r.Header.Get("X-Client-Cert-Present")
			}))
			server.EnableHTTP2 = true
			server.StartTLS()
			defer server.Close()
			config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			config.NextProtos, config.ServerName = []string{"h2"}, "example.com"
			conn, err := tls.Dial("tcp", server.Listener.Addr().String(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()

			var block []byte
			for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "example.com"}, {":path", "/"}, {name, "true"}} {
				block = append(block, 0) // a literal that is not indexed, with a new name
				for _, s := range field {
					block = append(append(block, byte(len(s))), s...)
				}
			}
			const settings, headers, reset = 4, 1, 3
			const endStream, endHeaders = 1, 4
			frames := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(settings, 0, 0, nil) + frame(headers, endStream|endHeaders, 1, block)
			if _, err := io.WriteString(conn, frames); err != nil {
				t.Fatal(err)
			}
			for {
				header := make([]byte, 9)
				if _, err := io.ReadFull(conn, header); err != nil {
					t.Fatalf("no answer on the stream: %v", err)
				}
				if _, err := io.CopyN(io.Discard, conn, int64(header[0])<<16|int64(header[1])<<8|int64(header[2])); err != nil {
					t.Fatal(err)
				}
				if kind := header[3]; kind == headers || kind == reset {
					break
				}
			}
			select {
			case value := <-reached:
				if !reaches || value != "true" {
					t.Errorf("the handler was called, and saw %q", value)
				}
			default:
				if reaches {
					t.Error("the handler was not called")
				}
			}
		})
	}
}

func frame(kind, flags, stream byte, payload []byte) string {
	return string(append([]byte{0, byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, stream}, payload...))
}
