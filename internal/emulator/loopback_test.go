package emulator

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"net"
	"os"
	"strings"
	"testing"
)

func TestLoopbackAlone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for address, want := range map[string]string{
		l.Addr().String(): "", "localhost:" + port: "",
		"192.0.2.1:443":             "192.0.2.1:443 is not this machine: the emulator dials loopback addresses alone",
		"webhook.example:443":       "webhook.example:443 is not this machine: the emulator dials loopback addresses alone",
		"[2001:db8::1]:443":         "[2001:db8::1]:443 is not this machine: the emulator dials loopback addresses alone",
		"localhost.example:" + port: "localhost.example:" + port + " is not this machine: the emulator dials loopback addresses alone",
		"127.0.0.1":                 "address 127.0.0.1: missing port in address",
	} {
		conn, err := dialLoopback(t.Context(), "tcp", address)
		if conn != nil {
			conn.Close()
		}
		if got := errorText(err); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	// A call to elsewhere fails, one by name that has an address here does not.
	body, err := SampleCall(Sample{})
	if err != nil {
		t.Fatal(err)
	}
	s := newStack(t, Strict, nil, nil)
	for address, want := range map[string]string{s.address: "", "": "webhook.example:443 is not this machine: the emulator dials loopback addresses alone"} {
		d := s.dialogflow(t, func(cfg *DialogflowConfig) { cfg.Address = address })
		x, err := d.Call(t.Context(), Call{Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if failed := x.Failed == StageConnect; errorText(x.Err) != want || failed != (want != "") {
			t.Errorf("%q: %q %v, want %q", address, x.Failed, x.Err, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Nothing in the package opens a connection another way: no other file has a
// dialer, a resolver, a client with defaults or net/http's own transport.
func TestNothingElseDials(t *testing.T) {
	forbidden := map[string]map[string]bool{
		"net":  {"Dial": true, "DialTimeout": true, "DialTCP": true, "DialUDP": true, "DialIP": true, "Dialer": true, "DefaultResolver": true, "Resolver": true, "LookupHost": true, "LookupIP": true, "LookupAddr": true, "ResolveTCPAddr": true, "ResolveUDPAddr": true},
		"tls":  {"Dial": true, "DialWithDialer": true, "Dialer": true},
		"http": {"Get": true, "Post": true, "PostForm": true, "Head": true, "Client": true, "DefaultClient": true, "DefaultTransport": true, "ProxyFromEnvironment": true},
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files, transports := 0, 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") || e.Name() == "loopback.go" {
			continue
		}
		files++
		set := gotoken.NewFileSet()
		file, err := parser.ParseFile(set, e.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok && forbidden[pkg.Name][n.Sel.Name] {
					t.Errorf("%s: %s.%s", set.Position(n.Pos()), pkg.Name, n.Sel.Name)
				}
			case *ast.CompositeLit:
				if s, ok := n.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Transport" {
					transports++
					var source strings.Builder
					ast.Inspect(n, func(n ast.Node) bool {
						if id, ok := n.(*ast.Ident); ok {
							source.WriteString(id.Name + " ")
						}
						return true
					})
					if !strings.Contains(source.String(), "DialContext") || !strings.Contains(source.String(), "dialLoopback") {
						t.Errorf("%s: a transport that does not dial with dialLoopback", set.Position(n.Pos()))
					}
				}
			}
			return true
		})
	}
	if files < 10 || transports != 2 {
		t.Errorf("%d files and %d transports were read", files, transports)
	}
}
