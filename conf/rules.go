package conf

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"pacsbridge/dimse/dataset"
)

// Rule changes one attribute of what is migrated. It has exactly one of the actions.
type Rule struct {
	When    RuleWhen    `mapstructure:"when"`
	Set     RuleSet     `mapstructure:"set"`
	Empty   RuleEmpty   `mapstructure:"empty"`
	Remove  RuleEmpty   `mapstructure:"remove"`
	Replace RuleReplace `mapstructure:"replace"`
	Map     RuleMap     `mapstructure:"map"`
}

// RuleWhen says which instances a rule is for; those that fit all that is named.
type RuleWhen struct {
	Modality   []string `mapstructure:"modality"`
	Department []string `mapstructure:"department"` // of the study, as the ledger has it
	Issuer     []string `mapstructure:"issuer"`     // of the patient ID
	Calling    []string `mapstructure:"calling"`    // AE title of who sent the instance
}

// RuleSet gives an attribute a value, whether it was there or not.
type RuleSet struct {
	Attribute string `mapstructure:"attribute"`
	Value     string `mapstructure:"value"`
}

// RuleEmpty names an attribute that loses its value, or goes.
type RuleEmpty struct {
	Attribute string `mapstructure:"attribute"`
}

// RuleReplace replaces what a regular expression finds in a value.
type RuleReplace struct {
	Attribute string `mapstructure:"attribute"`
	Pattern   string `mapstructure:"pattern"`
	With      string `mapstructure:"with"`
}

// RuleMap exchanges values by a table: a CSV file of two columns, old and new.
type RuleMap struct {
	Attribute string  `mapstructure:"attribute"`
	File      string  `mapstructure:"file"`
	Unknown   Unknown `mapstructure:"unknown"` // fail when empty
}

// Unknown is what becomes of a value that a table does not hold.
type Unknown string

// What may become of it.
const (
	UnknownFail Unknown = "fail" // the study fails with class data
	UnknownKeep Unknown = "keep"
)

// actions are the attributes that a rule's actions name, by the names of the actions.
func (r Rule) actions() map[string]string {
	named := map[string]string{"set": r.Set.Attribute, "empty": r.Empty.Attribute, "remove": r.Remove.Attribute,
		"replace": r.Replace.Attribute, "map": r.Map.Attribute}
	for name, attribute := range named {
		if attribute == "" {
			delete(named, name)
		}
	}
	return named
}

// Attribute is the tag of the attribute that a rule is about, 0 where there is none.
func (r Rule) Attribute() dataset.Tag {
	for _, name := range r.actions() {
		tag, _ := parseAttribute(name)
		return tag
	}
	return 0
}

// tagText is (gggg,eeee).
var tagText = regexp.MustCompile(`^\(?([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)?$`)

// parseAttribute reads a keyword or a tag.
func parseAttribute(text string) (dataset.Tag, bool) {
	if tag, known := dataset.FindTag(text); known {
		return tag, true
	}
	var group, element uint16
	if !tagText.MatchString(text) {
		return 0, false
	}
	_, err := fmt.Sscanf(strings.Trim(text, "()"), "%04x,%04x", &group, &element)
	return dataset.NewTag(group, element), err == nil
}

func (c checker) rules(rules []Rule) {
	for i, rule := range rules {
		c.rule(fmt.Sprintf("rules[%d]", i), rule)
	}
}

const actionHint = "write one of set, empty, remove, replace and map, each with its attribute"

func (c checker) rule(key string, r Rule) {
	actions := r.actions()
	if len(actions) != 1 {
		c.fail(key, actionHint, "has %d actions", len(actions))
		return
	}
	for action, name := range actions {
		c.attribute(key+"."+action+".attribute", action, name, r.When)
	}
	switch {
	case r.Set.Attribute != "" && r.Set.Value == "":
		c.fail(key+".set.value", "to take the value away use empty: {attribute: …}", "must be set")
	case r.Replace.Attribute != "":
		c.pattern(key+".replace.pattern", r.Replace.Pattern)
	case r.Map.Attribute != "":
		c.table(key+".map", r.Map)
	}
}

func (c checker) pattern(key, pattern string) {
	if pattern == "" {
		c.fail(key, `a regular expression, for example "^0*([0-9]+)$"`, "must be set")
	} else if _, err := regexp.Compile(pattern); err != nil {
		c.fail(key, "see https://github.com/google/re2/wiki/Syntax", "%v", err)
	}
}

func (c checker) table(key string, m RuleMap) {
	if m.Unknown != "" {
		oneOf(c, key+".unknown", m.Unknown, UnknownFail, UnknownKeep)
	}
	if info, err := os.Stat(m.File); m.File == "" {
		c.fail(key+".file", "a CSV file of two columns, old and new", "must be set")
	} else if err != nil {
		c.fail(key+".file", "a relative path starts at the working directory", "%s: %s", m.File, reason(err))
	} else if !info.Mode().IsRegular() {
		c.fail(key+".file", "name a CSV file", "%s is not a file", m.File)
	}
}

// attribute refuses what no rule may touch.
func (c checker) attribute(key, action, name string, when RuleWhen) {
	tag, known := parseAttribute(name)
	if !known {
		c.fail(key, "write it as PatientID or (0010,0020)", "%q is no attribute", name)
		return
	}
	if why := untouchable(tag); why != "" {
		c.fail(key, "rules change identifiers and descriptions; see docs/operating.md", "%s %s", name, why)
		return
	}
	if action == "remove" && slices.Contains(mustBeThere, tag) {
		c.fail(key, "use empty: {attribute: "+name+"}", "%s must be there in every object (PS3.3), if only without a value", name)
	}
	if ofStudy(tag) && len(when.Modality)+len(when.Calling) > 0 {
		c.fail(key, "leave out when.modality and when.calling", "%s is one for the whole study: its parts would no longer belong together", name)
	}
}

// untouchable says why an attribute may not be changed, "" where it may.
func untouchable(tag dataset.Tag) string {
	group := tag.Group()
	vr := dataset.DictionaryVR(tag)
	switch {
	case group < 0x0008:
		return "is part of the message or of the file's header, not of the data set"
	case tag.Element() == 0:
		return "is a group length"
	case group%2 == 1:
		return "is private: who made it alone knows what it means"
	case vr == dataset.UI:
		return "holds UIDs: objects are known by them"
	case tag == dataset.SpecificCharacterSet:
		return "says how all text of the object is to be read"
	case tag == dataset.Modality:
		return "says what kind of object it is"
	case group == 0x0028 || group >= 0x5000 && group < 0x7000 || group >= 0x7F00:
		return "is pixel data or describes them"
	case vr == dataset.SQ:
		return "is a sequence, which may hold references"
	case !slices.Contains(textVRs, vr):
		return "holds no text"
	}
	return ""
}

// textVRs are the value representations that a rule can write.
var textVRs = []dataset.VR{"AE", "AS", "CS", "DA", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UT"}

// mustBeThere are attributes of type 1 or 2 of patient and study (PS3.3 tables C.7-1 and C.7-3).
var mustBeThere = []dataset.Tag{dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate, dataset.PatientSex,
	dataset.StudyDate, dataset.StudyTime, dataset.ReferringPhysicianName, dataset.StudyID, dataset.AccessionNumber}

// ofStudy reports whether an attribute is one of patient or study, which all objects of a
// study share (PS3.3 §C.7.1 and §C.7.2).
func ofStudy(tag dataset.Tag) bool {
	switch group := tag.Group(); {
	case group == 0x0010, group == 0x0032, group == 0x0038:
		return true
	}
	return slices.Contains([]dataset.Tag{dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber, dataset.StudyID,
		dataset.ReferringPhysicianName, dataset.StudyDescription}, tag)
}
