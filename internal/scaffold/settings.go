package scaffold

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"example.com/cxhook/internal/agent"
)

// Settings are what a module was made with. They are kept in its manifest.
type Settings struct {
	Module         string   `json:"module"`
	Service        string   `json:"service"`                  // of Cloud Run
	Agent          string   `json:"agent,omitzero"`           // its display name
	AgentName      string   `json:"agentName,omitzero"`       // projects/…/agents/…, where the export says it
	ProjectNumbers []string `json:"projectNumbers,omitempty"` // of the agent's project
	Audiences      []string `json:"audiences,omitempty"`      // URIs of the agent's webhooks
	Region         string   `json:"region,omitzero"`          // of the agent
	Tags           []string `json:"tags,omitempty"`           // when it was made
	Paths          []string `json:"paths,omitempty"`
}

var (
	agentName     = regexp.MustCompile(`^projects/[a-z0-9.:-]+/locations/([a-z0-9-]+)/agents/[A-Za-z0-9-]+$`)
	projectNumber = regexp.MustCompile(`^[0-9]{1,19}$`)
	serviceWord   = regexp.MustCompile(`[^a-z0-9]+`)
)

// SettingsOf takes from an export what it says; exported may be nil.
func SettingsOf(modulePath string, exported *agent.Agent) *Settings {
	s := &Settings{Module: modulePath, Service: serviceName(modulePath)}
	if exported == nil {
		return s
	}
	s.Agent = exported.Settings.DisplayName
	if n := string(exported.Settings.ProjectNumber); projectNumber.MatchString(n) && n != "0" {
		s.ProjectNumbers = []string{n}
	}
	if m := agentName.FindStringSubmatch(string(exported.Settings.Name)); m != nil {
		s.AgentName = m[0]
		if m[1] != "global" && strings.Contains(m[1], "-") { // a region, not a multi-region
			s.Region = m[1]
		}
	}
	for step := range exported.Steps() {
		if w := exported.Webhook(step.Fulfillment.Webhook); w != nil && isAudience(w.Web().URI) && !slices.Contains(s.Audiences, w.Web().URI) {
			s.Audiences = append(s.Audiences, w.Web().URI)
		}
	}
	return s
}

// isAudience says whether a webhook's URI can stand in a list of audiences: a real
// https URL, not a placeholder, and not one of Google's own APIs.
func isAudience(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Scheme == "https" && u.Host != "" && !strings.HasSuffix(u.Host, ".googleapis.com") && plainURL.MatchString(uri)
}

// plainURL has nothing that would mean something in a list, in YAML or to Cloud Build.
var plainURL = regexp.MustCompile(`^[A-Za-z0-9:/._~?=&%+@-]+$`)

// serviceName makes a name that Cloud Run takes of a module path.
func serviceName(modulePath string) string {
	name := strings.Trim(serviceWord.ReplaceAllString(strings.ToLower(path.Base(modulePath)), "-"), "-")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "agent-" + name
	}
	return strings.TrimRight(name[:min(len(name), 49)], "-")
}

// fillBuild fills the substitutions of cloudbuild.yaml that the settings know.
func (s *Settings) fillBuild(content []byte) []byte {
	fill := func(name, value string) {
		if value == "" {
			return
		}
		line := regexp.MustCompile(`(?m)^(  ` + name + `: )('[^'\n]*'|[^ #\n]*)`)
		quoted := "'" + strings.ReplaceAll(value, "'", "''") + "'"
		content = line.ReplaceAllFunc(content, func(old []byte) []byte {
			return append(line.FindSubmatch(old)[1], quoted...)
		})
	}
	fill("_SERVICE", s.Service)
	fill("_REGION", s.Region)
	fill("_PROJECT_NUMBERS", strings.Join(s.ProjectNumbers, ","))
	fill("_AUDIENCES", strings.Join(s.Audiences, ","))
	if s.AgentName != "" && len(s.ProjectNumbers) == 1 {
		fill("_SETTINGS", fmt.Sprintf("CXHOOK_AGENTS=%s=%s", s.ProjectNumbers[0], s.AgentName))
	}
	return content
}

// configName is what the script in deploy reads; configExample is what it is made of.
const (
	configName    = "deploy/config.env"
	configExample = "deploy/config.env.example"
)

// fillConfig fills the settings of deploy's script that are known.
func (s *Settings) fillConfig(example []byte) []byte {
	values := map[string]string{"NAME": s.Service, "REGION": s.Region, "AGENT": s.AgentName}
	if len(s.Audiences) > 0 {
		values["WEBHOOK_URL"] = s.Audiences[0]
	}
	if project, _, ok := strings.Cut(strings.TrimPrefix(s.AgentName, "projects/"), "/"); ok {
		values["PROJECT"] = project
	}
	for name, value := range values {
		if value != "" {
			line := regexp.MustCompile(`(?m)^#?` + name + `=[^ #\n]*`)
			example = line.ReplaceAllLiteral(example, []byte(name+"="+value))
		}
	}
	return example
}

// readme is the page of a new module.
func (s *Settings) readme() []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	name := path.Base(s.Module)
	line("# %s\n", name)
	of := "a Dialogflow CX agent"
	if s.Agent != "" {
		of = fmt.Sprintf("the Dialogflow CX agent %q", s.Agent)
	}
	line("The webhook of %s. It proves where each call comes from, hands it to a typed handler in [handlers](handlers), and answers in time.\n", of)
	line("```sh\ngo run ./cmd/local     # the whole path on this machine, offline, with a call; serves until ctrl-C\ngo test ./...\n```\n")
	if len(s.Tags) > 0 {
		line("Tags at the start: %s.", code(s.Tags))
	}
	if len(s.Paths) > 0 {
		line("Flexible webhooks: %s.", code(s.Paths))
	}
	line("\nWhen the agent changes, export it again:\n")
	line("```sh\ngo run ./cmd/local gen agent.zip     # types and stubs of new tags; what you wrote stays\ngo run ./cmd/local lint agent.zip    # the agent against the code\n```\n")
	line("Deploy with [cloudbuild.yaml](cloudbuild.yaml); its first lines say how. How calls are authenticated: [docs/security.md](docs/security.md).\n")
	line("Everything but handlers/, README.md, cloudbuild.yaml's substitutions and go.mod is the framework, which `go run ./cmd/local upgrade DIR`, run in a newer copy of it, brings up to date.")
	return []byte(b.String())
}

func code(list []string) string { return "`" + strings.Join(list, "`, `") + "`" }
