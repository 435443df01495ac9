package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A change of a handler is answered by the new code, in the session of before; code
// that does not build, or does not start, leaves the old one alone.
func TestWatch(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED by -short: builds the command many times")
	}
	module := t.TempDir()
	copyModule(t, module)
	w := &watcher{root: module}
	local := filepath.Join(t.TempDir(), "local")
	if err := w.build(t.Context(), local); err != nil {
		t.Fatal(err)
	}
	t.Run("load balancer", func(t *testing.T) { watch(t, local, module) })
	t.Run("direct", func(t *testing.T) { watch(t, local, module, "--direct") })
}

func watch(t *testing.T, local, module string, flags ...string) {
	env := append(os.Environ(), // a stack of its own, and the builds of everybody
		"GOCACHE="+goCache(t), "XDG_CACHE_HOME="+filepath.Join(t.TempDir(), "cache"))
	stack, err := start(local, module, env, append([]string{"serve", "--watch", "--port=0", "--function-port=0", "--console-port=0"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer stack.interrupt()
	printed := func(pattern string) {
		t.Helper()
		if _, err := stack.next(pattern); err != nil {
			t.Fatal(err)
		}
	}
	// says makes a call in one session; the sizes are those of the first call.
	says := func(want string, args ...string) {
		t.Helper()
		call, err := start(local, module, env, append([]string{"trigger", "--session=kept", "confirm"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		<-call.ended
		if out, _ := call.output(); call.err != nil || !strings.Contains(out, want) {
			t.Fatalf("%v, want %q in\n%s%s", call.err, want, out, call.stderr.String())
		}
	}
	handlers := filepath.Join(module, "handlers", "handlers.go")
	edit := func(old, new string) {
		t.Helper()
		code, err := os.ReadFile(handlers)
		if err != nil || !strings.Contains(string(code), old) {
			t.Fatalf("%v: no %q in the handlers", err, old)
		}
		if err := os.WriteFile(handlers, []byte(strings.ReplaceAll(string(code), old, new)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	printed("Calls as they come")
	says("Thank you! One small, blue shirt", "color=blue", "size=small")
	if len(flags) == 0 {
		edit("Thank you!", "Thank you! \" nonsense")
		printed("the code before it runs on")
		printed("handlers.go:")
		says("Thank you! One small, blue shirt", "color=null", "size=null")
		edit("Thank you! \" nonsense", "Thank you!")
		printed("new code after")
	}
	twice := `cx.Handle(m, "confirm", shop.confirm); cx.Handle(m, "confirm", shop.confirm)`
	edit(`cx.Handle(m, "confirm", shop.confirm)`, twice)
	printed("the code before it runs on")
	printed("the function did not start")
	says("Thank you! One small, blue shirt", "color=null", "size=null")
	edit(twice, `cx.Handle(m, "confirm", shop.confirm)`)
	printed("new code after")
	edit("Thank you!", "Many thanks!")
	defer edit("Many thanks!", "Thank you!") // for the next mode
	printed("new code after")
	says("Many thanks! One small, blue shirt", "color=null", "size=null")
	if err := stack.interrupt(); err != nil {
		t.Errorf("%v: %s", err, stack.stderr.String())
	}
}

// goCache is where the go command keeps what it has built, whatever becomes of HOME.
func goCache(t *testing.T) string {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// copyModule copies what the command is built of.
func copyModule(t *testing.T, to string) {
	from := filepath.Join("..", "..")
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		switch name := d.Name(); {
		case d.IsDir() && rel != "." && (name[0] == '.' || name == "testdata" || name == "docs"):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case strings.HasSuffix(name, "_test.go"):
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
