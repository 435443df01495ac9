package deploy

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/cxhook/internal/emulator"
	"example.com/cxhook/verify"
)

var update = flag.Bool("update", false, "write testdata")

const (
	project    = "made-up-project"
	scripts    = "../../../deploy"
	host       = "webhook.example.com"
	webhookURL = "https://" + host + "/shirts"
	agent      = "projects/" + project + "/locations/europe-west1/agents/01234567-89ab-cdef-0123-456789abcdef"
)

// copyScripts copies deploy/, without what is the tester's own.
func copyScripts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(scripts)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"config.env", ".unproved"} { // the tester's own
		if err := os.Remove(filepath.Join(dir, file)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	return dir
}

// script runs setup.sh of dir with nothing but env, for the modes that ask nobody.
func script(t *testing.T, dir string, env []string, args ...string) (output string, code int) {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("SKIPPED: jq is not installed; deploy/setup.sh needs it")
	}
	cmd := exec.Command("bash", append([]string{filepath.Join(dir, "setup.sh")}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

var required = []string{"PROJECT=" + project, "WEBHOOK_URL=" + webhookURL, "AGENT=" + agent}

// custom are the settings of certificates of one's own, which it puts into dir.
func custom(t *testing.T, dir string) []string {
	t.Helper()
	pki, client := customCA(t)
	chain, _, err := emulator.EncodePEM(client)
	if err != nil {
		t.Fatal(err)
	}
	ca, leaf := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "agent.pem")
	for name, text := range map[string][]byte{ca: pki.Bundle("custom"), leaf: chain} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"TRUST=custom", "CUSTOM_CA_FILE=" + ca, "CUSTOM_CN=agent.example.com", "CLIENT_CERTIFICATE_FILE=" + leaf,
		"CLIENT_KEY_SECRET=projects/" + project + "/secrets/agent-key/versions/1"}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what was done (-update writes it), -want +got:\n%s", path, diff)
	}
}

func replaceIn(t *testing.T, path, old, with string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%q is not in %s any more", old, path)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(old), []byte(with)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTrustConfig: deploy/trust-config-google.yaml has the certificates that the
// function embeds.
func TestTrustConfig(t *testing.T) {
	google, legacy := verify.GoogleIdentity(), verify.GoogleLegacyIdentity()
	var b strings.Builder
	b.WriteString(`# certificatemanager.v1.TrustConfig: the roots of Dialogflow's own certificates, of
# today's (SSL.com) and of the one before (Google Trust Services), and the
# intermediates that the function knows. Made from verify/roots:
# go -C internal/conformance test ./deploy -run TrustConfig -update
{
  "trustStores": [
    {
`)
	for i, list := range []struct {
		name  string
		certs []*x509.Certificate
	}{{"trustAnchors", slices.Concat(google.Roots, legacy.Roots)}, {"intermediateCas", slices.Concat(google.Intermediates, legacy.Intermediates)}} {
		fmt.Fprintf(&b, "      %q: [\n", list.name)
		for j, cert := range list.certs {
			fmt.Fprintf(&b, "        # %s\n        {\"pemCertificate\": %q}%s\n", cert.Subject,
				pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), comma(j < len(list.certs)-1))
		}
		fmt.Fprintf(&b, "      ]%s\n", comma(i == 0))
	}
	b.WriteString("    }\n  ]\n}\n")
	held(t, "trust-config-google.yaml", []byte(b.String()))
}

func comma(more bool) string {
	if more {
		return ","
	}
	return ""
}

// held compares a file of deploy/ with what is made from the function's own lists.
func held(t *testing.T, name string, want []byte) {
	t.Helper()
	path := filepath.Join(scripts, name)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the function reads (-update writes it)", path)
	}
}
