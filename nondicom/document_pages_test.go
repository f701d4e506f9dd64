package nondicom_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/nondicom"
)

// sharedDocument is a file of the repository's testdata/documents.
func sharedDocument(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "testdata", "documents", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func drawn(t *testing.T, id nondicom.Identity, document string) *nondicom.DrawnPages {
	t.Helper()
	pages, err := nondicom.PagesOfPDF(t.Context(), id, letter, strings.NewReader(document), digest([]byte(document)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pages.Close(); err != nil {
			t.Error(err)
		}
	})
	return pages
}

func TestPagesOfADocumentBecomeOneCapture(t *testing.T) {
	tool(t, "pdftoppm", "-v")
	for who, id := range identities {
		t.Run(who, func(t *testing.T) {
			pages := drawn(t, id, sharedDocument(t, "two-pages.pdf"))
			path, data := part10(t, pages.Object)
			valid(t, path)
			mustTool(t, "dcmj2pnm", "+F", "2", path, filepath.Join(t.TempDir(), "out.pnm"))
			header := headerOf(t, pages.Object, data)
			rows, _ := header.Int(dataset.Tag(0x00280010))
			columns, _ := header.Int(dataset.Tag(0x00280011))
			frames, _ := header.Int(dataset.Tag(0x00280008))
			if rows != 300 || columns != 300 || frames != 2 {
				t.Fatalf("%d frames of %d × %d", frames, columns, rows)
			}
			pixels := pixelsOf(t, path)
			if len(pixels) != 300*300*3*2 {
				t.Fatalf("%d bytes of pixels", len(pixels))
			}
			for i, p := range pixels {
				black := i < 300*300*3 && i/3%300 < 148 // the edge of the page may be grey
				white := i >= 300*300*3 || i/3%300 > 151
				if black && p != 0 || white && p != 0xFF {
					t.Fatalf("sample %d is %d", i, p)
				}
			}
		})
	}
	path, _ := part10(t, drawn(t, identities["record"], sharedDocument(t, "one-page.pdf")).Object)
	valid(t, path)
	mustTool(t, "dcmj2pnm", path, filepath.Join(t.TempDir(), "out.pnm"))
}

func TestWhatCannotBeDrawnIsRefused(t *testing.T) {
	tool(t, "pdftoppm", "-v")
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	var unsupported *nondicom.UnsupportedError
	if _, err := nondicom.PagesOfPDF(t.Context(), identities["record"], letter, strings.NewReader("%PDF-1.4\nnothing"), ""); !errors.As(err, &unsupported) {
		t.Errorf("%v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := nondicom.PagesOfPDF(stopped, identities["record"], letter, strings.NewReader(sharedDocument(t, "one-page.pdf")), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
