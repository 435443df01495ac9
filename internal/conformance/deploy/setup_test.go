package deploy

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/internal/conformance/gcloud"
)

// operator runs a copy of deploy/setup.sh against the fake, with the real gcloud and
// the real curl.
type operator struct {
	t     *testing.T
	cloud *cloud
	gc    *gcloud.Runner
	dir   string // the copy of deploy/
	env   []string
	// arguments is a file of every argument that gcloud and curl were given.
	arguments string
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: %s is not installed; deploy/setup.sh needs it", tool)
		}
	}
	o := &operator{t: t, cloud: newCloud(t), dir: t.TempDir()}
	o.gc = gcloud.Start(t, http.HandlerFunc(o.serve))
	o.gc.TLS(t, o.handshake)
	o.dir = copyScripts(t)
	o.monitoring()
	o.env = []string{"PROJECT=" + project, "WEBHOOK_URL=" + webhookURL, "AGENT=" + agent, "WEBHOOK=cxhook", "POLL=0", "WAIT=60", "PATH=" + o.record() + ":" + os.Getenv("PATH")}
	return o
}

// monitoring has one file of each kind in place of the repository's, which have a
// test of their own.
func (o *operator) monitoring() {
	o.t.Helper()
	if err := os.RemoveAll(filepath.Join(o.dir, "monitoring")); err != nil {
		o.t.Fatal(err)
	}
	for name, text := range map[string]string{
		"metrics/cxhook_calls.json": `{"name": "cxhook_calls", "description": "calls", "filter": "labels.outcome:*", "metricDescriptor": {"metricKind": "DELTA", "valueType": "INT64"}}`,
		"alerts/refused.json":       `{"displayName": "calls are refused", "combiner": "OR", "conditions": [{"displayName": "any", "conditionThreshold": {"filter": "metric.type=\"logging.googleapis.com/user/cxhook_calls\"", "comparison": "COMPARISON_GT", "thresholdValue": 3, "duration": "0s"}}]}`,
		"dashboard/cxhook.json":     `{"displayName": "cxhook", "mosaicLayout": {"columns": 48, "tiles": [{"width": 24, "height": 16, "widget": {"text": {"content": "calls", "format": "MARKDOWN"}}}]}}`,
	} {
		path := filepath.Join(o.dir, "monitoring", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			o.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
}

// record puts programs before gcloud and curl that write down their arguments.
func (o *operator) record() string {
	dir := o.t.TempDir()
	o.arguments = filepath.Join(dir, "arguments")
	for _, name := range []string{"gcloud", "curl"} {
		path, err := exec.LookPath(name)
		if err != nil {
			o.t.Fatal(err)
		}
		script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' %s \"$@\" >>%q\nexec %q \"$@\"\n", name, o.arguments, path)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			o.t.Fatal(err)
		}
	}
	return dir
}

// serve is the APIs, and the function behind the balancer: it refuses strangers.
func (o *operator) serve(w http.ResponseWriter, r *http.Request) {
	if r.Host == host {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	o.cloud.ServeHTTP(w, r)
}

// handshake is the balancer's, as its policy has it.
func (o *operator) handshake(name string, c *tls.Config) {
	if name != host {
		return
	}
	o.cloud.mu.Lock()
	defer o.cloud.mu.Unlock()
	up, mode := o.cloud.front()
	if o.cloud.slow > 0 {
		o.cloud.slow--
		up = false
	}
	switch {
	case !up:
		c.Certificates = nil // the handshake fails
	case mode == "REJECT_INVALID":
		c.ClientAuth = tls.RequireAnyClientCert
	case mode != "":
		c.ClientAuth = tls.RequestClientCert
	}
}

// run gives what the script printed, its exit code, and what it changed or tried to.
func (o *operator) run(args ...string) (output string, code int, changes []change) {
	o.t.Helper()
	o.cloud.mu.Lock() // orders what the test did, and then what it reads, with the fake
	o.cloud.changes = nil
	o.cloud.mu.Unlock()
	started := time.Now()
	cmd := o.gc.Command("bash", append([]string{filepath.Join(o.dir, "setup.sh")}, args...)...)
	cmd.Env = append(cmd.Env, o.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	o.cloud.mu.Lock()
	defer o.cloud.mu.Unlock()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.t.Fatal(err)
	}
	o.t.Logf("setup.sh %s: exit code %d, %d changes, %.0f s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), len(o.cloud.changes), time.Since(started).Seconds())
	o.secrets(out.String())
	return out.String(), cmd.ProcessState.ExitCode(), o.cloud.changes
}

// secrets fails the test if one is where somebody might see it.
func (o *operator) secrets(output string) {
	o.t.Helper()
	arguments, err := os.ReadFile(o.arguments)
	if err != nil {
		return // a mode that calls nothing
	}
	for where, text := range map[string]string{"output": output, "arguments": string(arguments)} {
		if secret := o.cloud.edgeSecret(); secret != "" && strings.Contains(text, secret) {
			o.t.Errorf("the edge secret is in the %s", where)
		}
		if strings.Contains(text, "Bearer") {
			o.t.Errorf("a token is in the %s", where)
		}
	}
}

// apply runs until the script has nothing left to do, and gives the changes that
// were made. The function is deployed when the script asks for it.
func (o *operator) apply() (made []change) {
	o.t.Helper()
	for range 100 {
		out, code, changes := o.run("apply")
		failed := false
		for _, c := range changes {
			if c.failed != refuse {
				made = append(made, c)
			}
			failed = failed || c.failed != succeed
		}
		switch {
		case code == 0:
			return made
		case failed && strings.Contains(out, "made to fail") && strings.Contains(out, "run it again to go on from here"):
		case strings.Contains(out, "the function is not deployed"):
			if !strings.Contains(out, "gcloud builds submit") {
				o.t.Errorf("the command that deploys it is not shown:\n%s", out)
			}
			o.cloud.deployFunction()
		default:
			o.t.Fatalf("setup.sh apply ended with %d:\n%s", code, out)
		}
	}
	o.t.Fatal("no end")
	return nil
}

// lasting are the changes without those of the throwaway agent.
func lasting(changes []change) (list []change) {
	for _, c := range changes {
		if !strings.HasPrefix(c.path, "/v3/projects/"+project+"/locations/europe-west1/agents") || strings.HasPrefix(c.path, "/v3/"+agent) {
			list = append(list, c)
		}
	}
	return list
}

var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`X-Cxhook-Edge:[^"]+`), "X-Cxhook-Edge:(the secret)"},
	{regexp.MustCompile(`"(data|dataCrc32c)": "[^"]+"`), `"$1": "…"`},
	{regexp.MustCompile(`"-----BEGIN CERTIFICATE-----[^"]+"`), `"(PEM)"`},
	{regexp.MustCompile(`"MII[^"]+"`), `"(DER)"`},
	{regexp.MustCompile(`(agents|webhooks)-\d+`), "$1-N"},
	{regexp.MustCompile(`"setup-\d+"`), `"setup-N"`},
	{regexp.MustCompile(`"(run.googleapis.com/client-version|client.knative.dev/user-image|client.knative.dev/nonce)": "[^"]+"`), `"$1": "…"`},
}

// transcript is what a person reads of changes.
func transcript(t *testing.T, changes []change) string {
	t.Helper()
	var b strings.Builder
	for _, c := range changes {
		query := strings.TrimPrefix(strings.ReplaceAll(c.query, "alt=json", ""), "&")
		if query != "" {
			query = "?" + query
		}
		fmt.Fprintf(&b, "%s %s%s%s", c.method, c.host, c.path, query)
		if c.body != nil {
			var text bytes.Buffer
			enc := json.NewEncoder(&text)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(c.body); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "\n%s %s", c.message, text.String())
		} else {
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	text := b.String()
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	return text
}

// summary is one line a change: method, host's first word, last words of the path.
func summary(changes []change) (lines []string) {
	for _, c := range changes {
		_, name, _ := strings.Cut(c.path, project+"/")
		api, _, _ := strings.Cut(c.host, ".")
		lines = append(lines, c.method+" "+api+" "+regexp.MustCompile(`agents-\d+`).ReplaceAllString(name, "agents-N"))
	}
	return lines
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, -want +got:\n%s", what, diff)
	}
}

func contains(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("want %q in:\n%s", w, out)
		}
	}
}
