package cloudbuild

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"example.com/cxhook/internal/conformance/gcloud"
)

// TestSubmit: the commands that the README and the build's own first lines name
// submit this build, with what they say.
func TestSubmit(t *testing.T) {
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Check("cloudbuild.yaml", doc, settings(t))
	if err != nil {
		t.Fatal(err)
	}
	want.Substitutions["_AUDIENCES"], want.Substitutions["_PROJECT_NUMBERS"] = "https://webhook.example.com/shirts", "123456789012"
	for _, page := range []string{"README.md", "cloudbuild.yaml"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(file), page))
		if err != nil {
			t.Fatal(err)
		}
		commands := regexp.MustCompile(`(?m)^(?:# +)?(gcloud builds submit .*)$`).FindAllStringSubmatch(string(text), -1)
		if len(commands) == 0 {
			t.Errorf("%s says no more how to submit the build", page)
		}
		for _, m := range commands {
			c := &cloud{t: t}
			if out, err := submit(t, c, m[1]); err != nil {
				t.Fatalf("%s: %v\n%s", m[1], err, out)
			}
			c.submitted.Source = nil
			if !proto.Equal(c.submitted, want) {
				t.Errorf("%s submits\n%s\nwant\n%s", m[1], prototext.Format(c.submitted), prototext.Format(want))
			}
		}
	}
	c := &cloud{t: t}
	lists := "gcloud builds submit --no-source --config=cloudbuild.yaml --substitutions='^|^_AUDIENCES=https://webhook.example.com/a,https://webhook.example.com/b|_PROJECT_NUMBERS=1,2'"
	if out, err := submit(t, c, lists); err != nil {
		t.Fatalf("%s: %v\n%s", lists, err, out)
	}
	if got := c.submitted.GetSubstitutions(); got["_AUDIENCES"] != "https://webhook.example.com/a,https://webhook.example.com/b" || got["_PROJECT_NUMBERS"] != "1,2" {
		t.Errorf("%s substitutes %q", lists, got)
	}
}

// TestSubmitRefuses: gcloud itself takes no field that is not Cloud Build's.
func TestSubmitRefuses(t *testing.T) {
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cloudbuild.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(string(doc), "waitFor: [deploy]", "waitfor: [deploy]", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := submit(t, &cloud{t: t}, "gcloud builds submit --no-source --config="+path)
	if err == nil || !strings.Contains(out, ".steps[4].waitfor: unused") {
		t.Errorf("got %v\n%s", err, out)
	}
}

// submit runs a command line where the repository is, for the made-up project.
func submit(t *testing.T, c *cloud, command string) (string, error) {
	t.Helper()
	c.submitted = new(cloudbuildpb.Build)
	cmd := gcloud.Start(t, c).Command("bash", "-c", command+" --async --project="+project)
	cmd.Dir = filepath.Dir(file)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
