package deploy

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path"
	"regexp"
	"strings"
)

// deployFunction is what the build does, by hand and without its settings.
func (c *cloud) deployFunction() {
	c.resources["run/cxhook"] = object{"apiVersion": "serving.knative.dev/v1", "kind": "Service",
		"metadata": object{"name": "cxhook", "namespace": number, "generation": 1, "annotations": object{}, "labels": object{"cloud.googleapis.com/location": "europe-west1"}},
		"spec":     object{"template": object{"metadata": object{"name": "cxhook-00001-abc"}, "spec": object{"containers": []any{object{"image": "europe-west1-docker.pkg.dev/p/r/i@sha256:00"}}}}, "traffic": []any{object{"percent": 100, "latestRevision": true}}},
		"status":   c.runStatus(1)}
}

func (c *cloud) runStatus(generation float64) object {
	conditions := []any{}
	for _, kind := range []string{"Ready", "ConfigurationsReady", "RoutesReady"} {
		conditions = append(conditions, object{"type": kind, "status": "True"})
	}
	return object{"observedGeneration": generation, "latestCreatedRevisionName": "cxhook-00001-abc", "latestReadyRevisionName": "cxhook-00001-abc",
		"conditions": conditions, "traffic": []any{object{"percent": 100, "latestRevision": true, "revisionName": "cxhook-00001-abc"}}}
}

func (c *cloud) run(r *http.Request, doc object) any {
	service := c.resources["run/cxhook"]
	switch {
	case service == nil:
		return nil
	case r.Method == http.MethodPut:
		doc["status"] = c.runStatus(1)
		if r.URL.Query().Get("dryRun") == "" {
			doc["metadata"].(object)["generation"] = 1
			c.resources["run/cxhook"] = doc
		}
		return doc
	case strings.HasSuffix(r.URL.Path, "/services/cxhook"):
		return service
	}
	return nil
}

func (c *cloud) dialogflow(r *http.Request, name string, doc object) any {
	name, verb, _ := strings.Cut(name, ":")
	switch {
	case verb == "detectIntent":
		agent := "dialogflow/" + path.Dir(path.Dir(name))
		return object{"queryResult": object{"webhookStatuses": []object{c.call(agent)}}}
	case r.Method == http.MethodPatch && path.Base(path.Dir(name)) == "flows":
		c.resources["dialogflow/"+name] = doc
		return doc
	}
	answer := c.named(r, "dialogflow", doc)
	if answer, ok := answer.(object); ok && r.Method == http.MethodPost && path.Base(name) == "agents" {
		answer["startFlow"] = answer["name"].(string) + "/flows/00000000-0000-0000-0000-000000000000"
	}
	return answer
}

// call is a call of the agent's webhook through the balancer that was made; the
// function writes what it saw.
func (c *cloud) call(agent string) object {
	tag, uri := "", ""
	for key, doc := range c.resources {
		if handlers, ok := doc["eventHandlers"].([]any); ok && strings.HasPrefix(key, agent+"/flows/") {
			tag, _ = handlers[0].(object)["triggerFulfillment"].(object)["tag"].(string)
		}
		if service, ok := doc["genericWebService"].(object); ok && strings.HasPrefix(key, agent+"/webhooks/") {
			uri, _ = service["uri"].(string)
		}
	}
	if _, mode := c.front(); tag == "" || uri != webhookURL || mode == "" {
		c.t.Errorf("the call with tag %q to %q, by a balancer with the policy %q, does not arrive", tag, uri, mode)
		return object{"code": 14, "message": "unreachable"}
	}
	ours := c.line("invalid")
	ours["labels"].(object)["tag"] = tag
	if c.refusal != nil {
		ours = c.refusal
		c.refusal = nil
	}
	// A stranger knocks before and after, and our line takes a while.
	stranger := c.line("refused-edge")
	c.log, c.late = []object{stranger}, []object{ours, stranger}
	return object{"code": 3}
}

// line is one of the function's own, as the root's tests hold it, in the form that
// Cloud Logging gives back.
func (c *cloud) line(name string) object {
	text, err := os.ReadFile("../../../testdata/lines/" + name + ".json")
	if err != nil {
		c.t.Fatal(err)
	}
	payload := object{}
	if err := json.Unmarshal(text, &payload); err != nil {
		c.t.Fatal(err)
	}
	labels := payload["logging.googleapis.com/labels"]
	maps.DeleteFunc(payload, func(key string, _ any) bool {
		return strings.HasPrefix(key, "logging.googleapis.com/") || key == "severity" || key == "time" || key == "httpRequest"
	})
	return object{"insertId": name, "logName": "projects/" + project + "/logs/run.googleapis.com%2Fstdout", "timestamp": "2026-11-25T00:00:00Z", "labels": labels, "jsonPayload": payload}
}

// logged gives the lines that the filter selects; lines before the filter's time are
// not kept.
func (c *cloud) logged(filter string) any {
	tag := regexp.MustCompile(`labels\.tag="([^"]+)"`).FindStringSubmatch(filter)
	for _, part := range []string{`resource.type="cloud_run_revision"`, `resource.labels.service_name="cxhook"`, `timestamp>="20`, `OR labels.outcome="refused"`} {
		if !strings.Contains(filter, part) || tag == nil {
			c.t.Errorf("the log is asked for %q, without %s", filter, part)
			return object{}
		}
	}
	entries := []object{}
	for _, e := range c.log {
		if labels := e["labels"].(object); labels["tag"] == tag[1] || labels["outcome"] == "refused" {
			entries = append(entries, e)
		}
	}
	c.log, c.late = append(c.log, c.late...), nil
	return object{"entries": entries}
}

// front gives the state of the balancer that a stranger sees: whether it is up with
// all headers and the secret, and its policy's mode.
func (c *cloud) front() (up bool, mode string) {
	const global = "compute/projects/" + project + "/global/"
	rule, proxy, backend := c.resources[global+"forwardingRules/cxhook"], c.resources[global+"targetHttpsProxies/cxhook"], c.resources[global+"backendServices/cxhook"]
	if rule == nil || proxy == nil || backend == nil || c.resources["run/cxhook"] == nil {
		return false, ""
	}
	policy, _ := proxy["serverTlsPolicy"].(string)
	mtls, _ := c.resources["networksecurity/"+strings.TrimPrefix(policy, "//networksecurity.googleapis.com/")]["mtlsPolicy"].(object)
	mode, _ = mtls["clientValidationMode"].(string)
	headers, _ := backend["customRequestHeaders"].([]any)
	return len(headers) == 15, mode
}

// edgeSecret is what Secret Manager has, to be looked for where it must not be.
func (c *cloud) edgeSecret() string {
	for key, doc := range c.resources {
		if strings.HasSuffix(key, "secrets/cxhook-edge/versions/1") {
			data, err := base64.StdEncoding.DecodeString(doc["payload"].(object)["data"].(string))
			if err != nil {
				c.t.Error(err)
			}
			return string(data)
		}
	}
	return ""
}
