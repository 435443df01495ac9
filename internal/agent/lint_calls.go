package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/cxhook/cx"
)

// route gives the route of a tag, or nil.
func (l *linter) route(tag string) *cx.RouteInfo {
	for i := range l.code.Routes {
		if r := &l.code.Routes[i]; r.Tag == tag && tag != "" {
			return r
		}
	}
	return nil
}

// standard says whether a step's webhook sends WebhookRequests. One that is not in
// the export is taken for one.
func (l *linter) standard(s *Step) bool {
	w := l.Webhook(s.Fulfillment.Webhook)
	return w == nil || !w.Flexible()
}

func (l *linter) lintTags() {
	byTag := map[string][]*Step{}
	for _, s := range l.calls {
		if l.standard(s) {
			byTag[s.Fulfillment.Tag] = append(byTag[s.Fulfillment.Tag], s)
		}
	}
	var routes []string
	others := false
	for _, r := range l.code.Routes {
		if r.Tag != "" {
			routes = append(routes, r.Tag)
		} else {
			others = true
		}
	}
	tags := slices.Sorted(maps.Keys(byTag))
	for _, tag := range tags {
		steps := byTag[tag]
		at := l.at(Location{steps[0].Location.File, steps[0].Location.Pointer + "/tag"})
		where := "It is called on " + steps[0].Where() + places(len(steps)) + "."
		switch {
		case l.route(tag) != nil:
		case tag == "" && others:
		case tag == "":
			l.report("tag-empty", steps[0].Fulfillment.Webhook, l.at(steps[0].Location), fmt.Sprintf("the webhook %q is called without a tag, and no fallback answers that", steps[0].Fulfillment.Webhook),
				"Give the fulfillment a tag, or register a fallback. "+where)
		case others:
			l.report("tag-by-fallback", tag, at, fmt.Sprintf("the tag %q has no handler of its own", tag), "A fallback or a match may answer it. "+where)
		default:
			l.report("tag-without-handler", tag, at, fmt.Sprintf("no handler answers the tag %q%s", tag, didYouMean(tag, routes)),
				"Register one, or correct the tag. "+where)
		}
	}
	for _, tag := range routes {
		if byTag[tag] == nil {
			l.report("handler-without-tag", tag, l.inHandlers(tag), fmt.Sprintf("no fulfillment of the agent calls the tag %q, which has a handler%s", tag, didYouMean(tag, tags)),
				"Correct the tag, or delete the handler once no version of the agent in use calls it.")
		}
	}
}

// webhookErrors are the events that say what happened to a call.
const webhookError = "webhook.error"

func (l *linter) lintCalls() {
	voice := l.isVoice()
	for _, s := range l.calls {
		name, tag := s.Fulfillment.Webhook, s.Fulfillment.Tag
		subject := tag
		if subject == "" {
			subject = name
		}
		w := l.Webhook(name)
		if w == nil {
			l.report("webhook-unknown", name, l.at(Location{s.Location.File, s.Location.Pointer + "/webhook"}), fmt.Sprintf("the webhook %q is not in the agent; was it deleted?", name),
				"Choose a webhook on "+s.Where()+".")
		}
		if s.Moves() {
			page, flow := s.Target()
			l.report("webhook-with-target", subject, l.at(s.Location), fmt.Sprintf("the route that calls %q goes on to %q whatever the webhook answers: if it fails, no webhook.error is handled", subject, page+flow),
				"Take the target away, and let a route with a condition on what the webhook sets go on. "+upper(s.Where())+".")
		} else {
			l.lintErrorHandlers(s, subject)
		}
		budget := l.code.Budget
		r := l.route(tag)
		if r != nil && r.Budget > 0 && l.standard(s) {
			budget = r.Budget
		}
		if w != nil && w.Waits() < budget && (r != nil || !l.standard(s)) {
			l.report("timeout-below-budget", subject, l.at(s.Location), fmt.Sprintf("%q has a budget of %v, and Dialogflow waits %v for the webhook %q", subject, budget, w.Waits(), name),
				fmt.Sprintf("Give the webhook a timeout above %v, or the route a budget below %v.", budget, w.Waits()))
		}
		if voice && budget > cx.DefaultBudget && r != nil && !s.Fulfillment.ReturnPartialResponses {
			l.report("slow-without-partial", subject, l.at(s.Location), fmt.Sprintf("%q may take %v, and the caller hears nothing until then", subject, budget),
				"Turn on partial responses on "+s.Where()+", with a message that asks for patience.")
		}
	}
}

// lintErrorHandlers looks at the event handlers that are in scope where a webhook is
// called.
func (l *linter) lintErrorHandlers(s *Step, subject string) {
	events := map[string]bool{}
	add := func(handlers []*EventHandler) {
		for _, h := range handlers {
			if h != nil && (h.Event == webhookError || strings.HasPrefix(h.Event, webhookError+".")) {
				events[h.Event] = true
			}
		}
	}
	if s.Page != nil {
		add(s.Page.EventHandlers)
	}
	if s.Flow != nil {
		add(s.Flow.EventHandlers)
	}
	if s.Group != nil { // in scope of whoever uses the group: one of them is enough to be kind
		for _, f := range l.Flows {
			if s.Flow == nil || s.Flow == f {
				add(f.EventHandlers)
				for _, p := range f.Pages {
					if slices.Contains(p.RouteGroups, s.Group.DisplayName) || slices.Contains(p.AgentRouteGroups, s.Group.DisplayName) {
						add(p.EventHandlers)
					}
				}
			}
		}
	}
	switch {
	case len(events) == 0:
		l.report("webhook-error-unhandled", subject, l.at(s.Location), fmt.Sprintf("if %q fails, nothing handles it", subject),
			"Add an event handler for webhook.error, and one for webhook.error.timeout, to the page or the flow. "+upper(s.Where())+".")
	case len(events) == 1 && events[webhookError]:
		l.report("webhook-error-generic", subject, l.at(s.Location), fmt.Sprintf("if %q fails, only the generic webhook.error is handled", subject),
			"A handler of webhook.error.timeout, .unavailable or .rejected can say what happened. "+upper(s.Where())+".")
	}
}

// isVoice says whether people speak with the agent: nothing in an export says so,
// but text agents have none of these.
func (l *linter) isVoice() bool {
	if strings.Contains(string(l.Settings.TextToSpeech), "{\"") || len(l.Settings.Advanced.DTMF) > 0 || strings.Contains(string(l.Settings.Advanced.Speech), "phone_call") {
		return true
	}
	for s := range l.Steps() {
		for _, m := range s.Fulfillment.Messages {
			if m != nil && (m.OutputAudioText != nil || m.TelephonyTransfer != nil || m.PlayAudio != nil) {
				return true
			}
		}
	}
	return false
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
