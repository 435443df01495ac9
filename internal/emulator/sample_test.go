package emulator

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// corpusFile reads a file that other people recorded; it is not part of the
// module.
func corpusFile(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("CX_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("no recorded corpus: set CX_CORPUS to a folder with %s (%v)", name, err)
	}
	return b
}

// The default sample is Google's, but for ids.
func TestSampleIsGoogles(t *testing.T) {
	got, err := SampleCall(Sample{})
	if err != nil {
		t.Fatal(err)
	}
	uuid := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	agent := regexp.MustCompile(`projects/[^/"]+/locations/[^/"]+/agents/[^/"]+`)
	masked := func(b []byte) (v any) {
		s := uuid.ReplaceAllString(agent.ReplaceAllString(string(b), "AGENT"), "ID")
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	if diff := cmp.Diff(masked(corpusFile(t, "sample-call.json")), masked(got)); diff != "" {
		t.Errorf("-Google's +ours:\n%s", diff)
	}
}

func TestSampleCall(t *testing.T) {
	value := func(pairs ...string) map[string]jsontext.Value {
		m := map[string]jsontext.Value{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = jsontext.Value(pairs[i+1])
		}
		return m
	}
	for _, tt := range []struct {
		name                        string
		sample                      Sample
		tag, text, prompt           string
		parameters, intent, session string // session parameters, intent parameters, session name
	}{
		{"Google's", Sample{}, "confirm", "I want to buy a large red shirt", "You have selected a large, red shirt.",
			`{"color":"red","size":"large"}`, `{"color":{"originalValue":"red","resolvedValue":"red"},"size":{"originalValue":"large","resolvedValue":"large"}}`, DefaultAgent + "/sessions/session-test-001"},
		{"another shirt", Sample{Parameters: value("color", `"blue"`, "size", `"small"`)}, "confirm", "I want to buy a small blue shirt", "You have selected a small, blue shirt.",
			`{"color":"blue","size":"small"}`, `{"color":{"originalValue":"blue","resolvedValue":"blue"},"size":{"originalValue":"small","resolvedValue":"small"}}`, ""},
		{"no size", Sample{Parameters: value("size", "null")}, "confirm", "I want to buy a red shirt", "You have selected a red shirt.",
			`{"color":"red"}`, `{"color":{"originalValue":"red","resolvedValue":"red"}}`, ""},
		{"nothing", Sample{Parameters: value("size", "null", "color", " null ")}, "confirm", "I want to buy a shirt", "You have selected a shirt.", `{}`, `{}`, ""},
		{"odd values", Sample{Parameters: value("size", "5", "color", `"g\"\u00fcn"`, "name", `{"first":"Bo"}`)}, "confirm", `I want to buy a 5 g"ün shirt`, `You have selected a 5, g"ün shirt.`,
			`{"color":"g\"ün","size":5,"name":{"first":"Bo"}}`, `{"color":{"originalValue":"g\"ün","resolvedValue":"g\"ün"},"size":{"originalValue":"5","resolvedValue":5}}`, ""},
		{"elsewhere", Sample{Tag: "track order", Agent: "projects/p/locations/l/agents/a/environments/e", Session: "x"}, "track order", "I want to buy a large red shirt", "You have selected a large, red shirt.",
			`{"color":"red","size":"large"}`, "", "projects/p/locations/l/agents/a/environments/e/sessions/x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := SampleCall(tt.sample)
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				FulfillmentInfo struct{ Tag string }
				IntentInfo      struct{ Parameters jsontext.Value }
				SessionInfo     struct {
					Session    string
					Parameters jsontext.Value
				}
				Messages []struct {
					Text struct{ Text, RedactedText []string }
				}
				Text string
			}
			if err := json.Unmarshal(b, &got, json.MatchCaseInsensitiveNames(true)); err != nil {
				t.Fatal(err)
			}
			if got.FulfillmentInfo.Tag != tt.tag || got.Text != tt.text || got.Messages[1].Text.Text[0] != tt.prompt || got.Messages[1].Text.RedactedText[0] != tt.prompt {
				t.Errorf("tag %q, text %q, prompt %q", got.FulfillmentInfo.Tag, got.Text, got.Messages[1].Text)
			}
			wantJSON(t, string(got.SessionInfo.Parameters), tt.parameters)
			if tt.intent != "" {
				wantJSON(t, string(got.IntentInfo.Parameters), tt.intent)
			}
			if tt.session != "" && got.SessionInfo.Session != tt.session {
				t.Errorf("session %q", got.SessionInfo.Session)
			}
		})
	}
	for _, tt := range []struct {
		sample Sample
		want   string
	}{
		{Sample{Agent: "my-agent"}, `agent "my-agent" and session "session-test-001" make no session name`},
		{Sample{Session: "a/b"}, `and session "a/b" make no session name`},
		{Sample{Parameters: value("", "1")}, "a parameter has no name"},
		{Sample{Parameters: value("size", "large")}, `parameter "size": large is not JSON`},
		{Sample{Parameters: value("size", "")}, `parameter "size":  is not JSON`},
	} {
		if _, err := SampleCall(tt.sample); err == nil || !strings.HasPrefix(err.Error(), "emulator: sample call: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %q", err, tt.want)
		}
	}
}
