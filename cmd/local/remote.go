package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"

	"example.com/cxhook/internal/console"
)

// triggerCmd sends a call through the stack that runs.
type triggerCmd struct {
	callFlags
	Session string `help:"Id of the session; its parameters stay from call to call." placeholder:"ID"`
	Path    string `help:"Another path of the function's: a flexible webhook." placeholder:"/PATH"`
	Target  bool   `name:"route-target" help:"The route that calls has a transition target: the agent goes on there, and does not notice a failure."`
	Saved   string `help:"Send the calls of this conversation, one after the other: a name in the stack's --request DIR." placeholder:"NAME"`
}

func (c *triggerCmd) Run(ctx context.Context, out *streams) error {
	stack, err := console.Connect()
	if err != nil {
		return err
	}
	if c.Saved != "" {
		return c.play(ctx, out, stack)
	}
	send, err := c.send()
	if err != nil {
		return err
	}
	if c.Session != "" {
		send.Session = c.Session
	}
	send.Path, send.RouteTarget = c.Path, c.Target
	call, err := stack.Send(ctx, send)
	if err != nil {
		return asUsage(err)
	}
	return c.print(out.out, call)
}

// play sends a conversation, and succeeds if every call is answered 200.
func (c *triggerCmd) play(ctx context.Context, out *streams, stack *console.Client) error {
	if len(c.Args) > 0 || c.Request != "" {
		return usagef("--saved sends calls as they are; leave out the tag, the parameters and --request")
	}
	ids, err := stack.Play(ctx, c.Saved)
	if err != nil {
		return asUsage(err)
	}
	var result error
	for _, id := range ids {
		call, err := stack.Call(ctx, id)
		if err != nil {
			return err
		}
		if c.JSON {
			result = c.print(out.out, call)
			continue
		}
		printCall(out.out, call)
		if call.Status != 200 {
			result = exitError(1)
		}
	}
	return result
}

// replayCmd sends a call of the running stack again.
type replayCmd struct {
	ID    int  `arg:"" help:"The call's number."`
	Exact bool `help:"With the headers and the token of then, which may have expired."`
	JSON  bool `name:"json" help:"Print one JSON object: status, verdicts, response, timings."`
}

func (c *replayCmd) Run(ctx context.Context, out *streams) error {
	stack, err := console.Connect()
	if err != nil {
		return err
	}
	call, err := stack.Replay(ctx, c.ID, c.Exact)
	if err != nil {
		return asUsage(err)
	}
	return (&callFlags{JSON: c.JSON}).print(out.out, call)
}

// selection chooses among the calls of the running stack.
type selection struct {
	Tag     string `help:"Calls of this tag alone."`
	Session string `help:"Calls of this session alone: its id or its full name." placeholder:"ID"`
	Status  int    `help:"Calls that were answered with this HTTP status alone; 0 is any." default:"0"`
	Verdict string `enum:"pass,fail," default:"" help:"Calls that passed, or failed, alone." placeholder:"pass|fail"`
}

func (s *selection) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"tag": s.Tag, "session": s.Session, "verdict": s.Verdict} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if s.Status != 0 {
		q.Set("status", strconv.Itoa(s.Status))
	}
	return q
}

// tailCmd shows calls as they come.
type tailCmd struct {
	selection
	All  bool `help:"Begin with the calls that are kept, and not with the next one."`
	JSON bool `name:"json" help:"Print one JSON object a call and line."`
}

func (c *tailCmd) Run(ctx context.Context, out *streams) error {
	return c.follow(ctx, c.All, func(stack *console.Client, s console.Summary) error {
		if c.JSON {
			err := json.MarshalWrite(out.out, s, json.Deterministic(true))
			fmt.Fprintln(out.out)
			return err
		}
		call, err := stack.Call(ctx, s.ID)
		if err != nil {
			return err
		}
		printCall(out.out, call)
		return nil
	})
}

// follow hands on the selected calls when they are done, until ctrl-C or the
// stack's end.
func (s *selection) follow(ctx context.Context, all bool, f func(*console.Client, console.Summary) error) error {
	stack, err := console.Connect()
	if err != nil {
		return err
	}
	query := s.query()
	if !all {
		after, err := stack.Latest(ctx)
		if err != nil {
			return err
		}
		query.Set("after", after)
	}
	var once console.Once
	err = stack.Stream(ctx, query, func(s console.Summary) error {
		if !once.First(s) {
			return nil
		}
		return f(stack, s)
	})
	if ctx.Err() != nil {
		return nil // ctrl-C is how it ends
	}
	return err
}

// faultsCmd lists what can be broken on purpose, and breaks it.
type faultsCmd struct {
	Break []string `arg:"" optional:"" name:"NAME=on|off" help:"What to break, or to mend."`
}

func (c *faultsCmd) Run(ctx context.Context, out *streams) error {
	stack, err := console.Connect()
	if err != nil {
		return err
	}
	switches, err := parseSwitches(c.Break)
	if err != nil {
		return err
	}
	all, err := stack.Faults(ctx)
	for _, s := range switches {
		if err == nil {
			all, err = stack.SetFault(ctx, s.Name, s.On)
		}
	}
	if err != nil {
		return asUsage(err)
	}
	for _, f := range all {
		state := "off"
		if f.On {
			state = "ON"
		}
		fmt.Fprintf(out.out, "%-3s  %-22s  %s\n", state, f.Name, f.Help)
	}
	return nil
}
