package cx

import (
	"testing"

	"github.com/go-json-experiment/json"
)

// Nothing of the parameter is left, and every other byte stays.
func TestRemoveParameter(t *testing.T) {
	for _, row := range []struct{ body, want string }{
		{`{"sessionInfo":{"parameters":{"t":"x"}}}`, `{"sessionInfo":{"parameters":{}}}`},
		{`{"sessionInfo": {"parameters": { "t" : "x" , "a":1 } }}`, `{"sessionInfo": {"parameters": { "a":1 } }}`},
		{`{"sessionInfo":{"parameters":{"a":1, "t":{"x":[1,"}"]}}}}`, `{"sessionInfo":{"parameters":{"a":1}}}`},
		{`{"sessionInfo":{"parameters":{"a":1,"t":"x,}","b":2}}}`, `{"sessionInfo":{"parameters":{"a":1,"b":2}}}`},
		{`{"sessionInfo":{"parameters":{"\u0074":"x","b":2}}}`, `{"sessionInfo":{"parameters":{"b":2}}}`},
		{`{"sessionInfo":{"parameters":{"T":"x"}}}`, `{"sessionInfo":{"parameters":{"T":"x"}}}`},
		{`{"sessionInfo":{"parameters":null},"intentInfo":{"parameters":{"t":{"originalValue":"x","resolvedValue":"x"}}}}`, `{"sessionInfo":{"parameters":null},"intentInfo":{"parameters":{}}}`},
		{`{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"a","value":1},{"displayName":"t","value":"x","state":"FILLED"}]}}}`,
			`{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"a","value":1},{"displayName":"t","state":"FILLED"}]}}}`},
		{`{"pageInfo":{"formInfo":{"parameterInfo":[{"value":"x","displayName":"t"},{"value":"y","displayName":"t"}]}}}`,
			`{"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"t"},{"displayName":"t"}]}}}`},
		{`{}`, `{}`},
	} {
		req, err := DecodeRequest([]byte(row.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Raw = []byte(row.body)
		req.RemoveParameter("t")
		if string(req.Raw) != row.want {
			t.Errorf("%s\ngot  %s\nwant %s", row.body, req.Raw, row.want)
		}
		if _, ok := req.SessionInfo.Parameters["t"]; ok || req.FormParameter("t") != nil && req.FormParameter("t").Value != nil {
			t.Errorf("%s: it is still in the request", row.body)
		}
		want, err := DecodeRequest([]byte(row.want))
		if err != nil {
			t.Fatal(err)
		}
		left, _ := json.Marshal(req, json.Deterministic(true))
		if same, _ := json.Marshal(want, json.Deterministic(true)); string(left) != string(same) {
			t.Errorf("%s: handlers see %s, want %s", row.body, left, same)
		}
		req.Raw = nil
		if req.RemoveParameter("t"); req.Raw != nil {
			t.Errorf("%s: a body that was not kept has become %s", row.body, req.Raw)
		}
	}
}
