package conversation

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzParse holds that a conversation which is read has JSON objects for requests,
// and that what is written of it is read as the same, and written as the same again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "A comment.\n-- request --\n{}\n", "-- request --\n{\"a\":1}\n-- response 200 --\n{}\n-- request --\n{}\n-- response 400 --\n\n", "-- response 200 --\n{}\n",
		"-- request --\n{}\n-- response 99 --\n", "-- request --\n{} {}\n", "-- request --\n{\"a\":1,\"a\":2}\n", "-- request --\n{}", "-- request --\r\n{}\r\n", "-- request --\n{\"a\":\"\n-- request --\n\"}\n", "-- request --\n{}\n-- response +200 --\n{}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			if c != nil {
				t.Error("a conversation and an error")
			}
			return
		}
		for i, turn := range c.Turns {
			if !json.Valid(turn.Request) || turn.Status == 200 && !json.Valid(turn.Response) || turn.Status != 200 && turn.Response != nil {
				t.Errorf("turn %d: %+v", i+1, turn)
			}
		}
		first, err := c.Format()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(first)
		if err != nil {
			t.Fatalf("what is written is not read: %v\n%s", err, first)
		}
		second, err := again.Format()
		if err != nil || !bytes.Equal(first, second) || len(again.Turns) != len(c.Turns) || again.Comment != c.Comment {
			t.Errorf("written\n%s\nthen\n%s (%v)", first, second, err)
		}
		for i := range c.Turns {
			var a, b any
			if json.Unmarshal(c.Turns[i].Request, &a) != nil || json.Unmarshal(again.Turns[i].Request, &b) != nil || !reflect.DeepEqual(a, b) {
				t.Errorf("request %d has changed", i+1)
			}
		}
	})
}
