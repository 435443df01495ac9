// Package scaffold makes a module of one's own out of this one: a copy with another
// module path, handlers for another agent, and deploy files filled in; and brings
// such a module up to date from a newer copy.
package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// file is a file of a module.
type file struct {
	content []byte
	mode    fs.FileMode // 0644 or 0755
}

// stays says whether a file of the source is left where it is: what is about the
// example agent, and what is written anew for each module.
//
// The tests of the root, of cmd/local and of internal/browser play with the example's
// handlers, and verify/docs_test.go counts on them being there; bench measures them;
// scaffold's own tests would make modules within the module. To whom a vulnerability
// is reported is for the new module's owner to say.
func stays(name string) bool {
	top, below, _ := strings.Cut(name, "/")
	test := strings.HasSuffix(name, "_test.go")
	switch {
	case top == "handlers", top == "bench", top == "testdata", strings.HasPrefix(name, "internal/browser/"), name == manifestName, name == "README.md", name == "SECURITY.md":
		return true
	case below == "" && test, name == "verify/docs_test.go":
		return true
	case strings.HasPrefix(name, "cmd/local/"):
		return test || strings.HasPrefix(name, "cmd/local/testdata/")
	case strings.HasPrefix(name, "internal/scaffold/"):
		return test || strings.HasPrefix(name, "internal/scaffold/testdata/")
	}
	return false
}

// sourceOf reads the framework in the module at root, rewritten for the settings. It
// has none of handlers/.
func sourceOf(root string, s *Settings) (map[string]file, error) {
	names, err := tracked(root)
	if err != nil {
		return nil, err
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, err
	}
	from := modfile.ModulePath(mod)
	if from == "" {
		return nil, fmt.Errorf("%s: no module path", filepath.Join(root, "go.mod"))
	}
	files := map[string]file{}
	for _, name := range names {
		if stays(name) {
			continue
		}
		at := filepath.Join(root, filepath.FromSlash(name))
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) { // tracked, and deleted since
			continue
		} else if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: it is no regular file, which cannot be copied", name)
		}
		content, err := os.ReadFile(at)
		if err != nil {
			return nil, err
		}
		f := file{rewrite(name, content, from, s.Module), 0o644}
		if info.Mode()&0o111 != 0 {
			f.mode = 0o755
		}
		files[name] = f
	}
	if f, ok := files["cloudbuild.yaml"]; ok {
		f.content = s.fillBuild(f.content)
		files["cloudbuild.yaml"] = f
	}
	return files, nil
}

// tracked lists the files of the source: what git tracks, so that nothing which lies
// about is copied; all of them where there is no repository.
func tracked(root string) ([]string, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--cached")
	cmd.Dir = root
	if out, err := cmd.Output(); err == nil && len(out) > 0 {
		return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
	}
	var names []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.Type().IsRegular() && d.Name() != ".env" && path.Ext(name) != ".test" && path.Ext(name) != ".prof":
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// rewrite puts one module path in place of another: in imports, and wherever else it
// stands, as in nested modules, tests and pages. Go files are formatted anew, since
// imports are sorted.
func rewrite(name string, content []byte, from, to string) []byte {
	if from == to || !bytes.Contains(content, []byte(from)) || bytes.IndexByte(content, 0) >= 0 {
		return content
	}
	var out bytes.Buffer
	for rest := content; len(rest) > 0; {
		at := bytes.Index(rest, []byte(from))
		if at < 0 {
			out.Write(rest)
			break
		}
		end := at + len(from)
		out.Write(rest[:at])
		if at > 0 && isPath(rest[at-1]) || end < len(rest) && rest[end] != '/' && isPath(rest[end]) && !endsSentence(rest[end:]) {
			out.WriteString(from) // part of a longer name
		} else {
			out.WriteString(to)
		}
		rest = rest[end:]
	}
	if path.Ext(name) == ".go" {
		if formatted, err := format.Source(out.Bytes()); err == nil {
			return formatted
		}
	}
	return out.Bytes()
}

// isPath says whether a byte may be part of a path element.
func isPath(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/", c) >= 0
}

// endsSentence says whether what comes is a full stop, not a part of a name.
func endsSentence(rest []byte) bool {
	return rest[0] == '.' && (len(rest) == 1 || !isPath(rest[1]))
}

// CheckModule says what is wrong with a module path for the cloud's build.
func CheckModule(p string) error {
	if err := module.CheckPath(p); err != nil {
		return fmt.Errorf("%w; want one as example.com/my-agent", err)
	}
	if _, version, _ := module.SplitPathVersion(p); version != "" { // the nested modules ask for v0.0.0 of it
		return fmt.Errorf("module path %q: want one without a version at its end, as example.com/my-agent", p)
	}
	return nil
}
