package agent

import (
	"go/token"
	"strconv"
	"strings"
	"unicode"
)

// initialisms are written in capitals, as Go does.
var initialisms = map[string]string{"id": "ID", "url": "URL", "uri": "URI", "api": "API", "http": "HTTP", "json": "JSON", "sms": "SMS", "dob": "DOB", "ssn": "SSN"}

// goName makes an exported name of what an agent's author wrote: booking-new becomes
// BookingNew. What begins with no letter gets an X in front.
func goName(s string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if known, ok := initialisms[strings.ToLower(word)]; ok {
			b.WriteString(known)
			continue
		}
		for i, r := range word {
			if i == 0 {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
		}
	}
	name := b.String()
	if name == "" || !token.IsIdentifier(name) || !token.IsExported(name) {
		name = "X" + name
	}
	return name
}

// localName makes an unexported name of an exported one: BookingNew becomes
// bookingNew, IDCheck idCheck.
func localName(name string) string {
	runes := []rune(name)
	for i, r := range runes {
		if !unicode.IsUpper(r) || i > 0 && i+1 < len(runes) && unicode.IsLower(runes[i+1]) {
			break
		}
		runes[i] = unicode.ToLower(r)
	}
	local := string(runes)
	if token.IsKeyword(local) {
		local += "Tag"
	}
	return local
}

// names gives out names that are not taken.
type names map[string]bool

func (n names) take(name string) string {
	free := name
	for i := 2; n[free]; i++ {
		free = name + strconv.Itoa(i)
	}
	n[free] = true
	return free
}
