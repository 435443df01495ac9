package cx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// DefaultBudget is the time for a call where none is configured: Dialogflow's own
// 5 s less what the network takes.
const DefaultBudget = 4 * time.Second

// Handler answers a call. A Response is what the end user hears; an error fails
// the webhook, so that the agent's event handler decides: see Error. Both nil is
// an error.
//
// The context ends with the call's budget. What a handler does after that reaches
// nobody, and Cloud Run gives it no processor.
type Handler interface {
	Serve(ctx context.Context, req *Request) (*Response, error)
}

// HandlerFunc is a Handler without typed parameters: see Bind for those.
type HandlerFunc func(ctx context.Context, req *Request) (*Response, error)

// Serve calls f.
func (f HandlerFunc) Serve(ctx context.Context, req *Request) (*Response, error) { return f(ctx, req) }

// Middleware wraps every handler of a Mux, the fallback included.
type Middleware func(next HandlerFunc) HandlerFunc

// Route says which calls a Handler answers, and until when.
type Route struct {
	// Tag is the agent's tag, exactly. A route has a Tag or a Match.
	Tag string
	// Match says yes to calls without a route of their own tag. The first that
	// says yes counts, in the order of registration. See MatchIntent, MatchPage
	// and MatchFlow.
	Match func(*Request) bool
	// Name is what logs call a route with a Match.
	Name string
	// Budget is the time for the call from the moment it arrived, verification
	// included; 0 is the webhook's.
	Budget time.Duration
	// Late makes the answer for a handler that overruns its budget, which may still
	// be running and reading the same Request: do not change it. Late has no time
	// left but lateGrace, 100 ms. nil, a nil Response or a panic is 504.
	Late func(*Request) *Response
	// Handler answers. Bind makes one of a function with typed parameters.
	Handler Handler
}

// name is what logs call the route.
func (r *Route) name() string {
	switch {
	case r.Tag != "":
		return r.Tag
	case r.Name != "":
		return r.Name
	case r.Match != nil:
		return "match"
	default:
		return "fallback"
	}
}

// Mux routes calls: by tag, else to the first Match that says yes, else to the
// fallback, else 400. Register everything first, then take its Handler; mistakes
// are collected and come from there. The zero Mux is not usable: see NewMux.
type Mux struct {
	// KeepRaw keeps each call's body in Request.Raw.
	KeepRaw bool
	// Admit, if set, is asked about every call after it was decoded and before it
	// is routed, without the goroutine and the budget of a handler. It may take
	// away what nobody behind it should see (Request.RemoveParameter). Its error
	// fails the call as a handler's does: see Error. It keeps its own record of the
	// reason; the Call has the code not_admitted.
	Admit func(ctx context.Context, req *Request) error

	routes     []*Route
	byTag      map[string]*Route
	paths      []PathInfo
	byPath     map[string]http.Handler
	fallback   *Route
	middleware []Middleware
	problems   []error
}

// NewMux gives an empty Mux.
func NewMux() *Mux { return &Mux{byTag: map[string]*Route{}, byPath: map[string]http.Handler{}} }

func (m *Mux) problem(format string, args ...any) {
	m.problems = append(m.problems, fmt.Errorf("cx: "+format, args...))
}

// Route registers a route.
func (m *Mux) Route(r Route) {
	switch {
	case r.Tag == "" && r.Match == nil:
		m.problem("route %d has neither a tag nor a Match", len(m.routes)+1)
		if r.Name == "" {
			r.Name = fmt.Sprint(len(m.routes) + 1)
		}
	case r.Tag != "" && r.Match != nil:
		m.problem("tag %q: the route has a Match too; want one of them", r.Tag)
	case r.Tag != "" && m.byTag[r.Tag] != nil:
		m.problem("tag %q is registered twice", r.Tag)
	}
	m.check(&r)
	m.routes = append(m.routes, &r)
	if r.Tag != "" {
		m.byTag[r.Tag] = &r
	}
}

// Fallback registers the handler of calls that no route takes.
func (m *Mux) Fallback(h Handler) {
	if m.fallback != nil {
		m.problem("the fallback is registered twice")
	}
	m.fallback = &Route{Handler: h}
	m.check(m.fallback)
}

func (m *Mux) check(r *Route) {
	switch h := r.Handler.(type) {
	case nil:
		m.problem("route %q has no handler", r.name())
	case HandlerFunc:
		if h == nil {
			m.problem("route %q has no handler", r.name())
		}
	case *Bound:
		if h == nil {
			m.problem("route %q has no handler", r.name())
			break
		}
		for _, p := range h.problems {
			m.problem("route %q: %w", r.name(), p)
		}
	}
	if r.Budget < 0 {
		m.problem("route %q: budget %v; want 0 or more", r.name(), r.Budget)
	}
}

// Use adds middleware. The first one added is the outermost:
// Use(a, b) makes a(b(handler)).
func (m *Mux) Use(mw ...Middleware) {
	if slices.ContainsFunc(mw, func(w Middleware) bool { return w == nil }) {
		m.problem("a middleware is nil")
	}
	m.middleware = append(m.middleware, mw...)
}

// Handle registers a function with typed parameters for a tag. It is short for
//
//	m.Route(cx.Route{Tag: tag, Handler: cx.Bind(f)})
func Handle[P any](m *Mux, tag string, f func(context.Context, *Request, P) (*Response, error)) {
	if tag == "" {
		m.problem("a handler is registered for the empty tag; use Fallback for calls without one")
		m.check(&Route{Name: "empty tag", Handler: Bind(f)})
		return
	}
	m.Route(Route{Tag: tag, Handler: Bind(f)})
}

// RouteInfo describes a registered route.
type RouteInfo struct {
	Tag        string // "" for a Match and the fallback
	Name       string // what logs call it
	Fallback   bool
	Budget     time.Duration // 0 is the webhook's
	Parameters []Parameter   // what a bound handler takes
}

// Routes lists the routes in the order of registration, the fallback last.
func (m *Mux) Routes() []RouteInfo {
	routes := m.routes
	if m.fallback != nil {
		routes = append(slices.Clone(routes), m.fallback)
	}
	var list []RouteInfo
	for _, r := range routes {
		info := RouteInfo{Tag: r.Tag, Name: r.name(), Fallback: r == m.fallback, Budget: r.Budget}
		if b, ok := r.Handler.(*Bound); ok {
			info.Parameters = b.Parameters()
		}
		list = append(list, info)
	}
	return list
}

// Handler gives the http.Handler of all that is registered, or every mistake made
// in registering it. The Mux must not change after that.
func (m *Mux) Handler() (http.Handler, error) {
	problems := slices.Clip(m.problems)
	if len(m.routes) == 0 && m.fallback == nil && len(m.paths) == 0 {
		problems = append(problems, errors.New("cx: nothing is registered; every call would be answered 400"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	s := &server{keepRaw: m.KeepRaw, admit: m.Admit, byTag: map[string]*served{}, byPath: m.byPath}
	for _, r := range m.routes {
		sr := m.serve(r)
		if r.Tag != "" {
			s.byTag[r.Tag] = sr
			s.tags = append(s.tags, r.Tag)
		} else {
			s.matches = append(s.matches, sr)
		}
	}
	if m.fallback != nil {
		s.fallback = m.serve(m.fallback)
	}
	return s, nil
}

func (m *Mux) serve(r *Route) *served {
	h := HandlerFunc(r.Handler.Serve)
	for _, mw := range slices.Backward(m.middleware) {
		h = mw(h)
	}
	return &served{route: r, name: r.name(), handler: h}
}
