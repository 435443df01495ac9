package handlers

import (
	"context"
	"fmt"
	"os"
	"time"
)

// stock is the client of the warehouse. This one knows the answer and only takes
// its time; an agent of yours has the client of a database or a service here.
type stock struct{ delay time.Duration }

// openStock reads SHIRTS_STOCK_DELAY, as "3s", which makes the warehouse slow: to
// see what a late answer sounds like.
func openStock() (*stock, error) {
	s := new(stock)
	if value := os.Getenv("SHIRTS_STOCK_DELAY"); value != "" {
		delay, err := time.ParseDuration(value)
		if err != nil || delay < 0 {
			return nil, fmt.Errorf("SHIRTS_STOCK_DELAY: %q; want a duration, as 3s", value)
		}
		s.delay = delay
	}
	return s, nil
}

// count says how many shirts there are of a kind. It gives up when ctx ends.
func (s *stock) count(ctx context.Context, shirt Shirt) (int, error) {
	timer := time.NewTimer(s.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return 3 * len(shirt.Color), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (s *stock) close(context.Context) error { return nil }
