package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"example.com/cxhook/internal/agent"
	"example.com/cxhook/internal/scaffold"
)

// newCmd makes a module for another agent out of this one.
type newCmd struct {
	Dir    string `arg:"" help:"The folder to make: empty, or not there." placeholder:"DIR"`
	Module string `required:"" help:"Path of the new module, as example.com/my-agent." placeholder:"PATH"`
	Agent  string `help:"The agent as a JSON package: a folder, a zip file, or a checkout with one. Without it, the module says hello." placeholder:"EXPORT"`
}

func (c *newCmd) Run(s *streams) error {
	if err := scaffold.CheckModule(c.Module); err != nil {
		return usagef("--module: %v", err)
	}
	var exported *agent.Agent
	if c.Agent != "" {
		var err error
		if exported, err = agent.Open(c.Agent); err != nil {
			return usagef("--agent: %v", err)
		}
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	generated, settings, err := scaffold.New(root, c.Dir, c.Module, exported)
	if err != nil {
		return err
	}
	name := "an agent that says hello"
	if exported != nil {
		name = fmt.Sprintf("the agent %q", exported.Settings.DisplayName)
		if exported.Settings.DisplayName == "" {
			name = "the agent in " + filepath.Base(c.Agent)
		}
	}
	fmt.Fprintf(s.out, "%s: module %s, for %s\n", c.Dir, c.Module, name)
	list := func(what string, values []string, none string) {
		text := strings.Join(values, ", ")
		if text == "" {
			text = none
		}
		fmt.Fprintf(s.out, "  %-15s %s\n", what, text)
	}
	list("tags", generated.Tags, "none")
	if len(generated.Paths) > 0 {
		list("paths", generated.Paths, "")
	}
	const unknown = "not in the export: set it in cloudbuild.yaml"
	list("audiences", settings.Audiences, unknown)
	list("project numbers", settings.ProjectNumbers, unknown)
	for _, note := range generated.Notes {
		fmt.Fprintf(s.out, "note: %s\n", note)
	}
	fmt.Fprintf(s.out, "\n  cd %s\n  go run ./cmd/local\n  go test ./...\n", c.Dir)
	return nil
}

// upgradeCmd brings a module that newCmd made up to date.
type upgradeCmd struct {
	Dir string `arg:"" help:"The module to bring up to date, which new has made. Commit what is in it first." placeholder:"DIR"`
}

func (c *upgradeCmd) Run(s *streams) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	u, err := scaffold.Upgrade(root, c.Dir)
	if err != nil {
		return err
	}
	for _, list := range []struct {
		what  string
		files []string
	}{{"wrote", u.Written}, {"deleted", u.Deleted}, {"left as it is", u.Kept}} {
		for _, file := range list.files {
			fmt.Fprintf(s.out, "%s: %s\n", list.what, file)
		}
	}
	for _, file := range u.Conflicts {
		fmt.Fprintf(s.out, "changed by hand: %s; the newer one is %s.new: take over what you want, and delete it\n", file, file)
	}
	switch {
	case len(u.Conflicts) > 0:
		return exitError(1)
	case len(u.Written)+len(u.Deleted)+len(u.Kept) == 0:
		fmt.Fprintln(s.out, "it is up to date")
	default:
		fmt.Fprintln(s.out, "\nNow, there: go mod tidy && go vet ./... && go test ./...")
	}
	return nil
}
