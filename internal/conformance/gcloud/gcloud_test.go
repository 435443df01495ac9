package gcloud_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/cxhook/internal/conformance/gcloud"
)

// TestRunner: a command of the real gcloud reaches the fake under the API's own
// host, and a misspelt flag reaches nothing.
func TestRunner(t *testing.T) {
	r := gcloud.Start(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprint(w, `{"items": [{"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "cxhook", "namespace": "made-up"}}]}`)
	}))
	out, err := r.Command("gcloud", "run", "services", "list", "--project=made-up", "--region=europe-west1", "--format=value(metadata.name)").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "cxhook" {
		t.Fatalf("got %q, %v; want cxhook", out, err)
	}
	requests := r.Requests()
	if len(requests) != 1 || requests[0].Host != "europe-west1-run.googleapis.com" || requests[0].Path != "/apis/serving.knative.dev/v1/namespaces/made-up/services" {
		t.Errorf("got requests %+v; want one for the services of made-up", requests)
	}

	out, err = r.Command("gcloud", "run", "services", "list", "--project=made-up", "--regoin=europe-west1").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "unrecognized arguments: --regoin=europe-west1") {
		t.Errorf("got %q, %v; want the flag refused", out, err)
	}
	if requests := r.Requests(); len(requests) != 0 {
		t.Errorf("a refused command asked %+v", requests)
	}
}
