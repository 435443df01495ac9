package emulator

import (
	"net/http"
	"time"
)

func Record(next http.Handler, now func() time.Time, observe func(Observation)) http.Handler { return next }
