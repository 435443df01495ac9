package scaffold

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// manifestName is the file in which a module keeps what it was made of.
const manifestName = ".cxhook.json"

// manifest says which files are the framework's, and what they were when they came:
// a file that is different now was changed by hand.
type manifest struct {
	Settings *Settings         `json:"settings"`
	Files    map[string]string `json:"files"` // SHA-256 in hex, by path
}

func (m *manifest) encode() ([]byte, error) {
	b, err := json.Marshal(m, json.Deterministic(true), jsontext.WithIndent("  "))
	return append(b, '\n'), err
}

func readManifest(dir string) (*manifest, error) {
	name := filepath.Join(dir, manifestName)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: it was not made by new, or the file was deleted", dir, manifestName)
	} else if err != nil {
		return nil, err
	}
	m := new(manifest)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if m.Settings == nil || m.Files == nil {
		return nil, fmt.Errorf("%s: want settings and files", name)
	}
	for file := range m.Files {
		if !filepath.IsLocal(file) || stays(file) && file != "README.md" {
			return nil, fmt.Errorf("%s: %q is no file of the framework", name, file)
		}
	}
	return m, nil
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func writeFile(root, name string, f file) error {
	at := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(at, f.content, f.mode); err != nil {
		return err
	}
	return os.Chmod(at, f.mode)
}
