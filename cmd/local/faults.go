package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/cxhook/internal/console"
	"example.com/cxhook/internal/emulator"
)

// fault is something that can be broken on purpose.
type fault struct {
	help string
	// set breaks or mends it; nil where it only changes what callers present by
	// default.
	set func(s *stack, name string, on bool) error
}

// Those that only change what callers present by default.
const (
	faultExpiredCertificate = "expired-certificate"
	faultWrongAudience      = "wrong-audience"
)

// faults are those of the whole path, by name.
var faults = map[string]fault{
	faultSlowHandler:        {"Handlers do not answer in time: the route's late answer, or 504.", orderFunction},
	faultLargeResponse:      {"Handlers answer with more than the 64 KiB that Dialogflow takes.", orderFunction},
	faultExpiredCertificate: {"Dialogflow presents a client certificate that expired yesterday.", nil},
	faultWrongAudience:      {"Dialogflow brings a token for another webhook.", nil},
	"dropped-connection":    {"The connection breaks before the function is asked.", breakNetwork(emulator.DropRequest)},
	"dropped-answer":        {"The function answers, and the connection breaks before Dialogflow gets any of it.", breakNetwork(emulator.DropAnswer)},
	"truncated-answer":      {"The connection breaks in the middle of the answer.", breakNetwork(emulator.TruncateAnswer)},
	"slow-network":          {fmt.Sprintf("A call takes %v to get to the function, longer than Dialogflow waits by default.", emulator.SlowNetworkDelay), breakNetwork(emulator.SlowNetwork)},
	"bad-gateway":           {"The load balancer cannot reach the function: Google's 502 page.", breakNetwork(emulator.BadGateway)},
	"keys-down":             {"Google's key set answers 503, and the function starts anew without it.", keysDown},
	"keys-rotated":          {"Google signs with a new key, and has withdrawn the old one: refused until the function asks again, a minute after it last did.", keysRotated},
}

// orderFunction has the function break itself.
func orderFunction(s *stack, name string, on bool) error {
	if on {
		return s.running().order(name + " on")
	}
	return s.running().order(name + " off")
}

// breakNetwork breaks what is between Dialogflow and the function.
func breakNetwork(f emulator.Fault) func(*stack, string, bool) error {
	return func(s *stack, name string, on bool) error {
		if s.balancer == nil {
			return console.Refusef("fault %s: it stands in the load balancer, and there is none", name)
		}
		s.balancer.SetFault(f, on)
		return nil
	}
}

// keysDown gives the function a cold start: one that has the keys already goes on
// with them for a day.
func keysDown(s *stack, name string, on bool) error {
	if s.issuer == nil {
		return console.Refusef("fault %s: the keys are Google's own", name)
	}
	if on == s.isBroken(name) {
		return nil
	}
	s.issuer.SetDown(on)
	return s.replaceFunction(context.Background(), s.running().program)
}

func keysRotated(s *stack, name string, on bool) error {
	if s.issuer == nil {
		return console.Refusef("fault %s: the keys are Google's own", name)
	}
	return s.issuer.SetRotated(on)
}

// Faults lists what can be broken, by name.
func (s *stack) Faults() []console.Fault {
	var list []console.Fault
	for _, name := range faultNames() {
		list = append(list, console.Fault{Name: name, Help: faults[name].help, On: s.isBroken(name)})
	}
	return list
}

// SetFault breaks or mends one thing.
func (s *stack) SetFault(name string, on bool) error {
	f, ok := faults[name]
	if !ok {
		return console.Refusef("no fault %q; have %q", name, faultNames())
	}
	s.breaking.Lock() // one at a time: a fault that is set twice is set once
	defer s.breaking.Unlock()
	if f.set != nil {
		if err := f.set(s, name, on); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[name] = on
	return nil
}

func (s *stack) isBroken(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken[name]
}

func faultNames() []string { return slices.Sorted(maps.Keys(faults)) }

// parseSwitches reads NAME=on and NAME=off.
func parseSwitches(args []string) ([]console.Fault, error) {
	var list []console.Fault
	for _, arg := range args {
		name, to, _ := strings.Cut(arg, "=")
		if to != "on" && to != "off" {
			return nil, usagef("%q: want NAME=on or NAME=off, with a NAME of %q", arg, faultNames())
		}
		list = append(list, console.Fault{Name: name, On: to == "on"})
	}
	return list, nil
}
