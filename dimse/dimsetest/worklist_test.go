package dimsetest_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// step is an item of the Scheduled Procedure Step Sequence; as a key, what it
// leaves empty is universal.
type step struct {
	Modality, ScheduledStationAETitle                                string
	ScheduledProcedureStepStartDate, ScheduledProcedureStepStartTime string
	ScheduledPerformingPhysicianName                                 string
	ScheduledProcedureStepStartDateTime                              string
}

func (s step) dataset() *dataset.Dataset {
	d := dataset.New()
	for keyword, value := range map[string]string{
		"Modality": s.Modality, "ScheduledStationAETitle": s.ScheduledStationAETitle,
		"ScheduledProcedureStepStartDate":  s.ScheduledProcedureStepStartDate,
		"ScheduledProcedureStepStartTime":  s.ScheduledProcedureStepStartTime,
		"ScheduledPerformingPhysicianName": s.ScheduledPerformingPhysicianName,
	} {
		d.SetString(tag(keyword), value)
	}
	if s.ScheduledProcedureStepStartDateTime != "" {
		d.SetString(tag("ScheduledProcedureStepStartDateTime"), s.ScheduledProcedureStepStartDateTime)
	}
	return d
}

func tag(keyword string) dataset.Tag {
	tag, known := dataset.FindTag(keyword)
	if !known {
		panic(keyword)
	}
	return tag
}

// scheduled are the entries of the worklist: the number of each is its patient
// ID.
var scheduled = [][]step{
	{{"CT", "CT1", "20260110", "090000", "Smith^Ann", "20260110090000"}},
	{{"MR", "MR1", "20260111", "140000", "Smith^Bob", "20260111140000+0100"}},
	{{"CT", "CT2", "20260112", "233000", "Jones^Carl", "20260112233000"}},
	{{"CT", "CT1", "20260201", "080000", "Jones^Dora", ""}, {"MR", "MR1", "20260301", "080000", "Jones^Dora", ""}},
}

const (
	noDateTime     = "does not know the attribute, which is an optional key"
	charactersOnly = "compares the characters, whatever the time zone"
)

var comparedSteps = []struct {
	what   string
	key    step
	want   string
	others map[string]otherAnswer
}{
	{"universal", step{}, "1 2 3 4", nil},
	{"one attribute", step{Modality: "CT"}, "1 3 4", nil},
	{"an attribute of the second item", step{Modality: "MR"}, "2 4", nil},
	{"two attributes", step{Modality: "CT", ScheduledStationAETitle: "CT1"}, "1 4", nil},
	{"two attributes of two items", step{Modality: "CT", ScheduledProcedureStepStartDate: "20260301"}, "", nil},
	{"two attributes of the second item", step{Modality: "MR", ScheduledProcedureStepStartDate: "20260301"}, "4", nil},
	{"a range of dates", step{ScheduledProcedureStepStartDate: "20260111-20260131"}, "2 3", nil},
	{"dates from", step{ScheduledProcedureStepStartDate: "20260112-"}, "3 4", nil},
	{"a range of times", step{ScheduledProcedureStepStartTime: "0800-1400"}, "1 2 4", map[string]otherAnswer{"ORTHANC": {"1 4", "compares the characters: 140000 is behind 1400"}}},
	{"a date and a range of times", step{ScheduledProcedureStepStartDate: "20260110-20260112", ScheduledProcedureStepStartTime: "1200-"}, "2 3", map[string]otherAnswer{
		"WLMSCPFS": {"2", "takes a date and a time for one range, which PS3.4 lets it agree upon"},
	}},
	{"a name by wildcard", step{ScheduledPerformingPhysicianName: "Smith*"}, "1 2", nil},
	{"a title by wildcard", step{ScheduledStationAETitle: "CT*"}, "1 3 4", map[string]otherAnswer{"WLMSCPFS": {"", "takes a title for a single value"}}},
	{"a range of date-times", step{ScheduledProcedureStepStartDateTime: "20260110-20260111"}, "1 2", map[string]otherAnswer{
		"WLMSCPFS": {"1 2 3 4", noDateTime}, "ORTHANC": {"1", charactersOnly},
	}},
	{"date-times from", step{ScheduledProcedureStepStartDateTime: "20260111120000-"}, "2 3", map[string]otherAnswer{"WLMSCPFS": {"1 2 3 4", noDateTime}}},
	{"a time zone in a range", step{ScheduledProcedureStepStartDateTime: "20260111125900+0000-20260111130100+0000"}, "2", map[string]otherAnswer{
		"WLMSCPFS": {"1 2 3 4", noDateTime}, "ORTHANC": {"", charactersOnly},
	}},
	{"nothing", step{Modality: "US"}, "", nil},
}

func TestSequencesAreMatchedAsByWorklists(t *testing.T) {
	entries := make([]*dataset.Dataset, len(scheduled))
	for i, steps := range scheduled {
		entries[i] = entry(string(rune('1'+i)), steps)
	}
	folder := filepath.Join(t.TempDir(), "worklist")
	dimsetest.WriteWorklist(t, folder, entries...)
	peers := []dimsetest.Peer{
		dimsetest.StartWlmscpfs(t, entries...).Peer,
		dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{Settings: map[string]any{
			"Plugins":   []string{dimsetest.OrthancPlugin(t, "ModalityWorklists")},
			"Worklists": map[string]any{"Enable": true, "Database": folder},
		}}).Peer,
	}
	for _, q := range comparedSteps {
		t.Run(q.what, func(t *testing.T) {
			query := entry("", []step{q.key})
			if got := matched(query, entries); got != q.want {
				t.Errorf("Match finds %q, want %q", got, q.want)
			}
			for _, peer := range peers {
				want, why := expected(q.want, q.others, peer)
				rows, err := find(t, peer, uid.ModalityWorklist, query)
				if got := patientIDs(rows); got != want || err != nil {
					t.Errorf("%s answers %q, want %q %s (%v)", peer.AE, got, want, why, err)
				}
			}
		})
	}
}

// entry is an entry of a worklist, or a query for one.
func entry(patientID string, steps []step) *dataset.Dataset {
	items := make([]*dataset.Dataset, len(steps))
	for i, s := range steps {
		items[i] = s.dataset()
	}
	return dataset.New().SetString(dataset.PatientID, patientID).SetString(dataset.PatientName).
		SetSequence(tag("ScheduledProcedureStepSequence"), items...)
}

func matched(query *dataset.Dataset, entries []*dataset.Dataset) string {
	return patientIDs(slices.DeleteFunc(slices.Clone(entries), func(e *dataset.Dataset) bool { return !dataset.Match(query, e) }))
}

// patientIDs are those of the entries, in order, each once.
func patientIDs(rows []*dataset.Dataset) string {
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.String(dataset.PatientID))
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " ")
}
