package console

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// ErrNoStack says that there is no stack to talk to.
var ErrNoStack = errors.New("no stack is running; start one with: go run ./cmd/local")

// whereabouts is how the commands of this machine's user find the stack that was
// started last.
type whereabouts struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

func whereaboutsFile() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "cxhook", "console.json"), err
}

// Announce leaves word of a console at url, for this user alone, until withdraw is
// called.
func Announce(url, token string) (withdraw func() error, err error) {
	file, err := whereaboutsFile()
	if err != nil {
		return nil, err
	}
	word, err := json.Marshal(whereabouts{url, token})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	// Written beside and renamed: whoever reads it reads all of it.
	temporary := fmt.Sprintf("%s.%d", file, os.Getpid())
	if err := os.WriteFile(temporary, word, 0o600); err != nil {
		return nil, err
	}
	if err := os.Rename(temporary, file); err != nil {
		return nil, err
	}
	return func() error {
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, word) {
			return nil // a later stack has left word of itself
		}
		return os.Remove(file)
	}, nil
}

// Client talks to the console of a running stack. It is safe for use by several
// goroutines.
type Client struct {
	where whereabouts
	http  *http.Client
}

// Connect finds the stack that was started last. The error is ErrNoStack where
// there is none.
func Connect() (*Client, error) {
	file, err := whereaboutsFile()
	if err != nil {
		return nil, err
	}
	word, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoStack
	}
	if err != nil {
		return nil, err
	}
	c := &Client{http: &http.Client{Transport: &http.Transport{}}} // no proxy: it is on loopback
	if err := json.Unmarshal(word, &c.where); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// do makes one request. in, if not nil, is sent as JSON, and out, if not nil, is
// decoded from the answer.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.where.URL+path, body)
	if err != nil {
		return err
	}
	req.Header.Set(TokenHeader, c.where.Token)
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w (%v)", ErrNoStack, err) // it was killed
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		if out == nil {
			return nil
		}
		return json.UnmarshalRead(resp.Body, out)
	}
	var problem struct {
		Error string `json:"error"`
	}
	if json.UnmarshalRead(resp.Body, &problem) != nil || problem.Error == "" {
		return fmt.Errorf("the console answered %s", resp.Status)
	}
	if resp.StatusCode == http.StatusInternalServerError {
		return errors.New(problem.Error)
	}
	return &RequestError{problem.Error}
}

// Send makes a call through the running stack.
func (c *Client) Send(ctx context.Context, s Send) (call *Call, err error) {
	return call, c.do(ctx, http.MethodPost, "/api/calls?source=trigger", s, &call)
}

// Replay sends a call again.
func (c *Client) Replay(ctx context.Context, id int, exact bool) (call *Call, err error) {
	return call, c.do(ctx, http.MethodPost, fmt.Sprintf("/api/calls/%d/replay", id), map[string]bool{"exact": exact}, &call)
}

// Call gives a call that is kept.
func (c *Client) Call(ctx context.Context, id int) (call *Call, err error) {
	return call, c.do(ctx, http.MethodGet, fmt.Sprintf("/api/calls/%d", id), nil, &call)
}

// Play makes the calls of a saved conversation, and gives their ids.
func (c *Client) Play(ctx context.Context, name string) ([]int, error) {
	var made struct {
		Calls []int `json:"calls"`
	}
	err := c.do(ctx, http.MethodPost, "/api/saved/"+url.PathEscape(name)+"/play", nil, &made)
	return made.Calls, err
}

// SetFault breaks or mends something, and gives what can be.
func (c *Client) SetFault(ctx context.Context, name string, on bool) (all []Fault, err error) {
	return all, c.do(ctx, http.MethodPut, "/api/faults/"+url.PathEscape(name), map[string]bool{"on": on}, &all)
}

// Faults gives what can be broken.
func (c *Client) Faults(ctx context.Context) (all []Fault, err error) {
	return all, c.do(ctx, http.MethodGet, "/api/faults", nil, &all)
}

// Stream hands on each change of a call that the query selects, as GET /api/stream
// does, until ctx ends or f gives an error. It returns ErrNoStack when the stack
// ends.
func (c *Client) Stream(ctx context.Context, query url.Values, f func(Summary) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.where.URL+"/api/stream?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("%w (%v)", ErrNoStack, err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var problem struct {
			Error string `json:"error"`
		}
		if err := json.UnmarshalRead(resp.Body, &problem); err != nil {
			return fmt.Errorf("the console answered %s", resp.Status)
		}
		return &RequestError{problem.Error}
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var s Summary
		if err := json.Unmarshal([]byte(data), &s); err != nil {
			return err
		}
		if err := f(s); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%w: the one before has ended", ErrNoStack)
}

// Latest is where the stream stands: a query with it begins with what happens
// next.
func (c *Client) Latest(ctx context.Context) (after string, err error) {
	var calls []Summary
	if err := c.do(ctx, http.MethodGet, "/api/calls", nil, &calls); err != nil {
		return "", err
	}
	seq := 0
	for _, s := range calls {
		seq = max(seq, s.Seq)
	}
	return strconv.Itoa(seq), nil
}
