package spool_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pacsbridge/staging/spool"
)

// here lists which groups the spool holds something of.
func here(s *spool.Spool, groups ...string) string {
	return strings.Join(slices.DeleteFunc(groups, func(group string) bool { return !s.Has(group, "n") }), " ")
}

func TestOnlyWhatNobodyNeedsOrUsesIsRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 0)
	all := []string{"needed", "over", "read", "sent again", "grown"}
	for _, group := range all {
		put(t, s, group, "n", content(1, 1000))
	}
	s.Close()
	s = open(t, dir, 1<<20)
	all = append(all, "new")
	for _, look := range []struct {
		meanwhile func() // while it is asked which are needed
		err       error
		want      string
		removed   int
	}{
		{err: errors.New("nobody knows"), want: "needed over read sent again grown"},
		{
			meanwhile: func() { // studies are begun
				put(t, s, "new", "n", content(1, 1000))
				put(t, s, "grown", "other", content(2, 1000))
				put(t, s, "sent again", "n", content(1, 1000))
				if ok, err := s.Check("read", "n", digest(content(1, 1000))); !ok || err != nil {
					t.Errorf("check: %v, %v", ok, err)
				}
			},
			want: "needed read sent again grown new", removed: 1,
		},
		{want: "needed read sent again grown new"}, // they were used since
		{want: "needed", removed: 4},
	} {
		removed, err := s.Retain(func() ([]string, error) {
			if look.meanwhile != nil {
				look.meanwhile()
			}
			return []string{"needed", "elsewhere"}, look.err
		})
		if got := here(s, slices.Clone(all)...); got != look.want || removed != look.removed || !errors.Is(err, look.err) {
			t.Fatalf("%d were removed and %q are here, want %d and %q; %v", removed, got, look.removed, look.want, err)
		}
	}
	if err := s.RemoveGroup("needed"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Retain(func() ([]string, error) { return nil, errors.New("asked for nothing") }); err != nil {
		t.Error(err)
	}
	if u := s.Usage(); u != (spool.Usage{}) {
		t.Errorf("something is left: %+v", u)
	}
}
