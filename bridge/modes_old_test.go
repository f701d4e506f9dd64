package bridge_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
)

// moves makes OLD misbehave in C-MOVE.
func moves(faults func(only dimsetest.Pick) dimsetest.MoveFaults) func(x *crossing) {
	return func(x *crossing) {
		x.old.SetFaults(dimsetest.Faults{Move: faults(dimsetest.Only(victim(x)))})
	}
}

// busyMoves makes OLD refuse the first retrieves with a status.
func busyMoves(n int, status dimse.Status) func(x *crossing) {
	return moves(func(dimsetest.Pick) dimsetest.MoveFaults {
		return dimsetest.MoveFaults{Refuse: dimsetest.RefuseFirst(n, status)}
	})
}

// forEver arranges an outage that has no end, so that studies give up soon.
func forEver(arrange func(x *crossing)) func(x *crossing) {
	return func(x *crossing) {
		x.migrator.Patience.Limit = time.Second
		arrange(x)
	}
}

// all lists the instances of OLD.
func all(x *crossing) []string {
	var uids []string
	for _, o := range x.old.Instances() {
		uids = append(uids, o.SOPInstance)
	}
	return uids
}

// wantMoves demands how many retrieves OLD was asked for at most.
func wantMoves(most int) func(x *crossing) {
	return func(x *crossing) {
		if n := x.old.Counts().Moves; n > most {
			x.t.Errorf("%d retrieves, want %d at most", n, most)
		}
	}
}

// refuseQueries refuses C-FIND at these levels; relational ones are those at IMAGE
// level that name no series.
func refuseQueries(which func(level string, relational bool) bool) dimsetest.FindFaults {
	return dimsetest.FindFaults{RefuseQuery: func(identifier *dataset.Dataset) dimse.Status {
		level := identifier.String(dataset.QueryRetrieveLevel)
		if which(level, level == "IMAGE" && identifier.String(dataset.SeriesInstanceUID) == "") {
			return dimse.StatusIdentifierMismatch
		}
		return dimse.StatusSuccess
	}}
}

func TestFailureModesOfTheOldPACS(t *testing.T) {
	type faults = dimsetest.MoveFaults
	meet(t, []mode{
		{name: "C-MOVE B000 with failed list", arrange: moves(func(only dimsetest.Pick) faults {
			return faults{Fail: dimsetest.First(1, only)}
		})},
		{name: "B000 without list or counts", arrange: moves(func(only dimsetest.Pick) faults {
			return faults{Fail: dimsetest.First(2, only), OmitCounts: true, OmitList: true}
		})},
		{name: "success with an instance missing", class: staging.Incomplete, arrange: moves(func(only dimsetest.Pick) faults {
			return faults{Withhold: only, Success: true}
		})},
		{name: "a loss and a duplicate, so that the count is right", class: staging.Incomplete, arrange: func(x *crossing) {
			again := x.old.Instances()[3]
			x.old.SetFaults(dimsetest.Faults{Move: faults{Withhold: dimsetest.Only(victim(x)), Twice: dimsetest.Only(again.SOPInstance)}})
		}},
		{name: "A701 for a while", arrange: busyMoves(5, dimse.StatusCannotCountMatches), check: allAtFirstAttempt},
		{name: "A701 for ever", arrange: forEver(busyMoves(always, dimse.StatusCannotCountMatches)), class: staging.PeerBusy, victims: all},
		{name: "A702 for a while", arrange: busyMoves(3, dimse.StatusCannotPerformSubOps)},
		{name: "A702 for ever", arrange: busyMoves(always, dimse.StatusCannotPerformSubOps), class: staging.Incomplete, victims: all},
		{name: "C001 for a while", arrange: busyMoves(5, 0xC001)},
		{name: "C000 to every C-MOVE", arrange: forEver(busyMoves(always, 0xC000)), class: staging.PeerBusy, victims: all, check: func(x *crossing) {
			if it := x.item(x.victim().StudyUID, victim(x)); !strings.Contains(it.Reason, "may not know "+ourAE+" as a move destination") {
				x.t.Errorf("the reason is %q", it.Reason)
			}
		}},
		{name: "association rejected for the moment", arrange: func(x *crossing) {
			x.old.SetFaults(dimsetest.Faults{Association: dimsetest.AssociationFaults{Admit: func(n int, _ dimse.AssociateRequest) error {
				if n%3 != 0 {
					return &dimse.RejectError{Result: 2, Source: 3, Reason: 2}
				}
				return nil
			}}, Move: faults{AbortAfter: 1, AbortMoves: 3}})
		}},
		{name: "A900 from the old PACS", arrange: busyMoves(always, dimse.StatusIdentifierMismatch), class: staging.PeerRefused, victims: all, check: wantMoves(3)},
		{name: "0122 from the old PACS", arrange: busyMoves(always, dimse.StatusSOPClassNotSupported), class: staging.PeerRefused, victims: all, check: wantMoves(3)},
		{name: "no final response", arrange: moves(func(dimsetest.Pick) faults { return faults{NoFinal: true} })},
		{name: "success before the stores", arrange: moves(func(dimsetest.Pick) faults {
			return faults{Late: dimsetest.First(1, dimsetest.Always), LateBy: 20 * time.Millisecond}
		})},
		{name: "an instance later than the grace", arrange: moves(func(only dimsetest.Pick) faults {
			return faults{Late: only, LateBy: 150 * time.Millisecond}
		})},
		{name: "abort in the middle of a study", arrange: moves(func(dimsetest.Pick) faults { return faults{AbortAfter: 2, AbortMoves: 5} })},
		{name: "duplicates in one move", arrange: moves(func(dimsetest.Pick) faults { return faults{Twice: dimsetest.Always} })},
		{name: "new UIDs on each retrieve", arrange: moves(func(dimsetest.Pick) faults { return faults{FreshUIDs: true} }),
			class: staging.Incomplete, victims: all, check: func(x *crossing) {
				wantMoves(3)(x)
				x.wantQuarantined(len(all(x)))
			}},
		{name: "instance of another study that is migrated as well", arrange: func(x *crossing) {
			x.old.SetFaults(dimsetest.Faults{Move: faults{Extra: []dimsetest.Object{x.victim()}}})
		}},
		{name: "instance of this study that is not listed", arrange: func(x *crossing) {
			stranger := x.victim()
			x.old.Remove(stranger.SOPInstance)
			x.old.SetFaults(dimsetest.Faults{Move: faults{Extra: []dimsetest.Object{stranger}, Success: true}})
		}, check: func(x *crossing) {
			x.wantAll()
			x.wantQuarantined(1)
			if !slices.ContainsFunc(x.old.Instances(), func(o dimsetest.Object) bool {
				return strings.Contains(x.item(o.StudyUID, o.SOPInstance).Warning, "that it does not list")
			}) {
				x.t.Error("nothing in the ledger tells of it")
			}
		}},
		{name: "IMAGE refused, relational allowed", arrange: func(x *crossing) {
			x.old.Relational = true
			x.old.SetFaults(dimsetest.Faults{Find: refuseQueries(func(level string, relational bool) bool { return level == "SERIES" || level == "IMAGE" && !relational })})
		}},
		{name: "IMAGE refused with SOP classes", arrange: func(x *crossing) {
			x.old.SetFaults(dimsetest.Faults{Find: dimsetest.FindFaults{RefuseQuery: func(identifier *dataset.Dataset) dimse.Status {
				if identifier.Has(dataset.SOPClassUID) {
					return dimse.StatusCannotUnderstand
				}
				return dimse.StatusSuccess
			}}})
		}},
		{name: "no list of instances, only counts", arrange: func(x *crossing) {
			x.old.SetFaults(dimsetest.Faults{Find: refuseQueries(func(level string, _ bool) bool { return level != "STUDY" })})
		}, check: wantWarning("by count only")},
		{name: "no list of instances, and one does not come", studies: 1, class: byHand, arrange: func(x *crossing) {
			x.old.SetFaults(dimsetest.Faults{Find: refuseQueries(func(level string, _ bool) bool { return level != "STUDY" }),
				Move: faults{Withhold: dimsetest.Only(victim(x)), Success: true}})
		}, victims: func(*crossing) []string { return nil }, check: wantFailedStudies(1, "counts")},
		{name: "image list cut short silently", studies: 1, arrange: func(x *crossing) {
			x.old.SetFaults(dimsetest.Faults{Find: dimsetest.FindFaults{Limit: 2}})
		}},
		{name: "image list cut short by A700", studies: 1, arrange: func(x *crossing) {
			x.old.SetFaults(dimsetest.Faults{Find: dimsetest.FindFaults{Limit: 2, LimitStatus: dimse.StatusOutOfResources}})
		}},
		{name: "study counted and not listed", class: byHand, victims: func(*crossing) []string { return nil },
			arrange: finds(dimsetest.FindFaults{Edit: withStudy("1.2.3.4", 3)}), check: wantFailedStudies(1, "lists none")},
		{name: "study listed, zero images", arrange: finds(dimsetest.FindFaults{Edit: withStudy("1.2.3.4", 0)}), check: func(x *crossing) {
			x.wantAll()
			if s := x.status(); s.Studies.Migrated != 4 {
				x.t.Errorf("studies %+v, want 4 migrated", s.Studies)
			}
		}},
		{name: "duplicate, empty and padded rows", arrange: finds(dimsetest.FindFaults{Edit: untidy})},
		{name: "date and time matching ignored", arrange: finds(dimsetest.FindFaults{IgnoreDates: true})},
		{name: "result limit by A700", studies: 9, arrange: func(x *crossing) {
			busyDays(x, 1, 9)
			finds(dimsetest.FindFaults{Limit: 4, LimitStatus: dimse.StatusOutOfResources})(x)
		}},
		{name: "odd UIDs, carried as they are", arrange: func(x *crossing) {
			check(x.t, x.old.Add(odd(x.t, map[dataset.Tag]string{dataset.StudyInstanceUID: "1.02.ABC-x", dataset.SOPInstanceUID: "01.2.3.bad"})))
		}},
		{name: "study UID longer than 64", arrange: finds(dimsetest.FindFaults{Edit: withStudy("1."+strings.Repeat("2", 70), 1)}),
			class: byHand, victims: func(*crossing) []string { return nil }, check: wantFailedStudies(1, "invalid study UID")},
		{name: "empty patient ID, names undeclared GBK, empty and odd values", arrange: func(x *crossing) {
			check(x.t, x.old.Add(odd(x.t, map[dataset.Tag]string{dataset.PatientID: "", dataset.PatientName: "\xcd\xf5^\xd0\xa1\xb6\xab",
				dataset.StudyDescription: "", dataset.PatientBirthDate: "tomorrow", 0x00091001: "\x01\x02\x03"})))
		}},
		{name: "same patient ID of two issuers", studies: 12, arrange: func(*crossing) {}},
	})
}

// allAtFirstAttempt demands that all arrived without using up attempts.
func allAtFirstAttempt(x *crossing) {
	x.wantAll()
	for s, err := range x.db.Studies(x.t.Context(), staging.Scope{}) {
		check(x.t, err)
		if s.Attempts != 1 {
			x.t.Errorf("study %s took %d attempts", s.UID, s.Attempts)
		}
	}
}

// wantFailedStudies demands that so many studies failed, for this reason, and the
// others were migrated.
func wantFailedStudies(n int, words string) func(x *crossing) {
	return func(x *crossing) {
		s := x.status()
		if s.Studies.Failed != n {
			x.t.Errorf("studies %+v, want %d failed", s.Studies, n)
		}
		failed, err := x.db.Failed(x.t.Context(), staging.Scope{})
		check(x.t, err)
		for _, f := range failed {
			if !strings.Contains(f.Reason, words) {
				x.t.Errorf("the reason is %q, want %q in it", f.Reason, words)
			}
		}
	}
}

func (x *crossing) wantQuarantined(n int) {
	x.t.Helper()
	files, err := filepath.Glob(filepath.Join(x.inbox.Quarantine.Dir, "*.dcm"))
	check(x.t, err)
	if len(files) != n {
		x.t.Errorf("%d files in quarantine, want %d", len(files), n)
	}
}

// withStudy adds a row for a study that is not there.
func withStudy(studyUID string, instances int) func([]*dataset.Dataset) []*dataset.Dataset {
	return func(rows []*dataset.Dataset) []*dataset.Dataset {
		if len(rows) == 0 || rows[0].String(dataset.QueryRetrieveLevel) != "STUDY" {
			return rows
		}
		row := dataset.New()
		for _, e := range rows[0].Elements {
			row.Set(e)
		}
		row.SetString(dataset.StudyInstanceUID, studyUID).SetString(dataset.NumberOfStudyRelatedInstances, fmt.Sprint(instances))
		return append(rows, row)
	}
}

// odd is an instance with some attributes changed.
func odd(t *testing.T, change map[dataset.Tag]string) dimsetest.Object {
	t.Helper()
	o := dimsetest.Study(321, dimsetest.StudyOptions{Date: "20260107", Instances: 1, Rows: 4})[0]
	d := must(dataset.Decode(o.Data, o.TransferSyntax))(t)
	for tag, value := range change {
		vr := dataset.LO
		if e, known := d.Lookup(tag); known {
			vr = e.VR
		}
		if len(value)%2 == 1 {
			value += " "
		}
		d.Set(dataset.Element{Tag: tag, VR: vr, Value: []byte(value)})
	}
	o.Data = must(d.AppendTo(nil, o.TransferSyntax))(t)
	o.Size, o.SOPInstance, o.StudyUID = int64(len(o.Data)), d.String(dataset.SOPInstanceUID), d.String(dataset.StudyInstanceUID)
	return o
}

func TestALateInstanceOpensItsFailedStudyAgain(t *testing.T) {
	x := cross(t, 2)
	late := x.victim()
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: dimsetest.Only(late.SOPInstance), Success: true}})
	check(t, x.run())
	x.wantFailed(staging.Incomplete, late.SOPInstance)

	dialer := dimse.Dialer{Address: x.address, CallingAE: "OLDPACS", CalledAE: ourAE}
	a := must(dialer.Dial(t.Context(), []dimse.Proposal{{SOPClass: late.SOPClass, TransferSyntaxes: []string{late.TransferSyntax}}}))(t)
	_, err := a.Store(t.Context(), dimse.StoreRequest{SOPClass: late.SOPClass, SOPInstance: late.SOPInstance,
		TransferSyntax: late.TransferSyntax, Data: late.Reader(), Size: late.Size})
	check(t, err)
	check(t, a.Release(t.Context()))
	check(t, x.workOff(t.Context()))
	x.wantAll()
}

func TestFailureModesOfTheLegacySystem(t *testing.T) {
	type attachment = nondicom.Attachment
	// attach gives the victim's study a record and attachments, in a store of two files.
	attach := func(change func(x *crossing, s *shelf, key string)) func(x *crossing) {
		return func(x *crossing) {
			dir := x.t.TempDir()
			pdf := []byte("%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n")
			check(x.t, os.WriteFile(filepath.Join(dir, "whole.pdf"), pdf, 0o600))
			check(x.t, os.WriteFile(filepath.Join(dir, "empty.pdf"), nil, 0o600))
			digest := sha256.Sum256(pdf)
			s := recordsFor(x)
			s.records = s.records[:1]
			record := s.records[0]
			s.attachments[record.StudyKey] = []attachment{{Key: "A1", StudyKey: record.StudyKey, Location: "files:whole.pdf",
				MIME: "application/pdf", Size: int64(len(pdf)), SHA256: hex.EncodeToString(digest[:])}}
			change(x, s, record.StudyKey)
			x.stock.Legacy = s
			x.migrator.Compose.Files = must(fetch.Open([]fetch.Store{{Name: "files", At: dir}}))(x.t)
		}
	}
	second := func(a attachment) func(*crossing, *shelf, string) {
		return func(_ *crossing, s *shelf, key string) {
			a.Key, a.StudyKey = "A2", key
			s.attachments[key] = append(s.attachments[key], a)
		}
	}
	arrived := func(records, attachments int) func(x *crossing) {
		return func(x *crossing) {
			s := x.status()
			if s.Records.Migrated != records || s.Attachments.Migrated != attachments || s.Studies.Failed != 0 {
				x.t.Errorf("%+v, want %d records and %d attachments migrated", s, records, attachments)
			}
		}
	}
	only := func(uids ...string) func(*crossing) []string { return func(*crossing) []string { return uids } }
	meet(t, []mode{
		{name: "record and attachment", arrange: attach(func(*crossing, *shelf, string) {}), check: arrived(1, 1)},
		{name: "attachment missing", class: staging.AttachmentMissing, victims: only("A2"), arrange: attach(second(attachment{Location: "files:none.pdf", Size: -1}))},
		{name: "attachment empty", class: staging.AttachmentMissing, victims: only("A2"), arrange: attach(second(attachment{Location: "files:empty.pdf", Size: -1}))},
		{name: "attachment short", class: staging.Mismatch, victims: only("A2"), arrange: attach(second(attachment{Location: "files:whole.pdf", Size: 999}))},
		{name: "attachment corrupt", class: staging.Mismatch, victims: only("A2"), arrange: attach(second(attachment{Location: "files:whole.pdf", Size: -1, SHA256: strings.Repeat("0", 64)}))},
		{name: "study listed, zero images, with a record and a document", arrange: attach(func(x *crossing, s *shelf, _ string) {
			s.records[0].StudyUID = "1.2.3.4"
			finds(dimsetest.FindFaults{Edit: withStudy("1.2.3.4", 0)})(x)
		}), check: func(x *crossing) {
			arrived(1, 1)(x)
			if made := len(x.new.Digests()) - len(x.old.Digests()); made != 2 {
				x.t.Errorf("%d objects were made, want the report and the document", made)
			}
		}},
		{name: "duplicate attachment", arrange: attach(second(attachment{Location: "files:whole.pdf", MIME: "application/pdf", Size: -1})), check: func(x *crossing) {
			arrived(1, 2)(x)
			if made := len(x.new.Digests()) - len(x.old.Digests()); made != 2 {
				x.t.Errorf("%d objects were made, want the report and one document", made)
			}
			study := recordsFor(x).records[0].StudyUID
			if it := x.item(study, "A2"); !strings.Contains(it.Warning, "duplicate of attachment A1") || it.ObjectUID != x.item(study, "A1").ObjectUID {
				x.t.Errorf("the second attachment: %+v", it)
			}
		}},
		{name: "legacy row without StudyUID, one candidate", check: arrived(1, 1), arrange: attach(func(_ *crossing, s *shelf, _ string) { s.records[0].StudyUID = "" })},
		{name: "legacy row without StudyUID, two candidates", class: staging.Data, victims: only("A1"), arrange: attach(func(x *crossing, s *shelf, _ string) {
			s.records[0].StudyUID = ""
			for i := range int64(2) {
				check(x.t, x.old.Add(dimsetest.Study(500+i, dimsetest.StudyOptions{Date: "20260120", Instances: 1, AccessionNumber: s.records[0].AccessionNumber,
					Patient: dimsetest.Patient{ID: s.records[0].PatientID, Name: "A^B"}})...))
			}
		})},
		{name: "legacy row without StudyUID, two candidates of two issuers", check: arrived(1, 1), arrange: attach(func(x *crossing, s *shelf, _ string) {
			s.records[0].StudyUID, s.records[0].Issuer, s.records[0].AccessionNumber, s.records[0].PatientID = "", "WEST", "TWICE", "P1"
			for i, issuer := range []string{"EAST", "WEST"} {
				check(x.t, x.old.Add(dimsetest.Study(510+int64(i), dimsetest.StudyOptions{Date: "20260120", Instances: 1, AccessionNumber: "TWICE",
					Patient: dimsetest.Patient{ID: "P1", Issuer: issuer, Name: "A^B"}})...))
			}
		})},
		{name: "legacy row without StudyUID, of another issuer", check: func(x *crossing) {
			arrived(1, 1)(x)
			if n := x.status().Studies.Migrated; n != len(x.studies())+1 {
				x.t.Errorf("%d studies migrated, want one that the record made besides %d", n, len(x.studies()))
			}
		}, arrange: attach(func(x *crossing, s *shelf, _ string) {
			s.records[0].StudyUID, s.records[0].Issuer, s.records[0].AccessionNumber, s.records[0].PatientID = "", "WEST", "ONCE", "P1"
			check(x.t, x.old.Add(dimsetest.Study(520, dimsetest.StudyOptions{Date: "20260120", Instances: 1, AccessionNumber: "ONCE",
				Patient: dimsetest.Patient{ID: "P1", Issuer: "EAST", Name: "A^B"}})...))
		})},
		{name: "legacy row without StudyUID, none", check: arrived(1, 1), arrange: attach(func(_ *crossing, s *shelf, _ string) {
			s.records[0].StudyUID, s.records[0].AccessionNumber = "", "NOBODY"
		})},
		{name: "null StudyDate, a legacy row names it", check: func(x *crossing) {
			arrived(1, 1)(x)
			if len(x.new.Digests()) != len(x.old.Digests())+2 {
				x.t.Errorf("%d objects at NEW, want %d and the two made ones", len(x.new.Digests()), len(x.old.Digests()))
			}
		}, arrange: attach(func(x *crossing, s *shelf, _ string) {
			undated := dimsetest.Study(600, dimsetest.StudyOptions{Date: dimsetest.NoDate, Instances: 2})
			check(x.t, x.old.Add(undated...))
			s.records[0].StudyUID, s.records[0].StudyDate = undated[0].StudyUID, "2026-01-09"
		})},
	})
}
