package telemetry

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Trace is the trace that a call belongs to; zero where it came without one.
type Trace struct {
	ID      string // 32 lower-case hex digits
	SpanID  string // 16 lower-case hex digits; may be empty
	Sampled bool
}

// Name is the trace's name in Cloud Logging, which links the line to its trace:
// projects/PROJECT/traces/ID, or the bare id if the project is not known.
func (t Trace) Name(project string) string {
	if t.ID == "" || project == "" {
		return t.ID
	}
	return "projects/" + project + "/traces/" + t.ID
}

// TraceOf reads the trace from W3C's traceparent, or else from Google's older
// X-Cloud-Trace-Context. What does not parse counts as absent.
//
// Sources: https://www.w3.org/TR/trace-context/#traceparent-header,
// https://cloud.google.com/trace/docs/trace-context
func TraceOf(h http.Header) Trace {
	if t, ok := parseTraceparent(h.Get("Traceparent")); ok {
		return t
	}
	t, _ := parseCloudTrace(h.Get("X-Cloud-Trace-Context"))
	return t
}

func parseTraceparent(s string) (Trace, bool) {
	// version "-" trace-id "-" parent-id "-" trace-flags; later versions may go on
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || (len(s) > 55 && (s[:2] == "00" || s[55] != '-')) {
		return Trace{}, false
	}
	version, id, span, flags := s[:2], s[3:35], s[36:52], s[53:55]
	if !isHex(version) || version == "ff" || !isHex(flags) || !isID(id) || !isID(span) {
		return Trace{}, false
	}
	f, _ := strconv.ParseUint(flags, 16, 8)
	return Trace{ID: id, SpanID: span, Sampled: f&1 == 1}, true
}

func parseCloudTrace(s string) (Trace, bool) {
	s, options, _ := strings.Cut(s, ";")
	id, span, _ := strings.Cut(s, "/")
	if len(id) != 32 || !isID(id) {
		return Trace{}, false
	}
	t := Trace{ID: id, Sampled: options == "o=1"}
	if n, err := strconv.ParseUint(span, 10, 64); err == nil && n != 0 { // decimal here, hex everywhere else
		t.SpanID = fmt.Sprintf("%016x", n)
	}
	return t, true
}

func isHex(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') })
}

// isID says whether s is an id that is not all zeroes, which means "none".
func isID(s string) bool { return isHex(s) && strings.Trim(s, "0") != "" }
