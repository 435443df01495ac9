package agent

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/cx"
)

var update = flag.Bool("update", false, "write the files in testdata")

// smallWith is the small export with some texts in place of others: file, old, new,
// file, old, new. A file that is not there is new, whatever old is.
func smallWith(t *testing.T, changes ...string) *Agent {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(small), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(small, name))
		files[name] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for ; len(changes) > 0; changes = changes[3:] {
		name, old, text := changes[0], changes[1], changes[2]
		f := files[name]
		if f == nil {
			files[name] = &fstest.MapFile{Data: []byte(text)}
			continue
		}
		if !bytes.Contains(f.Data, []byte(old)) {
			t.Fatalf("%s has no %s", name, old)
		}
		f.Data = bytes.ReplaceAll(f.Data, []byte(old), []byte(text))
	}
	a, err := Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type rateQuery struct {
	Weight float64 `json:"weight"`
	To     struct {
		Zip     cx.Text `json:"zip"`
		Express bool    `json:"express"`
	} `json:"to"`
	Currency string `json:"currency"`
}

type rateOffer struct {
	Offer struct {
		Price    float64 `json:"price"`
		Carriers []struct {
			Name string `json:"name"`
		} `json:"carriers"`
	} `json:"offer"`
	Note string `json:"note"`
}

func answer[P any](context.Context, *cx.Request, P) (*cx.Response, error) { return &cx.Response{}, nil }

// desk is the code that fits the small export.
func desk(m *cx.Mux) {
	cx.Handle(m, "track", answer[struct {
		Parcel string `cx:"parcel"`
	}])
	cx.Handle(m, "deliver-again", answer[struct {
		Day  cx.Date `cx:"day"`
		Slot string  `cx:"slot,form"`
	}])
	cx.Handle(m, "note.size", answer[struct{}])
	m.Path("/rates", cx.Flexible(func(context.Context, rateQuery) (rateOffer, error) { return rateOffer{}, nil }))
}

const deskSource = `package handlers

func f() {
	cx.Say("").WithParameter("parcel_state", 1).WithParameter("booked", true).WithParameter("help", true)
}
`

const (
	flowFile    = "flows/Default Start Flow/Default Start Flow.json"
	trackFile   = "flows/Default Start Flow/pages/Track.json"
	againFile   = "flows/Default Start Flow/pages/Deliver again.json"
	deskFile    = "webhooks/Desk.json"
	ratesFile   = "webhooks/Rates%3a parcel.json"
	deskService = `"genericWebService": {`
)

// lint holds the export against the code and gives the findings in short.
func lint(t *testing.T, a *Agent, source string, code Code, register func(*cx.Mux)) *Report {
	t.Helper()
	m := cx.NewMux()
	register(m)
	if _, err := m.Handler(); err != nil {
		t.Fatal(err)
	}
	code.Routes, code.Paths = m.Routes(), m.Paths()
	if source != "" {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "handlers.go"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if code.Source, err = ReadSource(dir, "handlers"); err != nil {
			t.Fatal(err)
		}
	}
	return Lint(a, code)
}

// TestLint: each rule finds what it is there for, and nothing else does. Without the
// change nothing is found.
func TestLint(t *testing.T) {
	with := func(more ...func(*cx.Mux)) func(*cx.Mux) {
		return func(m *cx.Mux) {
			desk(m)
			for _, f := range more {
				f(m)
			}
		}
	}
	budget := func(tag string, d time.Duration) func(*cx.Mux) {
		return func(m *cx.Mux) { m.Route(cx.Route{Tag: tag, Budget: d, Handler: cx.Bind(answer[struct{}])}) }
	}
	tagged := func(tag string) string { return `"tag": "` + tag + `"` }
	audience := []string{"https://webhook.example.com/desk", "https://webhook.example.com/rates"}
	for _, tt := range []struct {
		name     string
		change   []string
		source   string
		code     Code
		register func(*cx.Mux)
		want     []string // rule subject file:line message
	}{
		{name: "nothing"},
		{name: "nothing, with all that is known", code: Code{Audiences: audience, Budget: 5 * time.Second}},
		{name: "a misspelt tag", change: []string{trackFile, tagged("track"), tagged("trak")}, want: []string{
			`tag-without-handler trak ` + trackFile + `:67 no handler answers the tag "trak"; did you mean "track"?`,
			`handler-without-tag track handlers:0 no fulfillment of the agent calls the tag "track", which has a handler; did you mean "trak"?`}},
		{name: "a tag that a fallback answers", change: []string{trackFile, tagged("track"), tagged("elsewhere")}, register: with(func(m *cx.Mux) {
			m.Fallback(cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) { return nil, nil }))
		}), want: []string{
			`tag-by-fallback elsewhere ` + trackFile + `:67 the tag "elsewhere" has no handler of its own`,
			`handler-without-tag track handlers:0 no fulfillment of the agent calls the tag "track", which has a handler`}},
		{name: "no tag", change: []string{flowFile, tagged("note.size"), tagged("")}, want: []string{
			`tag-empty Desk ` + flowFile + `:19 the webhook "Desk" is called without a tag, and no fallback answers that`,
			`handler-without-tag note.size handlers:0 no fulfillment of the agent calls the tag "note.size", which has a handler`}},
		{name: "a webhook that was deleted", change: []string{flowFile, `"webhook": "Desk"`, `"webhook": "11111111-0000-0000-0000-000000000009"`}, want: []string{
			`webhook-unknown 11111111-0000-0000-0000-000000000009 ` + flowFile + `:20 the webhook "11111111-0000-0000-0000-000000000009" is not in the agent; was it deleted?`}},
		{name: "nothing handles errors", change: []string{trackFile, `webhook.error`, `custom`, flowFile, `webhook.error`, `custom`}, want: []string{
			`webhook-error-unhandled note.size ` + flowFile + `:19 if "note.size" fails, nothing handles it`,
			`webhook-error-unhandled track ` + trackFile + `:65 if "track" fails, nothing handles it`}},
		{name: "the generic one alone", change: []string{trackFile, `webhook.error.timeout`, `custom`, flowFile, `webhook.error.timeout`, `custom`}, want: []string{
			`webhook-error-generic note.size ` + flowFile + `:19 if "note.size" fails, only the generic webhook.error is handled`,
			`webhook-error-generic track ` + trackFile + `:65 if "track" fails, only the generic webhook.error is handled`}},
		{name: "handlers of the flow count for its pages", change: []string{trackFile, `webhook.error`, `custom`}},
		{name: "webhook and target", change: []string{trackFile, `"tag": "track"
      }`, `"tag": "track"
      }, "targetPage": "Deliver again"`}, want: []string{
			`webhook-with-target track ` + trackFile + `:65 the route that calls "track" goes on to "Deliver again" whatever the webhook answers: if it fails, no webhook.error is handled`}},
		{name: "a quick handler of a voice agent", change: []string{"agent.json", `"loggingSettings": {}`, `"dtmfSettings": {"enabled": true}`, deskFile, `"seconds": 5`, `"seconds": 20`}},
		{name: "a slow handler", change: []string{"agent.json", `"loggingSettings": {}`, `"dtmfSettings": {"enabled": true}`, deskFile, `"seconds": 5`, `"seconds": 20`, trackFile, tagged("track"), tagged("slow")},
			register: with(budget("slow", 10*time.Second)), want: []string{
				`slow-without-partial slow ` + trackFile + `:65 "slow" may take 10s, and the caller hears nothing until then`,
				`handler-without-tag track handlers:0 no fulfillment of the agent calls the tag "track", which has a handler`}},
		{name: "a slow handler with partial responses", change: []string{"agent.json", `"loggingSettings": {}`, `"dtmfSettings": {"enabled": true}`, deskFile, `"seconds": 5`, `"seconds": 20`, trackFile, tagged("track"), tagged("slow") + `, "returnPartialResponses": true`},
			register: with(budget("slow", 10*time.Second)), want: []string{
				`handler-without-tag track handlers:0 no fulfillment of the agent calls the tag "track", which has a handler`}},
		{name: "Dialogflow gives up first", change: []string{trackFile, tagged("track"), tagged("slow")}, register: with(budget("slow", 6*time.Second)), want: []string{
			`timeout-below-budget slow ` + trackFile + `:65 "slow" has a budget of 6s, and Dialogflow waits 5s for the webhook "Desk"`,
			`handler-without-tag track handlers:0 no fulfillment of the agent calls the tag "track", which has a handler`}},
		{name: "a condition reads what nobody sets", change: []string{trackFile, `$session.params.parcel_state = \"delivered\"`, `$session.params.parcel_stat = \"delivered\"`}, want: []string{
			`parameter-never-set parcel_stat ` + trackFile + `:71 the condition reads $session.params.parcel_stat, which nothing sets: no form, intent, preset or mapping of the agent, and no handler; did you mean "parcel_state"?`}},
		{name: "a flow parameter", change: []string{trackFile, `"$flow.help"`, `"$flow.helped"`}, want: []string{
			`parameter-never-set help flows/Default Start Flow/transitionRouteGroups/Help.json:5 the condition reads $flow.help, which nothing sets: no form, intent, preset or mapping of the agent, and no handler; did you mean "helped"?`}},
		{name: "a handler wants what nobody sets", change: []string{trackFile, `"displayName": "parcel"`, `"displayName": "parzel"`, "intents/track parcel/track parcel.json", `"id": "parcel"`, `"id": "parzel"`}, want: []string{
			`handler-parameter-never-set parcel handlers:0 the handler of "track" requires the session parameter "parcel", which nothing sets; did you mean "parzel"?`}},
		{name: "a wrong form parameter", source: "func g() { cx.Invalid(\"slots\", \"\"); new(cx.Response).WithInvalid(\"day\") }\n", want: []string{
			`invalid-parameter-unknown slots handlers/handlers.go:7 no form of the agent has the parameter "slots"; did you mean "slot"?`}},
		{name: "a page by its name", change: []string{trackFile, `"displayName": "Track"`, `"name": "11111111-0000-0000-0000-0000000000aa", "displayName": "Track"`},
			source: "const track = \"Track\"\nfunc g() { r.WithTargetPage(req.PageName(track)).WithTargetPage(\"projects/p/locations/l/agents/a/flows/f/pages/11111111-0000-0000-0000-0000000000aa\").WithTargetPage(req.PageName(\"END_SESSION\")) }\n", want: []string{
				`target-page-unknown Track handlers/handlers.go:8 the agent has no page with the id "Track"; a page is named by its id, here 11111111-0000-0000-0000-0000000000aa`}},
		{name: "a flow that is not there", source: "var x = cx.Response{TargetFlow: \"projects/p/locations/l/agents/a/flows/nowhere\"}\n", want: []string{
			`target-flow-unknown nowhere handlers/handlers.go:7 the agent has no flow with the id "nowhere"`}},
		{name: "nothing proves the caller", change: []string{deskFile, deskService, deskService + `"serviceAgentAuth": "NONE",`}, want: []string{
			`webhook-no-auth Desk ` + deskFile + `:4 the webhook "Desk" sends nothing that proves who calls`}},
		{name: "an access token", change: []string{deskFile, deskService, deskService + `"serviceAgentAuth": "ACCESS_TOKEN",`}, want: []string{
			`service-agent-auth Desk ` + deskFile + `:4 the webhook "Desk" sends no ID token: the service agent's authentication is ACCESS_TOKEN`}},
		{name: "an ID token", change: []string{deskFile, deskService, deskService + `"serviceAgentAuth": "ID_TOKEN",`}},
		{name: "OAuth", change: []string{deskFile, deskService, deskService + `"oauthConfig": {"clientId": "c"},`}, want: []string{
			`service-agent-auth Desk ` + deskFile + `:4 the webhook "Desk" sends a token of another kind in the header that the ID token has`}},
		{name: "a password", change: []string{deskFile, deskService, deskService + `"username": "u", "password": "MASKED",`}, want: []string{
			`webhook-basic-auth Desk ` + deskFile + `:4 the webhook "Desk" has a user name and a password, which go where the ID token would`}},
		{name: "without TLS", change: []string{deskFile, `https://`, `http://`}, want: []string{
			`uri-not-https Desk ` + deskFile + `:5 the webhook "Desk" is called at http://webhook.example.com/desk`}},
		{name: "another URL", code: Code{Audiences: []string{"https://webhook.example.com/desk/", "https://webhook.example.com/rates"}}, want: []string{
			`uri-not-audience Desk ` + deskFile + `:5 the webhook "Desk" is called at https://webhook.example.com/desk, which is not an accepted audience; did you mean "https://webhook.example.com/desk/"?`}},
		{name: "another host", change: []string{deskFile, `webhook.example.com`, `other.example.com`}, code: Code{Audiences: audience}, want: []string{
			`uri-elsewhere Desk ` + deskFile + `:5 the webhook "Desk" is on "other.example.com", which is no host of the accepted audiences`}},
		{name: "a tool", change: []string{"tools/T/T.json", "", `{"displayName": "T", "openApiSpec": {"textSchema": "servers:\n- url: 'https://webhook.example.com'\npaths: {}"}}`}, want: []string{
			`openapi-tool T tools/T/T.json:1 the tool "T" calls https://webhook.example.com`}},
		{name: "a tool of somebody else's", change: []string{"tools/T/T.json", "", `{"displayName": "T", "openApiSpec": {"textSchema": "servers:\n- url: 'https://api.example.com'\npaths: {}"}}`}},
		{name: "another path", change: []string{ratesFile, `example.com/rates`, `example.com/rate`}, want: []string{
			`path-without-webhook /rates handlers:0 no flexible webhook and no tool calls the path /rates`,
			`flexible-without-handler Rates: parcel ` + ratesFile + `:1 no handler answers the path /rate of the flexible webhook "Rates: parcel"; did you mean "/rates"?`}},
		{name: "a body with other members", change: []string{ratesFile, `\"zip\":`, `\"zap\":`, ratesFile, `\"express\": true`, `\"express\": 1`}, want: []string{
			`flexible-body Rates: parcel ` + ratesFile + `:1 the webhook "Rates: parcel" sends to.express as a number, and the handler of /rates takes a boolean`,
			`flexible-body Rates: parcel ` + ratesFile + `:1 the webhook "Rates: parcel" sends to.zap, which the handler of /rates does not take; did you mean "zip"?`}},
		{name: "a body that is no JSON", change: []string{ratesFile, `\"EUR\"`, `EUR`}, want: []string{
			`flexible-body Rates: parcel ` + ratesFile + `:1 the body of the webhook "Rates: parcel" is no JSON: invalid character 'E' at start of value at /currency`}},
		{name: "a mapping of what is not sent", change: []string{ratesFile, `$.offer.price`, `$.offer.prize`, ratesFile, `carriers[*].name`, `carriers[?(@.name == 'x')].title`}, want: []string{
			`flexible-mapping Rates: parcel ` + ratesFile + `:1 the webhook "Rates: parcel" takes $session.params.price from $.offer.prize, and the response of /rates has no offer.prize; did you mean "price"?`,
			`flexible-mapping Rates: parcel ` + ratesFile + `:1 the webhook "Rates: parcel" takes $flow.carriers from $.offer.carriers[?(@.name == 'x')].title, and the response of /rates has no offer.carriers.title`}},
		{name: "a tag that the code names", change: []string{trackFile, tagged("track"), tagged("elsewhere")}, source: "\nvar tag = \"track\"\n", want: []string{
			`tag-without-handler elsewhere ` + trackFile + `:67 no handler answers the tag "elsewhere"`,
			`handler-without-tag track handlers/handlers.go:8 no fulfillment of the agent calls the tag "track", which has a handler`}},
		{name: "ignored by its subject", change: []string{trackFile, tagged("track"), tagged("trak")}, source: "//cxhook:ignore tag-without-handler:trak of the old agent\n//cxhook:ignore handler-without-tag:\"track\" the same\n"},
		{name: "ignored where it is", source: "func g() {\n//cxhook:ignore invalid-parameter-unknown a form that is made by the client\ncx.Invalid(\"slots\", \"\") }\n"},
		{name: "ignored elsewhere", source: "//cxhook:ignore invalid-parameter-unknown a form that is made by the client\n\nfunc g() { cx.Invalid(\"slots\", \"\") }\n", want: []string{
			`ignore-unused invalid-parameter-unknown handlers/handlers.go:7 nothing is found that this line would ignore`,
			`invalid-parameter-unknown slots handlers/handlers.go:9 no form of the agent has the parameter "slots"; did you mean "slot"?`}},
		{name: "lines that ignore nothing", source: "//cxhook:ignore\n//cxhook:ignore tag-without-handler\n//cxhook:ignore tag-without-handlers because\n//cxhook:ignore tag-empty: because\n//cxhook:ignore tag-empty nothing\n", want: []string{
			`ignore-malformed  handlers/handlers.go:7 this line ignores nothing: want //cxhook:ignore RULE reason, or RULE:SUBJECT reason`,
			`ignore-malformed tag-without-handler handlers/handlers.go:8 this line ignores nothing: it gives no reason; want //cxhook:ignore RULE reason, or RULE:SUBJECT reason`,
			`ignore-malformed tag-without-handlers handlers/handlers.go:9 this line ignores nothing: no rule "tag-without-handlers"; did you mean "tag-without-handler"?`,
			`ignore-malformed tag-empty handlers/handlers.go:10 this line ignores nothing: want //cxhook:ignore RULE reason, or RULE:SUBJECT reason`,
			`ignore-unused tag-empty handlers/handlers.go:11 nothing is found that this line would ignore`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.register == nil {
				tt.register = desk
			}
			r := lint(t, smallWith(t, tt.change...), deskSource+"\n"+tt.source, tt.code, tt.register)
			var got []string
			for _, f := range r.Findings {
				got = append(got, fmt.Sprintf("%s %s %s:%d %s", f.Rule, f.Subject, f.File, f.Line, f.Message))
				if f.Fix == "" || f.Pointer == "" && !f.InCode && !strings.HasPrefix(f.Rule, "flexible-") && !strings.HasPrefix(f.Rule, "ignore-") {
					t.Errorf("%s has no fix or no place", f.Rule)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLintCovers: every rule is in the table above.
func TestLintCovers(t *testing.T) {
	source, err := os.ReadFile("lint_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Rules {
		if !strings.Contains(string(source), "`"+r.ID+" ") {
			t.Errorf("no row wants %s", r.ID)
		}
	}
}

// TestReports: the three forms of a report are as they were.
func TestReports(t *testing.T) {
	a := smallWith(t, trackFile, `"tag": "track"`, `"tag": "trak"`, deskFile, deskService, deskService+`"serviceAgentAuth": "NONE",`)
	r := lint(t, a, deskSource+"//cxhook:ignore handler-without-tag:track soon\nfunc g() { cx.Invalid(\"slots\", \"\") }\n", Code{}, desk)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"lint.txt":   func(b *bytes.Buffer) error { return r.WriteText(b) },
		"lint.json":  func(b *bytes.Buffer) error { return r.WriteJSON(b) },
		"lint.sarif": func(b *bytes.Buffer) error { return r.WriteSARIF(b, "my agent/") },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
	if !r.Failed() || r.Ignored != 1 {
		t.Errorf("failed %v, ignored %d", r.Failed(), r.Ignored)
	}
}

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); -update writes it:\n%s", file, diff)
	}
}

// TestLintCorpus: other people's agents are linted to the end, against code that
// answers none of their tags.
func TestLintCorpus(t *testing.T) {
	dir, agents := corpus(t)
	for name, line := range agents {
		t.Run(name, func(t *testing.T) {
			a, err := Open(filepath.Join(dir, line["agent_dir"]))
			if err != nil {
				t.Fatal(err)
			}
			r := lint(t, a, deskSource, Code{Audiences: []string{"https://webhook.example.com/desk"}}, desk)
			rules := map[string]int{}
			for _, f := range r.Findings {
				if rules[f.Rule]++; !f.InCode && f.Line == 0 {
					t.Errorf("%s at %s#%s has no line", f.Rule, f.File, f.Pointer)
				}
			}
			t.Log(rules)
		})
	}
}
