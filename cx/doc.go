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
// # Two ways to fail
//
// A [Response] is what the end user hears, and is HTTP 200. An error fails the
// webhook, so that the agent's event handlers decide what is heard: [Error] chooses
// which event that is, any other error is webhook.error. Many learn too late that
// these events fire only if the route that called the webhook has no transition
// target: with one, the conversation goes on as if nothing had happened.
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
