package main

import (
	"context"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// tell notifies whoever migration.notify names of a study that failed, and rejects
// what it left.
func (e *engine) tell(study staging.Study, f bridge.Failure) {
	e.reject(study)
	err := notify(context.Background(), e.settings.Migration.Notify.Reveal(), notice{
		Event: "study-failed", Node: e.node, StudyUID: study.UID,
		Class: string(f.Class), Reason: f.Reason, Attempts: study.Attempts,
	})
	if err != nil {
		e.log.Error("migration.notify was not told of a failed study", "study", study.UID, "error", err)
	}
}

// reject sends a rejection note for what a failed study has left at NEW, where the
// settings say so.
func (e *engine) reject(study staging.Study) {
	why, asked := rejections[e.settings.New.Rejection]
	if !asked {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), rejectWithin)
	defer cancel()
	n, err := (&bridge.Rejecter{New: e.new, Studies: e.db, Why: why}).Reject(ctx, study.UID, time.Now())
	switch {
	case err != nil:
		e.log.Error("the new PACS was not told what a failed study left there; see failed --left-behind", "study", study.UID, "error", err)
	case n > 0:
		e.log.Warn("what a failed study left at the new PACS was rejected there", "study", study.UID, "objects", n)
	}
}

// rejections are the titles of rejection notes by their settings.
var rejections = map[conf.Rejection]nondicom.Rejection{
	conf.RejectionQuality: nondicom.RejectedForQuality, conf.RejectionSafety: nondicom.RejectedForSafety,
}

// rejectWithin is how long a rejection note may take.
const rejectWithin = time.Minute
