package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// Upgraded is what Upgrade did, in paths.
type Upgraded struct {
	Written   []string // new or newer
	Deleted   []string // of the framework no more
	Conflicts []string // changed by hand: the newer one lies beside it, with .new at its end
	Kept      []string // of the framework no more, or deleted by hand: left as they are
}

// Upgrade brings the framework in the module at dir up to date from the module at
// root. handlers/ and README.md are not looked at. A file that was changed by hand
// stays, and the newer one is laid beside it; go.mod and go.sum keep what was added.
func Upgrade(root, dir string) (*Upgraded, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	if m.Settings.Module = modfile.ModulePath(mod); CheckModule(m.Settings.Module) != nil { // it may have moved
		return nil, fmt.Errorf("%s: no module path", filepath.Join(dir, "go.mod"))
	}
	files, err := sourceOf(root, m.Settings)
	if err != nil {
		return nil, err
	}
	u := &upgrade{dir: dir, manifest: m, report: &Upgraded{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := u.file(name, files[name]); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if _, still := files[name]; !still {
			if err := u.gone(name); err != nil {
				return nil, err
			}
		}
	}
	list, err := m.encode()
	if err != nil {
		return nil, err
	}
	return u.report, writeFile(dir, manifestName, file{list, 0o644})
}

type upgrade struct {
	dir      string
	manifest *manifest
	report   *Upgraded
}

// file brings one file up to date.
func (u *upgrade) file(name string, newer file) error {
	at := filepath.Join(u.dir, filepath.FromSlash(name))
	was, known := u.manifest.Files[name]
	now, err := os.ReadFile(at)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	if !missing && (name == "go.mod" || name == "go.sum") {
		if newer.content, err = merge(name, now, newer.content); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		was = sum(now) // what was added is in it
	}
	is := sum(newer.content)
	u.manifest.Files[name] = is
	switch {
	case missing && known: // deleted by hand
		u.report.Kept = append(u.report.Kept, name)
		return nil
	case !missing && bytes.Equal(now, newer.content):
		return nil
	case missing || sum(now) == was:
		u.report.Written = append(u.report.Written, name)
		return writeFile(u.dir, name, newer)
	case was == is: // changed by hand, and there is nothing newer
		return nil
	default:
		u.report.Conflicts = append(u.report.Conflicts, name)
		return writeFile(u.dir, name+".new", newer)
	}
}

// gone takes away a file that the framework no longer has.
func (u *upgrade) gone(name string) error {
	at := filepath.Join(u.dir, filepath.FromSlash(name))
	now, err := os.ReadFile(at)
	was := u.manifest.Files[name]
	delete(u.manifest.Files, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case sum(now) != was:
		u.report.Kept = append(u.report.Kept, name)
		return nil
	}
	u.report.Deleted = append(u.report.Deleted, name)
	return os.Remove(at)
}

// merge gives go.mod or go.sum with what both have: ours, and what the newer one has
// besides. The order is go mod tidy's to mend.
func merge(name string, ours, newer []byte) ([]byte, error) {
	if name == "go.sum" {
		out := bytes.Clone(ours)
		for line := range strings.Lines(string(newer)) {
			if !bytes.Contains(append([]byte("\n"), out...), []byte("\n"+line)) {
				out = append(out, line...)
			}
		}
		return out, nil
	}
	have, err := modfile.Parse(name, ours, nil)
	if err != nil {
		return nil, err
	}
	want, err := modfile.Parse(name, newer, nil)
	if err != nil {
		return nil, err
	}
	if want.Go != nil && (have.Go == nil || semver.Compare("v"+have.Go.Version, "v"+want.Go.Version) < 0) {
		if err := have.AddGoStmt(want.Go.Version); err != nil {
			return nil, err
		}
	}
	versions := map[string]string{}
	for _, r := range have.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}
	for _, r := range want.Require {
		old, ok := versions[r.Mod.Path]
		switch {
		case !ok:
			have.AddNewRequire(r.Mod.Path, r.Mod.Version, r.Indirect)
		case semver.Compare(old, r.Mod.Version) < 0:
			if err := have.AddRequire(r.Mod.Path, r.Mod.Version); err != nil {
				return nil, err
			}
		}
	}
	have.Cleanup()
	return have.Format()
}
