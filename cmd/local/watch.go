package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settleTime is how long the files must be quiet before they are built: editors
// and git write several in a row.
const settleTime = 150 * time.Millisecond

// watcher watches the .go files of a module, and builds its local command.
type watcher struct {
	root   string
	notify *fsnotify.Watcher
	quiet  chan struct{} // files changed, and are quiet since
}

// newWatcher watches the module of the current folder until ctx ends.
func newWatcher(ctx context.Context) (*watcher, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return nil, usagef("--watch builds with the go command, which does not run: %v", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	if _, err := os.Stat(filepath.Join(root, "cmd", "local")); err != nil {
		return nil, usagef("--watch builds ./cmd/local of the module that it is started in; there is none here")
	}
	w := &watcher{root: root, quiet: make(chan struct{})}
	if w.notify, err = fsnotify.NewWatcher(); err != nil {
		return nil, err
	}
	if err := w.add(root); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	go w.run(ctx)
	return w, nil
}

// add watches a folder and those below it that hold packages.
func (w *watcher) add(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return nil // gone meanwhile
		case !d.IsDir():
			return nil
		case path != w.root && (name == "testdata" || name[0] == '.' || name[0] == '_'):
			return filepath.SkipDir
		}
		return w.notify.Add(path)
	})
}

// run collects changes and tells of them when they are over.
func (w *watcher) run(ctx context.Context) {
	var settled <-chan time.Time
	var told chan struct{}
	for {
		select {
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if info, err := os.Stat(event.Name); event.Has(fsnotify.Create) && err == nil && info.IsDir() {
				w.add(event.Name) // what it holds already is built with the next change
				settled = time.After(settleTime)
			} else if strings.HasSuffix(event.Name, ".go") && !event.Has(fsnotify.Chmod) {
				settled = time.After(settleTime)
			}
		case <-settled:
			settled, told = nil, w.quiet
		case told <- struct{}{}:
			told = nil
		case _, ok := <-w.notify.Errors: // an overflow: something has changed
			if !ok {
				return
			}
			settled = time.After(settleTime)
		case <-ctx.Done():
			return
		}
	}
}

func (w *watcher) Close() error { return w.notify.Close() }

// build compiles the local command to a file.
func (w *watcher) build(ctx context.Context, file string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", file, "./cmd/local") // half the time to link
	cmd.Dir = w.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s", bytes.TrimSpace(out))
	}
	return nil
}

// renewAll renews the function at each change until ctx ends.
func (s *stack) renewAll(ctx context.Context, out *streams, w *watcher) {
	for {
		select {
		case <-w.quiet:
			s.renew(ctx, out, w)
		case <-ctx.Done():
			return
		}
	}
}

// renew builds the function and puts it in place of the one that runs. Calls under
// way are answered by the old one. What does not build, or does not start, changes
// nothing.
func (s *stack) renew(ctx context.Context, out *streams, w *watcher) {
	start := time.Now()
	program := filepath.Join(s.dir, fmt.Sprintf("function-%d", time.Now().UnixNano()))
	err := w.build(ctx, program)
	if err == nil {
		s.breaking.Lock()
		err = s.replaceFunction(ctx, program)
		s.breaking.Unlock()
	}
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	if s.build = ""; err != nil {
		s.build = err.Error()
	}
	s.mu.Unlock()
	if err != nil {
		fmt.Fprintf(out.out, "%s  the change is not in use; the code before it runs on:\n%v\n", time.Now().Format(time.TimeOnly), err)
		return
	}
	fmt.Fprintf(out.out, "%s  new code after %v\n", time.Now().Format(time.TimeOnly), time.Since(start).Round(time.Millisecond))
}

// replaceFunction starts a program in place of the function that runs. The caller
// holds s.breaking.
func (s *stack) replaceFunction(ctx context.Context, program string) error {
	old := s.running()
	if s.cfg.direct != "" { // the audience has the port in it, so the new one needs the old one's
		stopProcess(old)
	}
	next, err := s.startProcess(ctx, program, s.nextPort(old))
	if err != nil && s.cfg.direct != "" && ctx.Err() == nil {
		again, failed := s.startProcess(ctx, old.program, s.nextPort(old))
		if failed != nil {
			return errors.Join(err, failed)
		}
		s.use(again)
	}
	if err != nil {
		return err
	}
	s.use(next)
	for _, name := range []string{faultSlowHandler, faultLargeResponse} { // the new one knows nothing of what is broken in it
		if s.isBroken(name) {
			err = errors.Join(err, orderFunction(s, name, true))
		}
	}
	if s.cfg.direct == "" {
		stopProcess(old) // how it ends is its own affair now
	}
	return err
}

// use sends new calls to another process.
func (s *stack) use(p *process) {
	s.mu.Lock()
	s.function, s.restarts = p, s.restarts+1
	s.mu.Unlock()
	select {
	case s.replaced <- struct{}{}:
	default: // whoever looks will see the latest
	}
	switch {
	case s.balancer != nil:
		s.balancer.SetBackend(s.backend())
	case s.public != nil:
		s.public.setBackend(s.backend())
	}
}

// nextPort is where the successor of a process listens: anywhere, or in direct mode
// where the old one did.
func (s *stack) nextPort(old *process) int {
	var port int
	if s.cfg.direct != "" {
		fmt.Sscanf(old.address, "127.0.0.1:%d", &port)
	}
	return port
}

// stopProcess lets a process answer what it has begun.
func stopProcess(p *process) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	p.stop(ctx)
}
