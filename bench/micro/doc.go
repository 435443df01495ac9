// Package micro measures cx beside what people write today: encoding/json into
// plain structs of the same fields, and protojson into Google's cxpb. Run it with
//
//	go -C bench test -run '^$' -bench . -benchmem ./micro
//
// Absolute figures drift with the machine; the ratio within one run counts.
package micro
