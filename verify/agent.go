package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Session is the session's name as the body has it and as its one reader took it
// apart: what handlers see is what is judged here, and nothing is parsed twice.
// Where the name is not a session's, the parts are empty.
type Session struct {
	// Name is the whole name, as it came.
	Name string
	// The parts of projects/PROJECT/locations/LOCATION/agents/AGENT, and the
	// environment, "" for the draft.
	Project, Location, Agent, Environment string
}

// DraftEnvironment is what AllowedAgent.Environments calls sessions without an
// environment.
const DraftEnvironment = "draft"

// AllowedAgent is an agent whose sessions are served.
//
// This guards against misrouting and proves nothing: the body says which agent
// calls, and whoever may edit an agent of the project can write any body.
type AllowedAgent struct {
	// ProjectNumber is that of the project whose ID token comes with the call.
	// Only under a policy without idtoken is it empty: nobody proves it there.
	ProjectNumber string
	// Agent is projects/PROJECT/locations/LOCATION/agents/AGENT, compared whole,
	// segment by segment.
	Agent string
	// Environments are those of the agent that may call; none is all of them.
	Environments []string
}

// agentGuard is the list of allowed agents.
type agentGuard struct {
	allowed  []allowedAgent
	expected string
}

// allowedAgent is an AllowedAgent, ready to be compared.
type allowedAgent struct {
	AllowedAgent
	project, location, agent string
	caller                   string // who brings the project's token; "" is anybody
}

// newAgentGuard checks the list; an empty list is no guard.
func newAgentGuard(list []AllowedAgent, token TokenConfig, set proofSet) (*agentGuard, error) {
	if len(list) == 0 {
		return nil, nil
	}
	g := &agentGuard{}
	var problems []error
	var expected []string
	for i, a := range list {
		problem := func(text string) {
			problems = append(problems, &ConfigError{fmt.Sprintf("Agents[%d]", i), text})
		}
		one := allowedAgent{AllowedAgent: a}
		if part := strings.Split(a.Agent, "/"); len(part) == 6 && part[0] == "projects" && part[2] == "locations" && part[4] == "agents" && !slices.Contains(part, "") {
			one.project, one.location, one.agent = part[1], part[3], part[5]
		} else {
			problem(fmt.Sprintf("%q is not an agent's name; want projects/PROJECT/locations/LOCATION/agents/AGENT", a.Agent))
		}
		if slices.ContainsFunc(a.Environments, func(e string) bool { return e == "" || strings.Contains(e, "/") }) {
			problem("an environment is empty or has a slash; have the environment's id, or " + DraftEnvironment)
		}
		switch idtoken := set.has(proofIDToken); {
		case idtoken && !slices.Contains(token.ProjectNumbers, a.ProjectNumber):
			problem(fmt.Sprintf("project number %q is not among those whose tokens are accepted: nobody could bring both", a.ProjectNumber))
		case !idtoken && a.ProjectNumber != "":
			problem("a project number under a policy without idtoken: nothing proves it; leave it out")
		}
		name := a.Agent
		if len(a.Environments) > 0 {
			name += "/environments/" + strings.Join(a.Environments, "|")
		}
		if a.ProjectNumber != "" {
			name += " of project number " + a.ProjectNumber
			one.caller = dialogflowAgent(a.ProjectNumber)
		}
		g.allowed = append(g.allowed, one)
		expected = append(expected, name)
	}
	g.expected = strings.Join(expected, " or ")
	return g, errors.Join(problems...)
}

// judge holds the session against the list. The token's project and the body's
// agent must be on it as a pair.
func (g *agentGuard) judge(s Session, rep *Report) error {
	environment := s.Environment
	if environment == "" {
		environment = DraftEnvironment
	}
	for i := range g.allowed {
		a := &g.allowed[i]
		if a.project == s.Project && a.location == s.Location && a.agent == s.Agent && (len(a.Environments) == 0 || slices.Contains(a.Environments, environment)) &&
			(a.caller == "" || a.caller == rep.Caller) {
			rep.pass(StationAgent, "agent", a.Agent, a.Agent)
			return nil
		}
	}
	presented := shown("projects/"+s.Project+"/locations/"+s.Location+"/agents/"+s.Agent) + ", environment " + shown(environment)
	if rep.Caller != "" {
		presented += ", for " + rep.Caller
	}
	return rep.fail(Check{Station: StationAgent, Name: "agent", Code: AgentNotAllowed, Presented: presented, Expected: g.expected, Rule: "docs/security.md: agents", Unverified: true,
		Hint: "an agent of another kind, project or environment has this webhook's URL; if it may call, add it to the list, with its project's number"}, nil)
}

// malformedSession is said of a name that is not a session's.
func malformedSession(s Session, station Station) Check {
	presented := "no session"
	if s.Name != "" {
		presented = shown(s.Name)
	}
	return Check{Station: station, Name: "session", Code: AgentMalformed, Presented: presented, Expected: "projects/P/locations/L/agents/A[/environments/E]/sessions/S", Unverified: true,
		Rule: "https://cloud.google.com/dialogflow/cx/docs/reference/rest/v3/WebhookRequest", Hint: "Dialogflow CX writes no such session: a flexible webhook, an ES agent or a program made this body"}
}
