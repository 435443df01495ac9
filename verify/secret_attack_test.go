package verify

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	testBasic, testOldBasic   = "cx:password-of-the-tests-1", "cx:password-of-the-tests-0"
	testSecretHeader          = "X-Webhook-Secret"
	testHeader, testOldHeader = "header-secret-of-the-tests-1", "header-secret-of-the-tests-0"
)

func basic(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

// secretAttack is one row: the values of the header, and what comes of them.
type secretAttack struct {
	id     string
	values []string
	want   Code // "" is accepted
	status int
	warn   Code
	absent bool   // no such header at all
	shown  string // what the report says was presented; "" is not looked at
}

// TestAttackSecret holds basic authentication and the static header against what
// callers send without knowing the secret. The accepting twin of each row is the
// good value, sent before and after it.
func TestAttackSecret(t *testing.T) {
	proofOf := func(p proof, err error) proof { return mustMake(p, err) }
	basicAuth := func() (proof, error) { return newBasicProof(BasicConfig{[]string{testBasic, testOldBasic}}) }
	rotated := func() (proof, error) { return newBasicProof(BasicConfig{[]string{testBasic}}) }
	header := func() (proof, error) {
		return newHeaderProof(HeaderConfig{testSecretHeader, []string{testHeader, testOldHeader}})
	}
	rotatedHeader := func() (proof, error) { return newHeaderProof(HeaderConfig{testSecretHeader, []string{testHeader}}) }
	good, encoded := basic(testBasic), strings.TrimPrefix(basic(testBasic), "Basic ")
	longest := strings.Repeat("x", MaxSecretHeaderBytes)
	longHeader := func() (proof, error) {
		return newHeaderProof(HeaderConfig{testSecretHeader, []string{longest}})
	}
	// spaced is the good value, n bytes of it by the spaces behind the scheme.
	spaced := func(n int) string { return "Basic" + strings.Repeat(" ", n-len("Basic"+encoded)) + encoded }
	tables := []struct {
		name, header, good string
		proof              func() (proof, error)
		rows               []secretAttack
	}{
		{"basic", "Authorization", good, basicAuth, []secretAttack{
			{id: "B01-none", absent: true, want: BasicMissing, status: 401},
			{id: "B02-empty", values: []string{""}, want: BasicMissing, status: 401},
			{id: "B03-twice", values: []string{good, good}, want: BasicDuplicate, status: 401},
			{id: "B04-joined", values: []string{good + ", " + good}, want: BasicDuplicate, status: 401},
			{id: "B05-bearer", values: []string{"Bearer " + encoded}, want: BasicMalformed, status: 401},
			{id: "B06-scheme-alone", values: []string{"Basic"}, want: BasicWrong, status: 401},
			{id: "B07-no-scheme", values: []string{encoded}, want: BasicMalformed, status: 401},
			{id: "B08-in-the-clear", values: []string{"Basic " + testBasic}, want: BasicMalformed, status: 401},
			{id: "B09-loose-base64", values: []string{"Basic " + strings.TrimRight(encoded, "=") + "\n"}, want: BasicMalformed, status: 401},
			{id: "B10-another-password", values: []string{basic("cx:password-of-the-tests-2")}, want: BasicWrong, status: 401},
			{id: "B11-another-user", values: []string{basic("CX:password-of-the-tests-1")}, want: BasicWrong, status: 401},
			{id: "B12-a-prefix", values: []string{basic(testBasic[:len(testBasic)-1])}, want: BasicWrong, status: 401},
			{id: "B13-longer", values: []string{basic(testBasic + "1")}, want: BasicWrong, status: 401},
			{id: "B14-NUL", values: []string{basic(testBasic + "\x00")}, want: BasicWrong, status: 401},
			{id: "B15-huge", values: []string{"Basic " + strings.Repeat("A", MaxSecretHeaderBytes)}, want: BasicMalformed, status: 401},
			{id: "B16-the-digest", values: []string{basic(string(secretDigest(testBasic)))}, want: BasicWrong, status: 401},
			{id: "B17-scheme-in-another-case", values: []string{"basic " + encoded}},
			{id: "B18-two-spaces", values: []string{"Basic  " + encoded}},
			{id: "B19-previous", values: []string{basic(testOldBasic)}, warn: BasicPrevious},
			{id: "B21-line-end", values: []string{good + "\n"}, want: BasicMalformed, status: 401, shown: "not canonical base64"},
			{id: "B22-as-long-as-may-be", values: []string{spaced(MaxSecretHeaderBytes)}},
			{id: "B23-longer-than-may-be", values: []string{spaced(MaxSecretHeaderBytes + 1)}, want: BasicMalformed, status: 401, shown: "4097 bytes"},
		}},
		{"basic after the rotation", "Authorization", good, rotated, []secretAttack{
			{id: "B20-previous-after-rotation", values: []string{basic(testOldBasic)}, want: BasicWrong, status: 401},
		}},
		{"header", testSecretHeader, testHeader, header, []secretAttack{
			{id: "H01-none", absent: true, want: HeaderSecretMissing, status: 403},
			{id: "H02-empty", values: []string{""}, want: HeaderSecretMissing, status: 403},
			{id: "H03-twice", values: []string{testHeader, testHeader}, want: HeaderSecretDuplicate, status: 403},
			{id: "H04-wrong-and-right", values: []string{"guess", testHeader}, want: HeaderSecretDuplicate, status: 403},
			{id: "H05-joined", values: []string{testHeader + "," + testHeader}, want: HeaderSecretDuplicate, status: 403},
			{id: "H06-wrong", values: []string{"header-secret-of-the-tests-2"}, want: HeaderSecretWrong, status: 403},
			{id: "H07-a-prefix", values: []string{testHeader[:len(testHeader)-1]}, want: HeaderSecretWrong, status: 403},
			{id: "H08-longer", values: []string{testHeader + "1"}, want: HeaderSecretWrong, status: 403},
			{id: "H09-upper-case", values: []string{strings.ToUpper(testHeader)}, want: HeaderSecretWrong, status: 403},
			{id: "H10-spaced", values: []string{" " + testHeader}, want: HeaderSecretWrong, status: 403},
			{id: "H11-huge", values: []string{strings.Repeat("x", MaxSecretHeaderBytes+1)}, want: HeaderSecretWrong, status: 403},
			{id: "H12-previous", values: []string{testOldHeader}, warn: HeaderSecretPrevious},
			{id: "H14-empty-twice", values: []string{"", ""}, want: HeaderSecretDuplicate, status: 403},
		}},
		{"header after the rotation", testSecretHeader, testHeader, rotatedHeader, []secretAttack{
			{id: "H13-previous-after-rotation", values: []string{testOldHeader}, want: HeaderSecretWrong, status: 403},
		}},
		// Every byte of a long secret counts, and one byte more than the bound is none.
		{"the longest header", testSecretHeader, longest, longHeader, []secretAttack{
			{id: "H15-another-last-byte", values: []string{longest[:MaxSecretHeaderBytes-1] + "y"}, want: HeaderSecretWrong, status: 403, shown: "another secret"},
			{id: "H16-longer-than-may-be", values: []string{longest + "x"}, want: HeaderSecretWrong, status: 403, shown: "4097 bytes"},
		}},
	}
	reached := map[Code]bool{}
	for _, table := range tables {
		p := proofOf(table.proof())
		judge := func(h http.Header) (*Report, error) {
			rep := &Report{}
			return rep, p.verify(context.Background(), &http.Request{Header: h}, rep, time.Now())
		}
		for _, row := range table.rows {
			reached[row.want], reached[row.warn] = true, true
			t.Run(row.id, func(t *testing.T) {
				h := http.Header{table.header: row.values, "X-Webhook-Secrets": {testHeader}, "Proxy-Authorization": {good}}
				if row.absent {
					delete(h, table.header)
				}
				rep, err := judge(h)
				if got := refusal(t, rep, err); got != row.want {
					t.Fatalf("got %q, want %q", got, row.want)
				}
				if err != nil && err.(*Error).Status() != row.status {
					t.Errorf("status %d, want %d", err.(*Error).Status(), row.status)
				}
				if row.warn != "" && (len(rep.warnings()) != 1 || rep.warnings()[0] != row.warn) {
					t.Errorf("warnings %v, want %s", rep.warnings(), row.warn)
				}
				if c := rep.Checks[len(rep.Checks)-1]; row.shown != "" && c.Presented != row.shown {
					t.Errorf("presented %q, want %q", c.Presented, row.shown)
				}
				for _, c := range rep.Checks {
					for _, v := range row.values {
						if len(v) > 8 && (strings.Contains(c.Presented, v) || strings.Contains(c.Presented, "of-the-tests")) {
							t.Errorf("the report shows what was presented: %q", c.Presented)
						}
					}
				}
				rep, err = judge(http.Header{table.header: {table.good}})
				if err != nil || len(rep.warnings()) != 0 {
					t.Errorf("the twin is refused, or passes with a warning: %v, %v", err, rep.warnings())
				}
			})
		}
	}
	for _, code := range declaredCodes(t, "Basic", "Header") {
		if !reached[code] {
			t.Errorf("no row reaches %s", code)
		}
	}
}

func secretDigest(s string) []byte {
	sums := mustMake(newSecretSums("", []string{s}, func(string) string { return "" }))
	return sums[0][:]
}
