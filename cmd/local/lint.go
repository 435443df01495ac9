package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/mod/modfile"

	webhook "example.com/cxhook"
	"example.com/cxhook/cx"
	"example.com/cxhook/handlers"
	"example.com/cxhook/internal/agent"
)

// lintCmd holds an exported agent against the handlers.
type lintCmd struct {
	Export string `arg:"" help:"The agent as a JSON package: a folder, a zip file, or a checkout with one." placeholder:"EXPORT"`
	Format string `enum:"text,json,sarif" default:"text" help:"${enum}."`
}

func (c *lintCmd) Run(ctx context.Context, s *streams) error {
	exported, err := agent.Open(c.Export)
	if err != nil {
		return usagef("%v", err)
	}
	code, err := ownCode(ctx)
	if err != nil {
		return err
	}
	if root, err := moduleRoot(); err != nil {
		fmt.Fprintf(s.err, "the handlers' source is not looked at: %v\n", err)
	} else if code.Source, err = agent.ReadSource(filepath.Join(root, "handlers"), "handlers"); err != nil {
		return err
	}
	cfg, _ := webhook.InspectEnv() // what is wrong with the rest of the configuration is the doctor's to say
	code.Audiences, code.Budget = cfg.Verify.Token.Audiences, cfg.Budget
	if len(code.Audiences) == 0 {
		fmt.Fprintln(s.err, "CXHOOK_AUDIENCES is not set: URIs are not compared with it")
	}
	report := agent.Lint(exported, code)
	write := map[string]func(io.Writer) error{"text": report.WriteText, "json": report.WriteJSON,
		"sarif": func(w io.Writer) error { return report.WriteSARIF(w, filepath.ToSlash(c.Export)) }}[c.Format]
	if err := write(s.out); err != nil {
		return err
	}
	if report.Failed() {
		return exitError(1)
	}
	return nil
}

// registrationTime bounds what an agent's registration may take: it opens its
// dependencies.
const registrationTime = 30 * time.Second

// ownCode registers the handlers that this command was built with, and gives what
// they are.
func ownCode(ctx context.Context) (agent.Code, error) {
	ctx, cancel := context.WithTimeout(ctx, registrationTime)
	defer cancel()
	mux := cx.NewMux()
	release, err := handlers.Register(ctx, mux)
	if err != nil {
		return agent.Code{}, fmt.Errorf("the handlers do not register: %w", err)
	}
	code := agent.Code{Routes: mux.Routes(), Paths: mux.Paths()}
	_, err = mux.Handler()
	if release != nil {
		if cerr := release(ctx); err == nil {
			err = cerr
		}
	}
	return code, err
}

// moduleRoot finds the root of the module that this command is of, in or above the
// working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	own := ownModule()
	for at := dir; ; at = filepath.Dir(at) {
		if b, err := os.ReadFile(filepath.Join(at, "go.mod")); err == nil && modfile.ModulePath(b) == own {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not in the module %s; run this in a clone of it", dir, own)
		}
	}
}

// ownModule is the path of the module that this command is of.
func ownModule() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		return info.Main.Path
	}
	return "example.com/cxhook" // a test's binary does not say
}
