package cloudlog

import (
	"strings"
	"testing"

	"cloud.google.com/go/logging"

	"example.com/cxhook/internal/telemetry"
)

// The names of severities are Cloud Logging's own.
func TestSeverities(t *testing.T) {
	for name, want := range map[telemetry.Severity]logging.Severity{
		telemetry.Info: logging.Info, telemetry.Warning: logging.Warning, telemetry.Error: logging.Error, telemetry.Critical: logging.Critical,
	} {
		if string(name) != strings.ToUpper(want.String()) || logging.ParseSeverity(string(name)) != want {
			t.Errorf("%s is not the name of %v", name, want)
		}
	}
}

func TestNoProject(t *testing.T) {
	if _, err := New(t.Context(), "", nil); err == nil || !strings.Contains(err.Error(), "GOOGLE_CLOUD_PROJECT") {
		t.Errorf("got %v", err)
	}
}
