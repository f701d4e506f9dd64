package dimsetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

func TestArchiveKeepsWhatIsStoredByteForByte(t *testing.T) {
	archive := dimsetest.StartArchive(t, "NEWPACS")
	var sent []dimsetest.Object
	for _, s := range dimsetest.Corpus(5, 8, firstDay, 8) {
		sent = append(sent, s.Objects...)
	}
	association := associate(t, archive.Peer(), proposals(sent)...)
	for _, o := range sent {
		if _, err := association.Store(t.Context(), storeRequest(o)); err != nil {
			t.Fatalf("store %s in %s: %v", o.SOPClass, o.TransferSyntax, err)
		}
	}
	if diff := cmp.Diff(digests(t, sent), archive.Digests()); diff != "" {
		t.Error(diff)
	}
	for i, o := range archive.Instances() {
		if o.StudyUID != sent[i].StudyUID || o.TransferSyntax != sent[i].TransferSyntax || digest(t, o.Reader()) != digest(t, sent[i].Reader()) {
			t.Errorf("instance %d is held otherwise than it was sent", i)
		}
	}
}

func TestArchiveKeepsOnlyTheDigestOfWhatIsTooBig(t *testing.T) {
	archive := dimsetest.NewArchive("NEWPACS")
	archive.Keep = 1 << 20
	start(t, archive)
	object := dimsetest.MultiFrame(1, 8<<20)
	association := associate(t, archive.Peer(), proposals([]dimsetest.Object{object})...)
	if _, err := association.Store(t.Context(), storeRequest(object)); err != nil {
		t.Fatal(err)
	}
	held := archive.Instances()[0]
	if archive.Digests()[object.SOPInstance] != digests(t, []dimsetest.Object{object})[object.SOPInstance] {
		t.Error("the digest differs")
	}
	if held.Size != object.Size || len(held.Data) > 1<<20 {
		t.Errorf("%d bytes kept of %d", len(held.Data), held.Size)
	}
}

func TestArchiveAnswersQueriesAtEachLevel(t *testing.T) {
	archive := dimsetest.StartArchive(t, "OLDPACS")
	study := dimsetest.MakeStudy(1, dimsetest.StudyOptions{Series: 2, Instances: 6, Date: "20260115"})
	add(t, archive, study.Objects)
	add(t, archive, dimsetest.Study(2, dimsetest.StudyOptions{Modality: "US", Date: "20260201"}))
	series := study.Objects[0].SeriesUID
	for name, c := range map[string]struct {
		class string
		query *dataset.Dataset
		rows  int
	}{
		"a study of a day":      {uid.StudyRootFind, level("STUDY").SetString(dataset.StudyDate, "20260115"), 1},
		"studies of a range":    {uid.StudyRootFind, level("STUDY").SetString(dataset.StudyDate, "20260101-20260228"), 2},
		"studies of all dates":  {uid.StudyRootFind, level("STUDY").SetString(dataset.StudyDate), 2},
		"no study of that day":  {uid.StudyRootFind, level("STUDY").SetString(dataset.StudyDate, "20250115"), 0},
		"studies by wildcard":   {uid.StudyRootFind, level("STUDY").SetString(dataset.AccessionNumber, "A*"), 2},
		"studies by modality":   {uid.StudyRootFind, level("STUDY").SetString(dataset.ModalitiesInStudy, "US"), 1},
		"the series of a study": {uid.StudyRootFind, level("SERIES").SetString(dataset.StudyInstanceUID, study.UID), 2},
		"instances of a series": {uid.StudyRootFind, level("IMAGE").SetString(dataset.StudyInstanceUID, study.UID).SetString(dataset.SeriesInstanceUID, series).SetString(dataset.SOPInstanceUID), 3},
		"patients":              {uid.PatientRootFind, level("PATIENT").SetString(dataset.PatientID), 2},
		"studies of a patient":  {uid.PatientRootFind, level("STUDY").SetString(dataset.PatientID, study.Patient.ID), 1},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := find(t, archive.Peer(), c.class, c.query)
			if err != nil || len(rows) != c.rows {
				t.Errorf("%d rows, want %d: %v", len(rows), c.rows, err)
			}
		})
	}
}

func TestArchiveCountsAndNamesTheCharacterSet(t *testing.T) {
	archive := dimsetest.StartArchive(t, "OLDPACS")
	study := dimsetest.Corpus(1, 2, firstDay, 2)[1] // the second patient's name is in GB18030
	add(t, archive, study.Objects)
	rows, err := find(t, archive.Peer(), uid.StudyRootFind, level("STUDY").SetString(dataset.PatientName).
		SetString(dataset.StudyInstanceUID).SetString(dataset.NumberOfStudyRelatedInstances).
		SetString(dataset.NumberOfStudyRelatedSeries).SetString(dataset.ModalitiesInStudy))
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	instances, _ := rows[0].Int(dataset.NumberOfStudyRelatedInstances)
	series, _ := rows[0].Int(dataset.NumberOfStudyRelatedSeries)
	if instances != len(study.Objects) || series != 2 || rows[0].String(dataset.ModalitiesInStudy) != "MR" {
		t.Errorf("%d instances in %d series of %s", instances, series, rows[0].String(dataset.ModalitiesInStudy))
	}
	if rows[0].String(dataset.SpecificCharacterSet) != "GB18030" || rows[0].String(dataset.PatientName) != study.Patient.Name {
		t.Errorf("character set %q", rows[0].String(dataset.SpecificCharacterSet))
	}
}

func TestArchiveWantsTheUniqueKeysAboveTheLevel(t *testing.T) {
	archive := dimsetest.StartArchive(t, "OLDPACS")
	study := dimsetest.MakeStudy(1, dimsetest.StudyOptions{})
	add(t, archive, study.Objects)
	query := level("IMAGE").SetString(dataset.StudyInstanceUID, study.UID).SetString(dataset.SOPInstanceUID)
	_, err := find(t, archive.Peer(), uid.StudyRootFind, query)
	if status := (*dimse.StatusError)(nil); !errors.As(err, &status) || status.Status != dimse.StatusIdentifierMismatch {
		t.Errorf("error %v, want A900", err)
	}
	relational := dimsetest.NewArchive("OLDPACS")
	relational.Relational = true
	start(t, relational)
	add(t, relational, study.Objects)
	if rows, err := find(t, relational.Peer(), uid.StudyRootFind, query); err != nil || len(rows) != 4 {
		t.Errorf("a relational archive gives %d rows: %v", len(rows), err)
	}
}

func TestRealToolsAgreeWithTheArchive(t *testing.T) {
	old, third := dimsetest.StartArchive(t, "OLDPACS"), dimsetest.StartArchive(t, "THIRD")
	old.AddDestination(third.AE, third.Peer().Address)
	study := dimsetest.MakeStudy(9, dimsetest.StudyOptions{Series: 2, Instances: 5})
	var files []string
	for _, o := range study.Objects {
		files = append(files, write(t, o))
	}
	p := old.Peer()
	dimsetest.SendFiles(t, p, files...).Need(t)
	if diff := cmp.Diff(digests(t, study.Objects), old.Digests()); diff != "" {
		t.Error(diff)
	}
	found := dimsetest.DCMTK(t, "findscu", "-S", "-aec", p.AE, "-k", "QueryRetrieveLevel=SERIES", "-k", "SeriesInstanceUID",
		"-k", "NumberOfSeriesRelatedInstances", "-k", "StudyInstanceUID="+study.UID, p.Host(), p.Port()).Need(t)
	if n := strings.Count(found.String(), "SERIES"); n < 2 {
		t.Errorf("findscu: %s", found)
	}
	dimsetest.DCMTK(t, "movescu", "-S", "-aec", p.AE, "-aem", third.AE, "-k", "QueryRetrieveLevel=STUDY",
		"-k", "StudyInstanceUID="+study.UID, p.Host(), p.Port()).Need(t)
	if diff := cmp.Diff(old.Digests(), third.Digests()); diff != "" {
		t.Error(diff)
	}
}

// taker keeps what C-GET brings.
type taker struct{ got []string }

func (k *taker) Store(_ context.Context, instance *dimse.Instance) error {
	k.got = append(k.got, instance.SOPInstance)
	return nil
}

func TestArchiveSendsBackOverTheSameAssociation(t *testing.T) {
	archive := dimsetest.StartArchive(t, "OLDPACS")
	study := dimsetest.Study(3, dimsetest.StudyOptions{Instances: 3})
	add(t, archive, study)
	storage := proposals(study)[0]
	storage.SCPRole = true
	association := associate(t, archive.Peer(), plain(uid.StudyRootGet), storage)
	var taken taker
	result, err := association.Get(t.Context(), dimse.GetRequest{
		SOPClass: uid.StudyRootGet, Identifier: level("STUDY").SetString(dataset.StudyInstanceUID, study[0].StudyUID),
	}, &taken)
	if err != nil || result.Completed != 3 || len(taken.got) != 3 {
		t.Errorf("%d of %d instances came back: %v", len(taken.got), result.Completed, err)
	}
}

// level begins a query at a level.
func level(name string) *dataset.Dataset {
	return dataset.New().SetString(dataset.QueryRetrieveLevel, name)
}

func start(t *testing.T, archive *dimsetest.Archive) {
	t.Helper()
	if _, err := archive.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { archive.Close() })
}

func add(t *testing.T, archive *dimsetest.Archive, objects []dimsetest.Object) {
	t.Helper()
	if err := archive.Add(objects...); err != nil {
		t.Fatal(err)
	}
}

func associate(t *testing.T, p dimsetest.Peer, proposals ...dimse.Proposal) *dimse.Association {
	t.Helper()
	dialer := &dimse.Dialer{Address: p.Address, CallingAE: "TESTER", CalledAE: p.AE}
	association, err := dialer.Dial(t.Context(), proposals)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { association.Release(context.Background()) })
	return association
}

// proposals asks for a context for each kind of object.
func proposals(objects []dimsetest.Object) []dimse.Proposal {
	var list []dimse.Proposal
	for _, o := range objects {
		p := dimse.Proposal{SOPClass: o.SOPClass, TransferSyntaxes: []string{o.TransferSyntax}}
		if !slices.ContainsFunc(list, func(q dimse.Proposal) bool { return cmp.Equal(p, q) }) {
			list = append(list, p)
		}
	}
	return list
}

func plain(sopClass string) dimse.Proposal {
	return dimse.Proposal{SOPClass: sopClass, TransferSyntaxes: []string{uid.ExplicitLE, uid.ImplicitLE}}
}

func storeRequest(o dimsetest.Object) dimse.StoreRequest {
	return dimse.StoreRequest{
		SOPClass: o.SOPClass, SOPInstance: o.SOPInstance, TransferSyntax: o.TransferSyntax,
		Data: o.Reader(), Size: o.Size,
	}
}

func find(t *testing.T, p dimsetest.Peer, class string, query *dataset.Dataset) ([]*dataset.Dataset, error) {
	t.Helper()
	var rows []*dataset.Dataset
	for row, err := range associate(t, p, plain(class)).Find(t.Context(), dimse.FindRequest{SOPClass: class, Identifier: query}) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// digests are the digests of the objects' data sets by SOP Instance UID.
func digests(t *testing.T, objects []dimsetest.Object) map[string]string {
	t.Helper()
	archive := dimsetest.NewArchive("REFERENCE")
	add(t, archive, objects)
	return archive.Digests()
}
