package handlers

import (
	"context"
)

// ratesParcel answers the flexible webhook "Rates: parcel" at /rates. Whoever may edit
// the agent writes its body, which proves nothing.
func (a *agent) ratesParcel(ctx context.Context, in RatesParcelRequest) (RatesParcelResponse, error) {
	// TODO: answer.
	return RatesParcelResponse{}, nil
}
