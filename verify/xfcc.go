package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// xfccPair is one key of an XFCC element, as it stands in the header. A quoted
// value keeps its backslashes.
type xfccPair struct {
	key, value string
	quoted     bool
}

// xfccElement is what one proxy says of its client.
type xfccElement []xfccPair

// maxXFCCElements bounds the proxies that may each have added an element.
const maxXFCCElements = 10

// maxXFCCPairs bounds the keys of an element; a certificate has few names.
const maxXFCCPairs = 64

// xfccKeys are the keys of Envoy. SAN is what URI was called once. Envoy writes
// Subject and URI of a certificate that has none as empty.
//
// Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert
var xfccKeys = [...]xfccKey{{"Hash", false, false}, {"Cert", false, false}, {"Chain", false, false}, {"Subject", false, true},
	{"By", true, true}, {"URI", true, true}, {"DNS", true, true}, {"SAN", true, true}}

type xfccKey struct {
	name                string
	repeats, mayBeEmpty bool
}

// parseXFCC takes an XFCC header apart. Quotes are respected: a comma or a
// semicolon within them separates nothing.
func parseXFCC(value string) ([]xfccElement, error) {
	var elements []xfccElement
	for rest := value; ; {
		if len(elements) == maxXFCCElements {
			return nil, fmt.Errorf("more than %d elements", maxXFCCElements)
		}
		element, after, err := scanElement(rest)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", len(elements)+1, err)
		}
		elements = append(elements, element)
		if after == "" {
			return elements, nil
		}
		rest = after[1:] // its comma
	}
}

// scanElement reads up to the comma that ends the element, or to the end.
func scanElement(s string) (element xfccElement, rest string, err error) {
	for {
		pair, after, err := scanPair(s)
		if err != nil {
			return nil, "", err
		}
		i := slices.IndexFunc(xfccKeys[:], func(k xfccKey) bool { return strings.EqualFold(k.name, pair.key) })
		switch {
		case i < 0:
			return nil, "", fmt.Errorf("key %q", shown(pair.key))
		case !xfccKeys[i].repeats && element.has(pair.key):
			return nil, "", fmt.Errorf("key %s comes twice", pair.key)
		case len(element) == maxXFCCPairs:
			return nil, "", fmt.Errorf("more than %d keys", maxXFCCPairs)
		case pair.value == "" && !xfccKeys[i].mayBeEmpty:
			return nil, "", fmt.Errorf("%s is empty", pair.key)
		}
		if xfccKeys[i].name == "Subject" {
			if err := walkDistinguishedName(pair.value, func(string, string) {}); err != nil {
				return nil, "", err
			}
		}
		if element == nil {
			element = make(xfccElement, 0, 8) // what Envoy sends at most, unless there are many names
		}
		element = append(element, pair)
		if after == "" || after[0] == ',' {
			return element, after, nil
		}
		s = after[1:] // its semicolon
	}
}

// scanPair reads one key=value. What follows begins with a comma or a semicolon,
// or is nothing.
func scanPair(s string) (pair xfccPair, rest string, err error) {
	end := strings.IndexAny(s, `=;,"`)
	if end < 0 || s[end] != '=' {
		return pair, "", errors.New("a key without a value")
	}
	pair.key, s = s[:end], s[end+1:]
	if !strings.HasPrefix(s, `"`) {
		if end = strings.IndexAny(s, ";,"); end < 0 {
			end = len(s)
		}
		if pair.value = s[:end]; strings.ContainsAny(pair.value, `="`) {
			return pair, "", errors.New("a value with a quote or an equals sign that is not quoted")
		}
		return pair, s[end:], nil
	}
	pair.quoted = true
	for i := 1; i <= len(s); {
		quote := strings.IndexByte(s[i:], '"')
		if quote < 0 {
			break
		}
		if escape := strings.IndexByte(s[i:i+quote], '\\'); escape >= 0 {
			i += escape + 2 // whatever it is that it escapes: a quote ends nothing
			continue
		}
		pair.value, rest = s[1:i+quote], s[i+quote+1:]
		if rest != "" && rest[0] != ';' && rest[0] != ',' {
			return pair, "", errors.New("something after a closing quote")
		}
		return pair, rest, nil
	}
	return pair, "", errors.New("a quote that does not end")
}

func (e xfccElement) has(key string) bool {
	return slices.ContainsFunc(e, func(p xfccPair) bool { return strings.EqualFold(p.key, key) })
}

// get gives the one value of a key, or "".
func (e xfccElement) get(key string) string {
	for _, p := range e {
		if strings.EqualFold(p.key, key) {
			return p.value
		}
	}
	return ""
}

// all gives the values of a key that may repeat. Empty ones say that there is none.
func (e xfccElement) all(key string) (values []string) {
	for _, p := range e {
		if strings.EqualFold(p.key, key) && p.value != "" {
			values = append(values, p.value)
		}
	}
	return values
}

// attributeNames are OpenSSL's short names of what subjects are made of. Others
// are written as object identifiers.
var attributeNames = []string{"CN", "SN", "serialNumber", "C", "L", "ST", "street", "O", "OU", "title", "description", "businessCategory", "postalCode", "name", "GN", "initials",
	"dnQualifier", "pseudonym", "organizationIdentifier", "emailAddress", "DC", "UID", "jurisdictionC", "jurisdictionL", "jurisdictionST"}

// parseDistinguishedName reads a subject as RFC 2253 and Envoy write it. The
// slash-separated form of older documentation is accepted, but nothing in it is
// told apart reliably, so it names nobody.
func parseDistinguishedName(s string) (names subjectNames, err error) {
	err = walkDistinguishedName(s, func(kind, value string) {
		switch kind {
		case "CN", "2.5.4.3":
			names.commonNames = append(names.commonNames, value)
		case "O", "2.5.4.10":
			names.organizations = append(names.organizations, value)
		case "C", "2.5.4.6":
			names.countries = append(names.countries, value)
		case "organizationIdentifier", "2.5.4.97":
			names.organizationIDs = append(names.organizationIDs, value)
		}
	})
	return names, err
}

// walkDistinguishedName gives each attribute in turn. A value that shares its RDN
// with others is unreadableName.
func walkDistinguishedName(s string, each func(kind, value string)) error {
	if s == "" || strings.HasPrefix(s, "/") {
		return nil
	}
	for more := true; more; {
		var rdn string
		rdn, s, more = cutUnescaped(s, ',')
		multiple := false
		for again := true; again; {
			var pair string
			if pair, rdn, again = cutUnescaped(rdn, '+'); again {
				multiple = true
			}
			kind, escaped, ok := strings.Cut(pair, "=")
			if !ok || !slices.Contains(attributeNames, kind) && !dotted(kind) {
				return fmt.Errorf("subject: %q is not an attribute", shown(pair))
			}
			value, err := unescapeDN(escaped)
			if err != nil {
				return fmt.Errorf("subject: %q: %w", shown(pair), err)
			}
			if multiple {
				value = unreadableName
			}
			each(kind, value)
		}
	}
	return nil
}

func dotted(s string) bool {
	return strings.Contains(s, ".") && strings.Trim(s, "0123456789.") == ""
}

// cutUnescaped is strings.Cut at the first separator that no backslash escapes.
func cutUnescaped(s string, separator byte) (before, after string, found bool) {
	if strings.IndexByte(s, '\\') < 0 {
		if i := strings.IndexByte(s, separator); i >= 0 {
			return s[:i], s[i+1:], true
		}
		return s, "", false
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == separator:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// unescapeDN undoes RFC 2253 section 2.4. A value in the hexadecimal form of
// section 2.4, "#…", is of a string type that names nobody.
func unescapeDN(s string) (string, error) {
	if strings.HasPrefix(s, "#") {
		return unreadableName, nil
	}
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", errors.New("ends with a backslash")
		}
		if strings.IndexByte(`,+"\<>;=# `, s[i]) >= 0 {
			out.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || unhex(s[i]) < 0 || unhex(s[i+1]) < 0 {
			return "", errors.New("a backslash before something that needs none")
		}
		out.WriteByte(byte(unhex(s[i])<<4 | unhex(s[i+1])))
		i++
	}
	return out.String(), nil
}

func unhex(c byte) int {
	if c >= 'A' && c <= 'F' { // as OpenSSL writes it
		return int(c-'A') + 10
	}
	return strings.IndexByte("0123456789", c)
}
