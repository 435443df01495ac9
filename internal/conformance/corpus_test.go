package conformance

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	v3 "cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	"example.com/cxhook/cx"
	"example.com/cxhook/cx/cxtest"
)

var update = flag.Bool("update", false, "write the tables in testdata")

// corpus gives the files of a folder of the corpus. They are called by their number
// and the start of their SHA-256: their names are of people's accounts.
func corpus(t *testing.T, folder string) map[string][]byte {
	dir := os.Getenv("CX_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	paths, err := filepath.Glob(filepath.Join(dir, folder, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Skipf("SKIPPED: no corpus: CX_CORPUS is %q, and ../shared/corpus is not beside the repository", os.Getenv("CX_CORPUS"))
	}
	files := map[string][]byte{}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		number, _, _ := strings.Cut(filepath.Base(path), "-")
		files[fmt.Sprintf("%s-%.4x", number, sha256.Sum256(body))] = body
	}
	return files
}

// golden compares lines with a table in testdata. Files that the table does not
// know are reported and not failed: a corpus may be larger than ours.
func golden(t *testing.T, name, header string, lines []string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(header+"\n"+strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	table, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, line := range strings.Split(strings.TrimRight(string(table), "\n"), "\n")[1:] {
		file, _, _ := strings.Cut(line, "\t")
		want[file] = line
	}
	for _, line := range lines {
		file, _, _ := strings.Cut(line, "\t")
		switch {
		case want[file] == "":
			t.Logf("not in %s: %s", name, line)
		case want[file] != line:
			t.Errorf("%s:\ngot  %s\nwant %s\n(-update writes it)", name, line, want[file])
		}
	}
}

// TestRequests: every request decodes, or is refused for the reason in the table;
// known members are encoded again exactly; the paths of unknown ones are in the
// table. protojson, told to ignore unknown members, agrees on what decodes.
func TestRequests(t *testing.T) {
	var lines []string
	accepted, refused, unknown := 0, 0, map[string]bool{}
	files := corpus(t, "requests")
	for _, file := range slices.Sorted(maps.Keys(files)) {
		body := files[file]
		req, err := cx.DecodeRequest(body)
		perr := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, new(v3.WebhookRequest))
		if err != nil {
			refused++
			lines = append(lines, file+"\trefused\t"+err.Error()+"\t")
			if perr == nil {
				t.Logf("%s: protojson takes what cx refuses: %v", file, err)
			}
			continue
		}
		accepted++
		if perr != nil {
			t.Logf("%s: protojson refuses what cx takes: %v", file, perr)
		}
		again, err := json.Marshal(req)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		var paths []string
		want := known(body, reflect.TypeFor[cx.Request](), "", &paths)
		got := known(again, reflect.TypeFor[cx.Request](), "", new([]string))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: encoded again (-want +got):\n%s", file, diff)
		}
		slices.Sort(paths)
		paths = slices.Compact(paths)
		for _, p := range paths {
			unknown[p] = true
		}
		lines = append(lines, file+"\taccepted\t\t"+strings.Join(paths, " "))
	}
	golden(t, "requests.tsv", "file\tverdict\treason\tunknown members", lines)
	t.Logf("%d requests: %d accepted, %d refused; %d different unknown members", len(files), accepted, refused, len(unknown))
}

// known gives a value without the members that t does not have, whose paths it
// notes, and without those that say nothing: null and a type's zero value, which
// JSON may leave out.
func known(v jsontext.Value, t reflect.Type, path string, unknown *[]string) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[jsontext.Value](), t == reflect.TypeFor[[]byte]():
		var raw any
		json.Unmarshal(v, &raw)
		return raw
	case t.Kind() == reflect.Slice && v.Kind() == '[':
		var items []jsontext.Value
		json.Unmarshal(v, &items)
		list := []any{}
		for _, item := range items {
			list = append(list, known(item, t.Elem(), path+"[]", unknown))
		}
		return list
	case t.Kind() == reflect.Map && v.Kind() == '{':
		var members map[string]jsontext.Value
		json.Unmarshal(v, &members)
		out := map[string]any{}
		for name, member := range members {
			out[name] = known(member, t.Elem(), path+".*", unknown)
		}
		return out
	case t.Kind() == reflect.Struct && v.Kind() == '{':
		fields := map[string]reflect.Type{}
		for f := range t.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && name != "-" {
				fields[name] = f.Type
			}
		}
		var members map[string]jsontext.Value
		json.Unmarshal(v, &members)
		out := map[string]any{}
		for name, member := range members {
			at := strings.TrimPrefix(path+"."+name, ".")
			if fields[name] == nil {
				*unknown = append(*unknown, at)
				continue
			}
			raw := fields[name] == reflect.TypeFor[jsontext.Value]()
			if value := known(member, fields[name], at, unknown); says(value) || raw && (member.Kind() != 'n' || name == "value" || name == "resolvedValue") {
				out[name] = value
			}
		}
		return out
	}
	var scalar any
	json.Unmarshal(v, &scalar)
	return scalar
}

// says whether a value says anything.
func says(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// TestResponses: every response in the corpus is accepted, or refused for the
// reason in the table. protojson, as strict as Google's servers, is the oracle for
// the form: what it refuses, cxtest.Accept refuses; what Accept refuses beyond
// that, it refuses for the meaning.
func TestResponses(t *testing.T) {
	var lines []string
	accepted, refused, beyond := 0, 0, 0
	files := corpus(t, "responses")
	for _, file := range slices.Sorted(maps.Keys(files)) {
		err := cxtest.Accept(files[file])
		perr := protojson.Unmarshal(files[file], new(v3.WebhookResponse))
		switch {
		case err == nil && perr != nil:
			t.Errorf("%s: protojson refuses what cxtest.Accept takes: %v", file, perr)
		case err != nil && perr == nil:
			beyond++
		}
		if err == nil {
			accepted++
			lines = append(lines, file+"\taccepted\t")
			continue
		}
		refused++
		lines = append(lines, file+"\trefused\t"+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	golden(t, "responses.tsv", "file\tverdict\treason", lines)
	t.Logf("%d responses: %d accepted, %d refused, of these %d for their meaning alone", len(files), accepted, refused, beyond)
}

// TestAgentMessages: messages as they stand in agents, in a response: which of
// them a webhook could send. An agent's messages have a language of their own,
// which a response's have not; it is taken off first.
func TestAgentMessages(t *testing.T) {
	dir := os.Getenv("CX_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	all, err := os.ReadFile(filepath.Join(dir, "responses", "agent-messages.jsonl"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("SKIPPED: no corpus")
	} else if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]int{}
	for line := range bytes.Lines(all) {
		var m struct {
			Message map[string]jsontext.Value `json:"message"`
		}
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		delete(m.Message, "languageCode")
		message, _ := json.Marshal(m.Message)
		body := fmt.Appendf(nil, `{"fulfillmentResponse":{"messages":[%s]}}`, message)
		err := cxtest.Accept(body)
		if perr := protojson.Unmarshal(body, new(v3.WebhookResponse)); err == nil && perr != nil {
			t.Errorf("protojson refuses what cxtest.Accept takes: %v", perr)
		}
		verdict := "accepted"
		if err != nil {
			parts := strings.Split(err.Error(), "\n")
			slices.Sort(parts) // members come in any order
			verdict = strings.Join(parts, "; ")
		}
		verdicts[verdict]++
	}
	var lines []string
	for _, v := range slices.Sorted(maps.Keys(verdicts)) {
		lines = append(lines, fmt.Sprintf("%s\t%d", v, verdicts[v]))
		t.Logf("%d × %s", verdicts[v], v)
	}
	golden(t, "agent-messages.tsv", "verdict\tmessages", lines)
}
