package nondicom_test

import (
	"testing"

	"pacsbridge/nondicom"
)

func TestKindGoesByTheContent(t *testing.T) {
	for content, want := range map[string]string{
		"%PDF-1.4\n":                "application/pdf",
		"\r\n%PDF-1.4\n":            "application/pdf",
		"\x00\x01 mail %PDF-1.4\n":  "application/pdf",
		"\xFF\xD8\xFF\xE0":          "image/jpeg",
		"No finding.":               "text/plain",
		"Lung, left\nLung, right\n": "text/plain",
		"a\tb\n1\t2\n":              "text/plain",
		"\x00\x01\x02":              "application/octet-stream",
		"":                          "text/plain",
		"II*\x00\x08\x00\x00\x00":   "image/tiff",
		"\x1aE\xdf\xa3 something":   "application/octet-stream",
	} {
		if got := nondicom.Kind([]byte(content)); got != want {
			t.Errorf("%q is %s, want %s", content, got, want)
		}
	}
}
