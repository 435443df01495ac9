package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// printReport prints the call's way, a line for each station, and what it came to.
func printReport(w io.Writer, r *report) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, station := range stations {
		mark, said := stationLine(r, station)
		fmt.Fprintf(tw, "  %s %s\t%s\t%s\n", mark, station, took(r, station, mark), said)
	}
	tw.Flush()
	for _, v := range r.Verdicts {
		if v.Outcome == "fail" {
			printRefusal(w, v)
		}
	}
	switch {
	case r.Status == 0:
		fmt.Fprintf(w, "\n  no answer: %v\n", r.failure)
	default:
		fmt.Fprintf(w, "\n  HTTP %d in %s\n", r.Status, micros(r.Timings["total"]))
	}
	if r.Note != "" {
		fmt.Fprintf(w, "  %s\n", r.Note)
	}
	if r.event != "" {
		fmt.Fprintf(w, "  the agent sees %s, unless the route that called has a target\n", r.event)
	}
	if said := spoken(r.Response); said != "" {
		fmt.Fprintf(w, "  the agent says: %s\n", said)
	}
	if r.log != nil && r.log.Error != "" {
		fmt.Fprintf(w, "  cause: %s\n", strings.ReplaceAll(r.log.Error, "\n", "\n    "))
	}
}

// stationLine gives a station's mark, and the last thing that was found there:
// what failed, or else who it is.
func stationLine(r *report, station string) (mark, said string) {
	mark = "·"
	for _, v := range r.Verdicts {
		if v.Station != station {
			continue
		}
		switch v.Outcome {
		case "fail":
			return "✗", v.Code
		case "pass":
			mark, said = "✓", v.Presented
			if v.Station == "token" && v.Check == "email" {
				return mark, said // the rest of a good token says less
			}
		}
	}
	return mark, said
}

func took(r *report, station, mark string) string {
	t, ok := r.Timings[station]
	if !ok || mark == "·" {
		return ""
	}
	return micros(t)
}

func micros(us float64) string {
	if us < 1000 {
		return fmt.Sprintf("%.0f µs", us)
	}
	return fmt.Sprintf("%.1f ms", us/1000)
}

func printRefusal(w io.Writer, v verdict) {
	fmt.Fprintf(w, "\n  %s: %s: %s\n", v.Station, v.Check, v.Code)
	for _, line := range [][2]string{{"presented", v.Presented}, {"expected", v.Expected}, {"hint", v.hint}} {
		if line[1] != "" {
			fmt.Fprintf(w, "    %-10s %s\n", line[0], line[1])
		}
	}
}

// spoken is the text of a response's messages.
func spoken(response jsontext.Value) string {
	var r struct {
		FulfillmentResponse struct {
			Messages []struct {
				Text struct {
					Text []string `json:"text"`
				} `json:"text"`
			} `json:"messages"`
		} `json:"fulfillmentResponse"`
	}
	if len(response) == 0 || json.Unmarshal(response, &r) != nil {
		return ""
	}
	var texts []string
	for _, m := range r.FulfillmentResponse.Messages {
		if len(m.Text.Text) > 0 {
			texts = append(texts, m.Text.Text[0])
		}
	}
	return strings.Join(texts, " ")
}
