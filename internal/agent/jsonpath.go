package agent

import (
	"regexp"
	"strings"
)

// wholeReference is a text that is nothing but one reference: what it becomes has
// the type of the parameter.
var wholeReference = regexp.MustCompile(`^\s*\$(session\.params|flow|page\.params|intent\.params|request|sys)\.[\p{L}\p{N}_.\-\[\]]+\s*$`)

// membersOfJSONPath gives the names that lead from the root of a response to what a
// JSONPath takes, and which of them are lists: $.a.b[?(@.c == 'x')].d is a, b (a
// list), d. It ends where names do: at wildcards for members and at "..". The root
// sign may be missing, as agents have it.
func membersOfJSONPath(path string) (names []string, list []bool) {
	rest := strings.TrimSpace(path)
	rest = strings.TrimPrefix(rest, "$")
	add := func(name string) {
		names, list = append(names, name), append(list, false)
	}
	if rest != "" && rest[0] != '.' && rest[0] != '[' {
		rest = "." + rest
	}
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, ".."), strings.HasPrefix(rest, ".*"):
			return names, list
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			if end == 0 {
				return names, list
			}
			add(rest[1 : end+1])
			rest = rest[end+1:]
		case rest[0] == '[':
			inner, after, ok := bracket(rest)
			if !ok {
				return names, list
			}
			if name := strings.Trim(inner, `'"`); len(inner) >= 2 && (inner[0] == '\'' || inner[0] == '"') {
				add(name)
			} else if len(list) > 0 {
				list[len(list)-1] = true
			} else {
				return names, list // the root itself is a list
			}
			rest = after
		default:
			return names, list
		}
	}
	return names, list
}

// bracket splits [inner]rest, where inner may hold brackets and texts.
func bracket(s string) (inner, rest string, ok bool) {
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '[':
			depth++
		case c == ']':
			if depth--; depth == 0 {
				return s[1:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}
