package console

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/agent"
)

// TokenHeader carries the console's own secret in every request that changes
// something, or asks for a token. It is made anew at each start; the page and the commands of this
// machine's user know it, other web pages that the user has open do not.
const TokenHeader = "X-Console-Token"

// maxBody bounds what the API reads of a request.
const maxBody = 4 << 20

// Config says what a console shows.
type Config struct {
	Ring  *Ring
	Stack Stack
	// Saved is where conversations are kept; nil keeps none.
	Saved *Saved
	// Agent is the export that the function is held against; nil is none.
	Agent *agent.Agent
}

// Server is the console: the page and its API, an http.Handler for a listener on
// loopback:
//
//	GET    /                             the page; what it is made of is below /web/
//	GET    /api/stack                    what stands where
//	GET    /api/agent                    where the exported agent calls, and who answers
//	GET    /api/calls                    the calls that are kept, latest first; ?tag= ?session= ?status= ?verdict=
//	POST   /api/calls                    makes one: a Send; gives the Call
//	GET    /api/calls/ID                 one call; ?bearer=show does not hide the token, and wants the secret of the run
//	GET    /api/calls/ID/request         its body as bytes; /response the same
//	POST   /api/calls/ID/replay          sends the same bytes again; {"exact": true} with the token of then
//	POST   /api/calls/ID/curl            writes what curl needs for the same call into files; gives the line
//	GET    /api/stream                   calls as they change (server-sent events), from Last-Event-ID or ?after= on; the same filters
//	GET    /api/sessions                 what the agent keeps between calls: names, the latest used first
//	GET    /api/sessions/NAME            one of them, by its name or its id
//	DELETE /api/sessions/NAME            forgets it
//	GET    /api/faults                   what can be broken on purpose
//	PUT    /api/faults/NAME              {"on": true} breaks it
//	GET    /api/saved                    names of saved conversations; /NAME is one
//	PUT    /api/saved/NAME               {"calls": [1, 2]} saves calls as one
//	POST   /api/saved/NAME/play          makes its calls, in order; gives their ids
//
// Errors are {"error": …}. Requests under another host name than loopback's, from
// another origin, or without the token where it is wanted are refused.
type Server struct {
	cfg   Config
	token string
	run   string // names this run; anybody may know it
	mux   *http.ServeMux
}

// NewServer makes one, with a new token.
func NewServer(cfg Config) *Server {
	s := &Server{cfg: cfg, token: rand.Text(), run: rand.Text(), mux: http.NewServeMux()}
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request) (any, error){
		"GET /api/agent":                 s.agentMap,
		"GET /api/stack":                 s.info,
		"GET /api/calls":                 s.list,
		"POST /api/calls":                s.send,
		"GET /api/calls/{id}":            s.call,
		"POST /api/calls/{id}/replay":    s.replay,
		"POST /api/calls/{id}/curl":      s.curl,
		"GET /api/sessions":              s.sessions,
		"GET /api/sessions/{name...}":    s.session,
		"DELETE /api/sessions/{name...}": s.forget,
		"GET /api/faults":                s.faults,
		"PUT /api/faults/{name}":         s.setFault,
		"GET /api/saved":                 s.saved,
		"GET /api/saved/{name}":          s.savedOne,
		"PUT /api/saved/{name}":          s.save,
		"POST /api/saved/{name}/play":    s.play,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { answer(w, r, h) })
	}
	s.mux.HandleFunc("GET /api/calls/{id}/request", s.bytes(func(c *Call) Message { return c.Request }))
	s.mux.HandleFunc("GET /api/calls/{id}/response", s.bytes(func(c *Call) Message { return c.Response }))
	s.mux.HandleFunc("GET /api/stream", s.stream)
	s.mux.HandleFunc("GET /{$}", s.page)
	s.mux.Handle("GET /web/", http.HandlerFunc(asset))
	s.mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, fmt.Errorf("no %s %s in the API", r.Method, r.URL.Path))
	})
	return s
}

// Token is what TokenHeader has to carry.
func (s *Server) Token() string { return s.token }

// ServeHTTP refuses other people's web pages, and serves the rest.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	if problem := s.foreign(r); problem != "" {
		writeError(w, http.StatusForbidden, errors.New(problem))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// foreign says what is wrong with where a request comes from; "" is nothing. A name
// that somebody made point here (DNS rebinding) is a foreign host.
func (s *Server) foreign(r *http.Request) string {
	if !loopbackHost(r.Host) {
		return fmt.Sprintf("host %q: the console answers to 127.0.0.1 and localhost alone", r.Host)
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || u.Scheme != "http" || u.Host != r.Host {
			return fmt.Sprintf("origin %q: another page may not use the console", origin)
		}
	}
	if reads := r.Method == http.MethodGet || r.Method == http.MethodHead; reads && !r.URL.Query().Has("bearer") {
		return ""
	}
	if subtle.ConstantTimeCompare([]byte(r.Header.Get(TokenHeader)), []byte(s.token)) != 1 {
		return TokenHeader + " is missing or of another run: reload the page"
	}
	return ""
}

func loopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// answer writes what h gives as JSON, or its error.
func answer(w http.ResponseWriter, r *http.Request, h func(http.ResponseWriter, *http.Request) (any, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	result, err := h(w, r)
	if err != nil {
		var mistake *RequestError
		var missing *notFoundError
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &missing):
			writeError(w, http.StatusNotFound, err)
		case errors.As(err, &mistake):
			writeError(w, http.StatusBadRequest, err)
		case errors.As(err, &large):
			writeError(w, http.StatusRequestEntityTooLarge, err)
		default:
			writeError(w, http.StatusInternalServerError, err)
		}
		return
	}
	writeJSON(w, http.StatusOK, result)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v, json.Deterministic(true), json.FormatNilSliceAsNull(false))
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

type notFoundError struct{ what string }

func (e *notFoundError) Error() string { return e.what }

// read decodes a request's body; an empty one leaves v as it is.
func read(r *http.Request, v any) error {
	err := json.UnmarshalRead(r.Body, v, json.RejectUnknownMembers(true))
	var syntax *jsontext.SyntacticError
	var meaning *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax), errors.As(err, &meaning):
		return Refusef("the body: %v", err)
	}
	return err
}

func (s *Server) info(http.ResponseWriter, *http.Request) (any, error) {
	info := s.cfg.Stack.Info()
	info.Run = s.run
	return info, nil
}

// filter is which calls are asked for. "" and 0 are any.
type filter struct {
	tag, session, verdict string
	status                int
}

func filterOf(q url.Values) (f filter, err error) {
	f = filter{tag: q.Get("tag"), session: q.Get("session"), verdict: q.Get("verdict")}
	if f.verdict != "" && f.verdict != "pass" && f.verdict != "fail" {
		return f, Refusef("verdict %q: want pass or fail", f.verdict)
	}
	if text := q.Get("status"); text != "" {
		if f.status, err = strconv.Atoi(text); err != nil {
			return f, Refusef("status %q: want a number, as 403", text)
		}
	}
	return f, nil
}

// match compares a session by its full name or by its id, the last part of it.
func (f filter) match(c Summary) bool {
	return (f.tag == "" || f.tag == c.Tag) && (f.verdict == "" || f.verdict == c.Verdict) && (f.status == 0 || f.status == c.Status) &&
		(f.session == "" || f.session == c.Session || strings.HasSuffix(c.Session, "/sessions/"+f.session))
}

func (s *Server) list(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(s.cfg.Ring.List(), func(c Summary) bool { return !f.match(c) }), nil
}

// find gives the call that a path names.
func (s *Server) find(text string) (*Call, error) {
	id, err := strconv.Atoi(text)
	if err != nil {
		return nil, Refusef("call %q: want its number", text)
	}
	c, _, ok := s.cfg.Ring.Call(id)
	if !ok {
		return nil, &notFoundError{fmt.Sprintf("there is no call %d among the latest %d", id, RingSize)}
	}
	return c, nil
}

func (s *Server) call(_ http.ResponseWriter, r *http.Request) (any, error) {
	c, err := s.find(r.PathValue("id"))
	if err == nil && r.URL.Query().Get("bearer") != "show" {
		c.Request.Header = redact(c.Request.Header)
	}
	return c, err
}

// bytes serves a body as it was, to be kept and not to be shown.
func (s *Server) bytes(side func(*Call) Message) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := s.find(r.PathValue("id"))
		if err != nil {
			answer(w, r, func(http.ResponseWriter, *http.Request) (any, error) { return nil, err })
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", "attachment")
		w.Write(side(c).raw)
	}
}

func (s *Server) send(_ http.ResponseWriter, r *http.Request) (any, error) {
	send := Send{Source: "compose"}
	if err := read(r, &send); err != nil {
		return nil, err
	}
	if source := r.URL.Query().Get("source"); source == "trigger" {
		send.Source = source
	}
	return s.made(s.cfg.Stack.Send(r.Context(), send))
}

// made gives the call that a Send made.
func (s *Server) made(id int, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	c, _, ok := s.cfg.Ring.Call(id)
	if !ok {
		return nil, fmt.Errorf("call %d was made, and %d others since", id, RingSize)
	}
	c.Request.Header = redact(c.Request.Header)
	return c, nil
}

// whole says why a call's body cannot be sent again; nil is that it can.
func (c *Call) whole() error {
	switch {
	case c.Request.Truncated:
		return Refusef("call %d: its body has %d bytes, of which %d are kept; it cannot be sent again", c.ID, c.Request.Bytes, len(c.Request.raw))
	case len(c.Request.raw) == 0:
		return Refusef("call %d: its body is not known; it cannot be sent again", c.ID)
	}
	return nil
}

// replay sends the bytes of a call again: as the same caller with a new token and
// handshake or, exactly, with everything that was sent then.
func (s *Server) replay(_ http.ResponseWriter, r *http.Request) (any, error) {
	var how struct {
		Exact bool `json:"exact"`
	}
	if r.ContentLength != 0 {
		if err := read(r, &how); err != nil {
			return nil, err
		}
	}
	c, err := s.find(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := c.whole(); err != nil {
		return nil, err
	}
	if how.Exact && len(c.Request.Header) == 0 {
		return nil, Refusef("call %d: its headers are not known; it can be sent again with a new token, not exactly", c.ID)
	}
	send := Send{Body: c.Request.raw, Path: c.Path, ClientCert: c.ClientCert, Token: c.Token, Source: "replay", ReplayOf: c.ID}
	if c.Way != Direct && c.Way != Tunnel {
		send.Spoof = c.Way
	}
	if how.Exact {
		send.Header = c.Request.Header.Clone()
		if send.Header.Get("Authorization") == "" {
			send.Token = "none"
		}
	}
	return s.made(s.cfg.Stack.Send(r.Context(), send))
}

// curl gives a line that makes a call again, with a new token.
func (s *Server) curl(_ http.ResponseWriter, r *http.Request) (any, error) {
	c, err := s.find(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := c.whole(); err != nil {
		return nil, err
	}
	return s.cfg.Stack.Curl(c, c.Request.raw)
}

func (s *Server) faults(http.ResponseWriter, *http.Request) (any, error) {
	return s.cfg.Stack.Faults(), nil
}

func (s *Server) setFault(_ http.ResponseWriter, r *http.Request) (any, error) {
	var to struct {
		On bool `json:"on"`
	}
	if err := read(r, &to); err != nil {
		return nil, err
	}
	if err := s.cfg.Stack.SetFault(r.PathValue("name"), to.On); err != nil {
		return nil, err
	}
	return s.cfg.Stack.Faults(), nil
}
