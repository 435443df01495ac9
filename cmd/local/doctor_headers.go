package main

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/console"
)

// headers judges a call by its headers. A line of the function's log has none of
// them any more; it is explained as it is.
func (c *doctorCmd) headers(ctx context.Context, d *diagnosis) error {
	b, err := c.read("--headers", c.Headers)
	if err != nil {
		return err
	}
	if line, ok := ownLogLine(b); ok {
		d.logLine(&line)
		return nil
	}
	header, err := parseHeaders(b)
	if err != nil {
		return err
	}
	cfg, problems := c.config()
	if len(problems) > 0 && c.Audience == nil && c.ProjectNumber == nil {
		c.environment(d)
		return nil
	}
	v, err := verifier(cfg.Verify)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	rep, err := v.Verify((&http.Request{Header: header}).WithContext(ctx))
	d.report(rep, err)
	return nil
}

// ownLogLine recognises a line that the function wrote about a call. Cloud Logging
// wraps it into jsonPayload.
func ownLogLine(b []byte) (line console.Line, ok bool) {
	var wrapped struct {
		Payload jsontext.Value   `json:"jsonPayload"`
		Labels  jsontext.Value   `json:"labels"`
		Request *jsontext.Value  `json:"httpRequest"`
		Ours    jsontext.Value   `json:"us"`
		Refusal *jsontext.Value  `json:"refusal"`
		Checks  []jsontext.Value `json:"checks"`
	}
	if json.Unmarshal(bytes.TrimSpace(b), &wrapped) != nil {
		return line, false
	}
	text := jsontext.Value(b)
	if wrapped.Payload != nil {
		text = wrapped.Payload
	} else if wrapped.Ours == nil && wrapped.Refusal == nil {
		return line, false
	}
	if json.Unmarshal(text, &line) != nil {
		return line, false
	}
	if wrapped.Payload != nil && wrapped.Labels != nil { // the agent moves them out of the payload
		if json.Unmarshal(wrapped.Labels, &line.Labels) != nil {
			return line, false
		}
	}
	return line, line.Refusal != nil || len(line.Checks) > 0 || line.Labels.Outcome != ""
}

// logLine explains a line of the function's log: what it says of the refusal, and
// its warnings.
func (d *diagnosis) logLine(line *console.Line) {
	if line.Message != "" {
		d.note("log", "message", line.Message)
	}
	seen := false
	for i := range line.Checks {
		c := &line.Checks[i]
		seen = seen || c.Outcome == "fail"
		f := finding{Station: c.Station, Check: c.Name, Outcome: c.Outcome, Code: c.Code, Presented: c.Presented, Expected: c.Expected, Rule: c.Rule, Change: c.Hint}
		if f.Presented == "" {
			f.Presented = c.Unverified
		}
		d.add(f)
	}
	if r := line.Refusal; r != nil && !seen {
		f := finding{Station: r.Station, Check: r.Name, Outcome: "fail", Code: r.Code, Presented: r.Presented, Expected: r.Expected, Rule: r.Rule, Change: r.Hint}
		if f.Presented == "" {
			f.Presented = r.Unverified
		}
		d.add(f)
	}
	if line.Error != "" {
		d.note("log", "cause", line.Error)
	}
}

// parseHeaders reads a dump of request headers: curl -v's (> Name: value), JSON
// ({"Name": "value"} or {"headers": …}, values texts or lists of them), or HTTP's
// own lines. Errors never show a value: it may be a secret.
func parseHeaders(b []byte) (http.Header, error) {
	trimmed := bytes.TrimSpace(b)
	if trimmed[0] == '{' {
		return parseJSONHeaders(trimmed)
	}
	// curl -v marks what it sends, and says other things in between.
	marked := bytes.HasPrefix(trimmed, []byte("> ")) || bytes.Contains(trimmed, []byte("\n> "))
	header := http.Header{}
	lines := bufio.NewScanner(bytes.NewReader(trimmed))
	lines.Buffer(nil, maxDoctorInput+1)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if marked {
			var ok bool
			if line, ok = strings.CutPrefix(line, "> "); !ok {
				continue
			}
		}
		name, value, ok := strings.Cut(line, ":")
		switch {
		case line == "", strings.HasSuffix(line, "HTTP/1.1"), strings.HasSuffix(line, "HTTP/2"), strings.HasPrefix(line, ":"):
		case !ok || name == "" || strings.ContainsAny(name, " \t"):
			return nil, usagef("--headers: line %d is not a header (Name: value)", n)
		default:
			name = textproto.CanonicalMIMEHeaderKey(name)
			header[name] = append(header[name], strings.TrimSpace(value))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, usagef("--headers: %v", err)
	}
	if len(header) == 0 {
		return nil, usagef("--headers: no headers in it")
	}
	return header, nil
}

func parseJSONHeaders(b []byte) (http.Header, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, usagef("--headers: not one JSON object")
	}
	for _, name := range []string{"headers", "header"} {
		if inner := members[name]; inner.Kind() == '{' {
			members = nil
			if err := json.Unmarshal(inner, &members); err != nil {
				return nil, usagef("--headers: %s: not one JSON object", name)
			}
			break
		}
	}
	header := http.Header{}
	for name, value := range members {
		var one string
		var many []string
		key := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case json.Unmarshal(value, &one) == nil:
			header[key] = append(header[key], one)
		case json.Unmarshal(value, &many) == nil:
			header[key] = append(header[key], many...)
		default:
			return nil, usagef("--headers: %q is neither a text nor a list of them", name)
		}
	}
	if len(header) == 0 {
		return nil, usagef("--headers: no headers in it")
	}
	return header, nil
}
