package nondicom

import (
	"bytes"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// KindLength is how many bytes of a content are enough for Kind.
const KindLength = 3072

// pdfWithin is how far a PDF may begin behind a file's beginning: readers look
// that far, and so old systems could put something before it.
const pdfWithin = 1024

// Kind tells what a content is by its first bytes: "application/pdf",
// "image/jpeg", …; "application/octet-stream" when nothing is recognised.
func Kind(head []byte) string {
	kind, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	vague := kind == "application/octet-stream" || kind == "text/plain"
	if vague && bytes.Contains(head[:min(len(head), pdfWithin)], []byte("%PDF-")) {
		return "application/pdf"
	}
	return kind
}
