package agent

import (
	"fmt"
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// Ignore is a line of the handlers' code that silences a rule:
//
//	//cxhook:ignore RULE reason
//	//cxhook:ignore RULE:SUBJECT reason
//
// The subject is what the finding is about: a tag, a parameter, a webhook's name,
// quoted if it holds blanks. Without a subject the rule is silent for the line and
// the one below it; above the package clause, everywhere.
type Ignore struct {
	Rule, Subject, Reason string
	File                  string
	Line                  int
	Everywhere            bool
	problem               string
	used                  bool
}

const ignorePrefix = "//cxhook:ignore"

func ignoresOf(fset *token.FileSet, f *ast.File) []*Ignore {
	var list []*Ignore
	for _, group := range f.Comments {
		for _, c := range group.List {
			rest, ok := strings.CutPrefix(c.Text, ignorePrefix)
			if !ok {
				continue
			}
			at := fset.Position(c.Pos())
			ig := parseIgnore(rest)
			ig.File, ig.Line, ig.Everywhere = at.Filename, at.Line, c.Pos() < f.Package
			list = append(list, ig)
		}
	}
	return list
}

// parseIgnore reads what comes after the prefix.
func parseIgnore(rest string) *Ignore {
	const form = "want //cxhook:ignore RULE reason, or RULE:SUBJECT reason"
	ig := new(Ignore)
	if rest = strings.TrimSpace(rest); rest == "" {
		ig.problem = form
		return ig
	}
	end := strings.IndexAny(rest, ": \t")
	if end < 0 {
		end = len(rest)
	}
	ig.Rule = rest[:end]
	rest = rest[end:]
	if subject, ok := strings.CutPrefix(rest, ":"); ok {
		if quoted, err := strconv.QuotedPrefix(subject); err == nil {
			ig.Subject, _ = strconv.Unquote(quoted)
			rest = subject[len(quoted):]
		} else {
			ig.Subject, rest, _ = strings.Cut(subject, " ")
		}
		if ig.Subject == "" {
			ig.problem = form
		}
	}
	ig.Reason = strings.TrimSpace(rest)
	switch {
	case ruleOf(ig.Rule) == nil:
		ig.problem = fmt.Sprintf("no rule %q%s", ig.Rule, didYouMean(ig.Rule, ruleIDs()))
	case ig.problem == "" && ig.Reason == "":
		ig.problem = "it gives no reason; " + form
	}
	return ig
}

// covers says whether the line silences a finding.
func (ig *Ignore) covers(f *Finding) bool {
	if ig.problem != "" || ig.Rule != f.Rule {
		return false
	}
	if ig.Subject != "" {
		return ig.Subject == f.Subject
	}
	return ig.Everywhere || f.File == ig.File && (f.Line == ig.Line || f.Line == ig.Line+1)
}

// silence takes away the findings that the code says to ignore, and adds what is
// wrong with the lines that say so.
func silence(findings []Finding, ignores []*Ignore) (left []Finding, ignored int) {
	for _, f := range findings {
		silent := false
		for _, ig := range ignores {
			if ig.covers(&f) {
				ig.used, silent = true, true
			}
		}
		if silent {
			ignored++
			continue
		}
		left = append(left, f)
	}
	for _, ig := range ignores {
		switch {
		case ig.problem != "":
			left = append(left, finding("ignore-malformed", ig.Rule, Place{File: ig.File, Line: ig.Line}, "this line ignores nothing: "+ig.problem, "Write it as said, or delete it."))
		case !ig.used:
			left = append(left, finding("ignore-unused", ig.Rule, Place{File: ig.File, Line: ig.Line}, "nothing is found that this line would ignore", "Delete it."))
		}
	}
	return left, ignored
}
