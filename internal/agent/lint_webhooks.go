package agent

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

func (l *linter) lintWebhooks() {
	for _, w := range l.Webhooks {
		web := w.Web()
		if web.URI == "" || w.Disabled {
			continue
		}
		prefix := "/genericWebService"
		if w.Generic == nil {
			prefix = "/serviceDirectory/genericWebService"
		}
		at := func(member string) Place { return l.at(Location{w.File, prefix + "/" + member}) }
		if !strings.HasPrefix(strings.ToLower(web.URI), "https://") {
			l.report("uri-not-https", w.DisplayName, at("uri"), fmt.Sprintf("the webhook %q is called at %s", w.DisplayName, web.URI), "Give it an https URL.")
		}
		l.lintAudience(w, at("uri"))
		basic := web.Username != "" || web.Password != "" || web.SecretForBasic != ""
		other := basic || len(web.OAuth) > 0 || len(web.SecretsForHeaders) > 0 || len(web.ServiceAccountAuth) > 0
		switch auth := strings.TrimPrefix(web.ServiceAgentAuth, "SERVICE_AGENT_AUTH_"); {
		case auth == "NONE" && !other:
			l.report("webhook-no-auth", w.DisplayName, at("serviceAgentAuth"), fmt.Sprintf("the webhook %q sends nothing that proves who calls", w.DisplayName),
				"Set the service agent's authentication to ID token.")
		case auth == "NONE" || auth == "ACCESS_TOKEN":
			l.report("service-agent-auth", w.DisplayName, at("serviceAgentAuth"), fmt.Sprintf("the webhook %q sends no ID token: the service agent's authentication is %s", w.DisplayName, auth),
				"Set it to ID token, which is what the function verifies by default; an access token would let whoever receives it act for the service agent.")
		case len(web.OAuth) > 0 || len(web.ServiceAccountAuth) > 0:
			l.report("service-agent-auth", w.DisplayName, l.at(Location{w.File, prefix}), fmt.Sprintf("the webhook %q sends a token of another kind in the header that the ID token has", w.DisplayName),
				"Take OAuth or the service account away, so that the service agent's ID token is sent.")
		}
		if basic {
			member := "username"
			if web.Username == "" {
				member = "secretVersionForUsernamePassword"
			}
			l.report("webhook-basic-auth", w.DisplayName, at(member), fmt.Sprintf("the webhook %q has a user name and a password, which go where the ID token would", w.DisplayName),
				"Take them away; the ID token proves the caller, expires, and nobody can read it in the agent.")
		}
	}
}

func (l *linter) lintAudience(w *Webhook, at Place) {
	if len(l.code.Audiences) == 0 || slices.Contains(l.code.Audiences, w.Web().URI) {
		return
	}
	host := hostOf(w.Web().URI)
	if !slices.ContainsFunc(l.code.Audiences, func(a string) bool { return hostOf(a) == host }) {
		l.report("uri-elsewhere", w.DisplayName, at, fmt.Sprintf("the webhook %q is on %q, which is no host of the accepted audiences", w.DisplayName, host),
			"If it is another service, nothing. If it should call this function, correct the URI, or CXHOOK_AUDIENCES.")
		return
	}
	l.report("uri-not-audience", w.DisplayName, at, fmt.Sprintf("the webhook %q is called at %s, which is not an accepted audience%s", w.DisplayName, w.Web().URI, didYouMean(w.Web().URI, l.code.Audiences)),
		"Add it to CXHOOK_AUDIENCES exactly as it is here; the token has it letter by letter.")
}

func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// pathOf gives the path of a URI; "" if it has none, or is none.
func pathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Path == "/" {
		return ""
	}
	return u.Path
}

var schemaURL = regexp.MustCompile(`https?://[^\s"'\\]+`)

// lintTools looks for OpenAPI tools that call the function.
func (l *linter) lintTools() {
	var ours []string
	for _, a := range l.code.Audiences {
		ours = append(ours, hostOf(a))
	}
	if len(ours) == 0 {
		for _, w := range l.Webhooks {
			if !w.Flexible() {
				ours = append(ours, hostOf(w.Web().URI))
			}
		}
	}
	for _, t := range l.Tools {
		if t.OpenAPI == nil {
			continue
		}
		for _, u := range schemaURL.FindAllString(t.OpenAPI.TextSchema, -1) {
			if host := hostOf(u); host != "" && slices.Contains(ours, host) {
				l.report("openapi-tool", t.DisplayName, l.at(Location{t.File, "/openApiSpec/textSchema"}), fmt.Sprintf("the tool %q calls %s", t.DisplayName, u),
					"Serve it on a path of its own (Mux.Path), and believe nothing in its body: a model writes it, and it can imitate a WebhookRequest.")
				break
			}
		}
	}
}
