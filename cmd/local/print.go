package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"

	"example.com/cxhook/internal/console"
)

// printReport prints the call's way, a line for each station, and what it came to.
func printReport(w io.Writer, c *console.Call) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	last := ""
	for _, v := range c.Verdicts { // a station's stand together
		if v.Station == last {
			continue
		}
		last = v.Station
		mark, said := stationLine(c, last)
		fmt.Fprintf(tw, "  %s %s\t%s\t%s\n", mark, last, took(c, last, mark), said)
	}
	tw.Flush()
	for _, v := range c.Verdicts {
		if v.Outcome == "fail" {
			printRefusal(w, v)
		}
	}
	switch {
	case c.Status == 0:
		fmt.Fprintf(w, "\n  no answer: %s\n", c.Failure)
	default:
		fmt.Fprintf(w, "\n  HTTP %d in %s\n", c.Status, micros(c.Micros))
	}
	if c.Note != "" {
		fmt.Fprintf(w, "  %s\n", c.Note)
	}
	switch {
	case c.Event != "":
		fmt.Fprintf(w, "  the agent sees %s, unless the route that called has a target\n", c.Event)
	case c.Silent:
		fmt.Fprintln(w, "  the agent sees nothing of it: the route that called has a target")
	}
	if said := spoken(c.Response.Body); said != "" {
		fmt.Fprintf(w, "  the agent says: %s\n", said)
	}
	if c.Cause != "" {
		fmt.Fprintf(w, "  cause: %s\n", strings.ReplaceAll(c.Cause, "\n", "\n    "))
	}
}

// stationLine gives a station's mark, and the last thing that was found there:
// what failed, or else who it is.
func stationLine(c *console.Call, station string) (mark, said string) {
	mark = "·"
	for _, v := range c.Verdicts {
		if v.Station != station {
			continue
		}
		switch v.Outcome {
		case "fail":
			return "✗", v.Code
		case "pass", "warn":
			mark, said = "✓", v.Presented
			if v.Station == "token" && v.Check == "email" {
				return mark, said // the rest of a good token says less
			}
		}
	}
	return mark, said
}

func took(c *console.Call, station, mark string) string {
	t, ok := c.Timings[station]
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

func printRefusal(w io.Writer, v console.Verdict) {
	fmt.Fprintf(w, "\n  %s: %s: %s\n", v.Station, v.Check, v.Code)
	printWhy(w, "    ", v)
}

// printWhy says what was wrong and what would be right.
func printWhy(w io.Writer, indent string, v console.Verdict) {
	for _, line := range [][2]string{{"presented", v.Presented}, {"expected", v.Expected}, {"hint", v.Hint}} {
		if line[1] != "" {
			fmt.Fprintf(w, "%s%-10s %s\n", indent, line[0], line[1])
		}
	}
}

// printCall prints a line for a call, and below it why it was refused.
func printCall(w io.Writer, c *console.Call) {
	fmt.Fprintf(w, "%s  #%-3d %d  %s  %s\n", c.Time.Local().Format(time.TimeOnly), c.ID, c.Status, micros(c.Micros), c.Message)
	for _, v := range c.Verdicts {
		if v.Outcome == "fail" {
			printWhy(w, "            ", v)
			return
		}
	}
}

// printNote prints a line of the function's log that is not about a call.
func printNote(w io.Writer, l *console.Line) {
	text := l.Message + l.Msg // handlers that log with slog have the latter
	if l.Severity == "INFO" || text == "" {
		return
	}
	fmt.Fprintf(w, "%s  %s %s\n", time.Now().Format(time.TimeOnly), text, l.Error)
}

// spoken is the text of a response's messages.
func spoken(response string) string {
	var r struct {
		FulfillmentResponse struct {
			Messages []struct {
				Text struct {
					Text []string `json:"text"`
				} `json:"text"`
			} `json:"messages"`
		} `json:"fulfillmentResponse"`
	}
	if json.Unmarshal([]byte(response), &r) != nil {
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
