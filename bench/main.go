// Command bench measures the webhook beside its peers, each a process of its own on
// one core, driven from another, and says which goals are met:
//
//	go -C bench run .          # all of it, a quarter of an hour
//	go -C bench run . -quick   # the same in little, to see that it works
//
// Progress goes to standard error, tables to standard output; they and results.json
// go to the folder of -out, the pictures to that of -pictures.
//
// What is compared are ratios within one run: absolute figures drift with the
// machine. All contestants get the same bytes, those that the emulator's load
// balancer forwards, and give the same answer, which is checked on every call.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

type options struct {
	rounds      int
	time        time.Duration
	contestants string
	parts       string
	quick       bool
	tokens      int
	out         string
	pictures    string
}

// part is a part of the run.
type part struct {
	name string
	run  func(*stage, context.Context) error
}

var parts = []part{
	{"serving", (*stage).serving},
	{"latency", (*stage).latency},
	{"scaling", (*stage).scaling},
	{"cold", (*stage).cold},
	{"memory", (*stage).memory},
	{"instructions", (*stage).instructions},
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 7, "how often each contestant is measured; figures are medians")
	flag.DurationVar(&o.time, "time", 1500*time.Millisecond, "for how long each time")
	flag.StringVar(&o.contestants, "contestants", "", "the ones to measure, as a0,e; all by default")
	flag.StringVar(&o.parts, "parts", "", "the parts to run, of "+strings.Join(partNames(), ",")+"; all by default")
	flag.BoolVar(&o.quick, "quick", false, "fewer and shorter rounds: to see that it works, not for figures")
	flag.IntVar(&o.tokens, "tokens", 100_000, "how many distinct tokens the memory is measured with; the goal's million takes a quarter of an hour more")
	flag.StringVar(&o.out, "out", "results", "the folder for results.json and results.md")
	flag.StringVar(&o.pictures, "pictures", "", "the folder for the pictures, as ../docs/performance; that of -out by default")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "bench: %q: there are flags only; see -help\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer cancel()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func partNames() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

func run(ctx context.Context, o options, w io.Writer) error {
	if o.quick {
		o.rounds, o.time, o.tokens = min(o.rounds, 2), min(o.time, 200*time.Millisecond), min(o.tokens, 1000)
	}
	if o.rounds < 1 || o.time < 10*time.Millisecond || o.tokens < 10 {
		return errors.New("-rounds, -time, -tokens: want at least one round, of 10ms, and 10 tokens")
	}
	wanted := partNames()
	if o.parts != "" {
		wanted = strings.Split(o.parts, ",")
	}
	for _, name := range wanted {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("-parts: no %q; have %s", name, strings.Join(partNames(), ", "))
		}
	}
	dir, err := os.MkdirTemp("", "cxhook-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.pictures = cmp.Or(o.pictures, o.out)
	if err := errors.Join(os.MkdirAll(o.out, 0o755), os.MkdirAll(o.pictures, 0o755)); err != nil {
		return err
	}
	s, err := newStage(ctx, o, dir)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if !slices.Contains(wanted, p.name) {
			continue
		}
		begin := time.Now()
		if err := p.run(s, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		progress("%s took %.0f s", p.name, time.Since(begin).Seconds())
	}
	s.report.judge()
	return errors.Join(s.report.write(o.out, w), s.report.draw(o.pictures))
}

// newStage builds the contestants and what they need; programs go to dir.
func newStage(ctx context.Context, o options, dir string) (*stage, error) {
	list, err := selected(o.contestants)
	if err != nil {
		return nil, err
	}
	s := &stage{opts: o, binaries: map[string]binary{}, distinct: 16 << 10, report: newReport(o.rounds)}
	if o.quick {
		s.distinct = 2 << 10
	}
	if err := s.build(ctx, list, dir); err != nil {
		return nil, err
	}
	if s.world, err = newWorld(ctx, dir); err != nil {
		return nil, err
	}
	if err := s.furnish(dir); err != nil { // on all cores, while nothing is measured
		return nil, err
	}
	if !s.report.Machine.Pinned {
		progress("one core only: contestants and load share it, and the figures mean little")
	}
	// One thread of the load's is enough, and costs the least; its core is its own.
	runtime.GOMAXPROCS(1)
	return s, pinSelf()
}

// build builds what list needs. A contestant that cannot be had here is left out, and
// the report says why.
func (s *stage) build(ctx context.Context, list []contestant, dir string) error {
	for _, c := range list {
		report := &ContestantReport{Name: c.name, What: c.what}
		s.report.Contestants = append(s.report.Contestants, report)
		b, built := s.binaries[c.program]
		if !built {
			progress("building %s", c.program)
			var err error
			var lacks missing
			if b, err = build(ctx, c.program, dir); errors.As(err, &lacks) {
				progress("LEFT OUT: contestant %s: %s", c.name, lacks)
				report.LeftOut = string(lacks)
				continue
			} else if err != nil {
				return err
			}
			s.binaries[c.program] = b
		}
		report.Binary = b.bytes
		s.list = append(s.list, c)
	}
	if _, ok := s.binaries[contestantRoutes.program]; !ok && s.report.contestant("e") != nil {
		progress("building %s", contestantRoutes.program)
		var err error
		s.binaries[contestantRoutes.program], err = build(ctx, contestantRoutes.program, dir)
		return err
	}
	return nil
}

func (r *Report) write(dir string, w io.Writer) error {
	if err := r.writeJSON(filepath.Join(dir, "results.json")); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "results.md"))
	if err != nil {
		return err
	}
	return errors.Join(r.writeMarkdown(io.MultiWriter(f, w)), f.Close())
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
