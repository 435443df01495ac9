package webhook

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/cxhook/cx"
	"example.com/cxhook/internal/telemetry"
	"example.com/cxhook/verify"
)

var update = flag.Bool("update", false, "write what came as what is wanted")

// varying are the parts of a line that differ from run to run, and what stands for
// them in testdata/lines.
var varying = []struct {
	re          *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`"time":"[^"]+"`), `"time":"2026-11-25T08:00:00.123456789Z"`},
	{regexp.MustCompile(`"latency":"[^"]+"`), `"latency":"0.001234s"`},
	{regexp.MustCompile(`"used":[0-9.]+,"left":[1-9][0-9.]*`), `"used":1.5,"left":3998.5`},
	{regexp.MustCompile(`"used":[0-9.]+,"left":0}`), `"used":50.5,"left":0}`},
	{regexp.MustCompile(`"(daysLeft|pinDaysLeft)":\d+`), `"$1":90`},
	{regexp.MustCompile(`(Local stand-in[^:";]*): \d+`), `$1: 90`},
	{regexp.MustCompile(`"keySetAge":\d+`), `"keySetAge":1`},
	{regexp.MustCompile(`"(sha256|unverified_sha256)":"[0-9a-f]{64}"`), `"$1":"` + strings.Repeat("0f", 32) + `"`},
	{regexp.MustCompile(`(panic: out of shirts)\\n[^"]*`), `$1\n…`},
	{regexp.MustCompile(`"keysUrl":"[^"]+"`), `"keysUrl":"https://keys.example.com/"`},
}

// micros are the times of a line; the numbers in it vary, which there are does not.
var micros, number = regexp.MustCompile(`"us":{[^}]*}`), regexp.MustCompile(`:[0-9.]+`)

// golden holds a line against testdata/lines/NAME.json, which is also what
// deploy/monitoring is held against.
func golden(t *testing.T, name, line string) {
	t.Helper()
	for _, v := range varying {
		line = v.re.ReplaceAllString(line, v.replacement)
	}
	line = micros.ReplaceAllStringFunc(line, func(us string) string { return number.ReplaceAllString(us, ":1.5") })
	file := filepath.Join("testdata", "lines", name+".json")
	if *update {
		if err := os.WriteFile(file, []byte(line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if line+"\n" != string(want) {
		t.Errorf("got\n%s\nwant\n%s", line, want)
	}
}

// TestLines: each way in which a call can end is one line, exactly this one.
func TestLines(t *testing.T) {
	t.Setenv("K_REVISION", "shirts-00012-abc")
	release := make(chan struct{})
	defer close(release)
	const previous = "fedcba9876543210fedcba9876543210"
	d := newDirect(t, func(cfg *Config) {
		cfg.Verify.Edge.Secrets = append(cfg.Verify.Edge.Secrets, previous)
		cfg.Paths = map[string]http.Handler{"/tool": cx.Flexible(func(_ context.Context, in struct{ Count int }) (struct{ Left int }, error) {
			return struct{ Left int }{100 - in.Count}, nil
		})}
		cfg.Register = func(ctx context.Context, m *cx.Mux) (func(context.Context) error, error) {
			deaf := cx.HandlerFunc(func(context.Context, *cx.Request) (*cx.Response, error) {
				<-release
				return nil, nil
			})
			m.Route(cx.Route{Tag: "deaf", Budget: 50 * time.Millisecond, Handler: deaf})
			m.Route(cx.Route{Tag: "moment", Budget: 20 * time.Millisecond, Handler: deaf, Late: func(*cx.Request) *cx.Response { return cx.Say("one moment") }})
			return testAgent(ctx, m)
		}
	})
	start, _, _ := strings.Cut(d.log.String(), "\n")
	golden(t, "start", start)

	const session = `"sessionInfo":{"session":"projects/shirts/locations/global/agents/a1/sessions/s1","parameters":{"count":2}}`
	body := func(tag string) string {
		return `{"detectIntentResponseId":"r1","languageCode":"en","text":"two shirts","fulfillmentInfo":{"tag":"` + tag + `"},"pageInfo":{"displayName":"Order"},"intentInfo":{"displayName":"order.shirt"},` + session + `}`
	}
	for _, row := range []struct {
		name   string
		body   string
		adjust func(*http.Request)
		status int
	}{
		{"answered", body("ok"), nil, 200},
		{"answered-again", body("ok"), nil, 200}, // certificate and token are remembered
		{"warned", body("ok"), func(r *http.Request) { r.Header.Set(verify.DefaultEdgeHeader, previous) }, 200},
		{"refused-edge", body("ok"), func(r *http.Request) { r.Header.Del(verify.DefaultEdgeHeader) }, 403},
		{"refused-certificate", body("ok"), func(r *http.Request) {
			r.Header.Set("X-Client-Cert-Chain-Verified", "false")
			r.Header.Set("X-Client-Cert-Error", "client_cert_chain_invalid_eku")
		}, 403},
		{"refused-token", body("ok"), func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+d.token("wrong-email")) }, 401},
		{"invalid", body("Ok"), nil, 400},
		{"late", body("deaf"), nil, 504},
		{"late-answer", body("moment"), nil, 200},
		{"panic", body("panic"), nil, 500},
		{"flexible", `{"Count":2}`, func(r *http.Request) { r.URL.Path = "/tool" }, 200},
		{"flexible-invalid", `{"Count":"two"}`, func(r *http.Request) { r.URL.Path = "/tool" }, 400},
		{"stopping", body("ok"), func(*http.Request) { d.hook.stop.Store(true) }, 503},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := d.request(row.body)
			r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01")
			if row.adjust != nil {
				row.adjust(r)
			}
			w, line := d.serve(r)
			if w.Code != row.status {
				t.Errorf("got %d, want %d", w.Code, row.status)
			}
			golden(t, row.name, line)
		})
	}
}

// A flexible webhook has the budget of all calls.
func TestLineOfLatePath(t *testing.T) {
	t.Setenv("K_REVISION", "shirts-00012-abc")
	release := make(chan struct{})
	defer close(release)
	d := newDirect(t, func(cfg *Config) {
		cfg.Budget = 50 * time.Millisecond
		cfg.Paths = map[string]http.Handler{"/tool": cx.Flexible(func(context.Context, struct{}) (struct{}, error) {
			<-release
			return struct{}{}, nil
		})}
	})
	r := d.request("{}")
	r.URL.Path = "/tool"
	w, line := d.serve(r)
	if w.Code != http.StatusGatewayTimeout {
		t.Errorf("got %d", w.Code)
	}
	golden(t, "flexible-late", line)
}

// The days left are the certificate's own, and of the pins those of the first to
// end.
func TestDaysLeft(t *testing.T) {
	for _, row := range []struct {
		end  time.Duration // of the pins
		want string
	}{{60*24*time.Hour + time.Hour, `"pinDaysLeft":60`}, {23 * time.Hour, `"pinDaysLeft":0`}, {-time.Hour, `"pinDaysLeft":-1`}} {
		d := newDirect(t, nil)
		d.hook.pinEnd = time.Now().Add(row.end)
		_, line := d.serve(d.request(sampleBody(t)))
		if !strings.Contains(line, row.want) {
			t.Errorf("%v: want %s in %s", row.end, row.want, line)
		}
	}
	d := newDirect(t, nil)
	pki, _ := keyMaterial()
	certificate, err := pki.ClientCertificate("google")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	_, line := d.serve(d.request(sampleBody(t)))
	if want := fmt.Sprintf(`"daysLeft":%d,`, int(certificate.Leaf.NotAfter.Sub(now)/(24*time.Hour))); !strings.Contains(line, want) {
		t.Errorf("want %s in %s", want, line)
	}
	first := d.hook.cfg.Verify.Certificate.Expiries()[0]
	if !d.hook.pinEnd.Equal(first.NotAfter) {
		t.Errorf("the pins end %v, the first of them %v", d.hook.pinEnd, first.NotAfter)
	}
}

// Every proof has its time, and they add up; those of the body count as
// verification too.
func TestProofTimes(t *testing.T) {
	d := newDirect(t, func(cfg *Config) {
		cfg.Verify.Policy = "mtls+idtoken+header+session"
		cfg.Verify.Header = verify.HeaderConfig{Name: headerName, Secrets: []string{headerSecret}}
		cfg.Verify.Session = verify.SessionConfig{Parameter: sessionParam, Issuer: sessionIssuer, Audience: "shirts", HMACSecrets: []string{hmacSecret}}
		cfg.Verify.Agents = []verify.AllowedAgent{{ProjectNumber: testProject, Agent: "projects/shirts/locations/global/agents/a1"}}
		cfg.Register = testAgent
	})
	r := d.request(`{"fulfillmentInfo":{"tag":"ok"},"sessionInfo":{"session":"` + sessionName + `","parameters":{"` + sessionParam + `":"` + sessionToken(t, sessionName) + `"}}}`)
	r.Header.Set(headerName, headerSecret)
	w, text := d.serve(r)
	var e telemetry.Entry
	if err := json.Unmarshal([]byte(text), &e); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%v, %d, %s", err, w.Code, text)
	}
	us := e.Micros
	for station, took := range map[string]float64{"edge": us.Edge, "certificate": us.Certificate, "token": us.Token, "header": us.Header, "agent": us.Agent, "session": us.Session} {
		if took <= 0 {
			t.Errorf("no time for %s in %s", station, text)
		}
	}
	if sum := us.Edge + us.Certificate + us.Token + us.Header + us.Agent + us.Session; math.Abs(sum-us.Verification) > 0.01 || us.Verification >= us.Total {
		t.Errorf("%v together, and verification is %v of %v", sum, us.Verification, us.Total)
	}
	d = newDirect(t, func(cfg *Config) {
		cfg.Verify = verify.Config{Policy: "basic", Basic: verify.BasicConfig{Credentials: []string{"user:" + headerSecret}}}
		cfg.Register = testAgent
	})
	r = d.request(`{"fulfillmentInfo":{"tag":"ok"}}`)
	r.SetBasicAuth("user", headerSecret)
	_, text = d.serve(r)
	e = telemetry.Entry{}
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.Micros.Basic <= 0 || e.Certificate.PinDaysLeft != nil || e.Token.KeySetAge != nil {
		t.Errorf("%v, %s", err, text)
	}
}
