package cloudbuild

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPinBuilders: deploy/pin-builders.sh asks the registry for each image, and
// writes the answers into the build, twice with other answers the second time;
// where an image is not found, the file stays as it was.
func TestPinBuilders(t *testing.T) {
	digest := "sha256:" + strings.Repeat("1", 64)
	known := func(string) bool { return true }
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, isManifest := strings.CutPrefix(r.URL.Path, "/v2/")
		switch {
		case r.URL.Path == "/v2/":
		case isManifest && strings.Contains(name, "/manifests/") && !strings.Contains(name, "sha256") && known(name):
			w.Header().Set("Docker-Content-Digest", digest)
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			w.Header().Set("Content-Length", "7")
		default:
			http.NotFound(w, r)
		}
	}))
	defer registry.Close()
	ours := strings.TrimPrefix(registry.URL, "http://")

	text, err := os.ReadFile("../../../cloudbuild.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var before []string
	images := 0
	for line := range strings.Lines(string(text)) {
		if image, ok := strings.CutPrefix(line, "    name: "); ok {
			image, _, _ = strings.Cut(image, "@")
			line = "    name: " + ours + "/" + strings.TrimSpace(image) + "\n"
			images++
		}
		before = append(before, line)
	}
	if images < 5 {
		t.Fatalf("%d images: they are not found any more", images)
	}
	file := filepath.Join(t.TempDir(), "cloudbuild.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(before, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	pin := func() (string, error) {
		out, err := exec.Command("../../../deploy/pin-builders.sh", file).CombinedOutput()
		return string(out), err
	}
	check := func() {
		t.Helper()
		var want strings.Builder
		for _, line := range before {
			if strings.HasPrefix(line, "    name: ") {
				line = strings.TrimSuffix(line, "\n") + "@" + digest + "\n"
			}
			want.WriteString(line)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want.String() {
			t.Errorf("got\n%s\nwant\n%s", got, &want)
		}
	}
	for _, d := range []string{"1", "2"} {
		digest = "sha256:" + strings.Repeat(d, 64)
		if out, err := pin(); err != nil || strings.Count(out, digest) != 3 {
			t.Fatalf("%v\n%s", err, out)
		}
		check()
	}
	known = func(name string) bool { return strings.Contains(name, "golang") }
	if out, err := pin(); err == nil || !strings.Contains(out, "no digest; "+file+" is as it was") {
		t.Errorf("got %v\n%s", err, out)
	}
	check()
}
