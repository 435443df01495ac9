// Package conversation reads and writes conversations with an agent's webhook as
// files. The tests of handlers play them (package cxtest), and the local stack
// saves them and plays them too.
//
//	What the conversation is about, and which bug it guards against.
//
//	-- request --
//	{"fulfillmentInfo": {"tag": "confirm"}, "sessionInfo": {"parameters": {"size": "large"}}}
//	-- response 200 --
//	{"sessionInfo": {"parameters": {"order": 1}}}
//	-- request --
//	…
package conversation

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/tools/txtar"
)

// Conversation is a file.
type Conversation struct {
	Comment string // the prose on top
	Turns   []Turn
}

// Turn is a call and its answer.
type Turn struct {
	Request jsontext.Value
	// Status is the answer's; 0 where the file has none yet.
	Status int
	// Response is the body of a 200. Of a failure nothing is kept: callers are told
	// nothing.
	Response jsontext.Value
}

// ReadFile reads a conversation. Errors name the file and the section.
func ReadFile(name string) (*Conversation, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	c, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// Parse reads a conversation of at least one request.
func Parse(data []byte) (*Conversation, error) {
	archive := txtar.Parse(data)
	c := &Conversation{Comment: string(archive.Comment)}
	for i, section := range archive.Files {
		status, isResponse := strings.CutPrefix(section.Name, "response ")
		switch {
		case section.Name == "request":
			if err := object(section.Data); err != nil {
				return nil, fmt.Errorf("request %d: %w", len(c.Turns)+1, err)
			}
			c.Turns = append(c.Turns, Turn{Request: section.Data})
		case isResponse && i > 0 && archive.Files[i-1].Name == "request":
			turn := &c.Turns[len(c.Turns)-1]
			n, err := strconv.Atoi(status)
			if err != nil || n < 100 || n > 599 {
				return nil, fmt.Errorf("section %q: want an HTTP status, as in %q", section.Name, "response 200")
			}
			if turn.Status = n; n != 200 {
				continue
			}
			if err := object(section.Data); err != nil {
				return nil, fmt.Errorf("response %d: %w", len(c.Turns), err)
			}
			turn.Response = section.Data
		default:
			return nil, fmt.Errorf("section %d is %q; want request, and after it response STATUS or the next request", i+1, section.Name)
		}
	}
	if len(c.Turns) == 0 {
		return nil, fmt.Errorf("no request: want a line %q and JSON after it", "-- request --")
	}
	return c, nil
}

func object(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	v, err := dec.ReadValue()
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if v.Kind() != '{' {
		return fmt.Errorf("want a JSON object, have %s", v.Kind())
	}
	if len(bytes.TrimSpace(data[dec.InputOffset():])) > 0 {
		return fmt.Errorf("something follows the JSON object at offset %d", dec.InputOffset())
	}
	return nil
}

// Format writes the file: requests as they are, responses in lines.
func (c *Conversation) Format() ([]byte, error) {
	archive := &txtar.Archive{Comment: []byte(c.Comment)}
	for i, t := range c.Turns {
		archive.Files = append(archive.Files, txtar.File{Name: "request", Data: t.Request})
		if t.Status == 0 {
			continue
		}
		response := txtar.File{Name: fmt.Sprintf("response %d", t.Status), Data: []byte("\n")}
		if t.Status == 200 {
			lines, err := Lines(t.Response)
			if err != nil {
				return nil, fmt.Errorf("response %d: %w", i+1, err)
			}
			response.Data = lines
		}
		archive.Files = append(archive.Files, response)
	}
	return txtar.Format(archive), nil
}

// Lines lays a JSON value out for reading, its members as they were.
func Lines(v jsontext.Value) (jsontext.Value, error) {
	v = v.Clone()
	err := v.Indent(jsontext.WithIndent("  "))
	return append(bytes.TrimSpace(v), '\n'), err
}

// WriteFile writes a file that ReadFile reads.
func (c *Conversation) WriteFile(name string) error {
	data, err := c.Format()
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}
