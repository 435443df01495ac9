package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	webhook "example.com/cxhook"
	"example.com/cxhook/verify"
)

var marks = map[string]string{"pass": "✓", "warn": "!", "fail": "✗", "note": " "}

// printDiagnosis prints a line for each check, and all about those that somebody
// must do something about.
func printDiagnosis(w io.Writer, d *diagnosis) {
	station, failed := "", ""
	for _, f := range d.Checks {
		if f.Station != station {
			station = f.Station
			fmt.Fprintln(w, station)
		}
		if f.Outcome == "pass" || f.Outcome == "note" {
			fmt.Fprintf(w, "  %s %-12s %s\n", marks[f.Outcome], f.Check, f.Presented)
			continue
		}
		fmt.Fprintf(w, "  %s %-12s %s\n", marks[f.Outcome], f.Check, f.Code)
		for _, line := range [][2]string{{"presented", f.Presented}, {"expected", f.Expected}, {"rule", f.Rule}, {"change", f.Change}} {
			if line[1] != "" {
				fmt.Fprintf(w, "      %-10s %s\n", line[0], line[1])
			}
		}
		if f.Outcome == "fail" && failed == "" {
			failed = f.Code
		}
	}
	if d.Passed {
		fmt.Fprintln(w, "\npassed")
		return
	}
	fmt.Fprintf(w, "\nrefused: %s\n", failed)
}

// environment says what the function would be configured with, and what is wrong.
func (c *doctorCmd) environment(d *diagnosis) {
	cfg, problems := c.config()
	v := cfg.Verify
	policy := v.Policy
	if policy == "" {
		policy = verify.PolicyMTLSAndIDToken
	}
	d.note("configuration", "policy", string(policy))
	d.note("configuration", "audiences", orNone(strings.Join(v.Token.Audiences, ", ")))
	d.note("configuration", "projects", orNone(strings.Join(v.Token.ProjectNumbers, ", ")))
	d.note("configuration", "edge secrets", fmt.Sprint(len(v.Edge.Secrets)))
	var identities []string
	for _, id := range v.Certificate.Identities {
		identities = append(identities, id.Name)
	}
	d.note("configuration", "identities", orNone(strings.Join(identities, ", ")))
	keys := v.Token.KeysURL
	if keys == "" {
		keys = verify.GoogleKeysURL
	}
	d.note("configuration", "keys", keys)
	if len(v.Agents) > 0 {
		d.note("configuration", "agents", fmt.Sprint(len(v.Agents)))
	}
	where := "not on Cloud Run"
	if service := os.Getenv("K_SERVICE"); service != "" {
		where = "on Cloud Run, " + service
	}
	d.note("configuration", "K_SERVICE", where)
	for _, problem := range problems {
		name, text, _ := strings.Cut(problem.Error(), ": ")
		d.add(finding{Station: "configuration", Check: name, Outcome: "fail", Code: "configuration_refused", Presented: text, Expected: "settings that the function starts with", Rule: "docs/operations.md: settings", Change: "set " + name + " as said; the function does not start before"})
	}
	if len(problems) > 0 {
		return
	}
	d.add(finding{Station: "configuration", Check: "start", Outcome: "pass", Presented: "the function starts with these settings"})
	for _, danger := range dangers(&cfg) {
		d.add(finding{Station: "configuration", Check: danger, Outcome: "warn", Code: "configuration_dangerous", Presented: "true", Expected: "unset", Rule: "docs/security.md", Change: "unset it unless it is meant"})
	}
}

// dangers are the settings with the frightening names that are on.
func dangers(cfg *webhook.Config) []string {
	var names []string
	for _, kv := range os.Environ() {
		if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "CXHOOK_DANGER_") && value == "true" {
			names = append(names, name)
		}
	}
	if cfg.Verify.Certificate.ReportOnly {
		names = append(names, "CXHOOK_CERTIFICATE_REPORT_ONLY")
	}
	return names
}
