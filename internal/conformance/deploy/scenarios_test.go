package deploy

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSetup is the life of a deployment: made in spite of failures, made again,
// found to be as it should be and found not to be, turned from lenient to strict and
// to certificates of its own CA, refused by the function, and deleted.
func TestSetup(t *testing.T) {
	o := newOperator(t)
	t.Run("first run", o.firstRun)
	if t.Failed() {
		return // the rest builds on it
	}
	t.Run("second run", o.secondRun)
	t.Run("typos", o.typos)
	t.Run("drift", o.drift)
	t.Run("rotation", o.rotation)
	t.Run("replacement", o.replacement)
	t.Run("destroy", o.destroy)
}

// firstRun: with failures between its steps, sampled unless CXHOOK_TEST_FAILURES is
// all: a change fails when it is first tried, in turns without having been done and
// after having been done. What is made in the end is the same as without failures, and
// each thing is made once.
func (o *operator) firstRun(t *testing.T) {
	o.t, o.cloud.t = t, t
	every := 9
	if os.Getenv("CXHOOK_TEST_FAILURES") == "all" {
		every = 1
	} else {
		t.Logf("SAMPLED: one change in %d fails; CXHOOK_TEST_FAILURES=all has each of them fail", every)
	}
	tried, failures := map[string]bool{}, 0
	o.cloud.fail = func(c change) failure {
		key := transcript(t, []change{c})
		if tried[key] {
			return succeed
		}
		tried[key] = true
		if len(tried)%every != 0 {
			return succeed
		}
		failures++
		return failure(1 + failures%2)
	}
	made := o.apply()
	o.cloud.fail = nil
	if want := len(tried) / every; failures != want || failures < 3 {
		t.Errorf("%d failures at %d changes; want %d", failures, len(tried), want)
	}
	golden(t, "apply.txt", transcript(t, lasting(made)))
	for key := range o.cloud.resources {
		if strings.Contains(key, "/agents-") {
			t.Errorf("%s is left", key)
		}
	}
}

// secondRun: nothing is changed, not even by a call.
func (o *operator) secondRun(t *testing.T) {
	o.t, o.cloud.t = t, t
	for _, mode := range []string{"apply", "verify"} {
		out, code, changes := o.run(mode)
		if code != 0 || len(changes) > 0 {
			t.Errorf("%s ended with %d and changed %v:\n%s", mode, code, summary(changes), out)
		}
		contains(t, out, "everything is as it should be")
	}
	// What may not be read is not taken for missing.
	o.cloud.denied = "/compute/v1/projects/" + project + "/global/urlMaps/cxhook"
	out, code, changes := o.run("apply")
	o.cloud.denied = ""
	if code != 1 || len(changes) > 0 {
		t.Errorf("without permission apply ended with %d and changed %v", code, summary(changes))
	}
	contains(t, out, "/global/urlMaps/cxhook: 403: made to fail")

	out, code, changes = o.run("call")
	if code != 0 {
		t.Errorf("call ended with %d:\n%s", code, out)
	}
	contains(t, out, "proved: the call came through (tag_unknown)")
	expect(t, "changes of a call", summary(changes),
		"POST europe-west1-dialogflow locations/europe-west1/agents", "POST europe-west1-dialogflow locations/europe-west1/agents/agents-N/webhooks",
		"PATCH europe-west1-dialogflow locations/europe-west1/agents/agents-N/flows/00000000-0000-0000-0000-000000000000",
		"POST europe-west1-dialogflow locations/europe-west1/agents/agents-N/sessions/setup:detectIntent", "DELETE europe-west1-dialogflow locations/europe-west1/agents/agents-N")

	// A refusal is told in words that can be pasted.
	line := o.cloud.line("refused-token")
	line["labels"].(object)["reason"] = "token_wrong_audience"
	line["jsonPayload"].(object)["refusal"] = object{"station": "token", "code": "token_wrong_audience", "unverified_presented": webhookURL + "/", "expected": webhookURL, "hint": "a slash at the end"}
	o.cloud.refusal = line
	out, code, _ = o.run("call")
	if code != 1 {
		t.Errorf("a refused call ended with %d", code)
	}
	contains(t, out, "refused: token_wrong_audience", "a slash at the end", "the audience, exactly: CXHOOK_AUDIENCES="+webhookURL+"/\n")
}

// typos: gcloud refuses a misspelt flag and a misspelt field, and nothing is done.
func (o *operator) typos(t *testing.T) {
	o.t, o.cloud.t = t, t
	const global = "compute/projects/" + project + "/global/"
	for _, tt := range []struct{ file, old, new, missing, want string }{
		{"setup.sh", "--cloud-run-service=", "--cloud-run-servce=", "compute/projects/" + project + "/regions/europe-west1/networkEndpointGroups/cxhook", "unrecognized arguments: --cloud-run-servce=cxhook"},
		{"setup.sh", " --no-invoker-iam-check", " --no-invoker-iam", "run/cxhook", "unrecognized arguments: --no-invoker-iam"},
		{"url-map.yaml", "defaultService", "defaultservice", global + "urlMaps/cxhook", "defaultservice"},
	} {
		file := filepath.Join(o.dir, tt.file)
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		replaceIn(t, file, tt.old, tt.new)
		resource := o.cloud.resources[tt.missing]
		delete(o.cloud.resources, tt.missing)
		if tt.missing == "run/cxhook" {
			o.cloud.deployFunction()
		}
		out, code, changes := o.run("apply")
		if code != 1 || len(changes) > 0 {
			t.Errorf("%s: apply ended with %d and changed %v", tt.new, code, summary(changes))
		}
		contains(t, out, tt.want, "setup.sh: stopped at ")
		o.cloud.resources[tt.missing] = resource
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(o.dir, ".unproved")); err != nil {
		t.Errorf("a run that was stopped leaves no mark that the path is unproved: %v", err)
	}
}

// rotation: of the edge secret. The list is set whole, from the version that is
// asked for, and the path is tried with it.
func (o *operator) rotation(t *testing.T) {
	o.t, o.cloud.t = t, t
	const versions = "secretmanager/projects/" + project + "/secrets/cxhook-edge/versions/"
	secret := base64.StdEncoding.EncodeToString([]byte("the-second-secret-of-this-test"))
	o.cloud.resources[versions+"2"] = object{"payload": object{"data": secret}}
	o.env = append(o.env, "EDGE_SECRET_VERSION=2")
	out, code, changes := o.run("apply")
	if code != 0 || strings.Contains(out, "the-second-secret") {
		t.Fatalf("apply ended with %d:\n%s", code, out)
	}
	contains(t, out, "customRequestHeaders: not as it should be: X-Cxhook-Edge", "proved: ")
	made := lasting(changes)
	expect(t, "changes", summary(made), "PATCH compute global/backendServices/cxhook")
	if t.Failed() {
		return
	}
	if headers, _ := made[0].body["customRequestHeaders"].([]any); len(headers) != 15 || headers[14] != "X-Cxhook-Edge:the-second-secret-of-this-test" {
		t.Errorf("the list is %v", made[0].body["customRequestHeaders"])
	}
	env := o.env
	o.env = append(env, "EDGE_SECRET_VERSION=3")
	out, code, changes = o.run("apply")
	o.env = env
	if code != 1 || len(changes) > 0 {
		t.Errorf("a version that is not there: apply ended with %d and changed %v", code, summary(changes))
	}
	contains(t, out, "secret cxhook-edge has no version 3")
}

// drift: whatever somebody changed is found, and made good.
func (o *operator) drift(t *testing.T) {
	o.t, o.cloud.t = t, t
	const global = "compute/projects/" + project + "/global/"
	headers := o.cloud.resources[global+"backendServices/cxhook"]["customRequestHeaders"].([]any)
	o.cloud.resources[global+"backendServices/cxhook"]["customRequestHeaders"] = append([]any{"X-Other:1"}, headers[1:]...)
	annotations := o.cloud.resources["run/cxhook"]["metadata"].(object)["annotations"].(object)
	annotations["run.googleapis.com/ingress"] = "all"
	delete(annotations, "run.googleapis.com/default-url-disabled")
	annotations["run.googleapis.com/custom-audiences"] = `["https://other.example.com/"]`
	delete(annotations, "run.googleapis.com/invoker-iam-disabled")
	proxy := o.cloud.resources[global+"targetHttpsProxies/cxhook"]
	delete(proxy, "serverTlsPolicy")
	for _, doc := range o.cloud.resources {
		if service, ok := doc["genericWebService"].(object); ok {
			service["serviceAgentAuth"] = "NONE"
		}
	}
	for key, doc := range o.cloud.resources {
		switch {
		case strings.Contains(key, "/alertPolicies/"):
			doc["notificationChannels"] = []any{"projects/" + project + "/notificationChannels/1"}
			doc["combiner"] = "AND"
		case strings.Contains(key, "/metrics/"):
			doc["filter"] = "severity=ERROR"
		case strings.Contains(key, "/dashboards/"):
			doc["etag"] = "2f8a"
			doc["mosaicLayout"].(object)["columns"] = 12
		}
	}
	out, code, changes := o.run("verify")
	if code != 1 || len(changes) > 0 {
		t.Errorf("verify ended with %d and changed %v", code, summary(changes))
	}
	contains(t, out, "customRequestHeaders: not as it should be: X-Client-Cert-Present", "customRequestHeaders: not wanted: X-Other",
		"differs: serverTlsPolicy", "differs: --ingress --no-default-url --no-invoker-iam-check --add-custom-audiences",
		"the balancer is not lenient yet", "differs: filter", "differs: combiner", "differs: mosaicLayout.columns", "setup.sh: 8 differences; apply makes them good")
	made := lasting(o.apply())
	expect(t, "what apply makes good", numbered(summary(made)), "PATCH compute global/backendServices/cxhook", "PATCH compute global/targetHttpsProxies/cxhook",
		"PUT europe-west1-run services/cxhook", "PUT logging metrics/cxhook_calls", "PATCH monitoring alertPolicies/N", "PATCH monitoring dashboards/N", "PATCH europe-west1-dialogflow "+strings.TrimPrefix(path.Dir(o.webhook()), "projects/"+project+"/")+"/N")
	if t.Failed() {
		return
	}
	if alert := made[4].body; fmt.Sprint(alert["notificationChannels"]) != "[projects/"+project+"/notificationChannels/1]" || alert["combiner"] != "OR" {
		t.Errorf("the alert loses the channels that somebody set: %v", alert)
	}
	if dashboard := made[5].body; dashboard["etag"] != "2f8a" {
		t.Errorf("the dashboard is not the one that was read: %v", dashboard)
	}
	if out, code, _ := o.run("verify"); code != 0 {
		t.Errorf("afterwards verify ended with %d:\n%s", code, out)
	}
}

// numbered hides the numbers that the fake gives.
func numbered(lines []string) []string {
	for i := range lines {
		lines[i] = regexp.MustCompile(`(alertPolicies|dashboards|webhooks)/\w+-\d+$`).ReplaceAllString(lines[i], "$1/N")
	}
	return lines
}

func (o *operator) webhook() string {
	for key, doc := range o.cloud.resources {
		if strings.HasPrefix(key, "dialogflow/"+agent+"/webhooks/") {
			return doc["name"].(string)
		}
	}
	return ""
}

// replacement: lenient to strict and Google's certificate to one's own, while the
// balancer takes its time, the function first refuses the call, and the agent has
// calls all along. The old policy is deleted after the call and not before.
func (o *operator) replacement(t *testing.T) {
	o.t, o.cloud.t = t, t
	o.cloud.resources["dialogflow/"+agent] = object{"name": agent, "displayName": "shirts"}
	o.env = append(o.env, custom(t, o.dir)...)
	o.env = append(o.env, "MTLS=strict", "CLOUD_ARMOR=true", "SERVER_CA_FILE=ca.pem")
	o.cloud.slow = 2
	o.cloud.refusal = o.cloud.line("refused-token")
	out, code, changes := o.run("apply")
	made := changes
	if code != 1 {
		t.Fatalf("a refused call ended with %d:\n%s", code, out)
	}
	contains(t, out, "waiting for the balancer to be strict", "refused: token_wrong_email", "expected: service-"+number+"@gcp-sa-dialogflow.iam.gserviceaccount.com",
		"to paste, if that is your agent: the caller: CXHOOK_PROJECT_NUMBERS=999999999999\n")
	for _, c := range changes {
		if c.method == http.MethodDelete && strings.Contains(c.path, "serverTlsPolicies") {
			t.Errorf("the old policy is deleted before a call has gone through")
		}
	}
	made = append(made, o.apply()...)
	golden(t, "replacement.txt", transcript(t, lasting(made)))
	if out, code, changes := o.run("verify"); code != 0 || len(changes) > 0 {
		t.Errorf("afterwards verify ended with %d:\n%s", code, out)
	}
}

func (o *operator) destroy(t *testing.T) {
	o.t, o.cloud.t = t, t
	out, code, _ := o.run("destroy")
	if code != 0 {
		t.Fatalf("destroy ended with %d:\n%s", code, out)
	}
	contains(t, out, "the function, the secrets cxhook-edge and cxhook-ca")
	var left []string
	for key := range o.cloud.resources {
		if api, _, _ := strings.Cut(key, "/"); api == "compute" || api == "certificatemanager" || api == "networksecurity" {
			left = append(left, key)
		}
	}
	expect(t, "left", left)
	if out, code, changes := o.run("destroy"); code != 0 || len(changes) > 0 {
		t.Errorf("a second destroy ended with %d and changed %v:\n%s", code, summary(changes), out)
	}
}
