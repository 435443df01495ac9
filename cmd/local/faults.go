package main

import (
	"maps"
	"slices"
	"strings"

	"example.com/cxhook/internal/console"
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
}

// orderFunction has the function break itself.
func orderFunction(s *stack, name string, on bool) error {
	if on {
		return s.running().order(name + " on")
	}
	return s.running().order(name + " off")
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
