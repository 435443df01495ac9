package cloudbuild

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/run/v1"

	"example.com/cxhook/internal/conformance/strict"
)

const (
	project = "made-up-project"
	digest  = "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
)

// cloud is as much of Google's APIs as the build's commands ask: Cloud Run with
// one service, and what a deployment from source needs besides. It decodes what
// it is sent strictly.
type cloud struct {
	t  *testing.T
	mu sync.Mutex
	// service is nil until it is deployed; build is what was last asked to be built.
	service *run.Service
	build   *runpb.SubmitBuildRequest
	// submitted is what gcloud builds submit last sent.
	submitted *cloudbuildpb.Build
	// unready says that the next revision does not start.
	unready bool
}

type object = map[string]any

var notFound = object{"error": object{"code": 404, "status": "NOT_FOUND", "message": "not found"}}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := c.answer(r)
	if answer == nil {
		w.WriteHeader(http.StatusNotFound)
		answer = notFound
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		c.t.Errorf("answering %s %s: %v", r.Method, r.URL, err)
	}
}

// answer is nil for what does not exist.
func (c *cloud) answer(r *http.Request) any {
	const (
		namespace = "/apis/serving.knative.dev/v1/namespaces/" + project
		service   = namespace + "/services/cxhook"
	)
	build := object{"@type": "type.googleapis.com/google.devtools.cloudbuild.v1.Build", "id": "build-1", "projectId": project, "status": "SUCCESS",
		"name": "projects/" + project + "/locations/europe-west1/builds/build-1", "logUrl": "https://console.example.com/", "results": object{"images": []object{{"digest": digest}}}}
	operation := object{"name": "projects/" + project + "/locations/europe-west1/operations/build-1",
		"metadata": object{"@type": "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata", "build": build}}
	api, _, _ := strings.Cut(r.Host, ".")
	switch path := r.URL.Path; {
	case api == "serviceusage":
		return object{"name": strings.TrimPrefix(path, "/v1/"), "state": "ENABLED"}
	case api == "artifactregistry":
		return object{"name": strings.TrimPrefix(path, "/v1/"), "format": "DOCKER"}
	case api == "iam":
		return object{"email": "cxhook-build@" + project + ".iam.gserviceaccount.com"}
	case api == "storage" && strings.HasPrefix(path, "/upload/"):
		return c.upload(r)
	case api == "storage": // one bucket, or the list of those that begin with a name
		name := strings.TrimLeft(strings.TrimPrefix(path, "/storage/v1/b"), "/") + r.URL.Query().Get("prefix")
		return object{"id": name, "name": name, "items": []object{{"id": name, "name": name}}}
	case api == "cloudbuild" && r.Method == http.MethodPost:
		c.submitted = new(cloudbuildpb.Build)
		if err := strict.Unmarshal("builds", c.body(r), c.submitted); err != nil {
			c.t.Error(err)
		}
		return operation
	case api == "cloudbuild":
		operation["done"], operation["response"] = true, build
		return operation

	case path == "/v2/projects/"+project+"/locations/europe-west1/builds:submit":
		c.build = new(runpb.SubmitBuildRequest)
		if err := strict.Unmarshal("builds:submit", c.body(r), c.build); err != nil {
			c.t.Error(err)
		}
		return object{"buildOperation": operation, "baseImageUri": "go126"}
	case r.Method == http.MethodPost && path == namespace+"/services", r.Method == http.MethodPut && path == service:
		return c.deploy(r)
	case path == namespace+"/services":
		list := &run.ListServicesResponse{}
		if c.service != nil {
			list.Items = append(list.Items, c.service)
		}
		return list
	case path == service:
		if c.service == nil {
			return nil
		}
		return c.service
	case c.service != nil && path == namespace+"/revisions/"+c.service.Status.LatestCreatedRevisionName:
		return &run.Revision{ApiVersion: "serving.knative.dev/v1", Kind: "Revision", Metadata: &run.ObjectMeta{Name: c.service.Status.LatestCreatedRevisionName},
			Status: &run.RevisionStatus{ImageDigest: c.service.Spec.Template.Spec.Containers[0].Image}}
	}
	c.t.Errorf("not foreseen: %s %s", r.Method, r.URL)
	return nil
}

func (c *cloud) body(r *http.Request) []byte {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	return body
}

// upload takes the source: a part that describes it, and the archive.
func (c *cloud) upload(r *http.Request) any {
	_, boundary, _ := strings.Cut(r.Header.Get("Content-Type"), "boundary=") // not quoted as package mime wants it
	parts := multipart.NewReader(r.Body, strings.Trim(boundary, "'\""))
	var size int64
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return object{"bucket": "sources", "name": "source.zip", "generation": "1", "size": fmt.Sprint(size)}
		}
		if err == nil {
			size, err = io.Copy(io.Discard, part)
		}
		if err != nil {
			c.t.Errorf("upload: %v", err)
			return nil
		}
	}
}

// deploy takes the service as it shall be, and makes it so.
func (c *cloud) deploy(r *http.Request) any {
	s := new(run.Service)
	dec := json.NewDecoder(bytes.NewReader(c.body(r)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		c.t.Errorf("service: %v", err)
	}
	if r.URL.Query().Get("dryRun") == "all" {
		return s
	}
	created, ready := s.Spec.Template.Metadata.Name, s.Spec.Template.Metadata.Name
	s.Metadata.Generation = 1
	if old := c.service; old != nil {
		s.Metadata.Generation += old.Metadata.Generation
		if c.unready {
			ready = old.Status.LatestReadyRevisionName
		}
	} else if c.unready {
		ready = ""
	}
	s.Status = &run.ServiceStatus{ObservedGeneration: s.Metadata.Generation, LatestCreatedRevisionName: created, LatestReadyRevisionName: ready, Traffic: s.Spec.Traffic}
	for _, kind := range []string{"Ready", "ConfigurationsReady", "RoutesReady"} {
		condition := &run.GoogleCloudRunV1Condition{Type: kind, Status: "True"}
		if c.unready && kind != "RoutesReady" {
			condition.Status, condition.Reason, condition.Message = "False", "HealthCheckContainerError", "The revision did not start."
		}
		s.Status.Conditions = append(s.Status.Conditions, condition)
	}
	c.service = s
	return s
}

// serving gives the revision that has all the calls.
func (c *cloud) serving() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, target := range c.service.Spec.Traffic {
		if target.Percent == 100 && target.LatestRevision {
			return c.service.Status.LatestReadyRevisionName
		}
		if target.Percent == 100 {
			return target.RevisionName
		}
	}
	return ""
}
