package strict_test

import (
	"strings"
	"testing"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	"cloud.google.com/go/compute/apiv1/computepb"
	"cloud.google.com/go/networksecurity/apiv1/networksecuritypb"
	"google.golang.org/protobuf/proto"

	"example.com/cxhook/internal/conformance/strict"
)

func TestUnmarshal(t *testing.T) {
	build := func() proto.Message { return new(cloudbuildpb.Build) }
	backend := func() proto.Message { return new(computepb.BackendService) }
	policy := func() proto.Message { return new(networksecuritypb.ServerTlsPolicy) }
	for _, tt := range []struct {
		name string
		into func() proto.Message
		doc  string
		want string // the error; "" accepts
	}{
		{"block YAML", build, "steps:\n  - id: vet\n    name: golang\n    waitFor: ['-']\ntimeout: 1200s\nsubstitutions:\n  _A: '1'\n", ""},
		{"JSON", build, `{"steps": [{"id": "vet", "name": "golang"}], "timeout": "1.5s"}`, ""},
		{"block scalar", build, "steps:\n  - script: |\n      a\n      b: c\n    name: golang\n", ""},
		{"several unknown fields", build, "steps:\n  - id: vet\n    nam: golang\n\nstesp: []\n",
			"f.yaml:3: steps[0].nam: no such field of google.devtools.cloudbuild.v1.BuildStep\nf.yaml:5: stesp: no such field of google.devtools.cloudbuild.v1.Build"},
		{"snake case", build, "steps:\n  - wait_for: ['-']\n", "f.yaml:2: steps[0].wait_for: no such field of google.devtools.cloudbuild.v1.BuildStep; have waitFor"},
		{"another case", build, "Steps: []\n", "f.yaml:1: Steps: no such field of google.devtools.cloudbuild.v1.Build; have steps"},
		{"unknown field in JSON", build, "{\n \"steps\": [\n  {\"nam\": \"golang\"}]}", "f.yaml:3: steps[0].nam: no such field of google.devtools.cloudbuild.v1.BuildStep"},
		{"a number for a string", build, "substitutions:\n  _B: 'x'\n  _A: 1\n", "f.yaml:3: invalid value for string field value: 1"},
		{"a string for a list", build, "steps:\n  - name: go\n    args: vet\n", `f.yaml:3: unexpected token "vet"`},
		{"a bad duration", build, "timeout: 20m\n", `f.yaml:1: invalid google.protobuf.Duration value "20m"`},
		{"a repeated field", build, "timeout: 1s\nsteps: []\ntimeout: 2s\n", `f.yaml:3: duplicate field "timeout"`},
		{"a repeated map key", build, "substitutions:\n  _A: x\n  _A: y\n", `f.yaml:3: duplicate map key "_A"`},
		{"no value", build, "steps:\n  - name: go\n    waitFor:\n", "f.yaml:3: steps[0].waitFor: no value"},
		{"two documents", build, "timeout: 1s\n---\ntimeout: 1s\n", "f.yaml: line 2: a second document; want one"},
		{"nothing", build, "# a comment\n", "f.yaml: no document in it"},
		{"an alias", build, "steps:\n  - &a {name: go}\n  - *a\n",
			"f.yaml:2: steps[0]: anchors, aliases and tags are not read everywhere in the same way: write it out\n" +
				"f.yaml:3: steps[1]: anchors, aliases and tags are not read everywhere in the same way: write it out"},
		{"a tag", build, "timeout: !!str 1s\n", "f.yaml:1: timeout: anchors, aliases and tags are not read everywhere in the same way: write it out"},
		{"a merge key", build, "steps:\n  - {name: go, <<: {id: x}}\n", "f.yaml:2: steps[0].<<: merge keys are not read everywhere in the same way: write it out"},

		{"an enum", policy, "mtlsPolicy:\n  clientValidationMode: REJECT_INVALID\n", ""},
		{"an unknown enum value", policy, "name: a\nmtlsPolicy:\n  clientValidationMode: REJECT_INVLID\n", `f.yaml:3: invalid value for enum field clientValidationMode: "REJECT_INVLID"`},
		{"an enum that is a string", backend, "loadBalancingScheme: EXTERNAL_MANAGED\nlogConfig:\n  enable: true\n", ""},
		{"an unknown value of an enum that is a string", backend, "name: x\nloadBalancingScheme: EXTERNAL_MANGED\n",
			`f.yaml:2: loadBalancingScheme: "EXTERNAL_MANGED" is not a value of google.cloud.compute.v1.BackendService.LoadBalancingScheme`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := strict.Unmarshal("f.yaml", []byte(tt.doc), tt.into())
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), "\u00a0", " ")
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
