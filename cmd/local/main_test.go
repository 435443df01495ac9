package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/rogpeppe/go-internal/testscript"

	"example.com/cxhook/internal/console"
	"example.com/cxhook/internal/emulator"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"local": main})
}

// The command line, in the user's words: testdata/script.
func TestScript(t *testing.T) {
	var terminals terminals
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("WORK", env.WorkDir)
			root, err := filepath.Abs("../..")
			if err != nil {
				return err
			}
			env.Setenv("MODULE", root) // this one
			env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home")) // where a stack leaves word of itself
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "home", "cache"))
			return os.Mkdir(filepath.Join(env.WorkDir, "tmp"), 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"verdict": verdictIs,
			"serve":   serveScript,
			// Of those with a stack that runs beside:
			"start": terminals.start, "stack": terminals.stack, "printed": terminals.printed, "interrupt": terminals.interrupt, "outside": terminals.outside, "again": again,
			// Of the doctor's scripts:
			"issuer": issuerScript, "pki": pkiScript, "session": sessionScript, "balancer": balancerScript, "scrub": scrubScript,
		},
	})
}

// verdictIs reads what `call --json` printed: verdict STATUS [STATION CODE]. Exactly
// one check fails, with that code; without one, none does, and no station is skipped.
func verdictIs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 3 {
		ts.Fatalf("usage: verdict STATUS [STATION CODE]")
	}
	var got report
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &got, json.RejectUnknownMembers(true)); err != nil {
		ts.Fatalf("stdout is not one report: %v", err)
	}
	var status int
	if err := json.Unmarshal([]byte(args[0]), &status); err != nil || got.Status != status {
		ts.Fatalf("status %d, want %s", got.Status, args[0])
	}
	var failed []string
	reached := map[string]bool{}
	for _, v := range got.Verdicts {
		switch v.Outcome {
		case "fail":
			failed = append(failed, v.Station+" "+v.Code)
		case "pass":
			reached[v.Station] = true
		case "skip":
			if len(args) == 1 {
				ts.Fatalf("%s was skipped: %s", v.Station, v.Presented)
			}
		default:
			ts.Fatalf("outcome %q", v.Outcome)
		}
	}
	want := strings.Join(args[1:], " ")
	if strings.Join(failed, ", ") != want {
		ts.Fatalf("failed: %q, want %q", failed, want)
	}
	if want == "" && len(reached) != len(console.Stations) {
		ts.Fatalf("reached %v, want all of %v", reached, console.Stations)
	}
	if _, ok := got.Timings["total"]; !ok {
		ts.Fatalf("no total in the timings")
	}
}

// serveScript starts the stack, does as the user does who reads what it prints, and
// stops it with ctrl-C: serve [FLAG…]. What it printed is in the file served.
func serveScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("serve cannot be negated")
	}
	r, err := start(local(ts), ts.MkAbs("."), scriptEnv(ts), append([]string{"serve"}, args...)...)
	ts.Check(err)
	defer r.interrupt()
	next := func(pattern string) string {
		line, err := r.next(pattern)
		ts.Check(err)
		return line
	}
	next(`the agent says: .*large, red`)
	words := strings.Fields(strings.ReplaceAll(next(`^  curl `)+next(`--data-binary`), "\\", ""))
	next(`Calls as they come`)
	curl(ts, words)
	next(`200 .* confirm: answered`)
	if slices.Contains(args, "--direct") {
		handshakes(ts, words, next)
	}
	ts.Check(r.interrupt())
	if r.stderr.String() != "" {
		ts.Fatalf("stderr:\n%s", r.stderr.String())
	}
	printed, _ := r.output()
	ts.Check(os.WriteFile(ts.MkAbs("served"), []byte(printed), 0o600))
}

// curl runs the printed line, and checks that the answer is the emulator's.
func curl(ts *testscript.TestScript, words []string) {
	cmd := exec.Command("sh", "-c", strings.Join(words, " ")+" --silent --show-error --write-out ' %{http_code}'")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), " 200") || !strings.Contains(string(out), "One large, red shirt") {
		ts.Fatalf("curl: %v: %s", err, out)
	}
}

// Every kind that the emulator has can be asked for, and no other.
func TestKinds(t *testing.T) {
	for flag, kinds := range map[string][]string{"--client-cert": emulator.ClientCertificates, "--token": emulator.Tokens} {
		for _, kind := range kinds {
			if kind == "custom" || kind == "other-agent" { // no flag of call; other parts of the stack use them
				continue
			}
			var c cli
			if _, err := newParser(&c, &streams{io.Discard, io.Discard}).Parse([]string{"call", flag + "=" + kind}); err != nil {
				t.Errorf("%s %s: %v", flag, kind, err)
			}
		}
	}
}
