package fetch

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzSafePathStaysInside(f *testing.F) {
	for _, path := range []string{"a/b.pdf", "../a", "a/../../b", `a\..\..\b`, "/etc", "a//./b", "C:/a", "...", "a/..", "信/b"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		clean, err := safePath(path)
		if err != nil {
			return
		}
		if !filepath.IsLocal(clean) || strings.Contains(clean, "..") && !strings.Contains(path, "..") {
			t.Errorf("%q became %q", path, clean)
		}
		if again, err := safePath(clean); err != nil || again != clean {
			t.Errorf("%q is not clean: %q, %v", clean, again, err)
		}
	})
}
