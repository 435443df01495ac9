package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"example.com/cxhook/verify"
)

// backend compares the header list of the live backend service with what the
// function reads. A header that the balancer does not set passes through from the
// client, and gcloud's flag for one header replaces the whole list.
func (c *doctorCmd) backend(d *diagnosis) error {
	if c.Backend == "" {
		d.note("url", "header list", "not looked at: give it by --backend-service, from: gcloud compute backend-services describe NAME --global --format=json")
		return nil
	}
	b, err := c.read("--backend-service", c.Backend)
	if err != nil {
		return err
	}
	var live struct {
		Headers []string `json:"customRequestHeaders"`
	}
	if err := json.Unmarshal(b, &live); err != nil {
		return usagef("--backend-service: want the JSON of gcloud compute backend-services describe --format=json: %v", err)
	}
	cfg, _ := c.config()
	problems := compareHeaders(live.Headers, cfg.Verify)
	if len(problems) == 0 {
		d.add(finding{Station: "url", Check: "header list", Outcome: "pass", Presented: fmt.Sprintf("%d headers, those that the function reads", len(live.Headers))})
		return nil
	}
	d.add(finding{Station: "url", Check: "header list", Outcome: "fail", Code: "url_header_list", Presented: strings.Join(problems, "; "), Expected: "the 14 variables and the edge secret, each once, under the function's names",
		Rule: urlRule, Change: "deploy/setup.sh apply sets the whole list again; it takes up to an hour to spread"})
	return nil
}

// compareHeaders says how a list of NAME:VALUE differs from what a function of this
// configuration reads. The edge secret's value is compared where there is one to
// compare with, and never shown.
func compareHeaders(live []string, cfg verify.Config) (problems []string) {
	headers, edge := cfg.Certificate.Headers, cfg.Edge.Header
	if headers == (verify.GoogleLBHeaders{}) {
		headers = verify.DefaultGoogleLBHeaders()
	}
	if edge == "" {
		edge = verify.DefaultEdgeHeader
	}
	set := map[string]string{}
	for _, header := range live {
		name, value, _ := strings.Cut(header, ":")
		if _, twice := set[strings.ToLower(name)]; twice {
			problems = append(problems, name+" is set twice")
		}
		set[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	for _, pair := range headers.Variables() {
		name, variable := pair[0], "{"+pair[1]+"}"
		switch value, ok := set[strings.ToLower(name)]; {
		case !ok:
			problems = append(problems, name+" is not set: the client's own passes through")
		case value != variable:
			problems = append(problems, fmt.Sprintf("%s is %s, want %s", name, value, variable))
		}
	}
	switch secret := set[strings.ToLower(edge)]; {
	case secret == "":
		problems = append(problems, edge+" is not set")
	case len(cfg.Edge.Secrets) > 0 && !slices.Contains(cfg.Edge.Secrets, secret):
		problems = append(problems, edge+" is none of the secrets of CXHOOK_EDGE_SECRET and CXHOOK_EDGE_SECRET_PREVIOUS")
	}
	return problems
}
