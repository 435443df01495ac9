package main

import (
	"slices"

	"example.com/cxhook/internal/console"
	"example.com/cxhook/internal/emulator"
)

// Info says what stands where.
func (s *stack) Info() console.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := console.Info{URL: s.url, Function: s.function.address, Mode: s.cfg.mode, Policy: s.policy(), KeysURL: s.keysURL, Agent: emulator.DefaultAgent,
		Routes: s.function.routes, Paths: s.function.paths, ClientCerts: emulator.ClientCertificates, Tokens: emulator.Tokens, Spoofs: spoofs, Build: s.build, Restarts: s.restarts}
	switch {
	case s.cfg.public != nil:
		info.Mode, info.ClientCerts, info.Tokens, info.Spoofs = "public", nil, nil, nil
	case s.cfg.direct != "":
		info.Mode, info.Spoofs = console.Direct, slices.DeleteFunc(slices.Clone(spoofs), func(spoof string) bool { return spoof == "outsider" || spoof == "internal" })
	}
	return info
}
