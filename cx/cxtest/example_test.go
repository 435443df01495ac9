package cxtest_test

import (
	"fmt"

	"example.com/cxhook/cx"
	"example.com/cxhook/cx/cxtest"
)

func ExampleAccept() {
	fmt.Println(cxtest.Accept([]byte(`{"fulfillment_response": {"messages": [{"text": {"text": ["Snake case will do."]}}]}}`)))
	fmt.Println(cxtest.Accept([]byte(`{"fulfillmentText": "ES is another protocol."}`)))
	// Output:
	// <nil>
	// fulfillmentText: Dialogflow knows no such member
}

func ExampleNew() {
	req := cxtest.New("confirm", cxtest.Param("color", "red"), cxtest.Form("size", "large"), cxtest.Said("a large red one"))
	fmt.Println(req.FulfillmentInfo.Tag, req.Utterance(), req.FormParameter("size").State)
	// Output: confirm a large red one FILLED
}

func ExampleDiff() {
	fmt.Println(cxtest.Diff(`{"targetPage": "a"}`, new(cx.Response).WithTargetPage("a")) == "")
	// Output: true
}
