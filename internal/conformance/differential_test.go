package conformance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"example.com/cxhook/cx"
)

// values are the fields that are values in cx, where an empty message is the same
// as none: with protojson they differ in presence alone.
var values = map[protoreflect.Name]bool{
	"fulfillment_info": true, "page_info": true, "form_info": true, "session_info": true, "fulfillment_response": true,
}

// generator makes random messages. It leaves out what cx does not tell apart by
// intent: an empty message in a field that is a value in cx, and an empty text in
// a oneof, which says nothing.
type generator struct{ *rand.Rand }

var words = []string{"a", "50% discount", `"quoted" \ <b>&amp;</b>`, "übergröße", "日本語 🙂", "line\nbreak\u2028", "\x00\x1f\x7f", "projects/p/locations/l/agents/a/sessions/s", "null", "9.0"}

func (g generator) text() string { return words[g.IntN(len(words))] }

func (g generator) message(m protoreflect.Message, depth int) {
	switch x := m.Interface().(type) {
	case *structpb.Struct:
		x.Fields = g.fields(depth)
		return
	case *structpb.Value:
		proto.Merge(x, g.value(depth))
		return
	}
	md := m.Descriptor()
	for i := range md.Oneofs().Len() {
		if o := md.Oneofs().Get(i); g.IntN(4) > 0 {
			g.field(m, o.Fields().Get(g.IntN(o.Fields().Len())), depth)
		}
	}
	for i := range md.Fields().Len() {
		if fd := md.Fields().Get(i); fd.ContainingOneof() == nil && g.IntN(3) > 0 {
			g.field(m, fd, depth)
		}
	}
}

func (g generator) field(m protoreflect.Message, fd protoreflect.FieldDescriptor, depth int) {
	switch {
	case fd.IsMap():
		mp := m.Mutable(fd).Map()
		for range g.IntN(4) {
			v := mp.NewValue()
			g.message(v.Message(), depth+1)
			mp.Set(protoreflect.ValueOfString(g.text()).MapKey(), v)
		}
	case fd.IsList():
		list := m.Mutable(fd).List()
		for range g.IntN(4) {
			if fd.Kind() == protoreflect.MessageKind {
				v := list.NewElement()
				g.message(v.Message(), depth+1)
				list.Append(v)
			} else {
				list.Append(g.scalar(fd))
			}
		}
	case fd.Kind() == protoreflect.MessageKind:
		v := m.NewField(fd)
		g.message(v.Message(), depth+1)
		if values[fd.Name()] && proto.Size(v.Message().Interface()) == 0 {
			return
		}
		m.Set(fd, v)
	default:
		m.Set(fd, g.scalar(fd))
	}
}

func (g generator) scalar(fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(g.text())
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(g.IntN(2) == 0)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(g.text()))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(g.number()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(g.number())
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(fd.Enum().Values().Get(g.IntN(fd.Enum().Values().Len())).Number())
	}
	panic(fmt.Sprintf("%s: no generator for a %s", fd.FullName(), fd.Kind()))
}

func (g generator) number() float64 {
	return []float64{0, 1, -1, 9, 0.5, 1e-7, 1.0 / 3, 1e21, -0.9978873, 123456789, math.MaxFloat32}[g.IntN(11)]
}

func (g generator) fields(depth int) map[string]*structpb.Value {
	fields := map[string]*structpb.Value{}
	for range g.IntN(4) {
		fields[g.text()] = g.value(depth + 1)
	}
	return fields
}

func (g generator) value(depth int) *structpb.Value {
	n := 6
	if depth > 6 {
		n = 4
	}
	switch g.IntN(n) {
	case 0:
		return structpb.NewNullValue()
	case 1:
		return structpb.NewNumberValue(g.number())
	case 2:
		return structpb.NewStringValue(g.text())
	case 3:
		return structpb.NewBoolValue(true)
	case 4:
		return structpb.NewStructValue(&structpb.Struct{Fields: g.fields(depth)})
	default:
		list := &structpb.ListValue{}
		for range g.IntN(3) {
			list.Values = append(list.Values, g.value(depth+1))
		}
		return structpb.NewListValue(list)
	}
}

// differ takes a random message of each root through protojson, cx, JSON and
// protojson, which must give the same again.
func differ(t *testing.T, seed uint64) {
	g := generator{rand.New(rand.NewPCG(seed, seed))}
	for _, root := range roots {
		want := root.pb.ProtoReflect().New()
		g.message(want, 0)
		sent, err := protojson.Marshal(want.Interface())
		if err != nil {
			t.Fatalf("seed %d, %s: %v", seed, root.name, err)
		}
		var ours any
		if root.cx == reflect.TypeFor[cx.Request]() {
			ours, err = cx.DecodeRequest(sent)
		} else {
			resp := new(cx.Response)
			ours, err = resp, json.Unmarshal(sent, resp)
		}
		if err != nil {
			t.Fatalf("seed %d, %s: cx does not decode %s: %v", seed, root.name, sent, err)
		}
		encoded, err := json.Marshal(ours)
		if err != nil {
			t.Fatalf("seed %d, %s: cx does not encode %s: %v", seed, root.name, sent, err)
		}
		got := root.pb.ProtoReflect().New().Interface()
		if err := protojson.Unmarshal(encoded, got); err != nil {
			t.Fatalf("seed %d, %s: protojson refuses %s: %v", seed, root.name, encoded, err)
		}
		if !proto.Equal(want.Interface(), got) {
			t.Fatalf("seed %d, %s:\nsent %s\ngot  %s", seed, root.name, sent, encoded)
		}
		// What leaves through the front door is JSON that Google takes.
		if resp, ok := ours.(*cx.Response); ok {
			if body, err := cx.EncodeResponse(resp); err == nil {
				if err := protojson.Unmarshal(body, root.pb.ProtoReflect().New().Interface()); err != nil {
					t.Fatalf("seed %d, %s: protojson refuses %s: %v", seed, root.name, body, err)
				}
			}
		}
	}
}

func TestDifferential(t *testing.T) {
	const rounds = 2000
	for seed := range uint64(rounds) {
		differ(t, seed)
	}
	t.Logf("%d random messages were equal after protojson, cx, JSON and protojson", rounds*len(roots))
}

func FuzzDifferential(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed << 40)
	}
	f.Fuzz(differ)
}
