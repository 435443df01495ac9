// Package constant answers every call alike: what is left of a webhook when it does
// nothing.
package constant

import (
	"io"
	"net/http"
	"os"
)

// Handler reads the body and answers what BENCH_ANSWER says.
func Handler() http.HandlerFunc {
	answer := []byte(os.Getenv("BENCH_ANSWER"))
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "body", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
	}
}
