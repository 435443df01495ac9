// Package cxtest has what tests of an agent's handlers need: a request in one line
// (New), a call to a Mux or to any http.Handler (Call, Post), readable differences
// (Diff), whole conversations as files (Run), and the verdict of Dialogflow on a
// response (Accept).
//
// Where it differs from Dialogflow: it keeps no page and matches no intents. What
// follows from a response is the next step's to say.
package cxtest
