package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/staging"
)

// patientLook is how long a study that waits for something else, such as a person or its
// own end, is left alone.
const patientLook = 5 * time.Second

// settle compares what has come of a study with what the ledger knows: it removes what is
// proven at NEW, puts aside what contradicts it, and lets the rest join. It reports
// whether the study waits to be queued.
func (f *Forwarder) settle(ctx context.Context, studyUID string) (waits bool, err error) {
	study, items, err := f.Ledger.Study(ctx, studyUID)
	if err != nil && !errors.Is(err, staging.ErrNotFound) {
		return false, err
	}
	known := map[string]*staging.Item{}
	for _, it := range items {
		if it.Kind == staging.Instance {
			known[it.UID] = &it
		}
	}
	var joining []kept
	for _, k := range f.inOrder(studyUID) {
		var err error
		switch f.judge(study, known[k.UID], k) {
		case isProven:
			err = f.release(ctx, studyUID, k)
		case isOther:
			err = f.putAside(studyUID, k, known[k.UID].SHA256)
		case isNew:
			joining = append(joining, k)
		}
		if err != nil {
			return false, err
		}
	}
	if len(joining) > 0 {
		return f.join(ctx, studyUID, joining)
	}
	f.lookLater(studyUID, study)
	return study.State == staging.ToMigrate && study.Holder == f.Node, nil
}

// judgement is what an instance that came unasked is to the ledger.
type judgement int

const (
	isNew    judgement = iota // it joins
	isKnown                   // it has joined, or OLD will be asked for it; its study's end decides
	isProven                  // NEW has it
	isOther                   // NEW has, or gets, another data set under its UID
)

func (f *Forwarder) judge(study staging.Study, known *staging.Item, k kept) judgement {
	switch {
	case known == nil:
		return isNew
	case known.State == staging.ItemSkipped:
		return isKnown
	case known.SHA256 != "" && known.SHA256 != k.SHA256 && (known.Received || known.Found):
		return isOther
	case known.State == staging.ItemDone && known.Found:
		return isProven
	case study.State == staging.Failed && !known.Received && !forwarded(known):
		return isNew // what OLD would not send has come another way
	}
	return isKnown
}

// inOrder is what is here of a study, by SOP Instance UID.
func (f *Forwarder) inOrder(studyUID string) []kept {
	var some []kept
	for _, k := range f.held(studyUID) {
		some = append(some, k)
	}
	slices.SortFunc(some, func(a, b kept) int { return strings.Compare(a.UID, b.UID) })
	return some
}

// join takes instances into the ledger. A study that is in hand is asked again later.
func (f *Forwarder) join(ctx context.Context, studyUID string, joining []kept) (waits bool, err error) {
	study, err := describe(studyUID, joining)
	if err != nil {
		return false, err
	}
	items := make([]staging.Item, len(joining))
	for i, k := range joining {
		items[i] = staging.Item{Kind: staging.Instance, UID: k.UID, ObjectUID: k.UID, SeriesUID: k.SeriesUID, SOPClass: k.SOPClass}
		passage{From: k.from.ae}.record(&items[i])
	}
	err = f.Ledger.Join(ctx, f.Node, study, items)
	if errors.Is(err, staging.ErrInHand) {
		return false, nil
	}
	if err == nil {
		f.Logger.Info("instances nobody asked for join the ledger", "study", studyUID, "instances", len(items), "peer", joining[0].from.ae)
	}
	return err == nil, err
}

// describe says of a study what its first instance says, and which modalities there are.
func describe(studyUID string, some []kept) (staging.Study, error) {
	var study staging.Study
	var modalities []string
	for i, k := range some {
		head, err := k.head()
		if err != nil {
			return study, fmt.Errorf("read the head of instance %s: %w", k.UID, err)
		}
		if i == 0 {
			study = studyOf(head)
			study.UID, study.ListedInstances = studyUID, -1
		}
		if m := head.String(dataset.Modality); m != "" && !slices.Contains(modalities, m) {
			modalities = append(modalities, m)
		}
	}
	study.Modalities = strings.Join(modalities, `\`)
	return study, nil
}

// head reads the attributes of patient, study and series.
func (k kept) head() (*dataset.Dataset, error) {
	file, data, meta, err := openPart10(k.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	// Of a damaged head, or an endless one, what stands before the fault must do: the
	// instance was acknowledged, and nobody else may have it any more.
	head, _ := dataset.ReadHeader(data, meta.TransferSyntaxUID, dataset.SeriesNumber, headerLimit)
	return head, nil
}

// release removes an instance that is proven at NEW, once the ledger cannot forget that.
func (f *Forwarder) release(ctx context.Context, studyUID string, k kept) error {
	if err := f.Ledger.Settle(ctx); err != nil {
		return err
	}
	return f.forget(studyUID, k)
}

// putAside moves an instance to quarantine under whose UID NEW has, or gets, another data
// set.
func (f *Forwarder) putAside(studyUID string, k kept, first string) error {
	in := &dimse.Instance{SOPClass: k.SOPClass, SOPInstance: k.UID, TransferSyntax: k.TransferSyntax, CallingAE: k.from.ae, RemoteAddr: k.from.address}
	if err := f.conflict(in, studyUID, k.path, first, k.SHA256); err != nil {
		return err
	}
	return f.forget(studyUID, k)
}

// forget removes an instance from the folder and from memory.
func (f *Forwarder) forget(studyUID string, k kept) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.store().remove(k.path); err != nil {
		return fmt.Errorf("remove instance %s, which nobody asked for: %w", k.UID, err)
	}
	f.drop(studyUID, k.UID)
	return nil
}

// lookLater leaves a study alone for a while that waits for a person; one in hand, or about
// to be, is looked at each time.
func (f *Forwarder) lookLater(studyUID string, study staging.Study) {
	if study.State == staging.Failed || study.State == staging.Skipped {
		f.postpone(studyUID)
	}
}

// postpone leaves a study alone for a while.
func (f *Forwarder) postpone(studyUID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.studies[studyUID]; s != nil {
		s.look = time.Now().Add(patientLook)
	}
}
