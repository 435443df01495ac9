package agent

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What an export may hold. The largest seen has 3,000 files of 300 kB at most.
const (
	MaxEntries    = 200_000   // files and folders, of a checkout too
	MaxFileBytes  = 8 << 20   // one file, unpacked
	MaxTotalBytes = 128 << 20 // all that are read, unpacked
	MaxDepth      = 100       // brackets in one file
	MaxBroken     = 20        // files that are reported
)

// FileError is a file that cannot be read as what it is.
type FileError struct {
	File   string // its path in the export
	Offset int64  // in bytes; -1 if it is about the whole file
	Err    error
}

func (e *FileError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s: at byte %d: %v", e.File, e.Offset, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

// ErrLimit is wrapped by errors about an export that exceeds one of the bounds.
var ErrLimit = errors.New("over the limit")

// Open reads an export from a folder, a zip file, or a checkout that has the package
// in a folder of it. All files that are broken are reported together, each as a
// *FileError.
func Open(name string) (*Agent, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		root, err := os.OpenRoot(name) // nothing outside of it is read, whatever links say
		if err != nil {
			return nil, err
		}
		defer root.Close()
		return wrap(name)(Read(root.FS()))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return wrap(name)(ReadZip(f, info.Size()))
}

func wrap(name string) func(*Agent, error) (*Agent, error) {
	return func(a *Agent, err error) (*Agent, error) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return a, nil
	}
}

// ReadZip reads an export that is a zip file.
func ReadZip(r io.ReaderAt, size int64) (*Agent, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("neither a folder nor a zip file: %w; export the agent as a JSON package, not as a blob", err)
	}
	if len(archive.File) > MaxEntries {
		return nil, fmt.Errorf("%d entries: %w of %d", len(archive.File), ErrLimit, MaxEntries)
	}
	return Read(archive)
}

// Read reads an export from a file system.
func Read(fsys fs.FS) (*Agent, error) {
	files, err := list(fsys)
	if err != nil {
		return nil, err
	}
	root, err := rootOf(files)
	if err != nil {
		return nil, err
	}
	r := &reader{fsys: fsys, root: root, agent: &Agent{Unknown: map[string]int{}, Other: map[string]int{}, text: map[string][]byte{}}}
	for _, file := range files {
		name, below := strings.CutPrefix(file, root)
		if !below || !strings.HasSuffix(name, ".json") {
			continue
		}
		r.file(name)
		if len(r.broken) == MaxBroken {
			break
		}
		if r.total > MaxTotalBytes {
			return nil, fmt.Errorf("more than %d bytes in all: %w", MaxTotalBytes, ErrLimit)
		}
	}
	if len(r.broken) == 0 {
		r.join()
	}
	if err := errors.Join(r.broken...); err != nil {
		return nil, err
	}
	return r.agent, nil
}

// list gives the paths of all regular files, sorted.
func list(fsys fs.FS) ([]string, error) {
	var files []string
	entries := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entries++; entries > MaxEntries {
			return fmt.Errorf("more than %d files and folders: %w; name the folder with the agent's package", MaxEntries, ErrLimit)
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if d.Type().IsRegular() {
			files = append(files, name)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

// rootOf gives the folder of agent.json with a slash at its end, or "".
func rootOf(files []string) (string, error) {
	var roots []string
	for _, file := range files {
		if path.Base(file) == "agent.json" {
			roots = append(roots, strings.TrimSuffix(file, "agent.json"))
		}
	}
	// A package may hold anything; one inside another is no second agent.
	var outer []string
	for _, root := range roots {
		if !slices.ContainsFunc(outer, func(o string) bool { return strings.HasPrefix(root, o) }) {
			outer = append(outer, root)
		}
	}
	switch len(outer) {
	case 0:
		return "", errors.New("no agent.json; want an agent exported as a JSON package: a folder, a zip file, or a checkout with one")
	case 1:
		return outer[0], nil
	default:
		return "", fmt.Errorf("%d agents; name the folder of one of them: %s", len(outer), strings.Join(outer[:min(len(outer), 10)], ", "))
	}
}

type reader struct {
	fsys   fs.FS
	root   string
	agent  *Agent
	total  int64
	broken []error

	pages    map[string][]*Page       // by the folder of the flow
	groups   map[string][]*RouteGroup // the same
	entities map[string][]*Entity     // by the folder of the entity type
}

// file reads one file into where its path says it belongs. Names of files are not
// used for more: they are encoded display names, and exporters differ.
func (r *reader) file(name string) {
	part := strings.Split(name, "/")
	a := r.agent
	in := func(folders ...string) bool { // * is any name; the file itself comes after
		if len(part) != len(folders)+1 {
			return false
		}
		for i, f := range folders {
			if f != "*" && f != part[i] {
				return false
			}
		}
		return true
	}
	switch {
	case name == "agent.json":
		read(r, name, "agent", &a.Settings)
		a.Settings.File = r.root + name
	case in("flows", "*"):
		add(r, name, "flow", &a.Flows)
	case in("flows", "*", "pages"):
		addTo(r, &r.pages, part[1], name, "page")
	case in("flows", "*", "transitionRouteGroups"):
		addTo(r, &r.groups, part[1], name, "group")
	case in("agentTransitionRouteGroups"), in("agentTransitionRouteGroups", "*"):
		add(r, name, "group", &a.Groups)
	case in("intents", "*"):
		add(r, name, "intent", &a.Intents)
	case in("entityTypes", "*"):
		add(r, name, "entityType", &a.EntityTypes)
	case in("entityTypes", "*", "entities"):
		var w struct {
			Entities []*Entity `json:"entities"`
			Unknown  `json:",embed"`
		}
		if read(r, name, "entities", &w) {
			if r.entities == nil {
				r.entities = map[string][]*Entity{}
			}
			r.entities[part[1]] = append(r.entities[part[1]], w.Entities...)
		}
	case in("webhooks"), in("webhooks", "*"):
		add(r, name, "webhook", &a.Webhooks)
	case in("tools", "*"):
		add(r, name, "tool", &a.Tools)
	case in("testCases"):
		add(r, name, "testCase", &a.TestCases)
	default:
		folder := part[0]
		if len(part) > 3 { // intents/X/trainingPhrases/en.json
			folder += "/" + part[2]
		}
		a.Other[folder]++
	}
}

func add[T any](r *reader, name, kind string, list *[]*T) {
	v := new(T)
	if read(r, name, kind, v) {
		setFile(v, r.root+name)
		*list = append(*list, v)
	}
}

func addTo[T any](r *reader, lists *map[string][]*T, key, name, kind string) {
	list := (*lists)[key]
	add(r, name, kind, &list)
	if *lists == nil {
		*lists = map[string][]*T{}
	}
	(*lists)[key] = list
}

func setFile(v any, file string) { reflect.ValueOf(v).Elem().FieldByName("File").SetString(file) }

// join puts what lies in files of its own where it belongs.
func (r *reader) join() {
	folder := func(file string, up int) string {
		part := strings.Split(strings.TrimPrefix(file, r.root), "/")
		return part[up]
	}
	for _, f := range r.agent.Flows {
		name := folder(f.File, 1)
		f.Pages, f.Groups = r.pages[name], r.groups[name]
		delete(r.pages, name)
		delete(r.groups, name)
	}
	for _, e := range r.agent.EntityTypes {
		name := folder(e.File, 1)
		e.Entities = r.entities[name]
		delete(r.entities, name)
	}
	orphans(r, "flows", r.pages)
	orphans(r, "flows", r.groups)
	orphans(r, "entityTypes", r.entities)
}

// orphans notes folders that lack the file which says what they are.
func orphans[T any](r *reader, parent string, left map[string][]T) {
	for _, name := range slices.Sorted(maps.Keys(left)) {
		file := r.root + path.Join(parent, name)
		r.broken = append(r.broken, &FileError{file, -1, fmt.Errorf("the folder has no %s.json; is the export whole?", name)})
	}
}

// read decodes a file; false is one that is broken, which has been noted.
func read(r *reader, name, kind string, into any) bool {
	file := r.root + name
	b, err := r.bytes(file)
	if err == nil {
		err = decode(b, into)
	}
	if err != nil {
		r.broken = append(r.broken, fileError(file, err))
		return false
	}
	count(r.agent.Unknown, kind, reflect.ValueOf(into))
	if kind != "testCase" { // no finding is in one of these, and they are most of an export
		r.agent.text[file] = b
	}
	return true
}

func (r *reader) bytes(file string) ([]byte, error) {
	f, err := r.fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1)) // what a zip says of a size proves nothing
	r.total += int64(len(b))
	switch {
	case err != nil:
		return nil, err
	case len(b) > MaxFileBytes:
		return nil, fmt.Errorf("more than %d bytes: %w", MaxFileBytes, ErrLimit)
	}
	return bytes.TrimPrefix(b, []byte("\ufeff")), nil
}

// decode is exact: names are case-sensitive, duplicates are refused.
func decode(b []byte, into any) error {
	depth, text := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{', c == '[':
			if depth++; depth > MaxDepth {
				return &FileError{Offset: int64(i), Err: fmt.Errorf("more than %d brackets deep: %w", MaxDepth, ErrLimit)}
			}
		case c == '}', c == ']':
			depth--
		}
	}
	if v := jsontext.Value(b); v.Kind() != '{' {
		return errors.New("want a JSON object")
	}
	return json.Unmarshal(b, into)
}

func fileError(file string, err error) error {
	var own *FileError
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &own):
		own.File = file
		return own
	case errors.As(err, &syntax):
		return &FileError{file, syntax.ByteOffset, err}
	case errors.As(err, &semantic):
		return &FileError{file, semantic.ByteOffset, err}
	}
	return &FileError{file, -1, err}
}

var typeUnknown = reflect.TypeFor[Unknown]()

// count counts the members that were kept in Unknown, anywhere in v.
func count(into map[string]int, at string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			count(into, at, v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			for i := range v.Len() {
				count(into, at, v.Index(i))
			}
		}
	case reflect.Struct:
		if v.Type() == typeUnknown {
			var members map[string]jsontext.Value
			if raw := v.Interface().(Unknown).Members; len(raw) > 0 && json.Unmarshal(raw, &members) == nil {
				for name := range maps.Keys(members) {
					into[at+"."+name]++
				}
			}
			return
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "-" || !f.IsExported() {
				continue
			}
			if name != "" {
				name = "." + name
			}
			count(into, at+name, v.Field(i))
		}
	}
}
