package agent

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"

	"example.com/cxhook/cx"
)

// Severity says how bad a finding is.
type Severity string

// The severities. Errors and warnings fail a lint; notes do not.
const (
	SeverityError   Severity = "error"   // a call will fail, or is let in that should not be
	SeverityWarning Severity = "warning" // it is probably not what was meant
	SeverityNote    Severity = "note"    // worth knowing
)

// Rule is one thing that lint looks for. Its id does not change.
type Rule struct {
	ID       string
	Severity Severity
	Help     string
}

// Rules lists all of them.
var Rules = []Rule{
	{"tag-without-handler", SeverityError, "The agent calls a tag that no handler answers: 400, webhook.error.bad-request."},
	{"tag-empty", SeverityError, "The agent calls a webhook without a tag, and there is no fallback."},
	{"tag-by-fallback", SeverityNote, "A tag has no handler of its own; a fallback or a match may answer it."},
	{"handler-without-tag", SeverityWarning, "A handler's tag is called nowhere in the agent."},
	{"webhook-unknown", SeverityError, "A fulfillment calls a webhook that the agent does not have (any more)."},
	{"webhook-error-unhandled", SeverityWarning, "A webhook is called where nothing handles webhook.error: its failure is a silence."},
	{"webhook-error-generic", SeverityNote, "Only the generic webhook.error is handled, none of the events that say what happened."},
	{"webhook-with-target", SeverityWarning, "A route calls a webhook and has a transition target: its failure goes unnoticed."},
	{"slow-without-partial", SeverityWarning, "A voice agent waits in silence for a slow handler."},
	{"timeout-below-budget", SeverityError, "Dialogflow stops waiting before the handler's budget is over."},
	{"parameter-never-set", SeverityWarning, "A condition reads a parameter that nobody sets."},
	{"handler-parameter-never-set", SeverityWarning, "A handler requires a parameter that nobody sets."},
	{"invalid-parameter-unknown", SeverityError, "The code sends the caller back to a form parameter that no form has."},
	{"target-page-unknown", SeverityError, "The code goes to a page that the agent does not have."},
	{"target-flow-unknown", SeverityError, "The code goes to a flow that the agent does not have."},
	{"webhook-no-auth", SeverityError, "A webhook proves nothing about its caller."},
	{"service-agent-auth", SeverityError, "A webhook does not send the ID token that the function verifies."},
	{"webhook-basic-auth", SeverityWarning, "A webhook has a password, which everybody who may edit the agent can use."},
	{"uri-not-https", SeverityError, "A webhook's URI is not https."},
	{"uri-not-audience", SeverityError, "A webhook's URI is not an accepted audience: its tokens are refused."},
	{"uri-elsewhere", SeverityNote, "A webhook is on another host than the accepted audiences."},
	{"openapi-tool", SeverityWarning, "An OpenAPI tool calls this function: a call's body is then whatever a model writes."},
	{"flexible-without-handler", SeverityError, "A flexible webhook's path has no handler."},
	{"path-without-webhook", SeverityWarning, "A handler's path is called by no flexible webhook and no tool."},
	{"flexible-body", SeverityError, "A flexible webhook's body does not fit the type of its handler."},
	{"flexible-mapping", SeverityError, "A flexible webhook reads from the response what its handler does not send."},
	{"ignore-malformed", SeverityError, "A line that should ignore a finding cannot."},
	{"ignore-unused", SeverityWarning, "A line ignores what is not found."},
}

func ruleOf(id string) *Rule {
	for i := range Rules {
		if Rules[i].ID == id {
			return &Rules[i]
		}
	}
	return nil
}

func ruleIDs() []string {
	var ids []string
	for _, r := range Rules {
		ids = append(ids, r.ID)
	}
	return ids
}

// Place is where a finding is: in the export, or in the code.
type Place struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitzero"`    // from 1; 0 is not known
	Pointer string `json:"pointer,omitzero"` // JSON Pointer, in the export
	InCode  bool   `json:"-"`
}

// Finding is something that does not fit.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Subject  string   `json:"subject"` // what //cxhook:ignore names: a tag, a parameter, a webhook
	Place    `json:",embed"`
	Message  string `json:"message"`
	Fix      string `json:"fix"`
}

// Code is what the agent is held against.
type Code struct {
	Routes []cx.RouteInfo // of Mux.Routes
	Paths  []cx.PathInfo  // of Mux.Paths
	// Source is the handlers' code; without it, what only the code shows is not
	// looked at.
	Source *Source
	// Audiences are the webhook's URLs; without them URIs are not looked at.
	Audiences []string
	// Budget is that of routes without one of their own; 0 is cx.DefaultBudget.
	Budget time.Duration
}

// Report is what Lint found.
type Report struct {
	Findings []Finding `json:"findings"`
	Ignored  int       `json:"ignored"` // by //cxhook:ignore
}

// Failed says whether there is an error or a warning.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity != SeverityNote })
}

// linter is one run.
type linter struct {
	*Agent
	code       Code
	parameters *Parameters
	calls      []*Step // that call a webhook
	findings   []Finding
}

// Lint holds an agent against the code that answers it. The findings are in the
// order of files and lines.
func Lint(a *Agent, code Code) *Report {
	if code.Budget == 0 {
		code.Budget = cx.DefaultBudget
	}
	l := &linter{Agent: a, code: code, parameters: a.Parameters()}
	for s := range a.Steps() {
		if s.Calls() {
			l.calls = append(l.calls, s)
		}
	}
	l.lintTags()
	l.lintCalls()
	l.lintParameters()
	l.lintTargets()
	l.lintWebhooks()
	l.lintFlexible()
	l.lintTools()
	r := &Report{Findings: l.findings}
	if code.Source != nil {
		r.Findings, r.Ignored = silence(l.findings, code.Source.Ignores)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Subject, b.Subject))
	})
	return r
}

func finding(rule, subject string, at Place, message, fix string) Finding {
	return Finding{Rule: rule, Severity: ruleOf(rule).Severity, Subject: subject, Place: at, Message: message, Fix: fix}
}

func (l *linter) report(rule, subject string, at Place, message, fix string) {
	l.findings = append(l.findings, finding(rule, subject, at, message, fix))
}

// at is a place in the export.
func (l *linter) at(loc Location) Place {
	return Place{File: loc.File, Line: l.Line(loc), Pointer: loc.Pointer}
}

// inHandlers is where the code names a tag or a path: the first place, or all of it
// where none is found, as if gen wrote it.
func (l *linter) inHandlers(name string) Place {
	if l.code.Source != nil {
		if m, ok := l.code.Source.Texts[name]; ok {
			return m.place()
		}
	}
	return Place{File: "handlers", InCode: true}
}

// didYouMean gives "; did you mean …?" if one of the names is near, else "".
func didYouMean(name string, names []string) string {
	best, distance := "", 1+len([]rune(name))/3
	for _, n := range names {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(n))
		if n != name && d <= distance && (best == "" || d < distance) {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// places says how many more there are.
func places(n int) string {
	switch n {
	case 1:
		return ""
	case 2:
		return ", and in one more place"
	default:
		return fmt.Sprintf(", and in %d more places", n-1)
	}
}
