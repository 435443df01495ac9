// Package cx is the webhook protocol of Dialogflow CX, typed, and a router for
// it.
//
// A conversation reaches a webhook through a fulfillment with a tag. A [Mux] hands
// the call to the function that is registered for the tag, with the parameters it
// wants in a struct ([Handle], [Bind]), and sends what it returns:
//
//	type Order struct {
//		Color string `cx:"color"`
//		Size  string `cx:"size"`
//	}
//
//	cx.Handle(mux, "confirm", func(ctx context.Context, req *cx.Request, o Order) (*cx.Response, error) {
//		return cx.Sayf("A %s, %s shirt it is.", o.Size, o.Color), nil
//	})
//
// Parameters come from the session, from the current page's form or from the matched
// intent ([Bind] has the tags); dates, amounts, enumerations and texts that arrive as
// numbers have types. A call goes to the route of its tag, else to the first
// [Route] whose Match says yes, else to the fallback, else it is refused with 400.
// Mistakes in registering are collected and come from [Mux.Handler] all at once.
//
// [Say] and the methods of [Response] build answers; [Localized] picks the words in
// the caller's language; package messenger has rich content. Package cxtest is for
// tests. The protocol itself, field by field, is in docs/protocol.md.
//
// # Two ways to fail
//
// A [Response] is what the end user hears, and is HTTP 200. An error fails the
// webhook, so that the agent's event handlers decide what is heard: [Error] chooses
// which event that is, any other error is webhook.error. Many learn too late that
// these events fire only if the route that called the webhook has no transition
// target: with one, the conversation goes on as if nothing had happened.
//
// In between is [Invalid]: it sends the end user back to a parameter of the current
// form. A parameter that does not bind does the same, where it is in the form; where
// it is not, both are bad input, 400.
//
// # Refused
//
// Requests are decoded exactly ([DecodeRequest]) and in bounds ([MaxRequestBytes]);
// responses that Dialogflow would refuse ([Response.Check], [MaxResponseBytes]) fail
// with 500 before they leave. A handler that panics, ends its goroutine or returns
// neither a response nor an error fails its call alone. The caller sees a status and
// nothing else; [Call] has the reason.
//
// # In time
//
// Dialogflow waits 5 s unless the webhook is set to more (30 s at most), then asks
// once more, so a slow answer costs the caller twice. Every call has a budget
// (4 s unless configured), which its context ends with; [Remaining] tells what is
// left. A handler that overruns it is answered for: by its route's Late answer, or
// with 504. What it does after that reaches nobody, and in the cloud gets no
// processor.
//
// # Logs
//
// A [Request] that is logged shows ids, sizes and names that stand in the agent;
// never text, parameters, messages or payload. Errors of this package name a
// parameter and the kind of its value, never the value. An error of your own is
// logged as it is.
package cx
