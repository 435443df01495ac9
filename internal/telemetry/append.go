package telemetry

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Append appends the entry as one object of JSON. It writes what package json
// would, member for member (TestAppend), in a third of the time: every call pays
// for it. What is not UTF-8 is replaced, not refused: the line counts.
func (e *Entry) Append(b []byte) []byte {
	o := object{b: append(b, '{'), empty: true}
	o.text("severity", string(e.Severity))
	o.time("time", e.Time)
	o.text("message", e.Message)
	o.textIf("logging.googleapis.com/trace", e.Trace)
	o.textIf("logging.googleapis.com/spanId", e.SpanID)
	o.boolIf("logging.googleapis.com/trace_sampled", e.Sampled)
	if e.Request != (HTTPRequest{}) {
		e.Request.append(&o)
	}
	if e.Labels != (Labels{}) {
		e.Labels.append(&o)
	}
	e.appendBody(&o)
	return o.end()
}

// AppendPayload appends what of the entry has no field of its own in Cloud
// Logging's LogEntry.
func (e *Entry) AppendPayload(b []byte) []byte {
	o := object{b: append(b, '{'), empty: true}
	o.text("message", e.Message)
	e.appendBody(&o)
	return o.end()
}

func (e *Entry) appendBody(o *object) {
	o.textIf("error", e.Error)
	if e.Call != (Call{}) {
		e.Call.append(o)
	}
	if e.Certificate != (Certificate{}) {
		e.Certificate.append(o)
	}
	if e.Token != (Token{}) {
		e.Token.append(o)
	}
	if e.Budget != (Budget{}) {
		e.Budget.append(o)
	}
	o.intIf("overruns", e.Overruns)
	if e.Refusal != nil {
		o.name("refusal")
		o.b = e.Refusal.append(o.b)
	}
	if e.Checks != nil {
		o.name("checks")
		o.b = append(o.b, '[')
		for i := range e.Checks {
			if i > 0 {
				o.b = append(o.b, ',')
			}
			o.b = e.Checks[i].append(o.b)
		}
		o.b = append(o.b, ']')
	}
	if e.Micros != nil {
		e.Micros.append(o)
	}
	if e.Start != nil {
		o.name("start")
		start, err := json.Marshal(e.Start, jsontext.AllowInvalidUTF8(true))
		if err != nil { // not reached: it has texts and numbers
			start = []byte("null")
		}
		o.b = append(o.b, start...)
	}
}

func (r *HTTPRequest) append(o *object) {
	o.open("httpRequest")
	o.text("requestMethod", r.Method)
	o.text("requestUrl", r.URL)
	o.int("status", int64(r.Status))
	o.quotedInt("requestSize", r.RequestSize)
	o.quotedInt("responseSize", r.ResponseSize)
	o.text("latency", r.Latency)
	o.close()
}

// Each gives the labels that are set.
func (l *Labels) Each(yield func(name, value string)) {
	for _, label := range [...][2]string{
		{"cxhook", l.Kind}, {"outcome", l.Outcome}, {"reason", l.Reason}, {"tag", l.Tag}, {"path", l.Path}, {"identity", l.Identity},
		{"source", l.Source}, {"revision", l.Revision}, {"warnings", l.Warnings},
	} {
		if label[1] != "" {
			yield(label[0], label[1])
		}
	}
}

func (l *Labels) append(o *object) {
	o.open("logging.googleapis.com/labels")
	l.Each(o.text)
	o.close()
}

func (c *Call) append(o *object) {
	o.open("call")
	o.textIf("responseId", c.ResponseID)
	o.textIf("session", c.Session)
	o.textIf("page", c.Page)
	o.textIf("intent", c.Intent)
	o.textIf("language", c.Language)
	o.textIf("query", c.Query)
	o.intIf("queryBytes", int64(c.QueryBytes))
	o.intIf("parameters", int64(c.Parameters))
	o.intIf("messages", int64(c.Messages))
	o.close()
}

func (c *Certificate) append(o *object) {
	o.open("certificate")
	o.textIf("sha256", c.Fingerprint)
	o.textIf("unverified_sha256", c.Unverified)
	o.known("daysLeft", c.DaysLeft)
	o.known("pinDaysLeft", c.PinDaysLeft)
	o.boolIf("cached", c.Cached)
	o.close()
}

func (t *Token) append(o *object) {
	o.open("token")
	o.textIf("caller", t.Caller)
	o.textIf("unverified_email", t.UnverifiedEmail)
	o.textIf("unverified_audience", t.UnverifiedAudience)
	o.boolIf("cached", t.Cached)
	o.known("keySetAge", t.KeySetAge)
	o.close()
}

func (t *Budget) append(o *object) {
	o.open("budget")
	o.thousandths("total", t.Total)
	o.thousandths("used", t.Used)
	o.thousandths("left", t.Left)
	o.close()
}

func (c *Check) append(b []byte) []byte {
	o := object{b: append(b, '{'), empty: true}
	o.text("station", c.Station)
	o.text("check", c.Name)
	o.textIf("outcome", c.Outcome)
	o.textIf("code", c.Code)
	o.textIf("presented", c.Presented)
	o.textIf("unverified_presented", c.Unverified)
	o.textIf("expected", c.Expected)
	o.textIf("rule", c.Rule)
	o.textIf("hint", c.Hint)
	return o.end()
}

func (m *Micros) append(o *object) {
	o.open("us")
	o.thousandths("edge", m.Edge)
	o.thousandths("certificate", m.Certificate)
	o.thousandths("token", m.Token)
	o.thousandthsIf("basic", m.Basic)
	o.thousandthsIf("header", m.Header)
	o.thousandthsIf("agent", m.Agent)
	o.thousandthsIf("session", m.Session)
	o.thousandths("verification", m.Verification)
	o.thousandthsIf("queue", m.Queue)
	o.thousandths("request", m.Request)
	o.thousandths("route", m.Route)
	o.thousandths("handler", m.Handler)
	o.thousandths("response", m.Response)
	o.thousandths("total", m.Total)
	o.close()
}

// object appends the members of an object. Names are literals that need no
// escapes. The methods that end in If leave out what is zero.
type object struct {
	b     []byte
	empty bool
}

func (o *object) name(name string) {
	if o.empty {
		o.empty = false
		o.b = append(o.b, '"')
	} else {
		o.b = append(o.b, ',', '"')
	}
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

// open begins an object within this one, close ends it.
func (o *object) open(name string) {
	o.name(name)
	o.b = append(o.b, '{')
	o.empty = true
}

func (o *object) close() {
	o.b = append(o.b, '}')
	o.empty = false
}

func (o *object) end() []byte { return append(o.b, '}') }

func (o *object) text(name, s string) {
	o.name(name)
	if plain(s) {
		o.b = append(o.b, '"')
		o.b = append(o.b, s...)
		o.b = append(o.b, '"')
		return
	}
	o.b, _ = jsontext.AppendQuote(o.b, s) // the error is of bytes that are not UTF-8: they are replaced
}

// plain says whether s needs no escapes, as nearly everything in a line.
func plain(s string) bool {
	for i := range len(s) {
		if escaped[s[i]] {
			return false
		}
	}
	return true
}

// escaped are the bytes that plain does not let pass.
var escaped = func() (table [256]bool) {
	for c := range table {
		table[c] = c < ' ' || c > '~' || c == '"' || c == '\\'
	}
	return table
}()

func (o *object) textIf(name, s string) {
	if s != "" {
		o.text(name, s)
	}
}

func (o *object) time(name string, t time.Time) {
	o.name(name)
	o.b = append(o.b, '"')
	o.b = t.AppendFormat(o.b, time.RFC3339Nano)
	o.b = append(o.b, '"')
}

func (o *object) boolIf(name string, is bool) {
	if is {
		o.name(name)
		o.b = append(o.b, "true"...)
	}
}

func (o *object) int(name string, n int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, n, 10)
}

func (o *object) intIf(name string, n int64) {
	if n != 0 {
		o.int(name, n)
	}
}

func (o *object) known(name string, n *int) {
	if n != nil {
		o.int(name, int64(*n))
	}
}

func (o *object) quotedInt(name string, n int64) {
	o.name(name)
	o.b = append(o.b, '"')
	o.b = strconv.AppendInt(o.b, n, 10)
	o.b = append(o.b, '"')
}

// thousandths writes a number that is not negative, to three places: nanoseconds
// of microseconds. Writing a float to its last place costs six times as much.
func (o *object) thousandths(name string, f float64) {
	o.name(name)
	n := uint64(f*1000 + 0.5)
	o.b = strconv.AppendUint(o.b, n/1000, 10)
	if n %= 1000; n != 0 {
		o.b = append(o.b, '.', byte('0'+n/100))
		if n %= 100; n != 0 {
			o.b = append(o.b, byte('0'+n/10))
			if n %= 10; n != 0 {
				o.b = append(o.b, byte('0'+n))
			}
		}
	}
}

func (o *object) thousandthsIf(name string, f float64) {
	if f != 0 {
		o.thousandths(name, f)
	}
}
