package buildpack

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/cxhook/cx"
	"example.com/cxhook/handlers"
	"example.com/cxhook/internal/agent"
	"example.com/cxhook/internal/conformance/gcloud"
	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/internal/freeport"
)

const root = "../../.."

// program is the function as the buildpack builds it, once for all tests.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "buildpack")
	if err != nil {
		return "", err
	}
	return Build(root, dir, "-s -w")
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// TestUploaded: gcloud uploads the files that are built here, nothing of the
// nested modules, and nothing that is secret.
func TestUploaded(t *testing.T) {
	ours, err := Uploaded(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"go.mod", "function.go", "cloudbuild.yaml", "internal/telemetry/telemetry.go"} {
		if !slices.Contains(ours, want) {
			t.Errorf("%s is not uploaded", want)
		}
	}
	for _, file := range ours {
		if slices.Contains([]string{".git", "bench", ".env"}, strings.SplitN(file, "/", 2)[0]) || strings.HasPrefix(file, "internal/conformance/") {
			t.Errorf("%s is uploaded", file)
		}
	}
	r := gcloud.Start(t, http.NotFoundHandler())
	out, err := r.Command("gcloud", "meta", "list-files-for-upload", root).Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs := strings.Split(strings.TrimSpace(string(out)), "\n") // names may hold blanks
	slices.Sort(theirs)
	if !slices.Equal(ours, theirs) {
		t.Errorf("gcloud uploads\n%s\nwant\n%s", strings.Join(theirs, "\n"), strings.Join(ours, "\n"))
	}
	t.Logf("gcloud uploads the same %d files", len(theirs))
}

// TestCheckRoot: what the buildpack refuses is refused here.
func TestCheckRoot(t *testing.T) {
	functions := "package webhook\n\nimport _ \"" + framework + "/functions\"\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"one package that registers", map[string]string{"function.go": functions, "function_test.go": "package webhook\n"}, ""},
		{"an external test package", map[string]string{"function.go": functions, "x_test.go": "package webhook_test\n"},
			"the root holds 2 packages: webhook (function.go), webhook_test (x_test.go); the buildpack takes exactly one"},
		{"a file that is not built", map[string]string{"function.go": functions, "gen.go": "//go:build ignore\n\npackage main\n"},
			"the root holds 2 packages: main (gen.go), webhook (function.go); the buildpack takes exactly one"},
		{"a main package", map[string]string{"main.go": strings.Replace(functions, "webhook", "main", 1)}, "the root is package main; the buildpack writes its own"},
		{"nothing registered", map[string]string{"function.go": "package webhook\n"},
			"no file of the root imports " + framework + "/functions; the buildpack would call an exported function Webhook"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got := ""
			if err := checkRoot(dir); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestBadConfiguration: on Cloud Run a process with a bad configuration ends at
// its start, and its log says each thing that is wrong.
func TestBadConfiguration(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  []string
		want []string
	}{
		{"none", nil, []string{"CXHOOK_AUDIENCES: ", "CXHOOK_PROJECT_NUMBERS: ", "CXHOOK_EDGE_SECRET: "}},
		{"a misspelt variable", append(goodEnv(), "CXHOOK_AUDIENCE=https://webhook.example.com/"), []string{"CXHOOK_AUDIENCE: no such setting"}},
		{"an empty secret", append(goodEnv(), "CXHOOK_EDGE_SECRET="), []string{"CXHOOK_EDGE_SECRET: set, but empty"}},
		{"keys of somebody", append(goodEnv(), "CXHOOK_KEYS_URL=http://127.0.0.1:1/"), []string{"CXHOOK_KEYS_URL: whoever serves this URL can make tokens for anybody"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := start(t, tt.env)
			select {
			case <-p.ended:
			case <-time.After(20 * time.Second):
				t.Fatal("it has started")
			}
			var exit *exec.ExitError
			if !errors.As(p.err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("it ended with %v, want status 1", p.err)
			}
			for _, want := range tt.want {
				if !strings.Contains(p.log(t), want) {
					t.Errorf("the log does not say %q:\n%s", want, p.log(t))
				}
			}
		})
	}
}

// TestCalls: Dialogflow's call through the load balancer is answered, and those of
// strangers are refused, by the program that Cloud Run would run.
func TestCalls(t *testing.T) {
	const secret, audience, project = "edge-secret-edge-secret-edge-secret", "https://webhook.example.com/shirts", "123456789012"
	pki, err := emulator.NewPKI(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := emulator.NewIssuer(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	keys := listen(t)
	go issuer.Serve(keys)
	t.Cleanup(func() { issuer.Shutdown(context.Background()) })

	env := []string{"CXHOOK_AUDIENCES=" + audience, "CXHOOK_PROJECT_NUMBERS=" + project, "CXHOOK_EDGE_SECRET=" + secret,
		"CXHOOK_KEYS_URL=http://" + keys.Addr().String() + emulator.KeysPath, "CXHOOK_DANGER_OTHER_KEYS_URL=true"}
	for variable, identity := range map[string]string{"CXHOOK_GOOGLE_CA_FILE": "google", "CXHOOK_GOOGLE_LEGACY_CA_FILE": "google-legacy"} {
		file := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(file, pki.Bundle(identity), 0o600); err != nil {
			t.Fatal(err)
		}
		env = append(env, variable+"="+file)
	}
	function := start(t, env)
	function.ready(t)

	certificate, err := pki.ServerCertificate("webhook.example.com")
	if err != nil {
		t.Fatal(err)
	}
	balancer, err := emulator.NewLoadBalancer(emulator.LoadBalancerConfig{Certificate: certificate, TrustStore: pki.TrustStore("google", "google-legacy"),
		Mode: emulator.Lenient, EdgeSecret: secret, Backend: &url.URL{Scheme: "http", Host: function.address}})
	if err != nil {
		t.Fatal(err)
	}
	front := listen(t)
	go balancer.Serve(front)
	t.Cleanup(func() { balancer.Shutdown(context.Background()) })

	for _, tt := range []struct {
		name, address, url string
		certificate, token string
		want               int
		reason             string // in the log
	}{
		{"Dialogflow", front.Addr().String(), audience, "google", "valid", http.StatusOK, ""},
		{"another customer's certificate", front.Addr().String(), audience, "mallory", "valid", http.StatusForbidden, "cert_identity_unknown"},
		{"no certificate", front.Addr().String(), audience, "none", "valid", http.StatusForbidden, "cert_missing"},
		{"another project's agent", front.Addr().String(), audience, "google", "wrong-email", http.StatusUnauthorized, "token_wrong_email"},
		{"no token", front.Addr().String(), audience, "google", "none", http.StatusUnauthorized, "token_missing"},
		{"round the load balancer", function.address, "http://webhook.example.com/shirts", "none", "valid", http.StatusForbidden, "edge_secret_missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, err := pki.ClientCertificate(tt.certificate)
			if err != nil {
				t.Fatal(err)
			}
			dialogflow, err := emulator.NewDialogflow(emulator.DialogflowConfig{WebhookURL: tt.url, Address: tt.address, ServerRoots: pki.ServerRoots(), ClientCertificate: client,
				Token: func(context.Context) (string, error) { return issuer.Token(tt.token, audience, project) }})
			if err != nil {
				t.Fatal(err)
			}
			defer dialogflow.CloseIdleConnections()
			body, said := sample(t)
			x, err := dialogflow.Call(t.Context(), emulator.Call{Body: body})
			if err != nil {
				t.Fatal(err)
			}
			if x.Err != nil || x.Status != tt.want {
				t.Fatalf("got %d, %s, %v, want %d; the log:\n%s", x.Status, x.Response, x.Err, tt.want, function.log(t))
			}
			answered := tt.want == http.StatusOK
			if answered == bytes.Contains(x.Response, []byte(`{"error":`)) || said != "" && answered != bytes.Contains(x.Response, []byte(said)) {
				t.Errorf("got %s; only the accepted call is told %q", x.Response, said)
			}
			if tt.reason != "" {
				function.logs(t, `"reason":"`+tt.reason+`"`)
			}
		})
	}
}

// sample is Google's sample call, and what the example agent says to it; in a module
// that was made for another agent, a call of one of its tags, whose answer is its own.
func sample(t *testing.T) (body []byte, said string) {
	t.Helper()
	m := cx.NewMux()
	release, err := handlers.Register(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if release != nil {
		defer release(t.Context())
	}
	call, said := emulator.Sample{}, "red shirt is on its way"
	if !slices.ContainsFunc(m.Routes(), func(r cx.RouteInfo) bool { return r.Tag == "confirm" }) {
		call.Tag, call.Parameters = agent.FirstCall(m.Routes())
		said = ""
	}
	if body, err = emulator.SampleCall(call); err != nil {
		t.Fatal(err)
	}
	return body, said
}

func goodEnv() []string {
	return []string{"CXHOOK_AUDIENCES=https://webhook.example.com/", "CXHOOK_PROJECT_NUMBERS=123456789012", "CXHOOK_EDGE_SECRET=edge-secret-edge-secret-edge-secret"}
}

// process is the program in the environment that Cloud Run gives it.
type process struct {
	address string
	output  string // the file that has its standard output and error
	ended   chan struct{}
	err     error // how it ended, once ended is closed
}

func start(t *testing.T, env []string) *process {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	port, err := freeport.Pick()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{address: "127.0.0.1:" + port, output: filepath.Join(t.TempDir(), "output"), ended: make(chan struct{})}
	cmd := exec.Command(path)
	cmd.Env = append([]string{"FUNCTION_TARGET=Webhook", "FUNCTION_SIGNATURE_TYPE=http", "K_SERVICE=cxhook", "K_REVISION=cxhook-00001-abc", "K_CONFIGURATION=cxhook", "PORT=" + port}, env...)
	output, err := os.Create(p.output)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.ended
	})
	return p
}

func (p *process) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.output)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ready waits until it serves.
func (p *process) ready(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.ended:
			t.Fatalf("it ended: %v\n%s", p.err, p.log(t))
		default:
		}
		res, err := http.Get("http://" + p.address + "/live")
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("/live answers %d", res.StatusCode)
		}
		return
	}
	t.Fatalf("it does not serve:\n%s", p.log(t))
}

// logs waits for a line of the log, which is written after the answer.
func (p *process) logs(t *testing.T, want string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(p.log(t), want); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say %s:\n%s", want, p.log(t))
		}
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
