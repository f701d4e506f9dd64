package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"pacsbridge/dimse/dataset"
	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// Rejecter tells NEW, by a rejection note, which objects a study that failed has left
// there (IHE RAD, Imaging Object Change Management).
type Rejecter struct {
	New     *Peer
	Studies interface {
		Study(ctx context.Context, uid string) (staging.Study, []staging.Item, error)
	}
	Why nondicom.Rejection
}

// Reject sends the note, and returns how many objects it names. Where nothing was left,
// nothing is sent.
func (r *Rejecter) Reject(ctx context.Context, studyUID string, at time.Time) (int, error) {
	_, items, err := r.Studies.Study(ctx, studyUID)
	if err != nil {
		return 0, fmt.Errorf("read study %s in the ledger: %w", studyUID, err)
	}
	var left []nondicom.Rejected
	for _, it := range items {
		if (it.Stored || it.Found) && it.ObjectUID != "" && !archiveOnly(&it) {
			left = append(left, nondicom.Rejected{SOPClass: it.SOPClass, SOPInstance: it.ObjectUID, SeriesUID: it.SeriesUID})
		}
	}
	if len(left) == 0 {
		return 0, nil
	}
	id, err := r.New.identity(ctx, studyUID)
	if err != nil {
		return 0, fmt.Errorf("ask the new PACS whose study %s is: %w", studyUID, err)
	}
	note, err := nondicom.RejectionNote(id, r.Why, left, at)
	if err != nil {
		return 0, fmt.Errorf("make the rejection note of study %s: %w", studyUID, err)
	}
	return len(left), r.send(ctx, note)
}

func (r *Rejecter) send(ctx context.Context, note *nondicom.Object) error {
	parcel := Parcel{SOPClass: note.SOPClass, SOPInstance: note.SOPInstance, TransferSyntax: note.TransferSyntax, Size: note.Size,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(note.Reader()), nil }}
	var answer error
	err := r.New.Store(ctx, []Parcel{parcel}, func(receipt Receipt) { answer = receipt.Err })
	if err = errors.Join(err, answer); err != nil {
		return fmt.Errorf("send the rejection note: %w", err)
	}
	return nil
}

// identityKeys are the attributes of patient and study that a note must share with the
// study it is about.
var identityKeys = []dataset.Tag{dataset.SpecificCharacterSet, dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber,
	dataset.ReferringPhysicianName, dataset.StudyDescription, dataset.PatientName, dataset.PatientID, dataset.IssuerOfPatientID,
	dataset.PatientBirthDate, dataset.PatientSex, dataset.StudyID}

// identity is whose study this is, as the PACS says (C-FIND at STUDY level).
func (p *Peer) identity(ctx context.Context, studyUID string) (nondicom.Identity, error) {
	var id nondicom.Identity
	err := p.find(ctx, identifier(studyLevel, studyUID, "", identityKeys...), func(answer *dataset.Dataset) bool {
		if answer.String(dataset.StudyInstanceUID) == studyUID {
			id = nondicom.IdentityOf(answer)
		}
		return true
	})
	if err == nil && id.StudyUID == "" {
		err = errors.New("it does not list the study")
	}
	return id, err
}
