package agent

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/cxhook/internal/conversation"
)

// FuzzGenerate lets the author of an agent choose names, values and templates. The
// code that is made of them stays in its folder, is Go, runs nothing at start but
// what is always there, and its conversations can be read.
func FuzzGenerate(f *testing.F) {
	f.Add("track", "parcel", `"A-1"`, "https://webhook.example.com/rates", `{"weight": $session.params.weight}`, "$.offer[*].price", "Rates: parcel")
	f.Add("deliver-again", "$flow.x", `{"a":[1,2.5,null]}`, "https://webhook.example.com/../x", `{"a":"$sys.func.NOW()"}`, "$['a b'][0]..c", "../../x")
	f.Add("a\nfunc init() { panic(1) }", "b`*/", `"*/ \u2028 -- request --"`, "%zz", `[$`, "$[", "")
	f.Add("type", "func", `-1e400`, "http://[::1]/live", `"`, ".a", "日本 🙂")
	f.Add("", "", ``, "", "", "", "-- request --\n")
	f.Fuzz(func(t *testing.T, tag, parameter, value, uri, body, path, name string) {
		text := func(v any) string {
			b, err := json.Marshal(v)
			if err != nil {
				t.Skipf("no JSON can hold it: %v", err)
			}
			return string(b)
		}
		if !json.Valid([]byte(value)) {
			value = "null"
		}
		fulfillment := `{"webhook":"w","tag":` + text(tag) + `,"setParameterActions":[{"parameter":` + text(parameter) + `,"value":` + value + `}],"messages":[{"text":{"text":[` + text(name) + `]}}]}`
		export := map[string]string{
			"agent.json":           "{}",
			"flows/F/F.json":       `{"displayName":` + text(name) + `,"transitionRoutes":[{"condition":` + text("$session.params."+parameter+" = "+body) + `,"triggerFulfillment":` + fulfillment + `}]}`,
			"flows/F/pages/P.json": `{"displayName":"P","form":{"parameters":[{"displayName":` + text(parameter) + `,"entityType":"@sys.any"}]}}`,
			"webhooks/w.json":      `{"displayName":"w","genericWebService":{"uri":` + text(uri) + `}}`,
			"webhooks/x.json": `{"displayName":` + text(name) + `,"genericWebService":{"uri":` + text(uri) + `,"webhookType":"FLEXIBLE","httpMethod":"POST","requestBody":` + text(body) +
				`,"parameterMapping":[{"key":` + text(parameter) + `,"value":` + text(path) + `}]}}`,
		}
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		for file, content := range export {
			e, err := w.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			e.Write([]byte(content))
		}
		w.Close()
		a, err := ReadZip(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
		if err != nil {
			return
		}
		around := t.TempDir()
		dir := filepath.Join(around, "handlers")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Generate(a, Target{dir, module, nil}); err != nil {
			return // said, and nothing is half done: the next lines look
		}
		if entries, err := os.ReadDir(around); err != nil || len(entries) != 1 {
			t.Errorf("written outside of the folder: %v, %v", entries, err)
		}
		for file, content := range files(t, dir) {
			switch filepath.Ext(file) {
			case ".go":
				parsed, err := parser.ParseFile(token.NewFileSet(), file, content, parser.SkipObjectResolution)
				if err != nil {
					t.Errorf("not Go: %v\n%s", err, content)
					continue
				}
				for _, d := range parsed.Decls {
					if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && (fn.Name.Name == "init" || fn.Name.Name == "main") {
						t.Errorf("%s: func %s", file, fn.Name)
					}
				}
			case ".txtar":
				if _, err := conversation.Parse([]byte(content)); err != nil {
					t.Errorf("%s: %v\n%s", file, err, content)
				}
			}
		}
	})
}

// FuzzTemplate holds that a request body whose references have been quoted is JSON
// or refused, and that a path and a name are read within their text.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{`{"a": $session.params.x, "b": "$flow.y z"}`, `[$sys.func.ADD(1, $x), 2]`, `"\`, `$`, `{"$a":$b}`, `$.a.b[?(@.c == 'x')].d`, `$['a]b'].c`, "a..b", `[[[`, `\u0000$`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if shape, err := shapeOfTemplate(text); (shape == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", text, shape, err)
		}
		names, lists := membersOfJSONPath(text)
		if len(names) != len(lists) {
			t.Errorf("%q: %d names, %d of them known to be lists or not", text, len(names), len(lists))
		}
		for _, name := range names {
			if !strings.Contains(text, name) {
				t.Errorf("%q: %q is not in it", text, name)
			}
		}
		for _, ref := range refsIn(text) {
			if !strings.Contains(text, ref.String()) && !slices.Contains([]Scope{InSession, InFlow, InPage, InIntent}, ref.Scope) {
				t.Errorf("%q: %v is not in it", text, ref)
			}
		}
		if name := goName(text); !token.IsIdentifier(name) || !token.IsExported(name) {
			t.Errorf("%q: the name %q is not exported Go", text, name)
		}
		if name := localName(goName(text)); !token.IsIdentifier(name) {
			t.Errorf("%q: the name %q is not Go", text, name)
		}
	})
}
