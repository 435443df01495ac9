package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	v3 "cloud.google.com/go/dialogflow/cx/apiv3/cxpb"

	"example.com/cxhook/cx"
)

const tableStart = "<!-- the tables: go -C internal/conformance test -run Docs -update -->\n"

// TestDocs: docs/protocol.md has every field of Google's in its tables, with ours
// beside it.
func TestDocs(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "protocol.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	prose, _, ok := strings.Cut(string(page), tableStart)
	if !ok {
		t.Fatalf("%s has no line %q", path, tableStart)
	}
	tables := &tables{done: map[string]bool{}}
	tables.message(new(v3.WebhookRequest).ProtoReflect().Descriptor(), reflect.TypeFor[cx.Request]())
	tables.message(new(v3.WebhookResponse).ProtoReflect().Descriptor(), reflect.TypeFor[cx.Response]())
	want := prose + tableStart + tables.String()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		page = []byte(want)
	}
	if string(page) != want {
		t.Errorf("%s is out of date; -update writes it", path)
	}
	t.Logf("%d fields in the tables", tables.fields)
}

type tables struct {
	strings.Builder
	done   map[string]bool
	fields int
}

func (d *tables) message(m protoreflect.MessageDescriptor, t reflect.Type) {
	if d.done[short(m)] {
		return
	}
	d.done[short(m)] = true
	fmt.Fprintf(d, "\n## %s\n\n`cx.%s`\n\n| Google | cx | Go type | |\n|---|---|---|---|\n", short(m), t.Name())
	if m.Fields().Len() == 0 {
		fmt.Fprint(d, "| (no fields) | | | |\n")
	}
	type nested struct {
		m protoreflect.MessageDescriptor
		t reflect.Type
	}
	var next []nested
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		d.fields++
		f := fieldNamed(t, fd.JSONName())
		note := ""
		if o := fd.ContainingOneof(); o != nil {
			note = "one of `" + string(o.Name()) + "`"
		}
		if short(m)+"."+fd.JSONName() == "ResponseMessage.responseType" {
			note = "v3 only"
		}
		if fd.Kind() == protoreflect.EnumKind {
			var names []string
			for _, v := range enums[short(fd.Enum())] {
				names = append(names, "`"+v+"`")
			}
			note = strings.TrimPrefix(note+"; "+strings.Join(names, ", "), "; ")
		}
		fmt.Fprintf(d, "| `%s` | `%s` | `%s` | %s |\n", fd.JSONName(), f.Name, f.Type, note)
		value, ft := fd, f.Type
		if fd.IsMap() {
			value, ft = fd.MapValue(), f.Type.Elem()
		} else if fd.IsList() {
			ft = f.Type.Elem()
		}
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		if value.Kind() == protoreflect.MessageKind && value.Message().ParentFile().Package() != "google.protobuf" {
			next = append(next, nested{value.Message(), ft})
		}
	}
	for _, n := range next {
		d.message(n.m, n.t)
	}
}

func fieldNamed(t reflect.Type, name string) reflect.StructField {
	for f := range t.Fields() {
		if n, _, _ := strings.Cut(f.Tag.Get("json"), ","); n == name {
			return f
		}
	}
	return reflect.StructField{Name: "MISSING", Type: reflect.TypeFor[struct{}]()}
}
