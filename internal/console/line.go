package console

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/telemetry"
)

// Line is what the stack reads of a line of the function's log.
type Line struct {
	Severity string           `json:"severity"`
	Level    string           `json:"level"` // of lines that are not about a call
	Time     time.Time        `json:"time"`
	Message  string           `json:"message"`
	Msg      string           `json:"msg"`
	Address  string           `json:"address"`
	Trace    string           `json:"logging.googleapis.com/trace"`
	Error    string           `json:"error"`
	Labels   telemetry.Labels `json:"logging.googleapis.com/labels"`
	Request  *struct {
		Method string `json:"requestMethod"`
		URL    string `json:"requestUrl"`
		Status int    `json:"status"`
	} `json:"httpRequest"` // nil where the line is not about a call
	Refusal *telemetry.Check  `json:"refusal"`
	Checks  []telemetry.Check `json:"checks"`
	Micros  *telemetry.Micros `json:"us"`
	Call    struct {
		Session  string `json:"session"`
		Language string `json:"language"`
	} `json:"call"`

	raw jsontext.Value
}

// ParseLine reads one line. What a handler printed is none.
func ParseLine(b []byte) (*Line, error) {
	line := &Line{raw: jsontext.Value(b).Clone()}
	if err := json.Unmarshal(b, line); err != nil {
		return nil, err
	}
	return line, nil
}

// TraceID is the 32 hex digits of the line's trace, which may name a project.
func (l *Line) TraceID() string { return l.Trace[strings.LastIndex(l.Trace, "/")+1:] }
