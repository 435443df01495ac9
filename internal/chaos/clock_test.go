package chaos

import (
	"testing"
	"time"

	webhook "example.com/cxhook"
	"example.com/cxhook/verify"
)

// The function's clock jumps and Google's does not. What was accepted before, and is
// remembered, is judged by the new time; when the clock is right again, calls are
// answered at once.
func TestClock(t *testing.T) {
	for _, row := range []struct {
		scenario string
		by       time.Duration
		status   outcome // "" is answered
		reason   verify.Code
	}{
		{"clock: 50 minutes ahead", 50 * time.Minute, "", ""},
		{"clock: two hours ahead", 2 * time.Hour, "401", verify.TokenExpired},
		{"clock: ten days ahead", 10 * 24 * time.Hour, "401", verify.TokenExpired},
		{"clock: beyond the client certificate", 100 * 24 * time.Hour, "403", verify.CertExpired},
		{"clock: two hours behind", -2 * time.Hour, "401", verify.TokenNotYetValid},
		{"clock: before the client certificate", -100 * 24 * time.Hour, "403", verify.CertNotYetValid},
		{"clock: at 1970", -time.Since(time.Unix(0, 0)), "403", verify.CertNotYetValid},
	} {
		t.Run(row.scenario, func(t *testing.T) {
			p := newPath(t, nil)
			p.answered(row.scenario, 8)
			for range 2 {
				p.function.jump(row.by)
				if row.status == "" {
					p.answered(row.scenario, 8)
				} else {
					p.refused(row.scenario, 8, row.status, row.reason)
				}
				p.function.jump(-row.by)
				p.answered(row.scenario, 8)
			}
		})
	}
}

// One token is used again and again until it ends, to the second: that its signature
// is remembered does not prolong it. A clock that is set back gives it its time
// again.
func TestClockEndsToken(t *testing.T) {
	const scenario = "clock: one token to its end"
	p := newPath(t, nil)
	token, err := p.issuer.Token("valid", p.url, project)
	if err != nil {
		t.Fatal(err)
	}
	p.token = func() (string, error) { return token, nil }
	for range 6 {
		p.answered(scenario, 4)
		p.function.jump(9 * time.Minute)
	}
	p.answered(scenario, 4)
	p.function.jump(10 * time.Minute)
	p.refused(scenario, 4, "401", verify.TokenExpired)
	p.function.jump(-10 * time.Minute)
	p.answered(scenario, 4)
}

// Keys that were fetched while the clock was ahead are not believed until then: a
// key that Google has withdrawn meanwhile is refused when the clock is right again.
func TestClockAndKeys(t *testing.T) {
	const scenario = "clock: keys fetched 30 days ahead"
	p := newPath(t, func(p *path, _ *webhook.Config) { p.later(30 * 24 * time.Hour) })
	p.answered(scenario, 4)
	p.later(-30 * 24 * time.Hour)
	p.answered(scenario, 4)
	p.later(7 * time.Hour) // longer than a key set lives
	token, err := p.issuer.Token("valid", p.url, project)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.issuer.SetRotated(true); err != nil {
		t.Fatal(err)
	}
	p.token = func() (string, error) { return token, nil }
	p.refused(scenario, 4, "401", verify.TokenUnknownKey)
	p.token = nil
	p.answered(scenario, 4)
}
