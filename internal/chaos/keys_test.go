package chaos

import (
	"net/http"
	"testing"
	"time"

	webhook "example.com/cxhook"
	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

// later sets the clocks of Google and of the function ahead: time passes.
func (p *path) later(by time.Duration) {
	p.google.jump(by)
	p.function.jump(by)
}

// answered and refused make n calls of which all end so; refused ones have their
// lines, with the reason.
func (p *path) answered(scenario string, n int) {
	p.t.Helper()
	p.count(scenario, p.calls(n), want{outcomes: map[outcome]int{right: n}})
}

func (p *path) refused(scenario string, n int, status outcome, reason verify.Code) {
	p.t.Helper()
	results := p.calls(n)
	p.count(scenario, results, want{map[outcome]int{status: n}, n})
	if got := p.log.reasons(results); got[string(reason)] != n {
		p.t.Errorf("%s: the lines have the reasons %v, want %s alone", scenario, got, reason)
	}
}

// retryTime is the longest that the function waits after a fetch of keys that
// failed.
const retryTime = time.Minute

// keyOutage breaks the key server before the function starts.
func keyOutage(p *path, _ *webhook.Config) { p.keys.down() }

// Without keys, nobody is let in and nobody is called a stranger: 503.
func TestKeysDownAtStart(t *testing.T) {
	const scenario = "keys: down at start, then back"
	p := newPath(t, keyOutage)
	p.refused(scenario, 20, "503", verify.KeysUnavailable)
	p.keys.up()
	p.later(retryTime)
	p.answered(scenario, 20)
}

// Keys serve until a day past their expiry. From there on nobody is let in.
func TestKeysDownForHours(t *testing.T) {
	const scenario = "keys: down for 30 hours, then back"
	p := newPath(t, nil)
	p.answered(scenario, 5)
	p.keys.down()
	for range 29 {
		p.later(time.Hour)
		p.answered(scenario, 5)
	}
	p.later(time.Hour)
	p.refused(scenario, 5, "503", verify.KeysUnavailable)
	p.keys.up()
	p.later(retryTime)
	p.answered(scenario, 5)
}

// A key server that comes and goes is not noticed by callers, as long as it is there
// once a day.
func TestKeysFlapping(t *testing.T) {
	const scenario = "keys: up and down each hour for two days"
	p := newPath(t, nil)
	p.answered(scenario, 4)
	for range 24 {
		p.keys.down()
		p.later(time.Hour)
		p.answered(scenario, 4)
		p.keys.up()
		p.later(time.Hour)
		p.answered(scenario, 4)
	}
}

// A key server that is slow delays the first call; one that is too slow is as one
// that is down.
func TestKeysSlow(t *testing.T) {
	for _, row := range []struct {
		scenario string
		toxics   []toxic
		enough   bool
	}{
		{"keys: 500 ms late", []toxic{{"latency", downstream, map[string]any{"latency": 500}}}, true},
		{"keys: in pieces of 32 bytes", []toxic{{"slicer", downstream, map[string]any{"average_size": 32, "size_variation": 0, "delay": 5000}}}, true},
		{"keys: 5 s late", []toxic{{"latency", downstream, map[string]any{"latency": 5000}}}, false},
		{"keys: half-open", []toxic{{"timeout", downstream, map[string]any{"timeout": 0}}}, false},
		{"keys: 100 bytes a second", []toxic{{"slicer", downstream, map[string]any{"average_size": 10, "size_variation": 0, "delay": 100_000}}}, false},
		{"keys: reset", []toxic{{"reset_peer", downstream, map[string]any{"timeout": 0}}}, false},
		{"keys: cut off", []toxic{{"limit_data", downstream, map[string]any{"bytes": 400}}}, false},
	} {
		t.Run(row.scenario, func(t *testing.T) {
			p := newPath(t, func(p *path, _ *webhook.Config) { p.keys.add(row.toxics...) })
			if row.enough {
				p.answered(row.scenario, 8)
			} else {
				p.refused(row.scenario, 8, "503", verify.KeysUnavailable)
			}
			p.keys.mend()
			p.later(retryTime)
			p.answered(row.scenario, 8)
		})
	}
}

// A key server that answers something else: a cold function lets nobody in, a warm
// one goes on with the keys that it has.
func TestKeysWrong(t *testing.T) {
	answers := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			w.Write([]byte(body))
		}
	}
	for _, row := range []struct {
		scenario string
		answer   http.HandlerFunc
	}{
		{"keys: garbage", answers(200, "application/json", "\x00\x01 not JSON")},
		{"keys: a page of HTML", answers(200, "text/html", "<html><body>Sign in to the network</body></html>")},
		{"keys: HTML that is called JSON", answers(200, "application/json", "<html></html>")},
		{"keys: 500", answers(500, "application/json", `{"keys":[]}`)},
		{"keys: a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }},
		{"keys: an empty set", answers(200, "application/json", `{"keys":[]}`)},
		{"keys: a megabyte", answers(200, "application/json", `{"keys":[`+string(make([]byte, 1<<20))+`]}`)},
	} {
		t.Run(row.scenario, func(t *testing.T) {
			p := newPath(t, func(p *path, _ *webhook.Config) { p.answerKeys(row.answer) })
			p.refused(row.scenario, 8, "503", verify.KeysUnavailable)
			p.answerKeys(nil)
			p.later(retryTime)
			p.answered(row.scenario, 8)

			p.answerKeys(row.answer)
			p.later(12 * time.Hour) // the keys have expired; there are no others
			p.answered(row.scenario, 8)
			p.answerKeys(nil)
			p.later(retryTime)
			p.answered(row.scenario, 8)
		})
	}
}

// Somebody else's keys are keys: Google's tokens are refused by them, and accepted
// again when Google's are back, a minute later.
func TestKeysOfAnother(t *testing.T) {
	const scenario = "keys: somebody else's"
	other, err := emulator.NewIssuer(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := newPath(t, func(p *path, _ *webhook.Config) { p.answerKeys(other.ServeHTTP) })
	p.refused(scenario, 8, "401", verify.TokenUnknownKey)
	p.answerKeys(nil)
	p.later(retryTime)
	p.answered(scenario, 8)

	p.answerKeys(other.ServeHTTP)
	p.later(6 * time.Hour)
	p.refused(scenario, 8, "401", verify.TokenUnknownKey)
	p.answerKeys(nil)
	p.later(retryTime)
	p.answered(scenario, 8)
}

// Google signs with a new key: the first token that names it has it fetched.
func TestKeysRotated(t *testing.T) {
	const scenario = "keys: rotated without notice"
	p := newPath(t, nil)
	p.answered(scenario, 8)
	if err := p.issuer.SetRotated(true); err != nil {
		t.Fatal(err)
	}
	p.later(retryTime)
	p.answered(scenario, 8)
}
