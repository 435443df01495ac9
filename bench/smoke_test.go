package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// smoke builds the stage once, small, as the command does; the test process is not
// pinned.
func smoke(t *testing.T, list []contestant) *stage {
	t.Helper()
	s := &stage{opts: options{rounds: 2, time: 20 * time.Millisecond, quick: true, tokens: 20}, binaries: map[string]binary{}, distinct: 40, report: newReport(2)}
	dir := t.TempDir()
	if err := s.build(t.Context(), list, dir); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.world, err = newWorld(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := s.furnish(dir); err != nil {
		t.Fatal(err)
	}
	return s
}

var bearer = regexp.MustCompile(`Authorization: Bearer \S+`)

// TestContestants: every contestant gives the same answer to the same call, those
// that verify refuse a call that proves nothing, and a short run fills the report,
// the tables and the pictures.
func TestContestants(t *testing.T) {
	s := smoke(t, contestants)
	for _, c := range s.report.Contestants {
		if c.LeftOut != "" {
			t.Logf("SKIPPED: contestant %s: %s", c.Name, c.LeftOut)
		}
	}
	for _, c := range s.list {
		p, err := s.begin(t.Context(), c) // compares the answer
		if err != nil {
			t.Error(err)
			continue
		}
		x, closer, err := dial(p)
		if err != nil {
			t.Fatal(err)
		}
		// Another customer's token, from the same key server.
		token, err := s.issuer.Token("wrong-email", audience, project)
		if err != nil {
			t.Fatal(err)
		}
		err = x.do(bearer.ReplaceAllLiteral(p.next(), []byte("Authorization: Bearer "+token)), p.answer)
		if verifies := strings.Contains("d0 d dr n e er f", c.name); verifies != (err != nil && x.answer.StatusCode() == 401) {
			t.Errorf("contestant %s: another customer's token: got %d, %v", c.name, x.answer.StatusCode(), err)
		}
		closer.Close()
		p.stop()
	}

	for _, part := range parts[:1] { // the others take longer, and share all of its code
		if err := part.run(s, t.Context()); err != nil {
			t.Fatalf("%s: %v", part.name, err)
		}
	}
	if err := s.cold(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.report.judge()
	dir := t.TempDir()
	var text strings.Builder
	if err := errors.Join(s.report.write(dir, &text), s.report.draw(dir)); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.list {
		r := s.report.contestant(c.name)
		if r.Serving == nil || r.Serving.PerSecond.Min <= 0 || r.Serving.CPUPerCall.Min <= 0 || !strings.Contains(text.String(), "| "+c.name+" | "+c.what+" | ") {
			t.Errorf("contestant %s: %+v in the report, or nothing in the tables:\n%s", c.name, r.Serving, text.String())
		}
	}
	for _, name := range []string{"results.json", "results.md", "speed.svg", "cost.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	fetches := map[string]bool{"d0": true, "d": true, "dr": true, "n": true, "e": true, "er": true}
	for _, c := range s.list {
		if cold := s.report.contestant(c.name).Cold; cold != nil && fetches[c.name] != (cold.Fetch.Min > 0) {
			t.Errorf("contestant %s: key fetches of %v ms", c.name, cold.Fetch.Values)
		}
	}
}

// A call that is answered otherwise than all others ends the run: figures of wrong
// answers are worth nothing.
func TestWrongAnswer(t *testing.T) {
	s := smoke(t, contestants[:1])
	s.env = append(s.env, "BENCH_ANSWER={}")
	if _, err := s.begin(t.Context(), s.list[0]); err == nil || !strings.Contains(err.Error(), "contestant a: answer 200: {}; want 200: ") {
		t.Errorf("got %v", err)
	}
	s.env = append(s.env, "BENCH_ANSWER="+string(s.answer))
	p, err := s.begin(t.Context(), s.list[0])
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	p.answer = []byte("{}")
	if _, err := closedLoop(p, 2, 10*time.Millisecond); err == nil || !strings.Contains(err.Error(), "contestant a: answer 200: ") {
		t.Errorf("closed loop: got %v", err)
	}
	if _, _, err := openLoop(t.Context(), p, 2, 1000, 10*time.Millisecond); err == nil || !strings.Contains(err.Error(), "contestant a: answer 200: ") {
		t.Errorf("open loop: got %v", err)
	}
}

// A program that cannot start is reported with what it says.
func TestStartFailure(t *testing.T) {
	s := smoke(t, []contestant{{name: "e", program: "e"}})
	s.env = append(s.env, "CXHOOK_AUDIENCES=")
	_, err := s.begin(t.Context(), s.list[0])
	if err == nil || !strings.Contains(err.Error(), "contestant e ended: exit status 1") || !strings.Contains(err.Error(), "CXHOOK_AUDIENCES: entry 1 of the list is empty") {
		t.Errorf("got %v", err)
	}
}

// The loops make the calls that they say, and the open loop does not make them faster
// than due.
func TestLoops(t *testing.T) {
	s := smoke(t, contestants[:1])
	p, err := s.begin(t.Context(), s.list[0])
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	m, err := exactly(p, 3, 100)
	if err != nil || m.calls != 100 || m.latency.TotalCount() != 100 || m.cpu <= 0 || m.load <= 0 {
		t.Errorf("exactly: got %+v, %v", m, err)
	}
	m, late, err := openLoop(t.Context(), p, 4, 2000, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if m.calls != 200 || m.latency.TotalCount() != 200 || late.TotalCount() != 200 || m.elapsed < 99*time.Millisecond {
		t.Errorf("open loop: got %+v with %d and %d values", m, m.latency.TotalCount(), late.TotalCount())
	}
}

// A server that stands still is charged for every call that was due meanwhile, not
// only for those that were under way.
func TestCoordinatedOmission(t *testing.T) {
	s := smoke(t, contestants[:1])
	p, err := s.begin(t.Context(), s.list[0])
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	const rate, still = 1000, 100 * time.Millisecond
	paused := false
	calls := 0
	one := p.next
	p.next = func() []byte { // one connection: no other goroutine calls it
		if calls++; calls == 100 && !paused {
			paused = true
			time.Sleep(still) // as if the answer before this took so long
		}
		return one()
	}
	m, _, err := openLoop(t.Context(), p, 1, rate, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	// A hundred calls were due in that time, and waited for 50 ms in the mean.
	if waited := m.latency.TotalCount() - countBelow(m, still/2); waited < 40 {
		t.Errorf("%d calls waited for %v or more, of some 50", waited, still/2)
	}
}

func countBelow(m *measured, d time.Duration) (n int64) {
	for _, bar := range m.latency.Distribution() {
		if bar.To < int64(d) {
			n += bar.Count
		}
	}
	return n
}

func TestSelected(t *testing.T) {
	list, err := selected("e,a0")
	if err != nil || len(list) != 2 || list[0].name != "e" || list[1].name != "a0" {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err := selected("e,z"); err == nil || err.Error() != `-contestants: no "z"; have a, a0, b, d0, d, dr, n, e, er, f, g` {
		t.Errorf("got %v", err)
	}
}

func TestFlags(t *testing.T) {
	for _, tt := range []struct {
		o    options
		want string
	}{
		{options{rounds: 0, time: time.Second, tokens: 10}, "-rounds, -time, -tokens: want at least one round, of 10ms, and 10 tokens"},
		{options{rounds: 1, time: time.Second, tokens: 10, parts: "serving,speed"}, `-parts: no "speed"; have serving, latency, scaling, cold, memory, instructions`},
	} {
		if err := run(context.Background(), tt.o, os.Stdout); fmt.Sprint(err) != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}
