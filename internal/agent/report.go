package agent

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// WriteText writes a report for people: a finding has its place, its rule and what is
// wrong in one line, and what to do about it in the next.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	counts := map[Severity]int{}
	for _, f := range r.Findings {
		counts[f.Severity]++
		b.WriteString(f.File)
		if f.Line > 0 {
			b.WriteString(":" + strconv.Itoa(f.Line))
		}
		fmt.Fprintf(&b, ": %s: %s [%s]\n\t%s\n", f.Severity, f.Message, f.Rule, f.Fix)
	}
	for i, s := range []Severity{SeverityError, SeverityWarning, SeverityNote} {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d %s", counts[s], s)
		if counts[s] != 1 {
			b.WriteByte('s')
		}
	}
	if r.Ignored > 0 {
		fmt.Fprintf(&b, "; %d ignored by %s", r.Ignored, ignorePrefix)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes a report as one JSON object: findings, and the number ignored.
func (r *Report) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

func writeJSON(w io.Writer, v any) error {
	if err := json.MarshalWrite(w, v, json.Deterministic(true), jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// What SARIF calls things.
//
// Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver struct {
				Name  string      `json:"name"`
				Rules []sarifRule `json:"rules"`
			} `json:"driver"`
		} `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifRule struct {
		ID      string    `json:"id"`
		Short   sarifText `json:"shortDescription"`
		Default struct {
			Level Severity `json:"level"`
		} `json:"defaultConfiguration"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     Severity        `json:"level"` // error, warning and note are SARIF's own
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *sarifRegion `json:"region,omitzero"`
		} `json:"physicalLocation"`
		Logical []sarifLogical `json:"logicalLocations,omitzero"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
	}
)

// WriteSARIF writes a report for tools that show findings beside files. Those of the
// export are named below export, as the export was named.
func (r *Report) WriteSARIF(w io.Writer, export string) error {
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver.Name = "cxhook lint"
	index := map[string]int{}
	for i, rule := range Rules {
		index[rule.ID] = i
		s := sarifRule{ID: rule.ID, Short: sarifText{rule.Help}}
		s.Default.Level = rule.Severity
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, s)
	}
	for _, f := range r.Findings {
		var loc sarifLocation
		loc.Physical.Artifact.URI = uriOf(f.File)
		if !f.InCode {
			loc.Physical.Artifact.URI = uriOf(strings.TrimSuffix(export, "/") + "/" + f.File)
		}
		if f.Line > 0 {
			loc.Physical.Region = &sarifRegion{f.Line}
		}
		if f.Pointer != "" {
			loc.Logical = []sarifLogical{{f.Pointer}}
		}
		run.Results = append(run.Results, sarifResult{f.Rule, index[f.Rule], f.Severity, sarifText{sentence(f.Message) + " " + f.Fix}, []sarifLocation{loc}})
	}
	return writeJSON(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

// uriOf is a path as a relative URI reference (RFC 3986).
func uriOf(file string) string {
	var b strings.Builder
	for _, c := range []byte(strings.ReplaceAll(file, `\`, "/")) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// sentence ends a message.
func sentence(s string) string {
	if strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}
