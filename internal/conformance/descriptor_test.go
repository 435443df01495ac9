package conformance

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	v3 "cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	v3beta1 "cloud.google.com/go/dialogflow/cx/apiv3beta1/cxpb"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"example.com/cxhook/cx"
)

// roots are the messages of the protocol and what they are in cx.
var roots = []struct {
	name string
	pb   proto.Message
	cx   reflect.Type
}{
	{"v3 request", new(v3.WebhookRequest), reflect.TypeFor[cx.Request]()},
	{"v3 response", new(v3.WebhookResponse), reflect.TypeFor[cx.Response]()},
	{"v3beta1 request", new(v3beta1.WebhookRequest), reflect.TypeFor[cx.Request]()},
	{"v3beta1 response", new(v3beta1.WebhookResponse), reflect.TypeFor[cx.Response]()},
}

// exceptions are the differences from Google's definition, each with its reason.
// Keys are full names without the package.
var exceptions = map[string]string{
	"WebhookResponse.FulfillmentResponse.MERGE_BEHAVIOR_UNSPECIFIED": `is "" in cx, and is not sent: proto3's default`,
	"PageInfo.FormInfo.ParameterInfo.PARAMETER_STATE_UNSPECIFIED":    `is "" in cx, and is not sent: proto3's default`,
	"ResponseMessage.RESPONSE_TYPE_UNSPECIFIED":                      `is "" in cx, and is not sent: proto3's default`,
	"v3beta1 ResponseMessage.responseType":                           "v3 alone has it; Dialogflow ignores it in a response, where it is output only",
}

// enums are cx's constants by the proto enum's name.
var enums = map[string][]string{
	"WebhookResponse.FulfillmentResponse.MergeBehavior": {string(cx.Append), string(cx.Replace)},
	"PageInfo.FormInfo.ParameterInfo.ParameterState":    {string(cx.StateEmpty), string(cx.StateInvalid), string(cx.StateFilled)},
	"ResponseMessage.ResponseType":                      {string(cx.EntryPrompt), string(cx.ParameterPrompt), string(cx.HandlerPrompt)},
}

func short(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
}

type comparison struct {
	t              *testing.T
	version        string
	fields, values int
	seen           map[string]bool
	used           map[string]bool
}

// TestDescriptors: every field and enum value of the webhook messages exists in cx
// under the same JSON name and with a type that takes it, and cx has no other.
func TestDescriptors(t *testing.T) {
	used := map[string]bool{}
	for _, root := range roots {
		version, _, _ := strings.Cut(root.name, " ")
		c := &comparison{t: t, version: version, seen: map[string]bool{}, used: used}
		c.message(root.pb.ProtoReflect().Descriptor(), root.cx)
		t.Logf("%s: %d fields and %d enum values compared", root.name, c.fields, c.values)
		if c.fields == 0 {
			t.Errorf("%s: nothing compared", root.name)
		}
	}
	for name, reason := range exceptions {
		if !used[name] {
			t.Errorf("exception %s (%s) is not needed", name, reason)
		}
	}
	t.Logf("%d exceptions", len(exceptions))
}

func (c *comparison) message(m protoreflect.MessageDescriptor, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if c.seen[short(m)] {
		return
	}
	c.seen[short(m)] = true
	if t.Kind() != reflect.Struct {
		c.t.Errorf("%s is a %s in cx; want a struct", short(m), t)
		return
	}
	ours := map[string]reflect.StructField{}
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && name != "-" {
			ours[name] = f
		}
	}
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		c.fields++
		f, ok := ours[fd.JSONName()]
		if !ok {
			c.t.Errorf("cx lacks %s.%s", short(m), fd.JSONName())
			continue
		}
		delete(ours, fd.JSONName())
		c.field(fd, f.Type)
	}
	for name := range ours {
		key := c.version + " " + short(m) + "." + name
		if exceptions[key] == "" {
			c.t.Errorf("cx has %s.%s, which %s does not know", t, name, c.version)
		}
		c.used[key] = true
	}
}

func (c *comparison) field(fd protoreflect.FieldDescriptor, t reflect.Type) {
	fits := func(ok bool) {
		if !ok {
			c.t.Errorf("%s is a %s in cx", short(fd), t)
		}
	}
	if fd.IsMap() {
		fits(t.Kind() == reflect.Map && t.Key().Kind() == reflect.String)
		c.single(fd.MapValue(), t.Elem())
		return
	}
	if fd.IsList() {
		fits(t.Kind() == reflect.Slice)
		c.single(fd, t.Elem())
		return
	}
	c.single(fd, t)
}

func (c *comparison) single(fd protoreflect.FieldDescriptor, t reflect.Type) {
	ok := false
	switch fd.Kind() {
	case protoreflect.StringKind:
		ok = t.Kind() == reflect.String
	case protoreflect.BoolKind:
		ok = t.Kind() == reflect.Bool
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		ok = t.Kind() == reflect.Float64
	case protoreflect.BytesKind:
		ok = t == reflect.TypeFor[[]byte]()
	case protoreflect.EnumKind:
		ok = t.Kind() == reflect.String
		c.enum(fd.Enum())
	case protoreflect.MessageKind:
		if fd.Message().ParentFile().Package() == "google.protobuf" { // Struct or Value: raw JSON
			ok = t == reflect.TypeFor[jsontext.Value]()
			break
		}
		ok = true
		c.message(fd.Message(), t)
	}
	if !ok {
		c.t.Errorf("%s (%s) is a %s in cx", short(fd), fd.Kind(), t)
	}
}

func (c *comparison) enum(e protoreflect.EnumDescriptor) {
	if c.seen[short(e)] {
		return
	}
	c.seen[short(e)] = true
	ours := slices.Clone(enums[short(e)])
	for i := range e.Values().Len() {
		c.values++
		v := e.Values().Get(i)
		if at := slices.Index(ours, string(v.Name())); at >= 0 {
			ours = slices.Delete(ours, at, at+1)
			continue
		}
		key := short(v.Parent().Parent()) + "." + string(v.Name())
		if exceptions[key] == "" {
			c.t.Errorf("cx lacks the value %s of %s (%s)", v.Name(), short(e), key)
		}
		c.used[key] = true
	}
	if len(ours) > 0 {
		c.t.Errorf("cx has values %v, which %s lacks", ours, short(e))
	}
}
