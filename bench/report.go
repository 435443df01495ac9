package main

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// Report is all that a run has found out; it is what results.json holds.
type Report struct {
	Date         time.Time           `json:"date"`
	Command      string              `json:"command"`
	Machine      Machine             `json:"machine"`
	Seed         uint64              `json:"seed"` // of the order of the contestants
	Rounds       int                 `json:"rounds"`
	Contestants  []*ContestantReport `json:"contestants"`
	Latency      *Latency            `json:"latency,omitempty"`
	Scaling      []*Scaling          `json:"scaling,omitempty"`
	Memory       *Memory             `json:"memory,omitempty"`
	Bare         *Bare               `json:"bareSignatures,omitempty"`
	Instructions *Instructions       `json:"instructions,omitempty"`
	Goals        []Goal              `json:"goals"`
}

// Machine is what the figures depend on.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Pinned bool   `json:"pinned"` // server and load on a core of their own
}

// ContestantReport is what was measured of one contestant; what was not is nil.
type ContestantReport struct {
	Name    string   `json:"name"`
	What    string   `json:"what"`
	LeftOut string   `json:"leftOut,omitempty"` // why it was not measured
	Binary  int64    `json:"binaryBytes,omitempty"`
	Serving *Serving `json:"serving,omitempty"`
	Cold    *Cold    `json:"coldStart,omitempty"`
}

func newReport(rounds int) *Report {
	return &Report{Date: time.Now().UTC().Truncate(time.Second), Command: "go run . " + strings.Join(os.Args[1:], " "), Machine: thisMachine(), Seed: uint64(time.Now().UnixNano()), Rounds: rounds}
}

func thisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, Pinned: runtime.NumCPU() > 1}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if info, err := fs.CPUInfo(); err == nil && len(info) > 0 {
			m.CPU = info[0].ModelName
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	return m
}

// contestant gives the report of the one of that name; nil if it takes no part.
func (r *Report) contestant(name string) *ContestantReport {
	for _, c := range r.Contestants {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (r *Report) writeJSON(file string) error {
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(out, '\n'), 0o644)
}
