package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlan: a plan asks nobody; it is the same for everybody, and short.
func TestPlan(t *testing.T) {
	dir := copyScripts(t)
	if err := os.RemoveAll(filepath.Join(dir, "monitoring")); err != nil { // as many lines as there are files
		t.Fatal(err)
	}
	for name, env := range map[string][]string{
		"plan.txt":        append([]string{"WEBHOOK=cxhook"}, required...),
		"plan-custom.txt": append([]string{"WEBHOOK=cxhook", "MTLS=strict", "CLOUD_ARMOR=true", "CERTIFICATE=own", "SERVER_CA_FILE=ca.pem", "NAME=shirts", "REGION=us-central1", "TRUST=both", "CUSTOM_CA_FILE=ca.pem", "CUSTOM_CN=agent.example.com", "CLIENT_CERTIFICATE_FILE=agent.pem", "CLIENT_KEY_SECRET=projects/" + project + "/secrets/agent-key/versions/1"}, required...),
	} {
		t.Run(name, func(t *testing.T) {
			custom(t, dir)
			bin := t.TempDir() // no gcloud and no curl
			for _, tool := range []string{"bash", "cat", "chmod", "cp", "date", "dirname", "grep", "head", "base64", "jq", "mktemp", "rm", "sed", "tr"} {
				if path, err := exec.LookPath(tool); err == nil {
					if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
						t.Fatal(err)
					}
				}
			}
			out, code := script(t, dir, append(env, "PATH="+bin), "plan")
			if code != 0 {
				t.Errorf("plan ended with %d", code)
			}
			golden(t, name, out)
		})
	}
	out, code := script(t, dir, required)
	if code != 0 || !strings.HasPrefix(out, "What a project without any of it gets; nothing is asked.") {
		t.Errorf("without an argument: %d, %s", code, out)
	}
}

// TestSettings: what is missing or malformed is said, all of it, before anything is
// done; the accepting twin of each is in TestPlan.
func TestSettings(t *testing.T) {
	const where = "setup.sh: settings come from deploy/config.env or the environment; see deploy/config.env.example\n"
	for _, tt := range []struct {
		name, file string
		env        []string
		want       string
	}{
		{"nothing", "", nil, "setup.sh: PROJECT is not set: the id of a project\nsetup.sh: WEBHOOK_URL is not set: https://HOST/PATH, as the agent shall have it\nsetup.sh: AGENT is not set: projects/P/locations/L/agents/A\n"},
		{"the example as it is", "", []string{"example"}, "setup.sh: PROJECT is not set: the id of a project\nsetup.sh: WEBHOOK_URL is not set: https://HOST/PATH, as the agent shall have it\nsetup.sh: AGENT is not set: projects/P/locations/L/agents/A\n"},
		{"a number for the project", "PROJECT=123456789012\n", required[1:], "setup.sh: PROJECT is \"123456789012\"; want the id of a project\n"},
		{"plain http", "WEBHOOK_URL=http://webhook.example.com/shirts\n", []string{required[0], required[2]}, "setup.sh: WEBHOOK_URL is \"http://webhook.example.com/shirts\"; want https://HOST/PATH, as the agent shall have it\n"},
		{"no path", "WEBHOOK_URL=https://webhook.example.com\n", []string{required[0], required[2]}, "setup.sh: WEBHOOK_URL is \"https://webhook.example.com\"; want https://HOST/PATH, as the agent shall have it\n"},
		{"an unknown name", "MTSL=strict\n", required, "setup.sh: config.env: MTSL is no setting\n"},
		{"twice", "MTLS=strict\nMTLS=lenient\n", required, "setup.sh: config.env:2: MTLS is set twice\n"},
		{"no assignment", "# a comment\nMTLS strict\n", required, "setup.sh: config.env:2: want NAME=value\n"},
		{"a command", "NAME=$(id)\n", required, "setup.sh: NAME is \"$(id)\"; want lower-case letters, digits and hyphens, 20 at most\n"},
		{"another mode", "MTLS=REJECT_INVALID\n", required, "setup.sh: MTLS is \"REJECT_INVALID\"; want lenient or strict\n"},
		{"a long timeout", "WEBHOOK_TIMEOUT=31s\n", required, "setup.sh: WEBHOOK_TIMEOUT is \"31s\"; want seconds up to 30, as 5s\n"},
		{"latest", "EDGE_SECRET_VERSION=latest\n", required, "setup.sh: EDGE_SECRET_VERSION is \"latest\"; want the number of a version\n"},
		{"half a profile", "CUSTOM_CN=agent.example.com\n", required, "setup.sh: TRUST is google: CUSTOM_CA_FILE, CUSTOM_CN, CLIENT_CERTIFICATE_FILE and CLIENT_KEY_SECRET are for both and custom\n"},
		{"no profile", "TRUST=both\n", required, "setup.sh: TRUST is both: it wants CUSTOM_CA_FILE, CUSTOM_CN, CLIENT_CERTIFICATE_FILE and CLIENT_KEY_SECRET, all of them\n"},
		{"no certificate", "SERVER_CA_FILE=headers.txt\n", required, "setup.sh: SERVER_CA_FILE: headers.txt: no PEM certificate to be read there\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := copyScripts(t)
			if len(tt.env) == 1 && tt.env[0] == "example" {
				example, err := os.ReadFile(filepath.Join(dir, "config.env.example"))
				if err != nil {
					t.Fatal(err)
				}
				tt.file, tt.env = string(example), nil
			}
			if err := os.WriteFile(filepath.Join(dir, "config.env"), []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			out, code := script(t, dir, tt.env, "apply")
			if diff := cmp.Diff(tt.want+where, out); code != 2 || diff != "" {
				t.Errorf("exit code %d, -want +got:\n%s", code, diff)
			}
		})
	}

	// The environment wins, and comments and spaces behind a value are none of it.
	dir := copyScripts(t)
	if err := os.WriteFile(filepath.Join(dir, "config.env"), []byte("PROJECT=other-project # mine\nWEBHOOK_URL="+webhookURL+"   # exact\nAGENT="+agent+"\nMTLS=strict"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := script(t, dir, []string{"PROJECT=" + project})
	if code != 0 || !strings.Contains(out, "CLOUDSDK_CORE_PROJECT="+project+"\n") || !strings.Contains(out, "cxhook-strict-google") || !strings.Contains(out, "_AUDIENCES="+webhookURL+"|") {
		t.Errorf("with a file: %d, %s", code, out)
	}
	if out, code := script(t, dir, nil, "aply"); code != 2 || !strings.Contains(out, "deploy/setup.sh verify") {
		t.Errorf("an unknown word: %d, %s", code, out)
	}
	if out, code := script(t, dir, []string{"PATH=" + t.TempDir()}, "apply"); code == 0 {
		t.Errorf("without tools: %d, %s", code, out)
	}
}
