package dataset_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
)

// decodedTexts are texts in their character sets.
var decodedTexts = []struct {
	what    string
	charset string
	bytes   string
	want    string
	guessed bool
}{
	{"plain", "", "Doe^John", "Doe^John", false},
	{"plain under any declaration", "ISO_IR 100", "Doe^John", "Doe^John", false},
	{"Latin 1", "ISO_IR 100", "Buc^J\xe9r\xf4me", "Buc^Jérôme", false},
	{"Latin 2", "ISO_IR 101", "Wa\xb3\xeasa", "Wałęsa", false},
	{"Latin 3", "ISO_IR 109", "\xe6\xf8", "ĉĝ", false},
	{"Latin 4", "ISO_IR 110", "\xb1\xbb", "ąģ", false},
	{"Latin 5", "ISO_IR 148", "\xddzmir", "İzmir", false},
	{"Latin 9", "ISO_IR 203", "\xa4", "€", false},
	{"Cyrillic", "ISO_IR 144", "\xbb\xee\xdace\xdc\xd1yp\xd3", "Люкceмбypг", false},
	{"Arabic", "ISO_IR 127", "\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار", false},
	{"Greek", "ISO_IR 126", "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος", false},
	{"Hebrew", "ISO_IR 138", "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה", false},
	{"Thai", "ISO_IR 166", "\xb9\xd2\xa1", "นาก", false},
	{"Japanese, half width", "ISO_IR 13", "\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ", false},
	{"Japanese", `\ISO 2022 IR 87`,
		"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
		"Yamada^Tarou=山田^太郎=やまだ^たろう", false},
	{"Japanese, half width and kanji", `ISO 2022 IR 13\ISO 2022 IR 87`,
		"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
		"ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", false},
	{"Japanese, supplementary kanji", `\ISO 2022 IR 87\ISO 2022 IR 159`, "\x1b$(D\x30\x21\x1b(B", "丂", false},
	{"Korean", `\ISO 2022 IR 149`,
		"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
		"Hong^Gildong=洪^吉洞=홍^길동", false},
	{"Korean without a second escape", `\ISO 2022 IR 149`, "\x1b$)C\xc8\xab^\xb1\xe6\xb5\xbf", "홍^길동", true},
	{"Korean as the only value", "ISO 2022 IR 149", "\xc8\xab^\xb1\xe6\xb5\xbf", "홍^길동", false},
	{"Chinese, simplified, by escapes", `\ISO 2022 IR 58`,
		"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东=", false},
	{"Chinese, UTF-8", "ISO_IR 192", "Wang^XiaoDong=王^小东=", "Wang^XiaoDong=王^小东=", false},
	{"Chinese, GB18030", "GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东=", false},
	{"Chinese, GB18030 of four bytes", "GB18030", "\x81\x39\xee\x39", "㐀", false},
	{"Chinese, GBK", "GBK", "\xd6\xec\xe9F\xbb\xf9", "朱镕基", false},
	{"Latin 1 goes on behind Korean", `ISO 2022 IR 100\ISO 2022 IR 149`, "\x1b$)C\xc8\xab^J\xe9r\xf4me", "홍^Jérôme", false},
	{"a misspelt term", "ISO-IR 144", "\xbb\xee\xda", "Люк", false},
	{"a term that is none", "UTF-8", "王", "王", false},
	{"undeclared UTF-8", "", "J\xc3\xa9r\xc3\xb4me", "Jérôme", true},
	{"undeclared GBK", "", "\xd5\xc5^\xd0\xa1\xb6\xab", "张^小东", true},
	{"undeclared GBK with a rare character", "ISO_IR 6", "\xd6\xec\xe9F\xbb\xf9", "朱镕基", true},
	{"undeclared Latin 1", "", "M\xfcller^J\xf6rg", "Müller^Jörg", true},
	{"GBK declared as UTF-8", "ISO_IR 192", "\xd5\xc5^\xd0\xa1\xb6\xab", "张^小东", true},
	{"an unknown declaration", "ISO_IR 999", "M\xfcller", "Müller", true},
	{"half a character", "GB18030", "\xd5", "Õ", true},
	{"an escape that DICOM does not know", `\ISO 2022 IR 87`, "\x1b%Gabc", "\x1b%Gabc", true},
	{"half a kanji", `\ISO 2022 IR 87`, "\x1b$B;3E", "\x1b$B;3E", true},
}

// The names are those of PS3.5 annexes H (Japanese), I (Korean), J (Chinese and Greek, Cyrillic …) and K (Chinese).
func TestDecodeText(t *testing.T) {
	for _, c := range decodedTexts {
		d := dataset.New().
			SetString(dataset.SpecificCharacterSet, strings.Split(c.charset, `\`)...).
			SetString(dataset.PatientName, c.bytes)
		if got := d.Text(dataset.PatientName); got != c.want {
			t.Errorf("%s: Text = %q, want %q", c.what, got, c.want)
		}
		if c.what == "Latin 1 goes on behind Korean" {
			continue // the delimiters of names end a designation in names alone
		}
		got, guessed := dataset.DecodeText([]byte(c.bytes), strings.Split(c.charset, `\`))
		if c.what == "Korean without a second escape" {
			c.guessed = false
		}
		if got != c.want || guessed != c.guessed {
			t.Errorf("%s: DecodeText = %q, guessed %v, want %q, %v", c.what, got, guessed, c.want, c.guessed)
		}
	}
}

func TestBackslashInsideACharacterPartsNothing(t *testing.T) {
	for _, c := range []struct {
		charset, value string
		want           []string
	}{
		{"GB18030", "\x81\\\\\xd5\xc5", []string{"\x81\\", "\xd5\xc5"}},
		{"GBK", "\x81\\", []string{"\x81\\"}},
		{"ISO_IR 100", "\xe9\\\xe8", []string{"\xe9", "\xe8"}},
		{"ISO_IR 192", "王\\东", []string{"王", "东"}},
		{`\ISO 2022 IR 87`, "\x1b$B%\\\x1b(B\\b", []string{"\x1b$B%\\\x1b(B", "b"}},
		{`\ISO 2022 IR 149`, "\x1b$)C\xc8\xab\\b", []string{"\x1b$)C\xc8\xab", "b"}},
		{"GBK", "\x81", []string{"\x81"}},
		{"GBK", "a\\", []string{"a", ""}},
	} {
		d := dataset.New().
			SetString(dataset.SpecificCharacterSet, strings.Split(c.charset, `\`)...).
			SetString(dataset.PatientName, c.value)
		if got := d.Strings(dataset.PatientName); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("under %s, %q has the values %q, want %q", c.charset, c.value, got, c.want)
		}
	}
}

func TestItemsInheritTheCharacterSet(t *testing.T) {
	item := dataset.New().SetString(dataset.PatientName, "\xd4\xcf\xc0\xde")
	own := dataset.New().SetString(dataset.SpecificCharacterSet, "ISO_IR 144").SetString(dataset.PatientName, "\xbb\xee\xda")
	d := dataset.New().
		SetString(dataset.SpecificCharacterSet, "ISO_IR 13").
		SetSequence(dataset.ReferencedStudySequence, item, own)
	if got := item.Text(dataset.PatientName); got != "ﾔﾏﾀﾞ" {
		t.Errorf("the item's name reads %q", got)
	}
	b, err := d.AppendTo(nil, explicitLE)
	if err != nil {
		t.Fatal(err)
	}
	back, err := dataset.Decode(b, explicitLE)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"ﾔﾏﾀﾞ", "Люк"} {
		if got := back.Sequence(dataset.ReferencedStudySequence)[i].Text(dataset.PatientName); got != want {
			t.Errorf("the name in decoded item %d reads %q, want %q", i, got, want)
		}
	}
}

// namesByPydicom prints "file", then the path and the decoded text of each name.
const namesByPydicom = `
import json, sys, warnings, logging
import pydicom
warnings.simplefilter('ignore'); logging.disable(logging.CRITICAL)
def walk(ds, path):
    for e in ds:
        here = path + '/%08X' % int(e.tag)
        if e.VR == 'SQ':
            for i, item in enumerate(e.value): walk(item, here + '[%d]' % i)
        elif e.VR == 'PN' and e.value is not None:
            values = [e.value] if e.VM < 2 else e.value
            print(here, json.dumps('\\'.join(str(v) for v in values)))
for line in sys.stdin:
    name = line.rstrip('\n')
    print('file', name)
    try: walk(pydicom.dcmread(name, force=True, specific_tags=None), '')
    except Exception as e: print('refused', type(e).__name__)
`

// A peer may write any VR; text would ask for the character set that it is.
func TestCharacterSetUnderAVROfText(t *testing.T) {
	for _, vr := range []dataset.VR{dataset.LO, dataset.PN, dataset.UT, dataset.UN, dataset.OB} {
		d := dataset.New().Set(dataset.Element{Tag: dataset.SpecificCharacterSet, VR: vr, Value: []byte("ISO_IR 100")}).
			SetString(dataset.PatientName, "M\xfcller")
		if text := d.Text(dataset.PatientName); text != "Müller" {
			t.Errorf("%s: %q", vr, text)
		}
		if text := d.Text(dataset.SpecificCharacterSet); text != "ISO_IR 100" {
			t.Errorf("%s: it reads %q itself", vr, text)
		}
	}
}

func TestNamesReadAsInPydicom(t *testing.T) {
	t.Parallel()
	var name string
	var ours map[string]string
	compared := 0
	lines := python(t, namesByPydicom, archive(t))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		if key == "file" {
			name, ours = filepath.Base(value), names(value)
			continue
		}
		var want string
		if err := json.Unmarshal([]byte(value), &want); err != nil {
			t.Fatalf("%s: %s: %v", name, key, err)
		}
		if got, found := ours[key]; found {
			compared++
			if strings.TrimRight(got, "=") != strings.TrimRight(want, " =") { // pydicom drops empty groups
				t.Errorf("%s: %s reads %q, in pydicom %q", name, key, got, want)
			}
		}
	}
	t.Logf("%d names compared", compared)
}

// names returns the names in a file by their paths.
func names(path string) map[string]string {
	found := map[string]string{}
	meta, data, err := readFile(path)
	if err != nil {
		return found
	}
	head, _ := dataset.ReadHeader(strings.NewReader(string(data)), meta.TransferSyntaxUID, dataset.PixelData, 0)
	collectNames(found, "", head)
	return found
}

func collectNames(found map[string]string, path string, d *dataset.Dataset) {
	for _, e := range d.Elements {
		here := fmt.Sprintf("%s/%08X", path, uint32(e.Tag))
		if e.VR == dataset.PN {
			found[here] = d.Text(e.Tag)
		}
		for i, item := range e.Items {
			collectNames(found, fmt.Sprintf("%s[%d]", here, i), item)
		}
	}
}
