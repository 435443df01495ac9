package cx

import "strings"

// MatchIntent says yes to calls whose last matched intent has this display name,
// or this full name (projects/…/intents/ID).
func MatchIntent(name string) func(*Request) bool {
	return func(r *Request) bool {
		return r.IntentInfo != nil && name != "" && (r.IntentInfo.DisplayName == name || r.IntentInfo.LastMatchedIntent == name)
	}
}

// MatchPage says yes to calls from the page with this id: the last segment of its
// name, as START_PAGE.
func MatchPage(id string) func(*Request) bool { return matchSegment("pages", id) }

// MatchFlow says yes to calls from a page of the flow with this id.
func MatchFlow(id string) func(*Request) bool { return matchSegment("flows", id) }

// matchSegment compares the segment of the current page's name that follows the
// given collection: whole segments, so that an id is not mistaken for a prefix.
func matchSegment(collection, id string) func(*Request) bool {
	return func(r *Request) bool {
		_, after, ok := strings.Cut(r.PageInfo.CurrentPage, "/"+collection+"/")
		segment, _, _ := strings.Cut(after, "/")
		return ok && id != "" && segment == id
	}
}
