package webhook

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"example.com/cxhook/cx"
	"example.com/cxhook/verify"
)

// Personal data, as a caller might bring it: each in every place where there can be
// some.
const (
	markedName  = "Quartzine Testperson"
	markedPhone = "+995550123456"
	markedMail  = "quartzine@example.com"
	markedID    = "77001234567"
)

var marks = []string{"Quartzine", "Testperson", "quartzine", "995550123456", markedID}

// markedBody is a call that is full of it.
func markedBody(tag, parameters string) string {
	return fmt.Sprintf(`{"detectIntentResponseId":"r1","languageCode":"en","text":"I am %[1]s, call %[2]s","fulfillmentInfo":{"tag":"%[3]s"},
"intentInfo":{"displayName":"order","confidence":1,"parameters":{"person":{"originalValue":"%[1]s","resolvedValue":{"name":"%[1]s"}}}},
"pageInfo":{"displayName":"Order","formInfo":{"parameterInfo":[{"displayName":"count","required":true,"state":"FILLED","value":"%[1]s"}]}},
"sessionInfo":{"session":"projects/shirts/locations/global/agents/a1/sessions/s1","parameters":{%[4]s"phone":"%[2]s","id":%[5]s,"name":{"name":"%[1]s","original":"%[1]s"}}},
"messages":[{"text":{"text":["Thank you, %[1]s"],"redactedText":["%[1]s"]}}],
"payload":{"telephony":{"caller_id":"%[2]s"},"user":"%[6]s"}}`, markedName, markedPhone, tag, parameters, markedID, markedMail)
}

// markedToken is one that is not Google's, with claims of a person.
func (d *direct) markedToken(email string) string {
	good := strings.Split(d.token("valid"), ".")
	claims := fmt.Sprintf(`{"iss":"https://accounts.google.com","aud":%q,"azp":"1","sub":%q,"email":%q,"email_verified":true,"name":%q,"phone_number":%q,"iat":1,"exp":99999999999}`,
		directAudience, markedID, email, markedName, markedPhone)
	return good[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "." + good[2]
}

// markedAgent is testAgent, and handlers that read what the caller said.
func markedAgent(ctx context.Context, m *cx.Mux) (func(context.Context) error, error) {
	cx.Handle(m, "form", func(context.Context, *cx.Request, struct{}) (*cx.Response, error) {
		return nil, cx.Invalid("count", "not in stock", "How many?")
	})
	m.Route(cx.Route{Tag: "echo", Handler: cx.HandlerFunc(func(_ context.Context, req *cx.Request) (*cx.Response, error) { return cx.Say(req.Text), nil })})
	m.Route(cx.Route{Tag: "echo-long", Handler: cx.HandlerFunc(func(_ context.Context, req *cx.Request) (*cx.Response, error) {
		return cx.Say(strings.Repeat(req.Text, 4000)), nil
	})})
	m.Route(cx.Route{Tag: "echo-twice", Handler: cx.HandlerFunc(func(_ context.Context, req *cx.Request) (*cx.Response, error) {
		return &cx.Response{TargetPage: req.Text, TargetFlow: req.Text}, nil
	})})
	return testAgent(ctx, m)
}

// TestNoPersonalData sends it through every outcome, and finds none of it in the
// log, on standard output, on standard error or in a span.
func TestNoPersonalData(t *testing.T) {
	spans := new(lockedBuffer)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(spans, r.Body) }))
	defer receiver.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.URL)
	outputs := captured(t)

	var d *direct
	for _, checks := range []bool{false, true} {
		d = newDirect(t, func(cfg *Config) {
			cfg.Tracing, cfg.LogChecks, cfg.Register = true, checks, markedAgent
			cfg.Paths = map[string]http.Handler{"/tool": cx.Flexible(func(_ context.Context, in struct{ Count int }) (string, error) {
				if in.Count == 0 {
					return "", errors.New("nothing to do")
				}
				return "done for " + markedName, nil
			})}
		})
		at := func(path string) func(*http.Request) { return func(r *http.Request) { r.URL.Path = path } }
		set := func(name, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		for _, row := range []struct {
			body   string
			adjust func(*http.Request)
			reason string
		}{
			{markedBody("echo", ""), nil, ""},
			{markedBody("form", ""), nil, ""},
			{markedBody("nosuch", ""), nil, "tag_unknown"},
			{markedBody("count", `"count":"`+markedName+`",`), nil, ""}, // back to the form
			{strings.Replace(markedBody("count", `"count":`+markedID+`.5,`), `"displayName":"count"`, `"displayName":"other"`, 1), nil, "parameter_invalid"},
			{markedBody("panic", ""), nil, "handler_panic"},
			{markedBody("silent", ""), nil, "handler_silent"},
			{markedBody("error", ""), nil, "handler_error"},
			{markedBody("late", ""), nil, "handler_late"},
			{markedBody("echo-long", ""), nil, "response_too_large"},
			{markedBody("echo-twice", ""), nil, "response_refused"},
			{markedBody("echo", "")[:300], nil, "body_malformed"},
			{strings.Replace(markedBody("echo", ""), `"languageCode":"en"`, `"languageCode":["`+markedName+`"]`, 1), nil, "body_malformed"},
			{strings.Replace(markedBody("echo", ""), `"languageCode":"en"`, `"text":"`+markedName+`"`, 1), nil, "body_malformed"},
			{markedName, nil, "body_malformed"},
			{markedBody("echo", ""), set("Content-Type", "text/plain; name="+markedMail), "content_type_unsupported"},
			{markedBody("echo", strings.Repeat(`"x`+markedName+`":1,`, 50_000)), nil, "body_too_large"},
			{`{"Count":2,"Name":"` + markedName + `"}`, at("/tool"), ""},
			{`{"Count":0,"Name":"` + markedName + `"}`, at("/tool"), "handler_error"},
			{`{"Count":"` + markedName + `"}`, at("/tool"), "body_malformed"},
			{markedBody("echo", ""), set("Authorization", "Bearer "+d.markedToken("service-"+testProject+"@gcp-sa-dialogflow.iam.gserviceaccount.com")), "token_lifetime"},
			{markedBody("echo", ""), set("Authorization", "Bearer "+d.markedToken(markedMail)), "token_wrong_email"},
			{markedBody("echo", ""), set("Authorization", "Bearer "+markedName), "token_opaque"},
			{markedBody("echo", ""), set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(markedMail+":x"))), "token_not_bearer"},
			{markedBody("echo", ""), set("X-Client-Cert-Chain-Verified", "false"), "cert_not_verified"},
			{markedBody("echo", ""), set(verify.DefaultEdgeHeader, markedName+markedPhone), "edge_secret_wrong"},
			{markedBody("echo", ""), func(*http.Request) { d.hook.stop.Store(true) }, "stopping"},
		} {
			r := d.request(row.body)
			r.URL.RawQuery = "phone=" + markedPhone + "&name=" + markedName
			for _, name := range []string{"User-Agent", "Cookie", "X-Forwarded-For", "Referer", "X-Customer", "From", "Baggage", "Tracestate"} {
				r.Header.Set(name, "who="+markedName+markedPhone+markedMail)
			}
			r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01")
			if row.adjust != nil {
				row.adjust(r)
			}
			_, line := d.serve(r)
			if want := `"reason":"` + row.reason + `"`; row.reason != "" && !strings.Contains(line, want) || row.reason == "" && !strings.Contains(line, `"outcome":"answered"`) {
				t.Errorf("want reason %q, got %s", row.reason, line)
			}
		}
		if err := d.hook.Close(t.Context()); err != nil {
			t.Error(err)
		}
		outputs["the log"] = outputs["the log"] + d.log.String()
	}
	outputs["spans"] = spans.String()
	for name, output := range outputs {
		if strings.HasPrefix(name, "std") {
			b, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			output = string(b)
		}
		for _, mark := range marks {
			if i := strings.Index(output, mark); i >= 0 {
				t.Errorf("%s has %q: …%s…", name, mark, output[max(0, i-200):min(len(output), i+200)])
			}
		}
	}
	if !strings.Contains(outputs["spans"], "handler_panic") || !strings.Contains(outputs["the log"], "handler_panic") {
		t.Error("the outputs are not what they should be")
	}
}

// captured puts files in the places of standard output and error until the test's
// end, and gives their names.
func captured(t *testing.T) map[string]string {
	files := map[string]string{}
	for name, stream := range map[string]**os.File{"stdout": &os.Stdout, "stderr": &os.Stderr} {
		f, err := os.CreateTemp(t.TempDir(), name)
		if err != nil {
			t.Fatal(err)
		}
		kept := *stream
		*stream = f
		files[name] = f.Name()
		t.Cleanup(func() { *stream = kept; f.Close() })
	}
	return files
}

// The process under functions-framework writes none of it either.
func TestProcessWritesNoPersonalData(t *testing.T) {
	f := startFramework(t)
	for body, want := range map[string]int{
		markedBody("confirm", `"color":"red","size":"large",`): http.StatusOK,
		markedBody("confirm", `"color":7,"size":"large",`):     http.StatusBadRequest,
		markedBody("nosuch", ""):                               http.StatusBadRequest,
		markedName:                                             http.StatusBadRequest,
	} {
		if got := f.post([]byte(body), http.Header{"User-Agent": {markedName}, "Cookie": {markedMail}}); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	resp, err := http.Get("http://" + f.address + "/shirts?phone=" + markedID) // proves nothing
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := f.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := f.exit(); code != 0 || resp.StatusCode != http.StatusForbidden {
		t.Errorf("exit code %d, status %d", code, resp.StatusCode)
	}
	output := f.stdout.String() + f.stderr.String()
	for _, mark := range marks {
		if i := strings.Index(output, mark); i >= 0 {
			t.Errorf("it writes %q: …%s…", mark, output[max(0, i-200):min(len(output), i+200)])
		}
	}
	if strings.Count(output, `"cxhook":"call"`) != 5 {
		t.Errorf("want five lines of calls in\n%s", output)
	}
}
