package dimsetest_test

import (
	"strconv"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// asked are the studies that the queries are about, numbered from 1.
var asked = []dimsetest.StudyOptions{
	{Modality: "CT", Date: "20260101", Time: "080000", AccessionNumber: "A100", Description: "CHEST PA", Patient: dimsetest.Patient{ID: "P1", Name: "Doe^John"}},
	{Modality: "MR", Date: "20260115", Time: "103000", AccessionNumber: "a100", Description: "Chest", Patient: dimsetest.Patient{ID: "p1", Name: "doe^jane"}},
	{Modality: "US", Date: "20260131", Time: "235959.5", AccessionNumber: "B[1]", Description: "ABDOMEN", Patient: dimsetest.Patient{ID: "P10", Name: "DOEBLE^ANN"}},
	{Modality: "CT", Date: "20260201", Time: "103059", AccessionNumber: "B1", Description: "CHEST", Patient: dimsetest.Patient{ID: "P2", Name: "M\xfcller^J\xf6rg", Charset: "ISO_IR 100"}},
	{Modality: "OT", Date: "20251231", Time: "120000", AccessionNumber: "A10", Description: "CHEST-PA", Patient: dimsetest.Patient{ID: "P3", Name: "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", Charset: "GB18030"}},
	{Modality: "CR", Date: "20260131", Time: "10", AccessionNumber: "A1000", Description: "HAND", Patient: dimsetest.Patient{ID: "P4", Name: "Yamada^Tarou=山田^太郎=やまだ^たろう", Charset: "ISO_IR 192"}},
	{Modality: "CT", Date: dimsetest.NoDate, Time: "1030", AccessionNumber: "NONE", Description: "FOOT", Patient: dimsetest.Patient{ID: "P5", Name: "Roe^Richard"}},
}

// A comparedQuery asks for one attribute at the level of studies; want are the
// studies that answer it by the standard.
type comparedQuery struct {
	what string
	tag  dataset.Tag
	key  string
	want string
	// others are the peers that answer otherwise, and why.
	others map[string]otherAnswer
}

type otherAnswer struct{ studies, why string }

// caseDcmqrscp is what dcmqrscp answers, which tells names apart by their case, as
// PS3.4 §C.2.2.2.1 leaves to the provider.
func caseDcmqrscp(studies string) map[string]otherAnswer {
	return map[string]otherAnswer{"DCMQRSCP": {studies, "tells names apart by their case"}}
}

var (
	// PS3.4 §C.2.2.2.1 lets a provider match the component groups of a name each by
	// itself.
	wholeNames = map[string]otherAnswer{
		"ORTHANC": {"", "compares names with all their groups"}, "DCMQRSCP": {"", "compares names with all their groups"},
	}
	// An optional key (PS3.4 table C.6-2), which a provider may leave out.
	noModalities = map[string]otherAnswer{"DCMQRSCP": {"1 2 3 4 5 6 7", "does not know Modalities in Study"}}
)

var comparedQueries = []comparedQuery{
	{what: "universal", tag: dataset.PatientID, key: "", want: "1 2 3 4 5 6 7"},
	{what: "a star", tag: dataset.PatientID, key: "*", want: "1 2 3 4 5 6 7"},
	{what: "single value", tag: dataset.PatientID, key: "P1", want: "1"},
	{what: "single value, other case", tag: dataset.PatientID, key: "p10", want: ""},
	{what: "single value, padded", tag: dataset.AccessionNumber, key: "A10 ", want: "5"},
	{what: "brackets", tag: dataset.AccessionNumber, key: "B[1]", want: "3"},
	{what: "wildcard behind", tag: dataset.AccessionNumber, key: "A10*", want: "1 5 6"},
	{what: "wildcard in front", tag: dataset.StudyDescription, key: "*PA", want: "1 5"},
	{what: "wildcards around", tag: dataset.StudyDescription, key: "*E*T*", want: "1 4 5"},
	{what: "question marks", tag: dataset.AccessionNumber, key: "A1??", want: "1"},
	{what: "wildcard and bracket", tag: dataset.AccessionNumber, key: "B[*", want: "3"},
	{what: "name, other case", tag: dataset.PatientName, key: "DOE^JOHN", want: "1", others: caseDcmqrscp("")},
	{what: "names by wildcard, other case", tag: dataset.PatientName, key: "doe*", want: "1 2 3", others: caseDcmqrscp("2")},
	{what: "name with a caret and a star", tag: dataset.PatientName, key: "Doe^*", want: "1 2", others: caseDcmqrscp("1")},
	{what: "name in Latin-1", tag: dataset.PatientName, key: "Müller*", want: "4"},
	{what: "name in Latin-1, other case", tag: dataset.PatientName, key: "mÜLLER^jörg", want: "4", others: caseDcmqrscp("")},
	{what: "name in Chinese characters", tag: dataset.PatientName, key: "*王*", want: "5"},
	{what: "name in kanji", tag: dataset.PatientName, key: "*太郎*", want: "6"},
	{what: "ideographic group alone", tag: dataset.PatientName, key: "王^小东", want: "5", others: wholeNames},
	{what: "alphabetic group alone", tag: dataset.PatientName, key: "Wang^XiaoDong", want: "5", others: wholeNames},
	{what: "date", tag: dataset.StudyDate, key: "20260131", want: "3 6"},
	{what: "range of dates", tag: dataset.StudyDate, key: "20260101-20260131", want: "1 2 3 6"},
	{what: "dates from", tag: dataset.StudyDate, key: "20260131-", want: "3 4 6"},
	{what: "dates to", tag: dataset.StudyDate, key: "-20260101", want: "1 5", others: map[string]otherAnswer{"ORTHANC": {"1 5 7", "takes no date for an early one"}}},
	{what: "time", tag: dataset.StudyTime, key: "080000", want: "1"},
	{what: "time of less precision", tag: dataset.StudyTime, key: "1030", want: "2 4 7", others: map[string]otherAnswer{
		"ORTHANC": {"7", "compares the characters"}, "DCMQRSCP": {"2 7", "takes 1030 for 103000"},
	}},
	{what: "range of times", tag: dataset.StudyTime, key: "080000-103000", want: "1 2 6 7"},
	{what: "range of times, fraction", tag: dataset.StudyTime, key: "235959-235959.9", want: "3"},
	{what: "times from", tag: dataset.StudyTime, key: "1100-", want: "3 5"},
	{what: "times to", tag: dataset.StudyTime, key: "-0800", want: "1", others: map[string]otherAnswer{"ORTHANC": {"", "compares the characters: 080000 is behind 0800"}}},
	{what: "modalities of the study", tag: dataset.ModalitiesInStudy, key: "CT", want: "1 4 7", others: noModalities},
	{what: "several modalities", tag: dataset.ModalitiesInStudy, key: `MR\US`, want: "2 3", others: noModalities},
	{what: "list of UIDs", tag: dataset.StudyInstanceUID, key: `1\3\7`, want: "1 3 7"},
	{what: "one UID", tag: dataset.StudyInstanceUID, key: "4", want: "4"},
}

func TestQueriesAreAnsweredAsByOtherArchives(t *testing.T) {
	archive := dimsetest.StartArchive(t, "ARCHIVE")
	peers := []dimsetest.Peer{
		archive.Peer(), dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{}).Peer, dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{}).Peer,
	}
	studies := map[string]string{} // number by UID
	for i, options := range asked {
		options.Instances, options.Rows = 1, 8
		study := dimsetest.MakeStudy(int64(i+1), options)
		studies[study.UID] = strconv.Itoa(i + 1)
		for _, peer := range peers {
			storeAt(t, peer, study.Objects)
		}
	}
	for _, q := range comparedQueries {
		t.Run(q.what, func(t *testing.T) {
			for _, peer := range peers {
				want, why := expected(q.want, q.others, peer)
				if got := q.ask(t, peer, studies); got != want {
					t.Errorf("%s answers %q, want %q %s", peer.AE, got, want, why)
				}
			}
		})
	}
}

// expected is what a peer is known to answer, with the reason where that is not
// what is to be answered.
func expected(want string, others map[string]otherAnswer, peer dimsetest.Peer) (studies, why string) {
	if other, differs := others[peer.AE]; differs {
		return other.studies, "since it " + other.why
	}
	return want, ""
}

func storeAt(t *testing.T, peer dimsetest.Peer, objects []dimsetest.Object) {
	t.Helper()
	association := associate(t, peer, proposals(objects)...)
	for _, o := range objects {
		if _, err := association.Store(t.Context(), storeRequest(o)); err != nil {
			t.Fatal(err)
		}
	}
}

// ask returns the numbers of the studies that a peer answers with, in order.
func (q *comparedQuery) ask(t *testing.T, peer dimsetest.Peer, studies map[string]string) string {
	t.Helper()
	key := q.key
	if q.tag == dataset.StudyInstanceUID {
		key = ""
		for uid, number := range studies {
			if strings.Contains(q.key, number) {
				key += `\` + uid
			}
		}
		key = key[1:]
	}
	query := level("STUDY").SetString(dataset.SpecificCharacterSet, "ISO_IR 192").SetString(dataset.StudyInstanceUID).
		SetString(q.tag, strings.Split(key, `\`)...)
	rows, err := find(t, peer, uid.StudyRootFind, query)
	if err != nil {
		return err.Error()
	}
	found := map[string]bool{}
	for _, row := range rows {
		found[studies[row.String(dataset.StudyInstanceUID)]] = true
	}
	var numbers []string
	for i := range asked {
		if n := strconv.Itoa(i + 1); found[n] {
			numbers = append(numbers, n)
		}
	}
	return strings.Join(numbers, " ")
}
