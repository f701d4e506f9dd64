package nondicom

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// KindLength is how many bytes of a content are enough for Kind.
const KindLength = 3072

// The media types of what is made into objects, where they are not plain.
const (
	pdfKind  = "application/pdf"
	jpegKind = "image/jpeg"
	cdaKind  = "application/hl7-cda+xml"
	stlKind  = "model/stl"
	objKind  = "model/obj"
	mtlKind  = "model/mtl"
	mp4Kind  = "video/mp4"
	mpegKind = "video/mpeg"
)

// pdfWithin is how far a PDF may begin behind a file's beginning: readers look
// that far, and so old systems could put something before it.
const pdfWithin = 1024

// Kind tells what a content is by its first bytes: "application/pdf",
// "image/jpeg", …; "application/octet-stream" when nothing is recognised.
func Kind(head []byte) string { return kindOf(head, -1) }

// kindOf goes by the size too: a binary STL has no other sign.
func kindOf(head []byte, size int64) string {
	kind, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	if kind == "text/csv" || kind == "text/tab-separated-values" {
		kind = "text/plain" // so is a letter taken that has a comma in each line
	}
	switch {
	case (kind == "application/octet-stream" || kind == "text/plain") && bytes.Contains(head[:min(len(head), pdfWithin)], []byte("%PDF-")):
		return pdfKind
	case isVideo(head) && kind != mp4Kind:
		return mpegKind
	case (kind == "text/xml" || kind == "application/xml") && isCDA(head):
		return cdaKind
	case kind == "text/plain":
		return kindOfText(head)
	case kind == "application/octet-stream" && isSTL(head, size):
		return stlKind
	}
	return kind
}

// isVideo recognises an MPEG program stream by its pack header, and an MPEG
// video without one by its sequence header (ISO 13818-1 §2.5, 13818-2 §6.2).
func isVideo(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0, 0, 1, 0xBA}) || bytes.HasPrefix(head, []byte{0, 0, 1, 0xB3})
}

// isCDA looks for the root element of a clinical document.
func isCDA(head []byte) bool {
	return bytes.Contains(head, []byte("<ClinicalDocument")) || bytes.Contains(head, []byte(":ClinicalDocument"))
}

// binarySTL is the length of a binary STL's header, and of a triangle.
const (
	stlHeader   = 84
	stlTriangle = 50
)

// isSTL recognises a binary STL by its length, which its header tells.
func isSTL(head []byte, size int64) bool {
	if len(head) < stlHeader || size < stlHeader+stlTriangle {
		return false
	}
	return stlHeader+stlTriangle*int64(binary.LittleEndian.Uint32(head[80:])) == size
}

// kindOfText tells models from other text, by the words that their lines begin
// with.
func kindOfText(head []byte) string {
	lines := strings.Split(string(head), "\n")
	if len(lines) > 1 {
		lines = lines[:len(lines)-1] // the last may be cut
	}
	words := map[string]int{}
	for _, line := range lines {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
		case fields[0] == "v" && !areNumbers(fields[1:]):
			words["?"]++
		default:
			words[fields[0]]++
		}
	}
	switch {
	case words["solid"] > 0 && words["facet"] > 0 && words["vertex"] > 0:
		return stlKind
	case words["v"] > 2 && only(words, "v vn vt vp f l p o g s mtllib usemtl usemap deg"):
		return objKind
	case words["newmtl"] > 0 && only(words, "newmtl Ka Kd Ks Ke Ns Ni d Tr Tf illum sharpness bump disp decal refl map_Ka map_Kd map_Ks map_Ns map_d map_bump map_Bump"):
		return mtlKind
	}
	return "text/plain"
}

func areNumbers(fields []string) bool {
	for _, field := range fields {
		if _, err := strconv.ParseFloat(field, 64); err != nil {
			return false
		}
	}
	return len(fields) >= 3
}

// only tells whether all words are among the known ones.
func only(words map[string]int, known string) bool {
	for word := range words {
		if !strings.Contains(" "+known+" ", " "+word+" ") {
			return false
		}
	}
	return true
}
