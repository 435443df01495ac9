package cx

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/text/language"
)

// Localized is one utterance in several languages, each with its variants. It is
// safe for use by several goroutines.
type Localized struct {
	matcher language.Matcher
	texts   [][]string // in the matcher's order
}

// NewLocalized takes the variants by language, as "en", "en-GB" or "pt-BR"
// (BCP 47). Calls in a language that is not there, nor close to one that is, get
// the fallback's. It reports every mistake at once.
func NewLocalized(fallback string, texts map[string][]string) (*Localized, error) {
	var problems []error
	if _, ok := texts[fallback]; !ok {
		problems = append(problems, fmt.Errorf("fallback language %q: there is no text in it", fallback))
	}
	// The fallback comes first: the matcher falls back to it.
	codes := slices.SortedFunc(maps.Keys(texts), func(a, b string) int {
		switch {
		case a == b:
			return 0
		case a == fallback || b != fallback && a < b:
			return -1
		}
		return 1
	})
	l := new(Localized)
	var tags []language.Tag
	for _, code := range codes {
		tag, err := language.Parse(code)
		if err != nil {
			problems = append(problems, fmt.Errorf("language %q: %w", code, err))
		}
		if len(texts[code]) == 0 {
			problems = append(problems, fmt.Errorf("language %q: there is no text in it", code))
		}
		tags = append(tags, tag)
		l.texts = append(l.texts, slices.Clone(texts[code]))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	l.matcher = language.NewMatcher(tags)
	return l, nil
}

// For gives the variants in the language of the request (languageCode, and
// failing that the one that was detected), for Say and WithText:
//
//	cx.Say(greeting.For(req)...)
func (l *Localized) For(req *Request) []string {
	codes := []string{req.LanguageCode}
	if req.LanguageInfo != nil {
		codes = append(codes, req.LanguageInfo.ResolvedLanguageCode)
	}
	// Codes that are no tags are left out; without any, the fallback is spoken.
	_, i := language.MatchStrings(l.matcher, codes...)
	return slices.Clone(l.texts[i])
}
