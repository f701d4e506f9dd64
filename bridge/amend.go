package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"pacsbridge/dimse/dataset"
	"pacsbridge/staging"
)

// Amendment is what rules have done to one attribute of an object, as the ledger keeps it.
type Amendment struct {
	Attribute string  `json:"attribute"` // its keyword, or its number
	From      *string `json:"from"`      // the first mostRecorded characters of what it was; nil where it was not there
	To        *string `json:"to"`        // nil where it was taken out

	tag dataset.Tag
}

// mostRecorded is how many characters of a former value are recorded.
const mostRecorded = 256

// RuleError says why a rule cannot be applied to an object, which then does not travel.
type RuleError struct {
	Attribute string
	Why       string // without the value, which belongs to the patient
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("the rule for %s cannot be applied: %s", e.Attribute, e.Why)
}

// Temporary is false: the table, the rule or the object has to be another first.
func (e *RuleError) Temporary() bool { return false }

// AmendError tells that rules cannot be applied to instances of a study. Each one's own
// reason stands in its item.
type AmendError struct {
	Instances int
	First     error
}

func (e *AmendError) Error() string {
	return fmt.Sprintf("%d instances, the first of them: %v", e.Instances, e.First)
}

// Unwrap returns why the first one fails.
func (e *AmendError) Unwrap() error { return e.First }

// amendments are what the rules do to an object with this header: each attribute once, in
// the order of the rules.
func (rules Rules) amendments(head *dataset.Dataset, s scene) ([]Amendment, error) {
	var all []Amendment
	for _, rule := range rules.List {
		if !rule.fits(head, s) {
			continue
		}
		at := slices.IndexFunc(all, func(a Amendment) bool { return a.tag == rule.Attribute })
		if at < 0 {
			at, all = len(all), append(all, found(head, rule.Attribute))
		}
		a := &all[at]
		if err := rule.apply(a, head); err != nil {
			return nil, &RuleError{Attribute: a.Attribute, Why: err.Error()}
		}
	}
	changed := all[:0]
	for _, a := range all {
		if !a.same() {
			a.shorten()
			changed = append(changed, a)
		}
	}
	return changed, nil
}

// found is an attribute as the object has it, not yet changed.
func found(head *dataset.Dataset, tag dataset.Tag) Amendment {
	a := Amendment{Attribute: tagName(tag), tag: tag}
	if head.Has(tag) {
		was, is := head.Text(tag), head.Text(tag)
		a.From, a.To = &was, &is
	}
	return a
}

// same reports whether nothing has changed in the end.
func (a Amendment) same() bool {
	return a.From == nil && a.To == nil || a.From != nil && a.To != nil && *a.From == *a.To
}

func (a *Amendment) shorten() {
	if a.From == nil {
		return
	}
	if runes := []rune(*a.From); len(runes) > mostRecorded {
		short := string(runes[:mostRecorded]) + "…"
		a.From = &short
	}
}

// patchOf is amendments as the patcher takes them, for an object in this character set. It
// fails where that cannot say a value.
func patchOf(amendments []Amendment, charset []string) ([]dataset.Change, error) {
	made := make([]dataset.Change, 0, len(amendments))
	for _, a := range amendments {
		tag, known := findTag(strings.Trim(a.Attribute, "()"))
		if !known {
			return nil, fmt.Errorf("the ledger names %q, which is no attribute", a.Attribute)
		}
		change := dataset.Change{Tag: tag}
		if a.To != nil {
			value, err := encoded(tag, *a.To, charset)
			if err != nil {
				return nil, &RuleError{Attribute: a.Attribute, Why: "its new value is " + dataset.ErrCharacterSet.Error()}
			}
			change.Set = &dataset.Element{Value: value}
		}
		if a.To != nil && a.From == nil {
			change.Set.VR = dataset.DictionaryVR(tag) // one that was there keeps the one that it had
		}
		made = append(made, change)
	}
	return made, nil
}

// encoded is a value in the character set that its attribute is written in.
func encoded(tag dataset.Tag, text string, charset []string) ([]byte, error) {
	if !inCharacterSet(dataset.DictionaryVR(tag)) {
		charset = nil
	}
	return dataset.EncodeText(text, charset)
}

// amended reads an object with amendments made; all else is the same, byte for byte. Close
// ends the reading of data, and closes it.
func amended(data io.ReadCloser, ts string, amendments []Amendment) (io.ReadCloser, error) {
	if len(amendments) == 0 {
		return data, nil
	}
	head, whole, err := dataset.Peek(data, ts, dataset.SpecificCharacterSet+1)
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	changes, err := patchOf(amendments, head.Strings(dataset.SpecificCharacterSet))
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	out, in := io.Pipe()
	p := &patching{PipeReader: out, data: data, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_, err := dataset.Patch(in, whole, ts, changes)
		in.CloseWithError(err)
	}()
	return p, nil
}

// patching is an object that is patched while it is read.
type patching struct {
	*io.PipeReader
	data  io.Closer
	ended chan struct{}
}

func (p *patching) Close() error {
	err := p.PipeReader.Close()
	<-p.ended
	return errors.Join(err, p.data.Close())
}

// amend finds what the rules change of the instances that NEW does not have yet, and
// records it with the digest of what will be sent. Nothing is sent of a study of which one
// instance cannot be amended.
func (k *Deliverer) amend(ctx context.Context, c *Collection) error {
	var failed AmendError
	for _, it := range c.Instances() {
		if it.Stored || it.State == staging.ItemSkipped {
			continue
		}
		err := k.prepare(c.Study, it)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			continue
		}
		f := classify(err)
		it.State, it.Class, it.Reason = staging.ItemFailed, f.Class, f.Reason
		if failed.Instances++; failed.First == nil {
			failed.First = err
		}
	}
	if failed.First != nil {
		return &failed
	}
	return nil
}

// prepare records what the rules change of one instance in the spool.
func (k *Deliverer) prepare(study staging.Study, it *staging.Item) error {
	if len(k.Rules.List) == 0 && len(it.Payload) == 0 {
		return nil
	}
	p := passageOf(it)
	p.Amended, p.AmendedSHA256 = nil, "" // an earlier attempt may have had other rules
	all, err := k.judge(study, it)
	if err == nil && len(all) > 0 {
		p.Amended = all
		p.AmendedSHA256, err = k.digestWith(study.UID, it, all)
	}
	if err != nil {
		return fmt.Errorf("instance %s: %w", it.UID, err)
	}
	if len(it.Payload) > 0 || len(all) > 0 {
		p.record(it)
	}
	return nil
}

// judge reads the head of an instance and asks the rules.
func (k *Deliverer) judge(study staging.Study, it *staging.Item) ([]Amendment, error) {
	if len(k.Rules.List) == 0 {
		return nil, nil
	}
	data, _, err := k.Spool.Open(study.UID, it.ObjectUID)
	if err != nil {
		return nil, fmt.Errorf("open it in the spool: %w", err)
	}
	defer data.Close()
	head, err := dataset.ReadHeader(data, it.TransferSyntax, k.Rules.beyond(), 0)
	if err != nil {
		return nil, fmt.Errorf("read its header: %w", err)
	}
	return k.Rules.amendments(head, k.Rules.scene(study, it))
}

// digestWith is the SHA-256 of an instance with amendments.
func (k *Deliverer) digestWith(studyUID string, it *staging.Item, all []Amendment) (string, error) {
	data, err := k.open(studyUID, it, all)
	if err != nil {
		return "", err
	}
	defer data.Close()
	_, digest, err := digestOf(data)
	return digest, err
}
