package dataset_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// unhex reads bytes written as hex with spaces, and comments from a semicolon to the end of the line.
func unhex(tb testing.TB, text string) []byte {
	tb.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, ";")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// steps walks over a data set and writes down each token: its kind, tag, depth and header's length.
func steps(r io.Reader, ts string) (string, error) {
	names := map[dataset.Kind]string{
		dataset.ElementToken: "element", dataset.SequenceStart: "sequence", dataset.SequenceEnd: "end",
		dataset.ItemStart: "item", dataset.ItemEnd: "item-end", dataset.FragmentsStart: "fragments",
		dataset.FragmentToken: "fragment", dataset.FragmentsEnd: "fragments-end",
	}
	syntax, _ := uid.SyntaxOf(ts)
	scan := dataset.NewScanner(r, syntax)
	var out []string
	for {
		token, err := scan.Next()
		if err == io.EOF {
			return strings.Join(out, " "), nil
		}
		if err != nil {
			return strings.Join(out, " "), err
		}
		step := fmt.Sprintf("%d:%s%s", token.Depth, names[token.Kind], token.Tag)
		if token.Kind == dataset.ElementToken {
			step += string(token.VR)
		}
		out = append(out, step)
	}
}

const sequenceWithDelimiters = `
	08 00 16 00 55 49 02 00 31 00              ; a UI before
	08 00 10 11 53 51 00 00 FF FF FF FF        ; sequence of undefined length
	FE FF 00 E0 FF FF FF FF                    ; item of undefined length
	08 00 50 11 55 49 02 00 31 00
	FE FF 0D E0 00 00 00 00
	FE FF 00 E0 00 00 00 00                    ; empty item of defined length
	FE FF DD E0 00 00 00 00
	10 00 20 00 4C 4F 02 00 41 42              ; an LO behind`

// walks are data sets and what the scanner meets in them.
var walks = []struct{ what, ts, bytes, want string }{
	{"nothing", explicitLE, "", ""},
	{
		"a sequence with delimiters", explicitLE, sequenceWithDelimiters,
		"0:element(0008,0016)UI 0:sequence(0008,1110) 1:item(FFFE,E000) 1:element(0008,1150)UI 1:item-end(FFFE,E00D) " +
			"1:item(FFFE,E000) 1:item-end(0000,0000) 0:end(FFFE,E0DD) 0:element(0010,0020)LO",
	},
	{
		"a sequence counted by length", explicitLE,
		`08 00 10 11 53 51 00 00 12 00 00 00  FE FF 00 E0 0A 00 00 00  08 00 50 11 55 49 02 00 31 00`,
		"0:sequence(0008,1110) 1:item(FFFE,E000) 1:element(0008,1150)UI 1:item-end(0000,0000) 0:end(0000,0000)",
	},
	{
		"both, as some writers do", explicitLE,
		`08 00 10 11 53 51 00 00 18 00 00 00  FE FF 00 E0 08 00 00 00  FE FF 0D E0 00 00 00 00  FE FF DD E0 00 00 00 00`,
		"0:sequence(0008,1110) 1:item(FFFE,E000) 1:item-end(FFFE,E00D) 0:end(FFFE,E0DD)",
	},
	{
		"implicit VR", implicitLE,
		`08 00 10 11 FF FF FF FF  FE FF 00 E0 FF FF FF FF  08 00 50 11 02 00 00 00 31 00  FE FF 0D E0 00 00 00 00
		 FE FF DD E0 00 00 00 00  09 00 10 00 02 00 00 00 41 42  09 00 01 10 02 00 00 00 41 42`,
		"0:sequence(0008,1110) 1:item(FFFE,E000) 1:element(0008,1150)UI 1:item-end(FFFE,E00D) 0:end(FFFE,E0DD) " +
			"0:element(0009,0010)LO 0:element(0009,1001)UN",
	},
	{
		"implicit VR, where the dictionary's sequence is none", implicitLE, `08 00 10 11 04 00 00 00 41 42 43 44`,
		"0:element(0008,1110)UN",
	},
	{
		"implicit VR, an empty sequence", implicitLE, `08 00 10 11 00 00 00 00`,
		"0:sequence(0008,1110) 0:end(0000,0000)",
	},
	{
		"big endian", explicitBE,
		`00 08 00 16 55 49 00 02 31 00  00 08 11 10 53 51 00 00 FF FF FF FF  FF FE E0 00 00 00 00 00  FF FE E0 DD 00 00 00 00`,
		"0:element(0008,0016)UI 0:sequence(0008,1110) 1:item(FFFE,E000) 1:item-end(0000,0000) 0:end(FFFE,E0DD)",
	},
	{
		"UN of undefined length holds implicit VR", explicitLE,
		`09 00 01 10 55 4E 00 00 FF FF FF FF  FE FF 00 E0 FF FF FF FF  08 00 16 00 02 00 00 00 31 00
		 FE FF 0D E0 00 00 00 00  FE FF DD E0 00 00 00 00  10 00 20 00 4C 4F 02 00 41 42`,
		"0:sequence(0009,1001) 1:item(FFFE,E000) 1:element(0008,0016)UI 1:item-end(FFFE,E00D) 0:end(FFFE,E0DD) " +
			"0:element(0010,0020)LO",
	},
	{
		"UN of undefined length in big endian holds little endian", explicitBE,
		`00 09 10 01 55 4E 00 00 FF FF FF FF  FE FF 00 E0 0A 00 00 00  08 00 16 00 02 00 00 00 31 00
		 FE FF DD E0 00 00 00 00  00 10 00 20 4C 4F 00 02 41 42`,
		"0:sequence(0009,1001) 1:item(FFFE,E000) 1:element(0008,0016)UI 1:item-end(0000,0000) 0:end(FFFE,E0DD) " +
			"0:element(0010,0020)LO",
	},
	{
		"encapsulated pixel data", uid.JPEGBaseline,
		`E0 7F 10 00 4F 42 00 00 FF FF FF FF  FE FF 00 E0 00 00 00 00  FE FF 00 E0 08 00 00 00 FE FF DD E0 00 00 00 00
		 FE FF DD E0 00 00 00 00  FC FF FC FF 4F 42 00 00 02 00 00 00 00 00`,
		"0:fragments(7FE0,0010) 1:fragment(FFFE,E000) 1:fragment(FFFE,E000) 0:fragments-end(FFFE,E0DD) 0:element(FFFC,FFFC)OB",
	},
	{
		"the VRs with 32-bit lengths", explicitLE,
		`09 00 01 10 4F 56 00 00 00 00 00 00  09 00 02 10 53 56 00 00 00 00 00 00  09 00 03 10 55 56 00 00 00 00 00 00
		 09 00 04 10 55 43 00 00 00 00 00 00  09 00 05 10 55 52 00 00 00 00 00 00  09 00 06 10 55 54 00 00 00 00 00 00
		 09 00 07 10 4F 4C 00 00 00 00 00 00  09 00 08 10 4F 44 00 00 00 00 00 00  09 00 09 10 4F 46 00 00 00 00 00 00`,
		"0:element(0009,1001)OV 0:element(0009,1002)SV 0:element(0009,1003)UV 0:element(0009,1004)UC " +
			"0:element(0009,1005)UR 0:element(0009,1006)UT 0:element(0009,1007)OL 0:element(0009,1008)OD 0:element(0009,1009)OF",
	},
	{
		"letters that are no VR yet, and bytes that are none at all", explicitLE,
		`09 00 01 10 5A 5A 00 00 02 00 00 00 41 42  09 00 02 10 3F 3F 02 00 41 42  09 00 03 10 00 00 02 00 41 42`,
		"0:element(0009,1001)UN 0:element(0009,1002)UN 0:element(0009,1003)UN",
	},
	{
		"group lengths", explicitLE, `08 00 00 00 55 4C 04 00 00 00 00 00  08 00 16 00 55 49 00 00`,
		"0:element(0008,0000)UL 0:element(0008,0016)UI",
	},
}

func TestScannerWalks(t *testing.T) {
	for _, c := range walks {
		b := unhex(t, c.bytes)
		for how, r := range map[string]io.Reader{
			"at once":         bytes.NewReader(b),
			"byte by byte":    iotest.OneByteReader(bytes.NewReader(b)),
			"with early ends": iotest.DataErrReader(bytes.NewReader(b)),
		} {
			got, err := steps(r, c.ts)
			if err != nil || got != c.want {
				t.Errorf("%s, %s:\n got %s\nwant %s\nerror %v", c.what, how, got, c.want, err)
			}
		}
		if n, err := dataset.Check(bytes.NewReader(b), c.ts); err != nil || n != int64(len(b)) {
			t.Errorf("%s: Check = %d, %v", c.what, n, err)
		}
	}
}

// refused are data sets that are none.
var refused = []struct {
	what, ts, bytes, why string
	cut                  bool
}{
	{"half a header", explicitLE, `08 00 16`, "ends inside a header", true},
	{"half a long header", explicitLE, `08 00 10 11 53 51 00 00 FF`, "ends inside a header", true},
	{"half a value", explicitLE, `08 00 16 00 55 49 04 00 31 00`, "ends inside its value", true},
	{"a length near 2^32", implicitLE, `08 00 16 00 FE FF FF FF 31 00`, "ends inside its value", true},
	{"a sequence without end", explicitLE, `08 00 10 11 53 51 00 00 FF FF FF FF`, "ends inside a header", true},
	{"an item without end", explicitLE, `08 00 10 11 53 51 00 00 FF FF FF FF FE FF 00 E0 FF FF FF FF`, "ends inside a header", true},
	{"an element in place of an item", explicitLE,
		`08 00 10 11 53 51 00 00 FF FF FF FF 08 00 16 00 55 49 00 00`, "other than an item", false},
	{"an item outside a sequence", explicitLE, `FE FF 00 E0 00 00 00 00`, "outside a sequence", false},
	{"a delimiter outside a sequence", explicitLE, `FE FF DD E0 00 00 00 00`, "outside a sequence", false},
	{"a sequence's delimiter in place of an item's", explicitLE,
		`08 00 10 11 53 51 00 00 FF FF FF FF FE FF 00 E0 FF FF FF FF FE FF DD E0 00 00 00 00`, "outside a sequence", false},
	{"an item longer than its sequence", explicitLE,
		`08 00 10 11 53 51 00 00 12 00 00 00 FE FF 00 E0 0B 00 00 00 08 00 50 11 55 49 02 00 31 00 00`, "past what encloses it", false},
	{"an element longer than its item", explicitLE,
		`08 00 10 11 53 51 00 00 12 00 00 00 FE FF 00 E0 0A 00 00 00 08 00 50 11 55 49 03 00 31 00 00`, "past what encloses it", false},
	{"a header across the end of an item", explicitLE,
		`08 00 10 11 53 51 00 00 0C 00 00 00 FE FF 00 E0 04 00 00 00 08 00 50 11 55 49 00 00`, "past what encloses it", false},
	{"a delimiter before the counted end", explicitLE,
		`08 00 10 11 53 51 00 00 14 00 00 00 FE FF DD E0 00 00 00 00 FE FF 00 E0 04 00 00 00 00 00 00 00`, "before the end", false},
	{"a fragment of undefined length", uid.RLE,
		`E0 7F 10 00 4F 42 00 00 FF FF FF FF FE FF 00 E0 FF FF FF FF`, "fragment of undefined length", false},
	{"an element among fragments", uid.RLE,
		`E0 7F 10 00 4F 42 00 00 FF FF FF FF 08 00 16 00 00 00 00 00`, "other than a fragment", false},
	{"fragments without end", uid.RLE, `E0 7F 10 00 4F 42 00 00 FF FF FF FF FE FF 00 E0 00 00 00 00`, "ends inside a header", true},
	{"text of undefined length", explicitLE, `08 00 16 00 55 54 00 00 FF FF FF FF`, "text of undefined length", false},
	{"zeros behind the data set", explicitLE, `08 00 16 00 55 49 00 00 00 00 00 00 00 00 00 00`, "zeros", false},
	{"a corrupt deflated stream", deflatedLE, `FF FF FF`, "corrupt", false},
	{"a deflated stream without end", deflatedLE, `4A 4C`, "cut short", true},
	{"bytes behind a deflated stream", deflatedLE, `03 00 00 01 02`, "behind the end", false},
}

func TestScannerRefuses(t *testing.T) {
	for _, c := range refused {
		_, err := dataset.Check(bytes.NewReader(unhex(t, c.bytes)), c.ts)
		var malformed *dataset.MalformedError
		if !errors.As(err, &malformed) || !strings.Contains(malformed.Why, c.why) {
			t.Errorf("%s: %v, want %q", c.what, err, c.why)
			continue
		}
		if malformed.Cut != c.cut || errors.Is(err, io.ErrUnexpectedEOF) != c.cut || malformed.Temporary() {
			t.Errorf("%s: cut %v, want %v", c.what, malformed.Cut, c.cut)
		}
	}
}

func TestReaderErrorsAreNotFaultsOfTheData(t *testing.T) {
	broken := errors.New("the line broke")
	data := unhex(t, sequenceWithDelimiters)
	for at := range data {
		_, err := dataset.Check(io.MultiReader(bytes.NewReader(data[:at]), iotest.ErrReader(broken)), explicitLE)
		var malformed *dataset.MalformedError
		if !errors.Is(err, broken) || errors.As(err, &malformed) {
			t.Errorf("broken after %d bytes: %v", at, err)
		}
	}
	if _, err := dataset.Check(idle{}, explicitLE); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that never returns anything: %v", err)
	}
}

// idle is a reader that gives nothing and does not end.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// nested is a data set of sequences within sequences.
func nested(depth int, ts string) []byte {
	open, end := []byte("\x08\x00\x10\x11\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"), []byte("\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00")
	if ts == explicitLE {
		open = []byte("\x08\x00\x10\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff")
	}
	return append(bytes.Repeat(open, depth), bytes.Repeat(end, depth)...)
}

func TestNestingIsLimited(t *testing.T) {
	for _, ts := range []string{implicitLE, explicitLE} {
		if _, err := dataset.Check(bytes.NewReader(nested(dataset.MaxDepth, ts)), ts); err != nil {
			t.Errorf("%d sequences within each other: %v", dataset.MaxDepth, err)
		}
		for _, depth := range []int{dataset.MaxDepth + 1, 5000} {
			_, err := dataset.Check(bytes.NewReader(nested(depth, ts)), ts)
			if err == nil || !strings.Contains(err.Error(), "too deep") {
				t.Errorf("%d sequences within each other: %v", depth, err)
			}
		}
	}
}

func TestScannerHandsOverHeadersAndValues(t *testing.T) {
	for _, ts := range []string{explicitLE} {
		data := unhex(t, sequenceWithDelimiters)
		syntax, _ := uid.SyntaxOf(ts)
		scan := dataset.NewScanner(iotest.OneByteReader(bytes.NewReader(data)), syntax)
		var copied bytes.Buffer
		for {
			if _, err := scan.Next(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			copied.Write(scan.Header())
			if _, err := scan.WriteValue(&copied); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(copied.Bytes(), data) {
			t.Errorf("what was handed over is not the data set:\n got %x\nwant %x", copied.Bytes(), data)
		}
	}
}
