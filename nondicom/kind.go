package nondicom

import (
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// KindLength is how many bytes of a content are enough for Kind.
const KindLength = 3072

// Kind tells what a content is by its first bytes: "application/pdf",
// "image/jpeg", …; "application/octet-stream" when nothing is recognised.
func Kind(head []byte) string {
	kind, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	return kind
}
