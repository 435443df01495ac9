package main

import (
	"bytes"
	"net/textproto"
	"strings"
	"testing"
)

// FuzzParseHeaders holds that a dump of headers which is read gives canonical names
// and values without line ends, and that an error shows no value: it may be a
// secret.
func FuzzParseHeaders(f *testing.F) {
	for _, seed := range []string{
		"Authorization: Bearer canary-of-the-test\nA: b\n", "> POST / HTTP/2\n> A: canary-of-the-test\n> \n* done", `{"A":"b","c":["d","e"]}`, `{"headers":{"A":"b"}}`, `{"A":7}`, `{"A":`, ":authority: x\nA:b", "no header at all canary-of-the-test", " a: b", "a b: c", "\n",
		`{"jsonPayload":{"refusal":{"code":"x"}},"labels":{"outcome":"refused"}}`, `{"us":{},"refusal":null,"checks":[{}]}`, `{"us":{},"checks":7}`, "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, dump []byte) {
		if len(bytes.TrimSpace(dump)) == 0 {
			return // refused when it is read
		}
		if line, ok := ownLogLine(dump); ok {
			new(diagnosis).logLine(&line)
		}
		header, err := parseHeaders(dump)
		if err != nil {
			if header != nil {
				t.Error("headers and an error")
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows a value: %v", err)
			}
			return
		}
		for name, values := range header {
			if len(header) == 0 || textproto.CanonicalMIMEHeaderKey(name) != name {
				t.Errorf("name %q", name)
			}
			for _, v := range values {
				if strings.Contains(v, "\n") && dump[0] != '{' && bytes.TrimSpace(dump)[0] != '{' {
					t.Errorf("%s: %q", name, v)
				}
			}
		}
	})
}
