// Package gcloud runs the gcloud that is installed, with no account and no
// network, against a fake of Google's APIs on loopback. So gcloud itself judges
// every flag, and its requests can be read.
package gcloud

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// apis are the endpoints that go to the fake, by gcloud's name of the property.
// They are plain http, so that gcloud's proxy, the fake, sees host and path.
var apis = map[string]string{
	"artifactregistry":     "http://artifactregistry.googleapis.com/",
	"certificatemanager":   "http://certificatemanager.googleapis.com/",
	"cloudbuild":           "http://cloudbuild.googleapis.com/",
	"cloudresourcemanager": "http://cloudresourcemanager.googleapis.com/",
	"compute":              "http://compute.googleapis.com/compute/v1/",
	"iam":                  "http://iam.googleapis.com/",
	"logging":              "http://logging.googleapis.com/",
	"monitoring":           "http://monitoring.googleapis.com/",
	"networksecurity":      "http://networksecurity.googleapis.com/",
	"run":                  "http://run.googleapis.com/",
	"secretmanager":        "http://secretmanager.googleapis.com/",
	"serviceusage":         "http://serviceusage.googleapis.com/",
	"storage":              "http://storage.googleapis.com/storage/v1/",
}

// Request is what gcloud asked an API.
type Request struct {
	Method, Host, Path, Query string
	Body                      []byte
}

// Runner starts commands whose gcloud talks to the fake alone.
type Runner struct {
	env      []string
	handler  http.Handler
	secure   *secure // nil unless TLS was called
	mu       sync.Mutex
	requests []Request
}

// Start serves api until the test ends; the test is skipped where gcloud is not
// installed. api gets the requests with the API's host in r.Host. What gcloud
// sends elsewhere, by https, fails the test.
func Start(t testing.TB, api http.Handler) *Runner {
	t.Helper()
	if _, err := exec.LookPath("gcloud"); err != nil {
		t.Skip("SKIPPED: gcloud is not installed; it is the judge of every command of the build and of the deployment")
	}
	r := &Runner{}
	var serve http.HandlerFunc = func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodConnect && r.secure != nil {
			r.secure.connect(w)
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("reading gcloud's request: %v", err)
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		r.mu.Lock()
		r.requests = append(r.requests, Request{req.Method, req.Host, req.URL.Path, req.URL.RawQuery, body})
		r.mu.Unlock()
		if req.Method == http.MethodConnect {
			t.Errorf("gcloud calls %s, which is not redirected to the fake", req.Host)
			http.Error(w, "not here", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		api.ServeHTTP(w, req)
	}
	r.handler = serve
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)

	config := t.TempDir()
	token := filepath.Join(config, "token")
	if err := os.WriteFile(token, []byte("made-up"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "CLOUDSDK_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			r.env = append(r.env, kv)
		}
	}
	r.env = append(r.env, "http_proxy="+server.URL, "https_proxy="+server.URL,
		"CLOUDSDK_CONFIG="+config, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE="+token, "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
		"CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=1", "CLOUDSDK_CORE_DISABLE_FILE_LOGGING=1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1")
	for name, url := range apis {
		r.env = append(r.env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+strings.ToUpper(name)+"="+url)
	}
	return r
}

// Command is exec.Command in an environment whose gcloud asks the fake.
func (r *Runner) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = r.env
	return cmd
}

// Requests gives what was asked since the last call of it, in order.
func (r *Runner) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.requests
	r.requests = nil
	return all
}
