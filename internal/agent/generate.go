package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Generated is what Generate wrote.
type Generated struct {
	Written   []string // files, below the folder
	Unchanged int      // generated before, and the same now
	Removed   []string // what the agent no longer calls and the code still answers, in words
	Notes     []string // what is to be done by hand
	Tags      []string // that are answered by generated stubs, or by what became of them
	Paths     []string // of flexible webhooks, likewise
}

// Target says where code is generated.
type Target struct {
	Dir    string // of the handlers' package
	Module string // path of the module that has cx
	// Registered are the tags and paths that the handlers answer by now.
	Registered []string
}

// Generate writes code for an agent: types, constants and registration into one file
// that is generated anew each time, and for each tag and flexible webhook that has no
// method yet a stub and a test, in files that are never touched again.
func Generate(a *Agent, t Target) (*Generated, error) {
	existing, err := readExisting(t.Dir, t.Registered)
	if err != nil {
		return nil, err
	}
	g := &generator{agent: a, parameters: a.Parameters(), existing: existing, typeNames: map[string]string{}}
	g.plan()
	w := &writer{generator: g, module: t.Module, dir: t.Dir, report: &Generated{}}
	if err := w.all(); err != nil {
		return nil, err
	}
	return w.report, nil
}

// writer writes what was planned.
type writer struct {
	*generator
	module, dir string
	report      *Generated
	problems    []error
}

func (w *writer) all() error {
	removedTags, removedPaths := w.removed()
	w.always(generated, w.generatedFile(removedTags, removedPaths))
	for _, t := range w.tags {
		w.report.Tags = append(w.report.Tags, t.tag)
		if method := localName(t.base); w.existing.methods[method] == "" {
			w.once(w.fileName(t.base, ".go"), w.tagStub(t))
			test, err := t.test.file()
			if err != nil {
				return err
			}
			w.once(filepath.Join("testdata", fileBase(t.base)+".txtar"), test)
		}
	}
	for _, p := range w.paths {
		w.report.Paths = append(w.report.Paths, p.Path)
		if method := localName(p.base); w.existing.methods[method] == "" {
			name := w.fileName(p.base, ".go")
			w.once(name, w.pathStub(p))
			w.once(strings.TrimSuffix(name, ".go")+"_test.go", w.pathTest(p))
		}
		if p.Invented {
			w.note("the webhook %q has no path of its own in its URI: give it https://HOST%s", p.Webhook.DisplayName, p.Path)
		}
		if p.BodyErr != nil {
			w.note("the body of the webhook %q is no JSON (%v): its handler takes any value", p.Webhook.DisplayName, p.BodyErr)
		}
	}
	w.package_()
	slices.Sort(w.report.Written)
	return errors.Join(w.problems...)
}

// package_ writes what the stubs hang on, where it is not there.
func (w *writer) package_() {
	e := w.existing
	switch {
	case !e.hasRegister && !e.hasAgent:
		w.once("handlers.go", w.handlersFile())
		w.once("handlers_test.go", w.handlersTest())
		return
	case !e.hasAgent:
		w.once("agent.go", w.agentFile())
	}
	if len(w.tags) > 0 && !e.uses["routes"] {
		w.note("Register does not call agent.routes: no generated handler is registered. Add: for _, r := range new(agent).routes() { m.Route(r) }")
	}
	if len(w.paths) > 0 && !e.uses["registerPaths"] {
		w.note("Register does not call agent.registerPaths: no flexible webhook is registered. Add: new(agent).registerPaths(m)")
	}
}

// removed gives the tags and paths that were generated before, are not in the agent
// any more, and still have their method. Those whose method is gone are forgotten.
func (w *writer) removed() (tags, paths []string) {
	have := map[string]bool{}
	for _, t := range w.tags {
		have[t.tag] = true
	}
	for _, p := range w.paths {
		have[p.Path] = true
	}
	for tag, base := range w.existing.tags {
		if !have[tag] && w.existing.methods[localName(base)] != "" {
			tags = append(tags, tag)
		}
	}
	for path, base := range w.existing.paths {
		if !have[path] && w.existing.methods[localName(base)] != "" {
			paths = append(paths, path)
		}
	}
	slices.Sort(tags)
	slices.Sort(paths)
	for _, tag := range tags {
		method := localName(w.existing.tags[tag])
		w.report.Removed = append(w.report.Removed, fmt.Sprintf("the agent calls the tag %q no more; %s in %s still answers it. When no version in use calls it, delete the method and its conversations in testdata, and run gen again", tag, method, w.existing.methods[method]))
	}
	for _, path := range paths {
		method := localName(w.existing.paths[path])
		w.report.Removed = append(w.report.Removed, fmt.Sprintf("no flexible webhook calls %s any more; %s in %s still answers it. When no version in use calls it, delete the method and its test, and run gen again", path, method, w.existing.methods[method]))
	}
	return tags, paths
}

func (w *writer) note(format string, args ...any) {
	w.report.Notes = append(w.report.Notes, fmt.Sprintf(format, args...))
}

// fileBase is what files of a name are called. There is no underscore in it, which
// would mean something to go build.
func fileBase(base string) string {
	if s := strings.ReplaceAll(slug(base), "-", ""); s != "agentgen" && s != "handlers" && s != "agent" && s != "doc" {
		return s
	}
	return slug(base) + "tag"
}

// fileName is a file that is not there yet.
func (w *writer) fileName(base, ext string) string {
	name := fileBase(base)
	for i := 2; ; i++ {
		if _, err := os.Lstat(filepath.Join(w.dir, name+ext)); errors.Is(err, fs.ErrNotExist) {
			return name + ext
		}
		name = fmt.Sprintf("%s%d", fileBase(base), i)
	}
}

// once writes a file that is not there; what is there is the user's.
func (w *writer) once(name string, content []byte) {
	file := filepath.Join(w.dir, name)
	if _, err := os.Lstat(file); err == nil {
		return
	}
	w.write(name, content)
}

// always writes a file that is ours, if it changes.
func (w *writer) always(name string, content []byte) {
	if old, err := os.ReadFile(filepath.Join(w.dir, name)); err == nil && bytes.Equal(old, content) {
		w.report.Unchanged++
		return
	}
	w.write(name, content)
}

func (w *writer) write(name string, content []byte) {
	file := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.problems = append(w.problems, err)
		return
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		w.problems = append(w.problems, err)
		return
	}
	w.report.Written = append(w.report.Written, filepath.ToSlash(name))
}
