package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"example.com/cxhook/internal/agent"
)

// genCmd writes code for an exported agent beside the handlers.
type genCmd struct {
	Export string `arg:"" help:"The agent as a JSON package: a folder, a zip file, or a checkout with one." placeholder:"EXPORT"`
}

func (c *genCmd) Run(ctx context.Context, s *streams) error {
	exported, err := agent.Open(c.Export)
	if err != nil {
		return usagef("%v", err)
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	code, err := ownCode(ctx)
	if err != nil {
		return err
	}
	target := agent.Target{Dir: filepath.Join(root, "handlers"), Module: ownModule()}
	for _, r := range code.Routes {
		target.Registered = append(target.Registered, r.Tag)
	}
	for _, p := range code.Paths {
		target.Registered = append(target.Registered, p.Path)
	}
	g, err := agent.Generate(exported, target)
	if err != nil {
		return err
	}
	printGenerated(s.out, g)
	return nil
}

// printGenerated says what was written, and what is left to do.
func printGenerated(w io.Writer, g *agent.Generated) {
	if len(g.Written) == 0 {
		fmt.Fprintln(w, "nothing to write: handlers/ is as the agent wants it")
	}
	for _, file := range g.Written {
		fmt.Fprintf(w, "wrote handlers/%s\n", file)
	}
	for _, removed := range g.Removed {
		fmt.Fprintf(w, "kept: %s\n", removed)
	}
	for _, note := range g.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
}
