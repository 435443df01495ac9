package cx_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/cxhook/cx"
)

// FuzzDecodeRequest: no panic; a body that decodes is JSON to package json too, and
// encodes again, and what comes of that decodes to the same; and no key in another
// case reaches a field.
func FuzzDecodeRequest(f *testing.F) {
	seeds := []string{full, tagged, `{}`, `{"Text":"a","SESSIONINFO":{"session":"s"}}`, `{"text":"\u0041"}`, `{"text":"a","text":"b"}`, `{"messages":[{"text":{"TEXT":["a"]}}]}`, "{\"text\":\"\xff\"}"}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := cx.DecodeRequest(body)
		if err != nil {
			if req != nil {
				t.Fatal("a request and an error")
			}
			return
		}
		if !stdjson.Valid(body) {
			t.Fatal("encoding/json does not take it for JSON")
		}
		again, err := json.Marshal(req)
		if err != nil {
			t.Fatalf("does not encode: %v", err)
		}
		req2, err := cx.DecodeRequest(again)
		if err != nil {
			t.Fatalf("does not decode again: %v\n%s", err, again)
		}
		again2, err := json.Marshal(req2, json.Deterministic(true))
		again, _ = json.Marshal(req, json.Deterministic(true))
		if err != nil || !bytes.Equal(again, again2) {
			t.Fatalf("encodes to %s, then to %s (%v)", again, again2, err)
		}
		req.Summary()
		req.CallerID()
		req.IdempotencyKey()
		// Without the members whose names are not exactly ours nothing changes.
		var members map[string]jsontext.Value
		if json.Unmarshal(body, &members) != nil {
			return
		}
		for name := range members {
			if !isMember[name] {
				delete(members, name)
			}
		}
		exact, err := json.Marshal(members, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		req3, err := cx.DecodeRequest(exact)
		if err != nil {
			t.Fatal(err)
		}
		again3, _ := json.Marshal(req3, json.Deterministic(true))
		if !bytes.Equal(again, again3) {
			t.Fatalf("a member that is not ours counts: %s, without it %s", again, again3)
		}
	})
}

// isMember has the names of the request's members, read off its type.
var isMember = func() map[string]bool {
	names := map[string]bool{}
	for f := range reflect.TypeFor[cx.Request]().Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			names[name] = true
		}
	}
	return names
}()

// Every field of Request is read: the hand-written decoder has forgotten none.
func TestEveryMemberIsDecoded(t *testing.T) {
	req := decode(t, full)
	v := reflect.ValueOf(req).Elem()
	queries := map[string]bool{"Text": true, "TriggerIntent": true, "Transcript": true, "TriggerEvent": true, "DTMFDigits": true}
	for f, value := range v.Fields() {
		if f.Tag.Get("json") == "-" || queries[f.Name] {
			continue
		}
		if value.IsZero() {
			t.Errorf("%s is not read", f.Name)
		}
	}
}

type fuzzed struct {
	S  string           `cx:"p,optional"`
	I  int              `cx:"p,form,optional"`
	T  cx.Text          `cx:"p,intent,optional"`
	O  string           `cx:"p,original,optional"`
	B  *bool            `cx:"b"`
	F  float64          `cx:"f,default=1.5"`
	U  uint8            `cx:"u,optional"`
	E  size             `cx:"e,default=small"`
	L  []address        `cx:"l,optional"`
	M  map[string][]int `cx:"m,optional"`
	R  jsontext.Value   `cx:"r,optional"`
	D  cx.DateTime      `cx:"d,optional"`
	W  time.Duration    `cx:"w,optional"`
	A  cx.Amount        `cx:"a,optional"`
	N  cx.Person        `cx:"n,optional"`
	P  cx.Location      `cx:"loc,optional"`
	X  any              `cx:"x,optional"`
	H  hex              `cx:"h,optional"`
	TT time.Time        `cx:"tt,optional"`
}

// FuzzBind: no panic, whatever the values; an error is a BindError that quotes no
// value; and parameters in another case bind nothing.
func FuzzBind(f *testing.F) {
	seeds := []string{
		`{}`, `{"p":"a","b":true,"f":2,"u":7,"e":"large"}`, `{"P":1,"B":2,"F":"x","E":"huge"}`,
		`{"l":[{"city":"c","zip":1}],"m":{"k":[1,2.0]},"r":[1],"d":{"year":2026,"hours":3}}`,
		`{"w":{"amount":1,"unit":"h"},"a":{"amount":2},"n":"x","loc":{"city":"y"},"x":null,"h":"ff","tt":"2026-01-02T03:04:05Z"}`,
		`{"p":5,"b":"canary-of-the-test","f":"canary-of-the-test","u":-1,"l":["canary-of-the-test"],"w":"canary-of-the-test","tt":"canary-of-the-test"}`,
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	b := cx.Bind(func(_ context.Context, req *cx.Request, p fuzzed) (*cx.Response, error) {
		return new(cx.Response).WithParameter("r", p.R), nil
	})
	f.Fuzz(func(t *testing.T, params []byte) {
		var values cx.Parameters
		if json.Unmarshal(params, &values) != nil {
			return
		}
		req := &cx.Request{SessionInfo: cx.SessionInfo{Parameters: values}}
		if v := values["p"]; v != nil {
			req.PageInfo.FormInfo.ParameterInfo = []cx.ParameterInfo{{DisplayName: "p", Value: v}}
			req.IntentInfo = &cx.IntentInfo{Parameters: map[string]cx.IntentParameterValue{"p": {OriginalValue: "o", ResolvedValue: v}}}
		}
		resp, err := b.Serve(t.Context(), req)
		if err == nil {
			if _, err := cx.EncodeResponse(resp); err != nil {
				if _, large := err.(*cx.SizeError); !large {
					t.Fatal(err)
				}
			}
			return
		}
		bind, ok := err.(cx.BindError)
		if !ok || len(bind) == 0 {
			t.Fatalf("got %v", err)
		}
		for _, p := range bind {
			if strings.Contains(p.Want+p.Have, "canary") {
				t.Fatalf("quotes a value: %v", p)
			}
		}
	})
}
