package cloudbuild

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	"google.golang.org/api/run/v1"

	"example.com/cxhook/internal/conformance/buildpack"
	"example.com/cxhook/internal/conformance/gcloud"
	"example.com/cxhook/internal/freeport"
)

var update = flag.Bool("update", false, "write testdata")

// openEnv makes the test binary a function that starts with any audience and lets
// everybody in.
const openEnv = "CLOUDBUILD_TEST_OPEN"

func TestMain(m *testing.M) {
	if os.Getenv(openEnv) != "" {
		if os.Getenv("CXHOOK_AUDIENCES") == "" {
			fmt.Println("CXHOOK_AUDIENCES: not set")
			os.Exit(1)
		}
		fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		os.Exit(1)
	}
	code := m.Run()
	if path, err := function(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// function is the program of the image that Google's buildpack would make.
var function = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cloudbuild")
	if err != nil {
		return "", err
	}
	return buildpack.Build(filepath.Dir(file), dir, "-s -w")
})

// worker runs a build's scripts as Cloud Build does: in order, in one directory.
type worker struct {
	t     *testing.T
	cloud *cloud
	gc    *gcloud.Runner
	build *cloudbuildpb.Build
	// substitutions are what the build is submitted with.
	substitutions map[string]string
	// program is that of the image.
	program string
}

// newWorker has the build of the repository with text replaced, from, to and so
// on.
func newWorker(t *testing.T, replace ...string) *worker {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: curl is not installed; the build's smoke test needs it")
	}
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(doc)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%q is not in the build any more", replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	w := &worker{t: t, cloud: &cloud{t: t}, substitutions: map[string]string{
		"_AUDIENCES": "https://webhook.example.com/shirts,https://webhook.example.com/shirts/", "_PROJECT_NUMBERS": "123456789012"}}
	w.gc = gcloud.Start(t, w.cloud)
	if w.build, err = Check("cloudbuild.yaml", []byte(text), settings(t)); err != nil {
		t.Fatal(err)
	}
	if w.program, err = function(); err != nil {
		t.Fatal(err)
	}
	return w
}

// run gives the step that failed, "" if none did, and what it printed. The go
// steps are the gate's own and are not run.
func (w *worker) run() (failed, output string) {
	w.t.Helper()
	dir := w.t.TempDir()
	for name, text := range map[string]string{"function.go": "package webhook\n", ".curlrc": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	port, err := freeport.Pick()
	if err != nil {
		w.t.Fatal(err)
	}
	home, pids := w.t.TempDir(), filepath.Join(w.t.TempDir(), "pid")
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte("noproxy = \"*\"\nconnect-to = \"smoke:8080:127.0.0.1:"+port+"\"\n"), 0o644); err != nil {
		w.t.Fatal(err)
	}
	stub, err := filepath.Abs("testdata/bin")
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if text, err := os.ReadFile(pids); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}()
	values := maps.Clone(w.build.GetSubstitutions())
	maps.Copy(values, w.substitutions)
	values["PROJECT_ID"] = project
	for _, step := range w.build.GetSteps() {
		if step.GetScript() == "" {
			continue
		}
		cmd := w.gc.Command("bash", "-c", step.GetScript())
		cmd.Dir = dir
		cmd.Env = append(cmd.Env, "PATH="+stub+":"+os.Getenv("PATH"), "CURL_HOME="+home, "TEST_PORT="+port, "TEST_PID_FILE="+pids, "TEST_IMAGE_PROGRAM="+w.program,
			"TEST_IMAGE=europe-west1-docker.pkg.dev/"+project+"/cloud-run-source-deploy/cxhook@"+digest)
		for _, entry := range step.GetEnv() {
			cmd.Env = append(cmd.Env, reference.ReplaceAllStringFunc(entry, func(ref string) string { return values[strings.Trim(ref, "${}")] }))
		}
		out, err := cmd.CombinedOutput()
		output += fmt.Sprintf("== %s\n%s", step.GetId(), out)
		if err != nil {
			return step.GetId(), output
		}
	}
	return "", output
}

func (w *worker) passes() {
	w.t.Helper()
	if failed, output := w.run(); failed != "" {
		w.t.Fatalf("step %s failed:\n%s", failed, output)
	}
}

func (w *worker) failsIn(step, want string) {
	w.t.Helper()
	if failed, output := w.run(); failed != step || !strings.Contains(output, want) {
		w.t.Fatalf("want step %s to fail, and %q; step %q failed:\n%s", step, want, failed, output)
	}
}

// TestDeploy: the first deployment, and a second one with other settings, as the
// real gcloud asks for them; calls move when the smoke test has passed.
func TestDeploy(t *testing.T) {
	w := newWorker(t)
	w.passes()
	first := w.cloud.serving()
	if first == "" || first != w.cloud.service.Status.LatestReadyRevisionName {
		t.Fatalf("after the first build, %q has the calls", first)
	}
	golden(t, "build.json", w.gc, "builds:submit")

	// As after gcloud run services update-traffic --to-latest: a revision would have
	// the calls when it is ready.
	w.cloud.service.Spec.Traffic = []*run.TrafficTarget{{LatestRevision: true, Percent: 100}}

	w.substitutions["_SECRETS"] = "CXHOOK_EDGE_SECRET=cxhook-edge:2,CXHOOK_EDGE_SECRET_PREVIOUS=cxhook-edge:1,/etc/cxhook/ca.pem=cxhook-ca:1"
	w.substitutions["_SETTINGS"] = "CXHOOK_IDENTITIES=google,custom;CXHOOK_CUSTOM_CA_FILE=/etc/cxhook/ca.pem;CXHOOK_CUSTOM_CN=agent.example.com"
	promote := w.build.GetSteps()[len(w.build.GetSteps())-1]
	w.build.Steps = w.build.Steps[:len(w.build.Steps)-1]
	w.passes()
	second := w.cloud.service.Status.LatestReadyRevisionName
	if got := w.cloud.serving(); got != first || second == first {
		t.Fatalf("before the second build promotes %s, %s has the calls, want %s", second, got, first)
	}
	golden(t, "service.json", w.gc, "/services/cxhook")
	w.build.Steps = append(w.build.Steps, promote)
	w.passes()
	if got := w.cloud.serving(); got != w.cloud.service.Status.LatestReadyRevisionName || got == first || got == second {
		t.Errorf("after a build, %s has the calls", got)
	}
}

// TestDeployRefuses: what is wrong with a revision stops the build before the
// revision has calls.
func TestDeployRefuses(t *testing.T) {
	script := func(t *testing.T, text string) string {
		path := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorker(t)
	w.cloud.unready = true
	w.failsIn("deploy", "The revision did not start.")
	w.cloud.unready = false
	w.passes() // a first revision that is not ready has no calls to keep
	first, good := w.cloud.serving(), w.program
	if first == "" || first != w.cloud.service.Status.LatestReadyRevisionName {
		t.Fatalf("%q has the calls", first)
	}
	for _, tt := range []struct{ name, program, step, want string }{
		{"it starts without settings", "exit 0", "start", "want a start without settings refused, and CXHOOK_AUDIENCES named; it ended with 0"},
		{"it does not say what it lacks", "exit 1", "start", "want a start without settings refused, and CXHOOK_AUDIENCES named; it ended with 1"},
		{"it lets strangers in", "exec env " + openEnv + "=1 '" + self + "'", "smoke", "a stranger got 200, want 403"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t, w.program = t, script(t, tt.program)
			w.failsIn(tt.step, tt.want)
			if got := w.cloud.serving(); got != first {
				t.Errorf("%s has the calls, want %s", got, first)
			}
		})
	}
	t.Run("it does not start with its settings", func(t *testing.T) {
		w.t, w.program, w.cloud.unready = t, good, true
		w.failsIn("deploy", "The revision did not start.")
		if got := w.cloud.serving(); got != first {
			t.Errorf("%s has the calls, want %s", got, first)
		}
	})
}

// TestSettings: what is missing or not pinned is refused before anything is built.
func TestSettings(t *testing.T) {
	for _, tt := range []struct{ name, substitution, value, want string }{
		{"no audience", "_AUDIENCES", "", "_AUDIENCES is empty: give the URLs of the webhook, exactly as the agent has them"},
		{"no project number", "_PROJECT_NUMBERS", "", "_PROJECT_NUMBERS is empty: give the project numbers of the agents"},
		{"a secret's latest version", "_SECRETS", "CXHOOK_EDGE_SECRET=cxhook-edge:1,/etc/cxhook/ca.pem=cxhook-ca:latest", "_SECRETS: /etc/cxhook/ca.pem=cxhook-ca:latest: want NAME=SECRET:VERSION"},
		{"no version", "_SECRETS", "CXHOOK_EDGE_SECRET=cxhook-edge", "_SECRETS: CXHOOK_EDGE_SECRET=cxhook-edge: want NAME=SECRET:VERSION"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorker(t)
			w.substitutions[tt.substitution] = tt.value
			w.failsIn("settings", tt.want)
			if asked := w.gc.Requests(); len(asked) != 0 {
				t.Errorf("gcloud asked %d times", len(asked))
			}
		})
	}
}

// TestFlags: gcloud refuses a misspelt flag of each command.
func TestFlags(t *testing.T) {
	for _, tt := range []struct{ name, old, new, step, want string }{
		{"run services list", "--filter=", "--filtre=", "deploy", "unrecognized arguments: --filtre=metadata.name=cxhook"},
		{"run deploy", "--cpu-boost", "--cpu-bost", "deploy", "unrecognized arguments: --cpu-bost"},
		{"run deploy, a value", "--ingress=internal-and-cloud-load-balancing", "--ingress=internal-and-load-balancing", "deploy", "argument --ingress: Invalid choice: 'internal-and-load-balancing'"},
		{"run deploy, not beta", "gcloud beta run deploy", "gcloud run deploy", "deploy", "unrecognized arguments: --no-default-url"},
		{"run revisions describe", `describe "$revision" --project`, `describe "$revision" --projet`, "deploy", "unrecognized arguments: --projet=" + project},
		{"run services update-traffic", "--to-revisions=", "--to-revision=", "promote", "unrecognized arguments: --to-revision="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			newWorker(t, tt.old, tt.new).failsIn(tt.step, tt.want)
		})
	}
}

// drawn are the parts of a request that differ from one run to the next: of the
// names of revisions and volumes, and gcloud's version.
var drawn = regexp.MustCompile(`(cxhook-\d{5}-|cxhook-ca-)[a-z]{3}(?:-[a-z]{3})*|(client-version": ")[^"]*`)

// golden compares the last request to a path that changed something with the file
// in testdata. What the cloud says of a service, its status, is left out.
func golden(t *testing.T, name string, r *gcloud.Runner, path string) {
	t.Helper()
	var request map[string]any
	for _, asked := range r.Requests() {
		if strings.HasSuffix(asked.Path, path) && asked.Method != http.MethodGet && !strings.Contains(asked.Query, "dryRun") {
			request = nil
			if err := json.Unmarshal(asked.Body, &request); err != nil {
				t.Fatal(err)
			}
		}
	}
	delete(request, "status")
	got, err := json.MarshalIndent(request, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = drawn.ReplaceAll(append(got, '\n'), []byte("$1$2…"))
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}
