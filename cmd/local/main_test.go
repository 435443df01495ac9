package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
			return os.Mkdir(filepath.Join(env.WorkDir, "tmp"), 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"verdict": verdictIs,
			"serve":   serveScript,
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
	// testscript puts the command's folder first.
	cmd := exec.Command(filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], "local"), args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+ts.Getenv("TMPDIR"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	defer close(ended)
	go func() { // a stack that hangs must not hang the test
		select {
		case <-ended:
		case <-time.After(time.Minute):
			cmd.Process.Kill()
		}
	}()

	var printed strings.Builder
	lines := bufio.NewReader(io.TeeReader(stdout, &printed))
	next := func(pattern string) string {
		re := regexp.MustCompile(pattern)
		for {
			line, err := lines.ReadString('\n')
			if re.MatchString(line) {
				return line
			}
			if err != nil {
				ts.Fatalf("no line matches %q in\n%s\n%s", pattern, printed.String(), stderr.String())
			}
		}
	}
	next(`the agent says: .*large, red`)
	words := strings.Fields(strings.ReplaceAll(next(`^  curl `)+next(`--data-binary`), "\\", ""))
	next(`Calls as they come`)
	curl(ts, words)
	next(`200 .* confirm: answered`)
	if slices.Contains(args, "--direct") {
		handshakes(ts, words, next)
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	_, err = io.Copy(io.Discard, lines)
	ts.Check(errors.Join(err, cmd.Wait()))
	if stderr.Len() > 0 {
		ts.Fatalf("stderr:\n%s", stderr.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("served"), []byte(printed.String()), 0o600))
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
