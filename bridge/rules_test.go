package bridge_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// elementsOf are the bytes of the elements of a data set, with all that is in them. A group
// length says nothing of its own.
func elementsOf(t interface{ Fatal(...any) }, data []byte, ts string) map[dataset.Tag]string {
	syntax, _ := uid.SyntaxOf(ts)
	scan := dataset.NewScanner(bytes.NewReader(data), syntax)
	found := map[dataset.Tag]string{}
	var tag dataset.Tag
	for {
		token, err := scan.Next()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if token.Depth == 0 && token.Tag.Group() != 0xFFFE && token.Kind != dataset.SequenceEnd {
			tag = token.Tag
		}
		value, err := scan.AppendValue(nil)
		if err != nil {
			t.Fatal(err)
		}
		if tag.Element() != 0 {
			found[tag] += fmt.Sprintf("%x %x ", scan.Header(), value)
		}
	}
}

// amendable are attributes that rules may change, those with several characters in a value
// and those that the corpus lacks among them.
var amendable = []dataset.Tag{dataset.PatientID, dataset.PatientName, dataset.IssuerOfPatientID, dataset.AccessionNumber, dataset.InstitutionName,
	dataset.StudyDescription, dataset.ReferringPhysicianName, 0x00081010 /* StationName */, 0x00104000 /* PatientComments */, 0x00180015 /* BodyPartExamined */}

// drawRule draws a rule; some of its values fit nowhere.
func drawRule(t *rapid.T) bridge.Rule {
	text := rapid.OneOf(rapid.StringMatching(`[A-Z0-9 ]{0,12}`), rapid.StringMatching(`[A-Zäöü山田\\^=]{0,8}`), rapid.String())
	r := bridge.Rule{
		Attribute: rapid.SampledFrom(amendable).Draw(t, "attribute"),
		Action:    rapid.SampledFrom([]bridge.RuleAction{bridge.Set, bridge.Empty, bridge.Remove, bridge.Replace, bridge.Map}).Draw(t, "action"),
		Value:     text.Draw(t, "value"),
		Pattern:   regexp.MustCompile(rapid.SampledFrom([]string{`^`, `.`, `^(.*)$`, `[0-9]+`, `x*`}).Draw(t, "pattern")),
		Keep:      rapid.Bool().Draw(t, "keep"),
	}
	r.Table = bridge.TableOf(map[string]string{"A": "B", r.Value: "C"})
	if rapid.Bool().Draw(t, "conditional") {
		r.Modalities = []string{rapid.SampledFrom([]string{"CT", "MR", "US"}).Draw(t, "modality")}
	}
	return r
}

func TestOnlyWhatRulesNameChanges(t *testing.T) {
	objects := dimsetest.Study(1, dimsetest.StudyOptions{Instances: 2})
	for seed := int64(2); seed < 12; seed++ {
		objects = append(objects, dimsetest.Study(seed, dimsetest.StudyOptions{Instances: 2})...)
	}
	rapid.Check(t, func(t *rapid.T) {
		o := objects[rapid.IntRange(0, len(objects)-1).Draw(t, "object")]
		rules := bridge.Rules{List: rapid.SliceOfN(rapid.Custom(drawRule), 1, 4).Draw(t, "rules")}
		after, made, err := rules.Amended(o.Data, o.TransferSyntax, "RAD", "OLDPACS")
		var refused *bridge.RuleError
		if errors.As(err, &refused) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		head, err := dataset.ReadHeader(bytes.NewReader(after), o.TransferSyntax, dataset.Rows, 0)
		if err != nil {
			t.Fatal(err)
		}
		was, is := elementsOf(t, o.Data, o.TransferSyntax), elementsOf(t, after, o.TransferSyntax)
		for _, a := range made {
			tag, _ := dataset.FindTag(a.Attribute)
			if head.Has(tag) != (a.To != nil) || a.To != nil && strings.Trim(head.Text(tag), " ") != strings.Trim(*a.To, " ") {
				t.Fatalf("%s is %q, and recorded as %v", a.Attribute, head.Text(tag), a)
			}
			delete(was, tag)
			delete(is, tag)
		}
		if diff := cmp.Diff(was, is); diff != "" {
			t.Fatalf("something else changed:\n%s", diff)
		}
		if len(made) == 0 && !bytes.Equal(after, o.Data) {
			t.Fatal("nothing was changed, and yet it is another data set")
		}
	})
}

// ruleCases are rules and what they make of a CT of patient 0012 of issuer A.
var ruleCases = []struct {
	what string
	rule bridge.Rule
	want string // "from → to", "" for no change, "!" and a part of the error
}{
	{"set", bridge.Rule{Attribute: dataset.InstitutionName, Action: bridge.Set, Value: "Spital Zürich"}, "nil → Spital Zürich"},
	{"set what it is", bridge.Rule{Attribute: dataset.PatientID, Action: bridge.Set, Value: "0012"}, ""},
	{"set in another modality", bridge.Rule{Modalities: []string{"MR"}, Attribute: dataset.InstitutionName, Action: bridge.Set, Value: "X"}, ""},
	{"set in this department", bridge.Rule{Departments: []string{"NUK", "RAD"}, Attribute: dataset.InstitutionName, Action: bridge.Set, Value: "X"}, "nil → X"},
	{"set for another sender", bridge.Rule{Callers: []string{"MOD"}, Attribute: dataset.InstitutionName, Action: bridge.Set, Value: "X"}, ""},
	{"set for an issuer", bridge.Rule{Issuers: []string{"A"}, Attribute: dataset.PatientID, Action: bridge.Set, Value: "X"}, "0012 → X"},
	{"set what the character set lacks", bridge.Rule{Attribute: dataset.InstitutionName, Action: bridge.Set, Value: "病院"}, "!character set"},
	{"set what is too long", bridge.Rule{Attribute: dataset.AccessionNumber, Action: bridge.Set, Value: "12345678901234567"}, "!longer than SH"},
	{"set two values", bridge.Rule{Attribute: dataset.AccessionNumber, Action: bridge.Set, Value: `1\2`}, "!backslash"},
	{"empty", bridge.Rule{Attribute: dataset.PatientID, Action: bridge.Empty}, "0012 → "},
	{"empty what is not there", bridge.Rule{Attribute: dataset.InstitutionName, Action: bridge.Empty}, ""},
	{"remove", bridge.Rule{Attribute: dataset.IssuerOfPatientID, Action: bridge.Remove}, "A → nil"},
	{"replace", bridge.Rule{Attribute: dataset.PatientID, Action: bridge.Replace, Pattern: regexp.MustCompile(`^0*([0-9]+)$`), Value: "H-$1"}, "0012 → H-12"},
	{"replace what does not match", bridge.Rule{Attribute: dataset.PatientID, Action: bridge.Replace, Pattern: regexp.MustCompile(`^X`), Value: "H"}, ""},
	{"map", bridge.Rule{Attribute: dataset.PatientID, Action: bridge.Map, Table: mapped}, "0012 → X-1"},
	{"map what the table lacks", bridge.Rule{Attribute: dataset.IssuerOfPatientID, Action: bridge.Map, Table: mapped}, "!not in the table"},
	{"map it or keep it", bridge.Rule{Attribute: dataset.IssuerOfPatientID, Action: bridge.Map, Table: mapped, Keep: true}, ""},
	{"map what is not there", bridge.Rule{Attribute: dataset.AccessionNumber, Action: bridge.Map, Table: mapped}, ""},
}

// mapped is the table of the rules above.
var mapped = bridge.TableOf(map[string]string{"0012": "X-1"})

// ctHeader is the head of a CT of patient 0012 of issuer A, with what set does to it.
func ctHeader(t *testing.T, set func(*dataset.Dataset)) []byte {
	d := dataset.New().SetString(dataset.SpecificCharacterSet, "ISO_IR 100").SetString(dataset.Modality, "CT").
		SetString(dataset.PatientID, "0012").SetString(dataset.IssuerOfPatientID, "A")
	set(d)
	b, err := d.AppendTo(nil, uid.ExplicitLE)
	check(t, err)
	return b
}

func TestRules(t *testing.T) {
	for _, c := range ruleCases {
		_, made, err := bridge.Rules{List: []bridge.Rule{c.rule}}.Amended(ctHeader(t, func(*dataset.Dataset) {}), uid.ExplicitLE, "RAD", "OLDPACS")
		if got := told(made, err); got != c.want && !(strings.HasPrefix(c.want, "!") && strings.Contains(got, c.want[1:])) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestAValueThatCanOnlyBeGuessedIsNotChanged(t *testing.T) {
	unreadable := ctHeader(t, func(d *dataset.Dataset) {
		d.Set(dataset.Element{Tag: dataset.SpecificCharacterSet, VR: "CS", Value: []byte("ISO_IR 6 ")})
		d.Set(dataset.Element{Tag: dataset.PatientID, VR: "LO", Value: []byte("M\xfcller")})
	})
	rule := bridge.Rule{Attribute: dataset.PatientID, Action: bridge.Replace, Pattern: regexp.MustCompile(`^`), Value: "H"}
	var refused *bridge.RuleError
	if _, _, err := (bridge.Rules{List: []bridge.Rule{rule}}).Amended(unreadable, uid.ExplicitLE, "", ""); !errors.As(err, &refused) {
		t.Errorf("it was changed: %v", err)
	}
}

// told says what was made in one line.
func told(made []bridge.Amendment, err error) string {
	value := func(s *string) string {
		if s == nil {
			return "nil"
		}
		return *s
	}
	switch {
	case err != nil:
		return err.Error()
	case len(made) == 0:
		return ""
	}
	return value(made[0].From) + " → " + value(made[0].To)
}

func TestTablesOfRules(t *testing.T) {
	shared := must(bridge.ReadRuleTable(filepath.Join("..", "testdata", "rules", "patients.csv")))(t)
	rule := bridge.Rule{Attribute: dataset.PatientID, Action: bridge.Map, Table: shared}
	quoted := ctHeader(t, func(d *dataset.Dataset) { d.SetString(dataset.PatientID, "P 3, old") })
	if _, made, err := (bridge.Rules{List: []bridge.Rule{rule}}).Amended(quoted, uid.ExplicitLE, "", ""); told(made, err) != "P 3, old → N-0003" {
		t.Errorf("the shared table makes %q", told(made, err))
	}
	for content, fault := range map[string]string{
		"\ufeff1,A\n2, B\n1,A\n": "",
		"1,A\n1,B\n":             "line 2",
		"1,A,2\n":                "wrong number of fields",
		",A\n":                   "no old value",
		"1\n":                    "wrong number of fields",
	} {
		path := filepath.Join(t.TempDir(), "table.csv")
		check(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := bridge.ReadRuleTable(path)
		if (err == nil) != (fault == "") || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("%q: %v, want %q", content, err, fault)
		}
	}
}
