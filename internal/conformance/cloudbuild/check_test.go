package cloudbuild

import (
	"os"
	"slices"
	"strings"
	"testing"

	webhook "example.com/cxhook"
)

const file = "../../../cloudbuild.yaml"

// settings are the variables that the function reads, as it says itself.
func settings(t *testing.T) []string {
	t.Helper()
	t.Setenv("CXHOOK_NO_SUCH", "x")
	_, problems := webhook.InspectEnv()
	for _, problem := range problems {
		if list, ok := strings.CutPrefix(problem.Error(), "CXHOOK_NO_SUCH: no such setting; have "); ok {
			return strings.Split(list, ", ")
		}
	}
	t.Fatalf("the function does not name its settings: %v", problems)
	return nil
}

// TestCloudBuild: the build is what Cloud Build takes, and each mistake planted in
// it is refused.
func TestCloudBuild(t *testing.T) {
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	settings := settings(t)
	if !slices.Contains(settings, "CXHOOK_AUDIENCES") || len(settings) < 30 {
		t.Fatalf("the function's settings are not found any more: %q", settings)
	}
	build, err := Check("cloudbuild.yaml", doc, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("cloudbuild.yaml: %s, %d steps, %d substitutions", build.ProtoReflect().Descriptor().FullName(), len(build.GetSteps()), len(build.GetSubstitutions()))

	for _, tt := range []struct{ name, old, new, want string }{
		{"a field", "waitFor: [deploy]", "waitfor: [deploy]", "steps[4].waitfor: no such field of google.devtools.cloudbuild.v1.BuildStep; have waitFor"},
		{"an option", "logging: CLOUD_LOGGING_ONLY", "logging: CLOUD_LOGING_ONLY", `invalid value for enum field logging: "CLOUD_LOGING_ONLY"`},
		{"a timeout", "timeout: 2400s", "timeout: 40m", `invalid google.protobuf.Duration value "40m"`},
		{"no timeout", "timeout: 2400s\n", "", "no timeout: Cloud Build's own is ten minutes"},
		{"an undeclared substitution", "- TAG=$_TAG", "- TAG=$_TGA", "$_TGA: no such substitution\ncloudbuild.yaml: substitution _TAG is not used"},
		{"an undeclared substitution in braces", "- TAG=$_TAG", "- TAG=${_TAG}${_TGA}", "$_TGA: no such substitution"},
		{"one of a trigger", "- TAG=$_TAG", "- TAG=$_TAG$SHORT_SHA", "$SHORT_SHA: no such substitution"},
		{"an unused substitution", "  _TAG: candidate", "  _TAG: candidate\n  _SPARE: x", "substitution _SPARE is not used"},
		{"one that refers to another", "_SERVICE_ACCOUNT: cxhook-run", "_SERVICE_ACCOUNT: ${_SERVICE}-run", "substitution _SERVICE_ACCOUNT: references in it are not replaced without dynamicSubstitutions"},
		{"a name without an underscore", "  _TAG: candidate", "  _TAG: candidate\n  SPARE: x", "substitution SPARE: want a name of capitals, digits and underscores that begins with one"},
		{"a step that waits for none", "waitFor: [vet, test]", "waitFor: [vet, tests]", "step deploy waits for tests, which is no step before it"},
		{"a step that waits for a later one", "waitFor: [vet, test]", "waitFor: [vet, smoke]", "step deploy waits for smoke, which is no step before it"},
		{"a step that waits for whatever", "    waitFor: [vet, test]\n", "", "step deploy waits for nothing in particular: name the steps, or '-'"},
		{"a repeated id", "- id: smoke", "- id: start", "step start is there twice\ncloudbuild.yaml: step promote waits for smoke, which is no step before it"},
		{"an image of any version", "google-cloud-cli:528.0.0-slim\n    env:\n      - PROJECT_ID=$PROJECT_ID\n      - SERVICE", "google-cloud-cli:latest\n    env:\n      - PROJECT_ID=$PROJECT_ID\n      - SERVICE",
			"step promote: image gcr.io/google.com/cloudsdktool/google-cloud-cli:latest: name a version"},
		{"logs nowhere", "  logging: CLOUD_LOGGING_ONLY", "  logging: LEGACY", "a build with a serviceAccount wants options.logging CLOUD_LOGGING_ONLY or NONE, or a logsBucket"},
		{"an account by its address alone", "serviceAccount: projects/$PROJECT_ID/serviceAccounts/", "serviceAccount: ",
			`serviceAccount "$_BUILD_SERVICE_ACCOUNT@$PROJECT_ID.iam.gserviceaccount.com": want projects/PROJECT/serviceAccounts/EMAIL`},
		{"a variable that is not given", `--tag="$TAG"`, `--tag="$TGA"`, "step deploy is given TAG, which its script does not read\ncloudbuild.yaml: step deploy: the script reads TGA, which the step is not given"},
		{"a substitution in a script", `--tag="$TAG"`, `--tag="$TAG$_TAG"`, "step deploy: the script reads _TAG, which the step is not given"},
		{"a script that is no bash", "| base64)\"", "| base64\"", "step start:"},
		{"a script of another shell", "#!/usr/bin/env bash\n      set -eu\n      image=", "#!/bin/sh\n      set -eu\n      image=", "step start: want a script that begins with #!/usr/bin/env bash and set -eu"},
		{"a setting", "CXHOOK_PROJECT_NUMBERS=$PROJECT_NUMBERS", "CXHOOK_PROJECT_NUMBER=$PROJECT_NUMBERS", "step deploy: the function does not read CXHOOK_PROJECT_NUMBER"},
		{"an entrypoint beside a script", "    script: |", "    entrypoint: bash\n    script: |", "step settings: a script takes neither entrypoint nor args"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changed := strings.Replace(string(doc), tt.old, tt.new, 1)
			if changed == string(doc) {
				t.Fatalf("%q is not in the build any more", tt.old)
			}
			_, err := Check("cloudbuild.yaml", []byte(changed), settings)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
