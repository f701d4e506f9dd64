package bridge

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"pacsbridge/dimse/dataset"
	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// Rules are the changes to attributes that the settings ask for. Each is tried on every
// object in their order, on what the one before made of it; whether it fits is seen in the
// object as it came. Attributes of patient and study change alike in all objects of a study.
type Rules struct {
	List []Rule
	Old  string // AE title of OLD, who sends what came asked for
}

// Rule changes one attribute. The zero conditions fit everything.
type Rule struct {
	Modalities, Departments, Issuers, Callers []string

	Attribute dataset.Tag
	Action    RuleAction
	Value     string         // of Set; of Replace what stands in place of the match, with $1 for its parts
	Pattern   *regexp.Regexp // of Replace
	Table     *RuleTable     // of Map
	Keep      bool           // of Map: a value that the table lacks stays; else the object does not travel
}

// RuleAction is what a rule does to its attribute.
type RuleAction string

// The actions.
const (
	Set     RuleAction = "set"     // the value, whether there was one or not
	Empty   RuleAction = "empty"   // without a value, where it is there
	Remove  RuleAction = "remove"  // where it is there
	Replace RuleAction = "replace" // what a regular expression finds in its value
	Map     RuleAction = "map"     // its value for that of a table; no value stays none
)

// scene is what rules ask about an object beside what stands in it.
type scene struct{ department, calling string }

// scene of an instance.
func (rules Rules) scene(study staging.Study, it *staging.Item) scene {
	s := scene{department: study.Department, calling: sentBy(*it)}
	if s.calling == "" {
		s.calling = rules.Old
	}
	return s
}

// beyond is the first tag that no rule asks for.
func (rules Rules) beyond() dataset.Tag {
	last := dataset.IssuerOfPatientID
	for _, rule := range rules.List {
		last = max(last, rule.Attribute)
	}
	return last + 1
}

// fits reports whether a rule is for an object with this header.
func (r Rule) fits(head *dataset.Dataset, s scene) bool {
	return oneOf(r.Modalities, head.String(dataset.Modality)) && oneOf(r.Departments, s.department) &&
		oneOf(r.Issuers, strings.TrimSpace(head.Text(dataset.IssuerOfPatientID))) && oneOf(r.Callers, s.calling)
}

func oneOf(allowed []string, value string) bool {
	return len(allowed) == 0 || slices.Contains(allowed, value)
}

// apply changes what an attribute becomes.
func (r Rule) apply(a *Amendment, head *dataset.Dataset) error {
	switch {
	case r.Action == Set:
		return a.become(r.Value)
	case a.To == nil:
		return nil
	case r.Action == Empty:
		return a.become("")
	case r.Action == Remove:
		a.To = nil
		return nil
	}
	if err := readable(head, r.Attribute); err != nil {
		return err
	}
	value := *a.To
	if r.Action == Replace {
		value = r.Pattern.ReplaceAllString(value, r.Value)
	} else if other, known := r.Table.entries[strings.TrimSpace(value)]; known {
		value = other
	} else if strings.TrimSpace(value) != "" && !r.Keep {
		return fmt.Errorf("its value is not in the table %s", r.Table.Name)
	}
	if value == *a.To {
		return nil // also where it does not fit its value representation: it came so
	}
	return a.become(value)
}

// become gives an attribute a value that its value representation can hold.
func (a *Amendment) become(value string) error {
	if err := fitting(dataset.DictionaryVR(a.tag), value); err != nil {
		return err
	}
	a.To = &value
	return nil
}

// readable refuses values that are not text in the character set that is declared: what
// they say can only be guessed.
func readable(head *dataset.Dataset, tag dataset.Tag) error {
	e, found := head.Lookup(tag)
	if !found {
		return nil
	}
	if _, guessed := dataset.DecodeText(e.Value, head.Strings(dataset.SpecificCharacterSet)); guessed {
		return fmt.Errorf("its value cannot be read in the character set that the object declares")
	}
	return nil
}

// String says what a rule does, for people.
func (r Rule) String() string {
	name := tagName(r.Attribute)
	text := map[RuleAction]string{
		Set: fmt.Sprintf("set %s to %q", name, r.Value), Empty: "empty " + name, Remove: "remove " + name,
	}[r.Action]
	switch r.Action {
	case Replace:
		text = fmt.Sprintf("replace %q in %s by %q", r.Pattern, name, r.Value)
	case Map:
		text = fmt.Sprintf("map %s by the %d entries of %s", name, len(r.Table.entries), r.Table.Name)
		if r.Keep {
			text += ", others stay"
		} else {
			text += ", others fail"
		}
	}
	for _, condition := range []struct {
		of      string
		allowed []string
	}{{"modality", r.Modalities}, {"department", r.Departments}, {"issuer", r.Issuers}, {"sender", r.Callers}} {
		if len(condition.allowed) > 0 {
			text += ", where the " + condition.of + " is " + strings.Join(condition.allowed, " or ")
		}
	}
	return text
}

// amendHeader is a header with what the rules change of it, so that objects made here say
// of patient and study what the amended images say.
func (rules Rules) amendHeader(head *dataset.Dataset, s scene) (*dataset.Dataset, error) {
	if len(rules.List) == 0 {
		return head, nil
	}
	all, err := rules.amendments(head, s)
	if err != nil {
		return nil, err
	}
	changes, err := patchOf(all, head.Strings(dataset.SpecificCharacterSet))
	if err != nil {
		return nil, err
	}
	for _, change := range changes {
		if change.Set == nil {
			head.Delete(change.Tag)
			continue
		}
		head.Set(dataset.Element{Tag: change.Tag, VR: dataset.DictionaryVR(change.Tag), Value: change.Set.Value})
	}
	return head, nil
}

// amendIdentity is what the rules make of the identity of a study without images.
func (rules Rules) amendIdentity(id nondicom.Identity, study staging.Study) (nondicom.Identity, error) {
	if len(rules.List) == 0 {
		return id, nil
	}
	head, err := rules.amendHeader(headerOf(id), scene{department: study.Department, calling: rules.Old})
	if err != nil {
		return id, err
	}
	return nondicom.IdentityOf(head), nil
}

// headerOf is the header of an image that would have this identity.
func headerOf(id nondicom.Identity) *dataset.Dataset {
	return dataset.New().SetString(dataset.SpecificCharacterSet, "ISO_IR 192").
		SetText(dataset.StudyDate, id.StudyDate).SetText(dataset.StudyTime, id.StudyTime).
		SetText(dataset.AccessionNumber, id.AccessionNumber).SetText(dataset.ReferringPhysicianName, id.ReferringPhysician).
		SetText(dataset.StudyDescription, id.StudyDescription).
		SetText(dataset.PatientName, id.PatientName).SetText(dataset.PatientID, id.PatientID).SetText(dataset.IssuerOfPatientID, id.Issuer).
		SetText(dataset.PatientBirthDate, id.PatientBirthDate).SetText(dataset.PatientSex, id.PatientSex).
		SetString(dataset.StudyInstanceUID, id.StudyUID).SetText(dataset.StudyID, id.StudyID)
}
