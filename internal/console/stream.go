package console

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// heartbeat is how often a stream without news shows that it is alive.
const heartbeat = 15 * time.Second

// stream sends each call when it changes, as a server-sent event with the call's
// Summary. Who comes back with Last-Event-ID gets what happened meanwhile, as far
// as it is kept.
//
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	f, err := filterOf(r.URL.Query())
	after := 0
	for _, text := range []string{r.URL.Query().Get("after"), r.Header.Get("Last-Event-ID")} {
		if n, e := strconv.Atoi(text); e == nil {
			after = n
		} else if text != "" {
			err = Refusef("event %q: want a number", text)
		}
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	out := http.NewResponseController(w)
	out.SetWriteDeadline(time.Time{}) // it lasts for as long as the reader does
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	if out.Flush() != nil {
		return
	}
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	for {
		calls, seq, more := s.cfg.Ring.Changes(after)
		for _, c := range calls {
			if !f.match(c) {
				continue
			}
			data, err := json.Marshal(c)
			if err != nil {
				return
			}
			if _, err := fmt.Fprintf(w, "id: %d\nevent: call\ndata: %s\n\n", c.Seq, data); err != nil {
				return
			}
		}
		after = seq
		if out.Flush() != nil {
			return
		}
		select {
		case <-more:
		case <-alive.C:
			if _, err := fmt.Fprint(w, ": alive\n\n"); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
