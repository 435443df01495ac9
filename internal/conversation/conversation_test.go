package conversation

import (
	"path/filepath"
	"testing"
)

const written = `Somebody orders.

-- request --
{
  "fulfillmentInfo": {
    "tag": "confirm"
  }
}
-- response 200 --
{
  "sessionInfo": {
    "parameters": {
      "n": 1.0
    }
  }
}
-- request --
{}
-- response 503 --

-- request --
{
  "text": "-- request --"
}
`

// What was read is written again as it was.
func TestRoundTrip(t *testing.T) {
	c, err := Parse([]byte(written))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Turns) != 3 || c.Turns[0].Status != 200 || c.Turns[1].Status != 503 || c.Turns[1].Response != nil || c.Turns[2].Status != 0 {
		t.Errorf("turns: %+v", c.Turns)
	}
	name := filepath.Join(t.TempDir(), "c.txtar")
	if err := c.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	again, err := ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := again.Format(); err != nil || string(b) != written {
		t.Errorf("%v, written:\n%s", err, b)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                             `no request: want a line "-- request --" and JSON after it`,
		"only prose\n":                 `no request: want a line "-- request --" and JSON after it`,
		"-- request --\n{\n":           "request 1: not JSON: jsontext: unexpected EOF after offset 2",
		"-- request --\n[]\n":          "request 1: want a JSON object, have [",
		"-- request --\n{}\n{}\n":      "request 1: something follows the JSON object at offset 2",
		"-- response 200 --\n{}\n":     `section 1 is "response 200"; want request, and after it response STATUS or the next request`,
		"-- request --\n{}\n-- x --\n": `section 2 is "x"; want request, and after it response STATUS or the next request`,
		"-- request --\n{}\n-- response ok --\n{}\n":                          `section "response ok": want an HTTP status, as in "response 200"`,
		"-- request --\n{}\n-- response 200 --\nyes\n":                        "response 1: not JSON: jsontext: invalid character 'y' at start of value",
		"-- request --\n{}\n-- response 200 --\n{}\n-- response 200 --\n{}\n": `section 3 is "response 200"; want request, and after it response STATUS or the next request`,
	} {
		_, err := Parse([]byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := ReadFile("no-such-file.txtar"); err == nil {
		t.Error("a file that is not there was read")
	}
}
