// Package cloudbuild holds cloudbuild.yaml against Cloud Build's proto, against
// what Cloud Build refuses or passes over beyond it, and against the real gcloud
// and the real function: its scripts run here, in order.
package cloudbuild

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	"mvdan.cc/sh/v3/syntax"

	"example.com/cxhook/internal/conformance/strict"
)

// builtIn are the substitutions that Cloud Build makes for a build that nobody's
// trigger started. Those of a trigger are empty in gcloud builds submit.
//
// Source: https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values
var builtIn = []string{"PROJECT_ID", "PROJECT_NUMBER", "BUILD_ID", "LOCATION"}

// reference is a substitution, or a dollar that is escaped by another.
var reference = regexp.MustCompile(`\$\$|\$\{(\w+)\}|\$(\w+)`)

// Check decodes a build and gives everything that is wrong with it. settings are
// the variables that the function reads.
func Check(file string, doc []byte, settings []string) (*cloudbuildpb.Build, error) {
	build := new(cloudbuildpb.Build)
	if err := strict.Unmarshal(file, doc, build); err != nil {
		return nil, err
	}
	c := checker{file: file}
	c.substitutions(build)
	c.steps(build)
	c.account(build)
	for _, step := range build.GetSteps() {
		c.script(step, settings)
	}
	return build, errors.Join(c.problems...)
}

type checker struct {
	file     string
	problems []error
}

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf(c.file+": "+format, args...))
}

// substituted gives the texts in which Cloud Build replaces references. A script
// is not among them.
func substituted(build *cloudbuildpb.Build) []string {
	texts := []string{build.GetServiceAccount(), build.GetLogsBucket()}
	texts = append(texts, build.GetImages()...)
	texts = append(texts, build.GetTags()...)
	texts = append(texts, build.GetOptions().GetEnv()...)
	for _, step := range build.GetSteps() {
		texts = append(texts, step.GetName(), step.GetDir(), step.GetEntrypoint())
		texts = append(texts, step.GetArgs()...)
		texts = append(texts, step.GetEnv()...)
	}
	return texts
}

// substitutions: each reference is to something, and each declaration is
// referred to. Cloud Build replaces an unknown built-in by nothing, and refuses an
// unused declaration when the build is submitted.
func (c *checker) substitutions(build *cloudbuildpb.Build) {
	used := map[string]bool{}
	for _, text := range substituted(build) {
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			name := m[1] + m[2]
			if name == "" { // $$
				continue
			}
			used[name] = true
			if _, declared := build.GetSubstitutions()[name]; !declared && !slices.Contains(builtIn, name) {
				c.problem("$%s: no such substitution", name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(build.GetSubstitutions())) {
		if !regexp.MustCompile(`^_[A-Z0-9_]+$`).MatchString(name) {
			c.problem("substitution %s: want a name of capitals, digits and underscores that begins with one", name)
		}
		if !used[name] {
			c.problem("substitution %s is not used", name)
		}
		if strings.Contains(build.GetSubstitutions()[name], "$") && !build.GetOptions().GetDynamicSubstitutions() {
			c.problem("substitution %s: references in it are not replaced without dynamicSubstitutions", name)
		}
	}
}

// steps: ids are there and unique, and each step waits for earlier ones.
func (c *checker) steps(build *cloudbuildpb.Build) {
	var earlier []string
	for i, step := range build.GetSteps() {
		id := step.GetId()
		switch {
		case id == "":
			c.problem("step %d has no id", i+1)
		case slices.Contains(earlier, id):
			c.problem("step %s is there twice", id)
		}
		if i > 0 && len(step.GetWaitFor()) == 0 {
			c.problem("step %s waits for nothing in particular: name the steps, or '-'", id)
		}
		for _, other := range step.GetWaitFor() {
			if other != "-" && !slices.Contains(earlier, other) {
				c.problem("step %s waits for %s, which is no step before it", id, other)
			}
		}
		if strings.HasSuffix(step.GetName(), ":latest") {
			c.problem("step %s: image %s: name a version", id, step.GetName())
		}
		earlier = append(earlier, id)
	}
	if build.GetTimeout() == nil {
		c.problem("no timeout: Cloud Build's own is ten minutes")
	}
}

// account: a build with a service account of its own is refused unless its logs
// go somewhere that is named.
//
// Source: https://cloud.google.com/build/docs/securing-builds/configure-user-specified-service-accounts
func (c *checker) account(build *cloudbuildpb.Build) {
	account := build.GetServiceAccount()
	if !regexp.MustCompile(`^projects/[^/]+/serviceAccounts/[^/@]+@[^/@]+$`).MatchString(account) {
		c.problem("serviceAccount %q: want projects/PROJECT/serviceAccounts/EMAIL", account)
	}
	switch logging := build.GetOptions().GetLogging(); {
	case logging == cloudbuildpb.BuildOptions_CLOUD_LOGGING_ONLY, logging == cloudbuildpb.BuildOptions_NONE, build.GetLogsBucket() != "":
	default:
		c.problem("a build with a serviceAccount wants options.logging CLOUD_LOGGING_ONLY or NONE, or a logsBucket")
	}
}

// script: it is bash, reads only variables that the step gives it or that it has
// set, reads all that the step gives it, and tells the function nothing that the
// function does not read.
func (c *checker) script(step *cloudbuildpb.BuildStep, settings []string) {
	id, text := step.GetId(), step.GetScript()
	if text == "" {
		return
	}
	if step.GetEntrypoint() != "" || len(step.GetArgs()) > 0 {
		c.problem("step %s: a script takes neither entrypoint nor args", id)
	}
	if !strings.HasPrefix(text, "#!/usr/bin/env bash\nset -eu\n") {
		c.problem("step %s: want a script that begins with #!/usr/bin/env bash and set -eu", id)
	}
	parsed, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "step "+id)
	if err != nil {
		c.problem("%v", err)
		return
	}
	set, read := map[string]bool{}, map[string]bool{}
	syntax.Walk(parsed, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.Assign:
			set[n.Name.Value] = true
		case *syntax.WordIter:
			set[n.Name.Value] = true
		case *syntax.ParamExp:
			if syntax.ValidName(n.Param.Value) { // not $? and its kind
				read[n.Param.Value] = true
			}
		}
		return true
	})
	given := map[string]bool{}
	for _, entry := range step.GetEnv() {
		name, _, ok := strings.Cut(entry, "=")
		if !ok || given[name] {
			c.problem("step %s: env %s: want NAME=VALUE, once", id, entry)
		}
		given[name] = true
		if !read[name] {
			c.problem("step %s is given %s, which its script does not read", id, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(read)) {
		if !given[name] && !set[name] {
			c.problem("step %s: the script reads %s, which the step is not given", id, name)
		}
	}
	for _, name := range regexp.MustCompile(`CXHOOK_[A-Z0-9_]+`).FindAllString(text, -1) {
		if !slices.Contains(settings, name) {
			c.problem("step %s: the function does not read %s", id, name)
		}
	}
}
