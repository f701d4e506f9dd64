package nondicom

import (
	"strconv"
	"strings"
	"testing"
)

var everyDialect = map[string]lexis{
	"postgres":  postgres.lexis,
	"sqlite":    sqlite.lexis,
	"mysql":     mysqlDialect.lexis,
	"sqlserver": sqlServer.lexis,
	"oracle":    oracle.lexis,
}

// numbered writes parameters as ‹name n›.
func numbered(name string, n int) string { return "‹" + name + " " + strconv.Itoa(n) + "›" }

func TestParametersAreFoundWhereSQLHasThem(t *testing.T) {
	for _, c := range []struct{ dialect, query, want string }{
		{"postgres", "SELECT 1 WHERE d >= :from AND d < :to", "SELECT 1 WHERE d >= ‹from 1› AND d < ‹to 2›"},
		{"postgres", "d>=:from and e>=:FROM", "d>=‹from 1› and e>=‹from 2›"},
		{"postgres", "(:from)+:to-:to", "(‹from 1›)+‹to 2›-‹to 3›"},
		{"postgres", "d::date >= :from::timestamp", "d::date >= ‹from 1›::timestamp"},
		{"postgres", "a[1:to], a[n:to], a[f():to]", "a[1:to], a[n:to], a[f():to]"},
		{"postgres", "':from' || 'it''s :from' || :from", "':from' || 'it''s :from' || ‹from 1›"},
		{"postgres", `E'\':from' || :to`, `E'\':from' || ‹to 1›`},
		{"postgres", `'\' || :from || '\'`, `'\' || ‹from 1› || '\'`},
		{"postgres", `":from" = :from`, `":from" = ‹from 1›`},
		{"postgres", "$$ :from $$ $a$ :from $$ $a$ :to", "$$ :from $$ $a$ :from $$ $a$ ‹to 1›"},
		{"postgres", "a$b$ :from b$c", "a$b$ ‹from 1› b$c"},
		{"postgres", "1 -- it's :from\n:to", "1 -- it's :from\n‹to 1›"},
		{"postgres", "/* /* :from */ :from */ :to", "/* /* :from */ :from */ ‹to 1›"},
		{"sqlite", "/* /* :from */ :to", "/* /* :from */ ‹to 1›"},
		{"sqlite", "[a:from] `b :from` :to", "[a:from] `b :from` ‹to 1›"},
		{"mysql", `'\':from' # :from` + "\n:to", `'\':from' # :from` + "\n‹to 1›"},
		{"sqlserver", "[:from] = :to", "[:from] = ‹to 1›"},
		{"oracle", "d >= :from", "d >= ‹from 1›"},
		{"oracle", "q'[it's :from]' || Nq'!:from'!' || :to", "q'[it's :from]' || Nq'!:from'!' || ‹to 1›"},
		{"oracle", "faq':from' || :to", "faq':from' || ‹to 1›"},
		{"mysql", "1--:from -- :from\n", "1--‹from 1› -- :from\n"},
		{"postgres", "x = :from ;", "x = ‹from 1› "},
		{"postgres", "x = :from; -- the end; :to\n ; /* ; */ ", "x = ‹from 1›"},
		{"postgres", "x = ';' AND :from", "x = ';' AND ‹from 1›"},
		{"postgres", "x := 1 , ? 'a' :: text, :from", "x := 1 , ? 'a' :: text, ‹from 1›"},
		{"postgres", "x = :from -- no line end", "x = ‹from 1› -- no line end"},
	} {
		s, err := parseStatement(c.query, everyDialect[c.dialect], "from", "to")
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		if got := s.render(numbered); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.query, got, c.want)
		}
	}
}

func TestQueriesThatAreRefusedSayWhy(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT :form":           "unknown parameter :form",
		"SELECT 1; DROP TABLE x": "more than one statement",
		"SELECT 1; :from":        "more than one statement",
		"SELECT 1; 'x'":          "more than one statement",
		"SELECT ':from":          "does not end",
		"SELECT /* :from":        "does not end",
		"SELECT $a$ :from $b$":   "does not end",
		`SELECT E'\'`:            "does not end",
		" ; ":                    "empty",
		"":                       "empty",
	} {
		if _, err := parseStatement(query, postgres.lexis, "from", "to"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", query, err, want)
		}
	}
}

// FuzzParametersLoseNothing: what is not a parameter comes out as it went in.
func FuzzParametersLoseNothing(f *testing.F) {
	for _, query := range []string{"SELECT a::date, ':from', \"x\" FROM t WHERE d >= :from -- c\n AND d < :to;", "$$;$$ E'\\'' /* /* */ */ [a] `b` #"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for name, words := range everyDialect {
			s, err := parseStatement(query, words, "from", "to")
			if err != nil {
				continue
			}
			back := s.render(func(name string, _ int) string { return ":" + name })
			if !strings.HasPrefix(strings.ToLower(query), strings.ToLower(back)) {
				t.Errorf("%s: %q became %q", name, query, back)
			}
			if again, err := parseStatement(back, words, "from", "to"); err != nil || again.render(numbered) != s.render(numbered) {
				t.Errorf("%s: %q is read differently the second time: %v", name, query, err)
			}
		}
	})
}
