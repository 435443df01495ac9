package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"example.com/cxhook/internal/console"
	"example.com/cxhook/internal/conversation"
)

// recordCmd keeps calls of the running stack as files that cxtest.Run plays.
type recordCmd struct {
	To  string `arg:"" name:"PATH" help:"With calls: the file to write, as handlers/testdata/mine.txtar. Else a folder, in which each session gets a file as its calls come, until ctrl-C."`
	IDs []int  `arg:"" optional:"" name:"ID" help:"Numbers of calls that the stack still has."`
	selection
}

func (c *recordCmd) Run(ctx context.Context, out *streams) error {
	if len(c.IDs) > 0 {
		return c.keep(ctx, out)
	}
	if err := os.MkdirAll(c.To, 0o755); err != nil {
		return usagef("record: %v", err)
	}
	fmt.Fprintf(out.out, "recording into %s until ctrl-C\n", c.To)
	sessions := map[string]*recording{}
	return c.follow(ctx, false, func(stack *console.Client, s console.Summary) error {
		call, err := stack.Call(ctx, s.ID)
		if err != nil {
			return err
		}
		turn, err := call.Turn()
		if err != nil {
			fmt.Fprintf(out.err, "not recorded: %v\n", err)
			return nil
		}
		r := sessions[s.Session]
		if r == nil {
			if r, err = newRecording(c.To, s.Session); err != nil {
				return err
			}
			sessions[s.Session] = r
		}
		r.Turns = append(r.Turns, turn)
		if err := r.WriteFile(r.file); err != nil {
			return err
		}
		fmt.Fprintf(out.out, "#%d  %s  turn %d\n", s.ID, r.file, len(r.Turns))
		return nil
	})
}

// keep writes calls that were made as one conversation.
func (c *recordCmd) keep(ctx context.Context, out *streams) error {
	stack, err := console.Connect()
	if err != nil {
		return err
	}
	kept := conversation.Conversation{Comment: recordedComment}
	for _, id := range c.IDs {
		call, err := stack.Call(ctx, id)
		if err != nil {
			return asUsage(err)
		}
		turn, err := call.Turn()
		if err != nil {
			return asUsage(err)
		}
		kept.Turns = append(kept.Turns, turn)
	}
	if err := createFile(c.To); err != nil {
		return usagef("record: %v", err)
	}
	if err := kept.WriteFile(c.To); err != nil {
		return err
	}
	fmt.Fprintf(out.out, "%s  %d calls\n", c.To, len(kept.Turns))
	return nil
}

const recordedComment = "Recorded by the local stack. Say here what it is about, and which bug it guards\nagainst.\n\n"

// recording is a session on its way into a file.
type recording struct {
	conversation.Conversation
	file string
}

// newRecording finds a file for a session that is not there yet.
func newRecording(dir, session string) (*recording, error) {
	name := session[strings.LastIndex(session, "/")+1:]
	if name == "" {
		name = "no-session"
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
	for n := 1; ; n++ {
		file := filepath.Join(dir, name+".txtar")
		if n > 1 {
			file = filepath.Join(dir, fmt.Sprintf("%s-%d.txtar", name, n))
		}
		err := createFile(file)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		return &recording{conversation.Conversation{Comment: recordedComment}, file}, err
	}
}

// createFile makes an empty file and the folder for it, and leaves a file that is
// there alone.
func createFile(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}
