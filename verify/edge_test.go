package verify

import (
	"strings"
	"testing"
)

func TestEdgeConfig(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  EdgeConfig
		want string // in part; "" if it is accepted
	}{
		{"one secret", EdgeConfig{Secrets: []string{testEdgeSecret}}, ""},
		{"two secrets", EdgeConfig{Secrets: []string{testEdgeSecret, testOldEdgeSecret}}, ""},
		{"no secret, by name", EdgeConfig{DangerNoEdgeSecret: true}, ""},
		{"nothing", EdgeConfig{}, "Edge.Secrets: no edge secret"},
		{"an empty secret", EdgeConfig{Secrets: []string{""}}, "Edge.Secrets[0]: 0 bytes"},
		{"an empty second secret", EdgeConfig{Secrets: []string{testEdgeSecret, ""}}, "Edge.Secrets[1]: 0 bytes"},
		{"a short secret", EdgeConfig{Secrets: []string{strings.Repeat("s", MinEdgeSecretBytes-1)}}, "Edge.Secrets[0]: 21 bytes"},
		{"a file's line end", EdgeConfig{Secrets: []string{testEdgeSecret + "\n"}}, "Edge.Secrets[0]: has a space, a line end"},
		{"the shortest secret", EdgeConfig{Secrets: []string{strings.Repeat("s", MinEdgeSecretBytes)}}, ""},
		{"the first and the last character that are printed", EdgeConfig{Secrets: []string{testEdgeSecret + "!~"}}, ""},
		{"a space", EdgeConfig{Secrets: []string{testEdgeSecret + " "}}, "Edge.Secrets[0]: has a space"},
		{"a control character", EdgeConfig{Secrets: []string{testEdgeSecret + "\x7f"}}, "beyond ASCII"},
		{"the balancer's brace", EdgeConfig{Secrets: []string{testEdgeSecret + "{"}}, "Edge.Secrets[0]: has a space, a line end, a brace"},
		{"not ASCII", EdgeConfig{Secrets: []string{testEdgeSecret + "é"}}, "beyond ASCII"},
		{"a secret, and none", EdgeConfig{Secrets: []string{testEdgeSecret}, DangerNoEdgeSecret: true}, "Edge.DangerNoEdgeSecret: an edge secret is configured too"},
		{"bad header", EdgeConfig{Header: "Authorization", Secrets: []string{testEdgeSecret}}, `Edge.Header: "Authorization"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newEdgeProof(tt.cfg, true)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err != nil && len(tt.cfg.Secrets) > 0 && tt.cfg.Secrets[0] != "" && strings.Contains(err.Error(), tt.cfg.Secrets[0]) {
				t.Error("the secret is in the error")
			}
		})
	}
}

// TestEdgeSecretIsNotReported holds that no verdict repeats a secret.
func TestEdgeSecretIsNotReported(t *testing.T) {
	for _, value := range []string{testEdgeSecret, testOldEdgeSecret, "edge-secret-of-the-tests-0002"} {
		call := goodCall()
		call.header.Set(DefaultEdgeHeader, value)
		for _, c := range call.judge(t).report.Checks {
			if text := c.Presented + c.Expected + c.Hint; strings.Contains(text, "of-the-tests") {
				t.Errorf("check %q tells a secret", c.Name)
			}
		}
	}
}

func TestEdgeHeaderOfTheOperatorsChoice(t *testing.T) {
	call := goodCall()
	call.edge.Header = "x-my-edge"
	if v := call.judge(t); v.err == nil || v.err.Code != EdgeSecretMissing {
		t.Errorf("the default header is still read: %v", v.err)
	}
	rename(DefaultEdgeHeader, "X-My-Edge")(call)
	if v := call.judge(t); v.err != nil {
		t.Errorf("refused: %v", v.err)
	}
}
