package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/certificatemanager/apiv1/certificatemanagerpb"
	"cloud.google.com/go/compute/apiv1/computepb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"cloud.google.com/go/iam/admin/apiv1/adminpb"
	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"cloud.google.com/go/monitoring/dashboard/apiv1/dashboardpb"
	"cloud.google.com/go/networksecurity/apiv1/networksecuritypb"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"cloud.google.com/go/serviceusage/apiv1/serviceusagepb"
	"google.golang.org/api/run/v1"
	"google.golang.org/protobuf/proto"

	"example.com/cxhook/internal/conformance/strict"
)

const number = "123456789012" // of the project

type object = map[string]any

// cloud is as much of Google's APIs as setup.sh and its gcloud ask. Whatever would
// change something is decoded strictly and recorded.
type cloud struct {
	t  *testing.T
	mu sync.Mutex
	// resources are by API and path, as "compute/projects/p/global/urlMaps/cxhook".
	resources map[string]object
	policies  map[string]object // of IAM, by the same
	enabled   map[string]bool   // APIs
	log, late []object          // the function's, the newest last; what is late is there when the log is read again
	changes   []change
	// fail, if set, is asked before each change.
	fail func(change) failure
	// denied is a path that may not be read.
	denied string
	// refusal is the line of the next call, in place of one about its tag.
	refusal object
	// slow is how often a thing is asked for before it is so.
	slow int
}

// change is a request that changed something, or would have.
type change struct {
	method, host, path, query string
	message                   string // the name of what the body is
	body                      object
	failed                    failure
}

type failure int

const (
	succeed    failure = iota
	refuse             // nothing is done
	loseAnswer         // it is done, and the caller is told that it failed
)

func newCloud(t *testing.T) *cloud {
	return &cloud{t: t, resources: map[string]object{}, policies: map[string]object{}, enabled: map[string]bool{}}
}

// asking are the requests that look like changes and are none.
var asking = []string{":getIamPolicy", "/v2/entries:list", "/wait"}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodDelete && r.Header.Get("Content-Length") == "" {
		w.WriteHeader(http.StatusLengthRequired) // as Google's front does
		c.t.Errorf("%s %s without a length", r.Method, r.URL)
		return
	}
	status, failed := http.StatusOK, succeed
	isChange := r.Method != http.MethodGet && !slices.ContainsFunc(asking, func(s string) bool { return strings.HasSuffix(r.URL.Path, s) })
	if isChange {
		ch := change{method: r.Method, host: r.Host, path: r.URL.Path, query: r.URL.RawQuery}
		if len(body) > 0 {
			ch.message, ch.body = c.decode(r, body)
		}
		if c.fail != nil {
			failed = c.fail(ch)
		}
		ch.failed = failed
		c.changes = append(c.changes, ch)
	}
	if c.denied != "" && r.URL.Path == c.denied {
		failed = refuse
	}
	var answer any
	if failed != refuse {
		answer = c.answer(r, body)
	}
	switch {
	case failed != succeed:
		status = http.StatusForbidden
		answer = object{"error": object{"code": status, "status": "PERMISSION_DENIED", "message": "made to fail"}}
	case answer == nil:
		status = http.StatusNotFound
		answer = object{"error": object{"code": status, "status": "NOT_FOUND", "message": "not found: " + r.URL.Path}}
	}
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		c.t.Errorf("answering %s %s: %v", r.Method, r.URL, err)
	}
}

// messages are what the APIs take, by the last word of the path that names a kind,
// or by the verb.
var messages = map[string]func() proto.Message{
	"addresses":             func() proto.Message { return new(computepb.Address) },
	"backendServices":       func() proto.Message { return new(computepb.BackendService) },
	"forwardingRules":       func() proto.Message { return new(computepb.ForwardingRule) },
	"networkEndpointGroups": func() proto.Message { return new(computepb.NetworkEndpointGroup) },
	"securityPolicies":      func() proto.Message { return new(computepb.SecurityPolicy) },
	"setSecurityPolicy":     func() proto.Message { return new(computepb.SecurityPolicyReference) },
	"targetHttpsProxies":    func() proto.Message { return new(computepb.TargetHttpsProxy) },
	"urlMaps":               func() proto.Message { return new(computepb.UrlMap) },
	"certificates":          func() proto.Message { return new(certificatemanagerpb.Certificate) },
	"certificateMaps":       func() proto.Message { return new(certificatemanagerpb.CertificateMap) },
	"certificateMapEntries": func() proto.Message { return new(certificatemanagerpb.CertificateMapEntry) },
	"dnsAuthorizations":     func() proto.Message { return new(certificatemanagerpb.DnsAuthorization) },
	"trustConfigs":          func() proto.Message { return new(certificatemanagerpb.TrustConfig) },
	"serverTlsPolicies":     func() proto.Message { return new(networksecuritypb.ServerTlsPolicy) },
	"secrets":               func() proto.Message { return new(secretmanagerpb.Secret) },
	"addVersion":            func() proto.Message { return new(secretmanagerpb.AddSecretVersionRequest) },
	"setIamPolicy":          func() proto.Message { return new(iampb.SetIamPolicyRequest) },
	"serviceAccounts":       func() proto.Message { return new(adminpb.CreateServiceAccountRequest) },
	"batchEnable":           func() proto.Message { return new(serviceusagepb.BatchEnableServicesRequest) },
	"metrics":               func() proto.Message { return new(loggingpb.LogMetric) },
	"alertPolicies":         func() proto.Message { return new(monitoringpb.AlertPolicy) },
	"dashboards":            func() proto.Message { return new(dashboardpb.Dashboard) },
	"agents":                func() proto.Message { return new(cxpb.Agent) },
	"flows":                 func() proto.Message { return new(cxpb.Flow) },
	"webhooks":              func() proto.Message { return new(cxpb.Webhook) },
	"detectIntent":          func() proto.Message { return new(cxpb.DetectIntentRequest) },
}

// decode holds a request to the message that it should be.
func (c *cloud) decode(r *http.Request, body []byte) (message string, doc object) {
	if err := json.Unmarshal(body, &doc); err != nil {
		c.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		return "", nil
	}
	doc, _ = compact(doc).(object)
	if strings.HasSuffix(apiOf(r), "run") {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		if err := dec.Decode(new(run.Service)); err != nil {
			c.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		return "run.v1.Service", doc
	}
	kind, verb, _ := strings.Cut(path.Base(r.URL.Path), ":")
	if verb == "" && messages[kind] == nil {
		kind = path.Base(path.Dir(r.URL.Path))
	}
	if verb != "" {
		kind = verb
	}
	if messages[kind] == nil {
		c.t.Errorf("%s %s: no message is known for it", r.Method, r.URL)
		return "", doc
	}
	m := messages[kind]()
	text, _ := json.Marshal(doc)
	if err := strict.Unmarshal(r.Method+" "+r.URL.Path, text, m); err != nil {
		c.t.Error(err)
	}
	return string(m.ProtoReflect().Descriptor().FullName()), doc
}

// compact leaves out nulls: with them gcloud clears what a patch does not name.
func compact(v any) any {
	switch v := v.(type) {
	case object:
		maps.DeleteFunc(v, func(_ string, v any) bool { return v == nil })
		for k := range v {
			v[k] = compact(v[k])
		}
	case []any:
		for i := range v {
			v[i] = compact(v[i])
		}
	}
	return v
}

func apiOf(r *http.Request) string {
	api, _, _ := strings.Cut(r.Host, ".")
	if i := strings.LastIndex(api, "-"); i >= 0 { // europe-west1-run
		api = api[i+1:]
	}
	return api
}

// answer is nil for what does not exist.
func (c *cloud) answer(r *http.Request, body []byte) any {
	var doc object
	if len(body) > 0 {
		json.Unmarshal(body, &doc) // decode has said what is wrong with it
	}
	switch api := apiOf(r); api {
	case "compute":
		return c.compute(r, strings.TrimPrefix(r.URL.Path, "/compute/v1/"), doc)
	case "serviceusage":
		return c.serviceUsage(r, doc)
	case "run":
		return c.run(r, doc)
	case "dialogflow":
		return c.dialogflow(r, strings.TrimPrefix(r.URL.Path, "/v3/"), doc)
	case "logging":
		if r.URL.Path == "/v2/entries:list" {
			return c.logged(doc["filter"].(string))
		}
		return c.named(r, api, doc)
	default:
		return c.named(r, api, doc)
	}
}

// named are the APIs whose resources have a name by their path and an id in the
// query: Certificate Manager, Network Security, Secret Manager and their like.
func (c *cloud) named(r *http.Request, api string, doc object) any {
	_, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/") // without the version
	name, verb, _ := strings.Cut(name, ":")
	key := api + "/" + name
	switch verb {
	case "getIamPolicy":
		if c.policies[key] == nil {
			return object{"etag": "BwXhqDVOK4Y="}
		}
		return c.policies[key]
	case "setIamPolicy":
		c.policies[key] = doc["policy"].(object)
		return c.policies[key]
	case "addVersion":
		n := 1
		for c.resources[fmt.Sprintf("%s/versions/%d", key, n)] != nil {
			n++
		}
		version := object{"name": fmt.Sprintf("%s/versions/%d", name, n), "state": "ENABLED", "payload": doc["payload"]}
		c.resources[fmt.Sprintf("%s/versions/%d", key, n)] = version
		return object{"name": version["name"], "state": "ENABLED", "clientSpecifiedPayloadChecksum": true}
	case "access":
		if c.resources[key] == nil {
			return nil
		}
		return object{"name": name, "payload": c.resources[key]["payload"]}
	}
	switch {
	case api == "cloudresourcemanager":
		return object{"projectId": project, "projectNumber": number, "lifecycleState": "ACTIVE"}
	case r.Method == http.MethodPost:
		return c.insert(r, api, name, doc)
	case r.Method == http.MethodPatch, r.Method == http.MethodPut:
		if c.resources[key] == nil {
			return nil
		}
		maps.Copy(c.resources[key], doc)
		return c.done(api, name, c.resources[key])
	case r.Method == http.MethodDelete:
		if c.resources[key] == nil {
			return nil
		}
		c.unused(key)
		maps.DeleteFunc(c.resources, func(other string, _ object) bool {
			return other == key || api == "dialogflow" && strings.HasPrefix(other, key+"/")
		})
		return c.done(api, name, object{})
	case strings.Contains(name, "/operations/"):
		return object{"name": name, "done": true, "response": object{}}
	case c.resources[key] != nil:
		return c.resources[key]
	case messages[path.Base(name)] != nil:
		return c.list(api, name, path.Base(name))
	}
	return nil
}

// insert takes the id from where the API has it.
func (c *cloud) insert(r *http.Request, api, parent string, doc object) any {
	id := ""
	for name, values := range r.URL.Query() {
		if strings.HasSuffix(strings.ToLower(name), "id") {
			id = values[0]
		}
	}
	switch kind := path.Base(parent); kind {
	case "serviceAccounts":
		email := fmt.Sprintf("%s@%s.iam.gserviceaccount.com", doc["accountId"], project)
		id, doc = email, object{"email": email}
	case "metrics":
		id = doc["name"].(string)
	case "alertPolicies", "dashboards", "agents", "webhooks":
		id = fmt.Sprintf("%s-%d", kind, len(c.resources))
	case "dnsAuthorizations":
		doc["dnsResourceRecord"] = object{"name": "_acme-challenge." + doc["domain"].(string) + ".", "type": "CNAME", "data": "01234567.authorize.certificatemanager.goog."}
	case "certificates":
		doc["managed"].(object)["state"] = "ACTIVE"
	}
	name := parent + "/" + id
	if c.resources[api+"/"+name] != nil {
		c.t.Errorf("%s is made a second time", name)
	}
	if api != "logging" {
		doc["name"] = name
	}
	c.resources[api+"/"+name] = doc
	return c.done(api, name, doc)
}

// done is an operation where the API has them, and else the resource.
func (c *cloud) done(api, name string, doc object) any {
	if api != "certificatemanager" && api != "networksecurity" {
		return doc
	}
	return object{"name": "projects/" + project + "/locations/global/operations/operation-1", "done": true, "response": doc,
		"metadata": object{"@type": "type.googleapis.com/google.cloud.common.OperationMetadata", "target": name}}
}

func (c *cloud) list(api, parent, kind string) any {
	items := []object{}
	for _, key := range slices.Sorted(maps.Keys(c.resources)) {
		if path.Dir(key) == api+"/"+parent {
			items = append(items, c.resources[key])
		}
	}
	return object{kind: items}
}

// unused fails the test if a resource that another refers to is deleted.
func (c *cloud) unused(key string) {
	_, name, _ := strings.Cut(key, "/")
	for other, doc := range c.resources {
		text, _ := json.Marshal(doc)
		if other != key && !strings.HasPrefix(other, key+"/") && bytes.Contains(text, []byte(name+`"`)) {
			c.t.Errorf("%s is deleted, and %s has it still", key, other)
		}
	}
}

const computeURL = "https://www.googleapis.com/compute/v1/"

func (c *cloud) compute(r *http.Request, name string, doc object) any {
	scope := strings.Join(strings.Split(name, "/")[:3], "/") // projects/P/global
	operation := object{"kind": "compute#operation", "name": "operation-1", "status": "DONE", "progress": 100, "operationType": "update"}
	switch r.Method {
	case http.MethodDelete:
		operation["operationType"] = "delete"
	case http.MethodPost:
		operation["operationType"] = "insert"
	}
	if strings.HasSuffix(scope, "/regions") {
		scope = strings.Join(strings.Split(name, "/")[:4], "/")
		operation["region"] = computeURL + scope
	}
	operation["targetLink"], operation["selfLink"] = computeURL+name, computeURL+scope+"/operations/operation-1"
	key := "compute/" + name
	switch {
	case strings.Contains(name, "/operations/"):
		operation["targetLink"] = nil
		return operation
	case r.Method == http.MethodPost && strings.HasSuffix(name, "/setSecurityPolicy"):
		c.resources[path.Dir(key)]["securityPolicy"] = doc["securityPolicy"]
		operation["targetLink"] = computeURL + path.Dir(name)
	case r.Method == http.MethodPost:
		key += "/" + doc["name"].(string)
		if c.resources[key] != nil {
			c.t.Errorf("%s is made a second time", key)
		}
		switch path.Base(name) {
		case "addresses":
			doc["address"] = "192.0.2.1"
		case "forwardingRules": // the API's form
			if doc["portRange"] == "443" {
				doc["portRange"] = "443-443"
			}
		}
		doc["id"], doc["fingerprint"] = "1", "MDAwMQ=="
		doc["selfLink"] = computeURL + strings.TrimPrefix(key, "compute/")
		operation["targetLink"] = doc["selfLink"]
		c.resources[key] = doc
	case r.Method == http.MethodPatch:
		maps.Copy(c.resources[key], doc)
		compact(c.resources[key])
	case r.Method == http.MethodDelete:
		if c.resources[key] == nil {
			return nil
		}
		c.unused(key)
		delete(c.resources, key)
	case c.resources[key] != nil:
		return c.resources[key]
	default:
		return nil
	}
	return operation
}

func (c *cloud) serviceUsage(r *http.Request, doc object) any {
	if r.Method == http.MethodPost {
		for _, id := range doc["serviceIds"].([]any) {
			c.enabled[id.(string)] = true
		}
		return object{"name": "operations/enable-1", "done": true, "response": object{}}
	}
	services := []object{}
	for _, name := range r.URL.Query()["names"] {
		state := "DISABLED"
		if c.enabled[path.Base(name)] {
			state = "ENABLED"
		}
		services = append(services, object{"name": name, "state": state})
	}
	return object{"services": services}
}
