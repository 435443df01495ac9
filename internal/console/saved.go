package console

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/internal/conversation"
)

const savedExt = ".txtar"

// Saved are the conversations in a folder, by name: the files' without .txtar. They
// are what cxtest.Run plays.
type Saved struct{ dir string }

// OpenSaved looks at the folder. What is in it must be readable, every file: a
// broken one is better found at the start.
func OpenSaved(dir string) (*Saved, error) {
	s := &Saved{dir}
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, name := range names {
		_, err := conversation.ReadFile(s.file(name))
		problems = append(problems, err)
	}
	return s, errors.Join(problems...)
}

func (s *Saved) file(name string) string { return filepath.Join(s.dir, name+savedExt) }

func (s *Saved) names() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), savedExt); ok && e.Type().IsRegular() {
			names = append(names, name)
		}
	}
	return names, nil
}

// savedName keeps a name inside the folder.
var savedName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._ -]{0,99}$`)

func (s *Server) folder(name string) (*Saved, error) {
	if s.cfg.Saved == nil {
		return nil, Refusef("there is no folder for saved calls: start with --request DIR")
	}
	if name != "" && !savedName.MatchString(name) {
		return nil, Refusef("name %q: want letters, digits, spaces and . _ - , 100 at most", name)
	}
	return s.cfg.Saved, nil
}

func (s *Server) saved(http.ResponseWriter, *http.Request) (any, error) {
	if s.cfg.Saved == nil {
		return []string{}, nil
	}
	return s.cfg.Saved.names()
}

// SavedTurn is a call of a saved conversation.
type SavedTurn struct {
	Request  jsontext.Value `json:"request"`
	Status   int            `json:"status"`
	Response jsontext.Value `json:"response,omitzero"`
}

func (s *Server) savedOne(_ http.ResponseWriter, r *http.Request) (any, error) {
	c, err := s.readSaved(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	var turns []SavedTurn
	for _, t := range c.Turns {
		turns = append(turns, SavedTurn(t))
	}
	return map[string]any{"comment": c.Comment, "turns": turns}, nil
}

func (s *Server) readSaved(name string) (*conversation.Conversation, error) {
	saved, err := s.folder(name)
	if err != nil {
		return nil, err
	}
	c, err := conversation.ReadFile(saved.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &notFoundError{fmt.Sprintf("no conversation %q in %s", name, saved.dir)}
	}
	return c, err
}

// save writes calls as one conversation. A file of that name stays as it is.
func (s *Server) save(_ http.ResponseWriter, r *http.Request) (any, error) {
	var what struct {
		Calls   []int  `json:"calls"`
		Comment string `json:"comment"`
	}
	if err := read(r, &what); err != nil {
		return nil, err
	}
	saved, err := s.folder(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if len(what.Calls) == 0 {
		return nil, Refusef("no calls to save")
	}
	c := &conversation.Conversation{Comment: strings.TrimSpace(what.Comment) + "\n\n"}
	for _, id := range slices.Sorted(slices.Values(what.Calls)) {
		call, err := s.find(fmt.Sprint(id))
		if err != nil {
			return nil, err
		}
		turn, err := call.Turn()
		if err != nil {
			return nil, err
		}
		c.Turns = append(c.Turns, turn)
	}
	name := saved.file(r.PathValue("name"))
	data, err := c.Format()
	if err != nil {
		return nil, err
	}
	if _, err := conversation.Parse(data); err != nil { // a comment with a section in it
		return nil, Refusef("what would be saved cannot be read again: %v", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, Refusef("%s is there already; choose another name", name)
	}
	if err != nil {
		return nil, err
	}
	_, err = f.Write(data)
	return map[string]string{"file": name}, errors.Join(err, f.Close())
}

// Turn is the call as a conversation keeps it.
func (c *Call) Turn() (conversation.Turn, error) {
	var turn conversation.Turn
	if !c.Done {
		return turn, Refusef("call %d is under way", c.ID)
	}
	if c.Status == 0 {
		return turn, Refusef("call %d had no answer; there is nothing to compare with", c.ID)
	}
	if c.Request.Truncated || c.Response.Truncated {
		return turn, Refusef("call %d: its bodies are not kept whole", c.ID)
	}
	var err error
	if turn.Request, err = conversation.Lines([]byte(c.Request.Body)); err != nil {
		return turn, Refusef("call %d: its request is not JSON: %v", c.ID, err)
	}
	if turn.Status = c.Status; turn.Status == http.StatusOK {
		if turn.Response, err = conversation.Lines([]byte(c.Response.Body)); err != nil {
			return turn, Refusef("call %d: its response is not JSON: %v", c.ID, err)
		}
	}
	return turn, nil
}

// play makes the calls of a saved conversation, one after the other, and stops at
// one that cannot be made.
func (s *Server) play(_ http.ResponseWriter, r *http.Request) (any, error) {
	c, err := s.readSaved(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	var ids []int
	for i, t := range c.Turns {
		id, err := s.cfg.Stack.Send(r.Context(), Send{Request: t.Request, Source: "trigger"})
		if err != nil {
			return nil, fmt.Errorf("request %d: %w", i+1, err)
		}
		ids = append(ids, id)
	}
	return map[string]any{"calls": ids}, nil
}
