package webhook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/cxhook/internal/telemetry"
	"example.com/cxhook/verify"
)

// expiryWarning is how long before its end a configured certificate is something
// to look at: long enough to replace a root on both sides.
const expiryWarning = 60 // days

// logStart writes what the function was started with: the line by which an
// operator sees that a setting arrived, and that a root is about to end.
func (h *Hook) logStart() {
	cert := h.cfg.Verify.Certificate
	e := &telemetry.Entry{Severity: telemetry.Info, Time: time.Now()}
	source := cert.Source
	if source == "" {
		source = verify.SourceGoogleLB
	}
	var identities, days []string
	for _, x := range cert.Expiries() {
		if !slices.Contains(identities, x.Identity) {
			identities = append(identities, x.Identity)
		}
		left := x.Days(e.Time)
		days = append(days, fmt.Sprintf("%s: %s: %d", x.Identity, x.Subject, left))
		if left < expiryWarning {
			e.Severity = telemetry.Warning
		}
	}
	slices.Sort(identities)
	e.Message = fmt.Sprintf("cxhook started: certificate from %s, identities %s; days to expiry: %s", source, strings.Join(identities, ", "), strings.Join(days, "; "))
	for _, danger := range []struct {
		set  bool
		text string
	}{
		{h.cfg.Verify.Policy == verify.PolicyInsecureNone, "DANGER: policy insecure-none: anybody can call this function"},
		{h.cfg.Verify.DangerAnyDialogflowTenant, "DANGER: every Dialogflow agent on earth may call"},
		{cert.ReportOnly, "the certificate is not enforced (report only)"},
		{cert.DangerServerCertificates, "DANGER: certificates that are not for clients are accepted"},
		{cert.DangerTrustFrontWithoutLeaf, "DANGER: certificates that the front does not forward are believed"},
	} {
		if danger.set {
			e.Severity = telemetry.Warning
			e.Message += "; " + danger.text
		}
	}
	h.log.Write(e)
}
