package nondicom

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// lexis is what a database's SQL calls a literal or a comment, beyond what all
// of them share: 'text', "name", -- comment, and /* comment */.
type lexis struct {
	backslash bool // \ escapes inside every '…' (MySQL)
	escapes   bool // \ escapes inside E'…' (PostgreSQL)
	dollars   bool // $tag$ … $tag$ (PostgreSQL)
	nested    bool // /* /* */ */ (PostgreSQL, SQL Server)
	brackets  bool // [name] (SQL Server, SQLite)
	backticks bool // `name` (MySQL, SQLite)
	hash      bool // # comment (MySQL)
	spaced    bool // -- begins a comment only before a blank (MySQL)
	quoting   bool // q'[ … ]' (Oracle)
}

// statement is a query of the settings, cut at its parameters: part, name,
// part, name, part.
type statement struct {
	parts []string
	names []string // lower case; one shorter than parts
}

var errUnterminated = errors.New("a literal or comment does not end")

// parseStatement cuts a query at its :name parameters, which must be among
// known. What stands in literals, quoted names and comments is left alone, so
// are casts (a::date) and array slices (a[1:n]). A semicolon may end the query.
func parseStatement(text string, words lexis, known ...string) (statement, error) {
	var s statement
	begin, end := 0, len(text)
	for i := 0; i < len(text); {
		next, err := words.skip(text, i)
		switch {
		case err != nil:
			return statement{}, err
		case next > i && isComment(text, i, words):
			i = next
			continue
		case end < len(text) && !isSpace(text[i]) && text[i] != ';':
			return statement{}, errors.New("more than one statement")
		case next > i:
			i = next
			continue
		case text[i] == ';' && end == len(text):
			end = i
		}
		name := parameterAt(text, i)
		if name == "" {
			i += step(text, i)
			continue
		}
		if !slices.Contains(known, strings.ToLower(name)) {
			return statement{}, fmt.Errorf("unknown parameter :%s (known: :%s)", name, strings.Join(known, ", :"))
		}
		s.parts = append(s.parts, text[begin:i])
		s.names = append(s.names, strings.ToLower(name))
		i += 1 + len(name)
		begin = i
	}
	s.parts = append(s.parts, text[begin:end])
	if strings.TrimSpace(strings.Join(s.parts, "")) == "" {
		return statement{}, errors.New("the query is empty")
	}
	return s, nil
}

// uses tells whether the query has the parameter.
func (s statement) uses(name string) bool { return slices.Contains(s.names, name) }

// render puts the database's own placeholders in place of the parameters; the
// n-th call of placeholder is for the n-th value.
func (s statement) render(placeholder func(name string, n int) string) string {
	var out strings.Builder
	for i, part := range s.parts {
		out.WriteString(part)
		if i < len(s.names) {
			out.WriteString(placeholder(s.names[i], i+1))
		}
	}
	return out.String()
}

// parameterAt returns the name of the parameter whose colon stands at i, or "".
func parameterAt(text string, i int) string {
	if text[i] != ':' || i > 0 && (isWord(text[i-1]) || strings.IndexByte(":)]", text[i-1]) >= 0) {
		return ""
	}
	end := i + 1
	for end < len(text) && isWord(text[end]) {
		end++
	}
	if end == i+1 || text[i+1] >= '0' && text[i+1] <= '9' {
		return ""
	}
	return text[i+1 : end]
}

// step is how far to go from a place where nothing begins: over a whole cast
// sign, else one byte.
func step(text string, i int) int {
	if strings.HasPrefix(text[i:], "::") {
		return 2
	}
	return 1
}

// skip returns the end of the literal, quoted name or comment that begins at
// i, or i when none does.
func (w lexis) skip(text string, i int) (int, error) {
	rest := text[i:]
	switch {
	case w.quoting && rest[0] == '\'' && afterQ(text, i) && len(rest) > 1:
		return skipTo(text, i+2, closingQuote(rest[1])+"'")
	case rest[0] == '\'':
		return skipQuoted(text, i, '\'', w.backslash || w.escapes && afterE(text, i))
	case rest[0] == '"':
		return skipQuoted(text, i, '"', w.backslash)
	case rest[0] == '`' && w.backticks:
		return skipQuoted(text, i, '`', false)
	case rest[0] == '[' && w.brackets:
		return skipTo(text, i+1, "]")
	case isComment(text, i, w) && rest[0] == '/':
		return w.skipBlock(text, i)
	case isComment(text, i, w):
		if end := strings.IndexByte(rest, '\n'); end >= 0 {
			return i + end + 1, nil
		}
		return len(text), nil
	case rest[0] == '$' && w.dollars && (i == 0 || !isWord(text[i-1])):
		if tag := dollarTag(rest); tag != "" {
			return skipTo(text, i+len(tag), tag)
		}
	}
	return i, nil
}

func isComment(text string, i int, w lexis) bool {
	rest := text[i:]
	if w.spaced && len(rest) > 2 && strings.HasPrefix(rest, "--") && rest[2] > ' ' {
		return false
	}
	return strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*") || w.hash && rest[0] == '#'
}

func (w lexis) skipBlock(text string, i int) (int, error) {
	for depth := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], "/*") && (w.nested || depth == 0):
			depth++
			i += 2
		case strings.HasPrefix(text[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i, nil
			}
		default:
			i++
		}
	}
	return i, errUnterminated
}

// skipQuoted skips what stands between two quotes; a doubled quote is one
// quote inside.
func skipQuoted(text string, i int, quote byte, backslash bool) (int, error) {
	for i++; i < len(text); i++ {
		switch {
		case text[i] == '\\' && backslash:
			i++
		case text[i] == quote && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i + 1, nil
		}
	}
	return len(text), errUnterminated
}

func skipTo(text string, i int, end string) (int, error) {
	at := strings.Index(text[i:], end)
	if at < 0 {
		return len(text), errUnterminated
	}
	return i + at + len(end), nil
}

// dollarTag returns the $tag$ that text begins with, or "".
func dollarTag(text string) string {
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '$':
			return text[:i+1]
		case !isWord(c) || i == 1 && c >= '0' && c <= '9':
			return ""
		}
	}
	return ""
}

// afterE tells whether the quote at i belongs to an E'…' literal.
func afterE(text string, i int) bool {
	return i > 0 && (text[i-1] == 'E' || text[i-1] == 'e') && (i == 1 || !isWord(text[i-2]))
}

// afterQ tells whether the quote at i belongs to a q'[…]' or nq'[…]' literal.
func afterQ(text string, i int) bool {
	word := i
	for word > 0 && isWord(text[word-1]) {
		word--
	}
	return strings.EqualFold(text[word:i], "q") || strings.EqualFold(text[word:i], "nq")
}

// closingQuote is what ends a literal that a quote of q'[…]' begins.
func closingQuote(opening byte) string {
	if at := strings.IndexByte("[{(<", opening); at >= 0 {
		return "]})>"[at : at+1]
	}
	return string(opening)
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
