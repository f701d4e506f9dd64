package nondicom

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/suyashkumar/dicom/pkg/tag"

	"pacsbridge/dimse/uid"
)

// pageProgram is poppler's, which draws the pages of a PDF.
const pageProgram = "pdftoppm"

// pageResolution is that of the drawn pages, in dots an inch: small print is
// still read.
const pageResolution = 150

// CanDrawPages reports whether the program that draws the pages of a PDF is there.
func CanDrawPages() error {
	_, err := exec.LookPath(pageProgram)
	return err
}

// DrawnPages are the pages of a PDF, drawn into files.
type DrawnPages struct {
	// Object is the Secondary Capture of the pages: of one frame, or for several
	// pages Multi-frame True Color (PS3.3 §A.8.4). It reads the files.
	Object *Object
	folder string
}

// Close removes the files.
func (p *DrawnPages) Close() error { return os.RemoveAll(p.folder) }

// PagesOfPDF draws the pages of a document by pdftoppm, for archives that take
// no documents. They are pictures of it: the document itself is not in them.
// The content is read to its end. Nothing but a page's rows is held in memory.
func PagesOfPDF(ctx context.Context, id Identity, a Attachment, content io.Reader, digest string) (*DrawnPages, error) {
	folder, err := os.MkdirTemp("", "pacsbridge-pages-*")
	if err != nil {
		return nil, err
	}
	drawn := &DrawnPages{folder: folder}
	pages, err := drawPages(ctx, folder, content)
	if err == nil {
		drawn.Object, err = pages.object(id, a, digest)
	}
	if err != nil {
		return nil, errors.Join(err, drawn.Close())
	}
	return drawn, nil
}

// drawPages runs the program.
func drawPages(ctx context.Context, folder string, content io.Reader) (drawing, error) {
	file, err := os.Create(filepath.Join(folder, "document.pdf"))
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(file, content)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, pageProgram, "-r", strconv.Itoa(pageResolution), file.Name(), filepath.Join(folder, "page"))
	var said bytes.Buffer
	command.Stderr = &said
	if err := command.Run(); ctx.Err() != nil {
		return nil, context.Cause(ctx)
	} else if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("draw the pages of a PDF: %w", err)
	} else if err != nil {
		first, _, _ := bytes.Cut(said.Bytes(), []byte("\n"))
		return nil, &UnsupportedError{Kind: pdfKind, Why: fmt.Sprintf("its pages cannot be drawn (%s: %v: %s)", pageProgram, err, first)}
	}
	names, err := filepath.Glob(filepath.Join(folder, "page-*.ppm"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names) // the numbers have leading zeros
	var pages drawing
	for _, name := range names {
		page, err := openPage(name)
		if err != nil {
			return nil, err
		}
		pages = append(pages, page)
	}
	if len(pages) == 0 {
		return nil, &UnsupportedError{Kind: pdfKind, Why: "it has no pages that could be drawn"}
	}
	return pages, nil
}

// page is a drawn page: a file of raw pixels behind a header (PPM, P6).
type page struct {
	name          string
	width, height int
	header        int64 // its length
}

func openPage(name string) (page, error) {
	p := page{name: name}
	file, err := os.Open(name)
	if err != nil {
		return p, err
	}
	defer file.Close()
	head, err := bufio.NewReader(io.LimitReader(file, 64)).Peek(15)
	if err != nil && !errors.Is(err, io.EOF) {
		return p, err
	}
	var most int
	if n, err := fmt.Sscanf(string(head), "P6\n%d %d\n%d\n", &p.width, &p.height, &most); n < 3 || most != 255 {
		return p, fmt.Errorf("read the drawn page: %q is no header of a PPM: %w", head, err)
	}
	p.header = int64(len(fmt.Sprintf("P6\n%d %d\n%d\n", p.width, p.height, most)))
	return p, nil
}

// drawing are the drawn pages of one document.
type drawing []page

// size is that of the frames: of the widest and of the highest page.
func (d drawing) size() (width, height int) {
	for _, p := range d {
		width, height = max(width, p.width), max(height, p.height)
	}
	return width, height
}

// pageSeries hold what documents look like.
var pageSeries = seriesKind{"pages", "9907", "OT", "Pages of documents"}

// object makes the Secondary Capture. Pages that are smaller than others stand on
// white.
func (d drawing) object(id Identity, a Attachment, digest string) (*Object, error) {
	width, height := d.size()
	length := int64(width) * int64(height) * 3 * int64(len(d))
	if width > 0xFFFF || height > 0xFFFF || length > maxElement {
		return nil, &UnsupportedError{Kind: pdfKind, Why: fmt.Sprintf("its %d pages are more than a picture can be; it can only be archived", len(d))}
	}
	class := uid.SecondaryCapture
	if len(d) > 1 {
		class = multiFrameTrueColor
	}
	object, set := newObject(class, uid.ExplicitLE, pageSeries, id, a.origin(), digest)
	set.text(tag.ConversionType, "WSD") // PS3.3 §C.8.6.1: made at a workstation
	if dicomDate(a.CreatedAt) != "" {
		contentDate(set, a.CreatedAt)
	}
	set.text(tag.Laterality, "")
	set.text(tag.PatientOrientation, "")
	set.text(tag.ImageComments, cutText(titleOf(a), longText))
	set.text(tag.DerivationDescription, fmt.Sprintf("Pages of a PDF document, drawn at %d dots an inch; SHA-256 of the document: %s", pageResolution, digest))
	colour8.addTo(set)
	set.number(tag.Rows, height)
	set.number(tag.Columns, width)
	set.text(tag.LossyImageCompression, "00")
	if len(d) > 1 {
		addPages(set, len(d))
	} else {
		set.text(tag.BurnedInAnnotation, "YES") // nobody looked
	}
	opening := longElement(tag.PixelData, "OB", uint32(length+length%2))
	return object.around(set, tag.PixelData, opening, source{content: &pageReader{pages: d, width: width, height: height}, size: length}, nil)
}

// pageReader reads the frames, row by row.
type pageReader struct {
	pages         drawing
	width, height int

	file *os.File
	from *bufio.Reader
	row  int
	left []byte // of the row that is being read
	line []byte
}

func (r *pageReader) Read(p []byte) (int, error) {
	for len(r.left) == 0 {
		if len(r.pages) == 0 {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, fmt.Errorf("read a drawn page: %w", err)
		}
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// next reads the next row of a page, and goes on to the next page after the last.
func (r *pageReader) next() error {
	now := r.pages[0]
	if r.row == r.height {
		r.row, r.pages = 0, r.pages[1:]
		err := r.file.Close()
		r.file = nil
		return err
	}
	if r.file == nil {
		file, err := os.Open(now.name)
		if err != nil {
			return err
		}
		r.file, r.from = file, bufio.NewReaderSize(file, 1<<16)
		if _, err := r.from.Discard(int(now.header)); err != nil {
			return err
		}
	}
	if r.line == nil {
		r.line = make([]byte, 3*r.width)
	}
	drawn := 0
	if r.row < now.height {
		drawn = 3 * now.width
		if _, err := io.ReadFull(r.from, r.line[:drawn]); err != nil {
			return err
		}
	}
	for i := drawn; i < len(r.line); i++ {
		r.line[i] = 0xFF
	}
	r.row++
	r.left = r.line
	return nil
}
