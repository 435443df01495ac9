// Package buildpack builds the function as Google's Go buildpack does: from what
// gcloud uploads, with a generated main inside the function's own module that
// imports the root package alone.
//
// Where it differs from the real thing: the main listens on loopback, not on
// every address; the module and build caches are this machine's; the base image
// is this machine.
//
// Source: https://github.com/GoogleCloudPlatform/buildpacks, commit 21f28de
// (cmd/go/functions_framework, cmd/go/build)
package buildpack

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// sourceDir is where the buildpack moves the source to, mainDir where in it the
// generated main goes.
const (
	sourceDir = "serverless_function_source_code"
	mainDir   = "functions.local/app"
	framework = "github.com/GoogleCloudPlatform/functions-framework-go"
)

// Uploaded lists the files below root that gcloud uploads: all that .gcloudignore
// does not name, by their paths in root, sorted.
func Uploaded(root string) ([]string, error) {
	// .gcloudignore has the syntax of .gitignore; an empty repository knows no files,
	// so that all of them count as new.
	empty, err := os.MkdirTemp("", "buildpack")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(empty)
	if _, err := run(empty, "git", "init", "--quiet", "--bare"); err != nil {
		return nil, err
	}
	out, err := run(root, "git", "--git-dir="+empty, "--work-tree=.", "ls-files", "-z", "--others", "--exclude-from=.gcloudignore")
	if err != nil {
		return nil, err
	}
	files := strings.Split(strings.TrimRight(out, "\x00"), "\x00")
	slices.Sort(files)
	return files, nil
}

// Build lays the source of root out below dir, builds it with the linker flags of
// GOOGLE_GOLDFLAGS, and gives the path of the program. env joins the environment of
// the build, as NAME=value.
func Build(root, dir, ldflags string, env ...string) (string, error) {
	files, err := Uploaded(root)
	if err != nil {
		return "", err
	}
	source := filepath.Join(dir, sourceDir)
	for _, file := range files {
		if err := copyFile(filepath.Join(root, file), filepath.Join(source, file)); err != nil {
			return "", err
		}
	}
	if err := checkRoot(source); err != nil {
		return "", err
	}
	module, err := run(source, "go", "list", "-m")
	if err != nil {
		return "", err
	}
	module = strings.TrimSpace(module)
	if first, _, _ := strings.Cut(module, "/"); !strings.Contains(first, ".") {
		return "", fmt.Errorf("go.mod: module %s: want a dot before the first slash", module)
	}
	if err := writeMain(filepath.Join(source, mainDir), module); err != nil {
		return "", err
	}
	if _, err := run(source, "go", "mod", "tidy"); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "main")
	_, err = run(source, "env", append(env, "go", "build", "-o", program, "-ldflags", ldflags, "./"+mainDir)...)
	return program, err
}

// checkRoot refuses a root that the buildpack would refuse, or for which it would
// write another main: it wants one package, counting tests and files that build
// constraints leave out, and that package's registration by functions.HTTP.
func checkRoot(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	packages := map[string]string{}
	registers := false
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		packages[f.Name.Name] = filepath.Base(file)
		for _, imported := range f.Imports {
			registers = registers || imported.Path.Value == `"`+framework+`/functions"`
		}
	}
	var names []string
	for name, file := range packages {
		names = append(names, fmt.Sprintf("%s (%s)", name, file))
	}
	slices.Sort(names)
	switch {
	case len(names) != 1:
		return fmt.Errorf("the root holds %d packages: %s; the buildpack takes exactly one", len(names), strings.Join(names, ", "))
	case packages["main"] != "":
		return errors.New("the root is package main; the buildpack writes its own")
	case !registers:
		return fmt.Errorf("no file of the root imports %s/functions; the buildpack would call an exported function Webhook", framework)
	}
	return nil
}

var mainGo = template.Must(template.New("main.go").Parse(`package main

import (
	"log"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	_ "{{.}}"
)

func main() {
	for _, path := range []string{"/robots.txt", "/favicon.ico"} {
		http.HandleFunc(path, http.NotFound)
	}
	if err := funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT")); err != nil {
		log.Fatal(err)
	}
}
`))

func writeMain(dir, module string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := mainGo.Execute(&text, module); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "main.go"), text.Bytes(), 0o644)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// run gives what a command prints; the error has what it complained about.
func run(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out), nil
}
