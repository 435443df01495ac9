package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/cxhook/internal/agent"
)

// New makes a module in dir, which is empty or not there, out of the module at root.
// The agent may be nil: then it gets a handler that says hello. Either all of it is
// written, or nothing.
func New(root, dir, modulePath string, exported *agent.Agent) (*agent.Generated, *Settings, error) {
	if err := CheckModule(modulePath); err != nil {
		return nil, nil, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, nil, fmt.Errorf("%s is not empty; want a folder that is, or a new one", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	s := SettingsOf(modulePath, exported)
	if exported == nil {
		exported = &agent.Agent{}
	}
	files, err := sourceOf(root, s)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, nil, err
	}
	draft, err := os.MkdirTemp(filepath.Dir(dir), ".cxhook-new-") // beside it, to be renamed
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(draft) // of what failed
	if err := os.Chmod(draft, 0o755); err != nil {
		return nil, nil, err
	}
	generated, err := agent.Generate(exported, agent.Target{Dir: filepath.Join(draft, "handlers"), Module: modulePath})
	if err != nil {
		return nil, nil, err
	}
	s.Tags, s.Paths = generated.Tags, generated.Paths
	m := &manifest{Settings: s, Files: map[string]string{}}
	for name, f := range files {
		m.Files[name] = sum(f.content)
		if err := writeFile(draft, name, f); err != nil {
			return nil, nil, err
		}
	}
	list, err := m.encode()
	if err != nil {
		return nil, nil, err
	}
	own := map[string][]byte{manifestName: list, "README.md": s.readme()}
	if example, ok := files[configExample]; ok {
		own[configName] = s.fillConfig(example.content)
	}
	for name, content := range own {
		if err := writeFile(draft, name, file{content, 0o644}); err != nil {
			return nil, nil, err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	return generated, s, os.Rename(draft, dir)
}
