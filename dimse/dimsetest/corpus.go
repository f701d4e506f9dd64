package dimsetest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// An Object is a composite instance: its identity, and its data set as bytes.
type Object struct {
	SOPClass, SOPInstance, StudyUID, SeriesUID, TransferSyntax string

	Data []byte           // the data set, or its beginning when there is a Tail
	Tail func() io.Reader // the rest of one that is too big for memory, made anew for each reading
	Size int64            // of the whole data set
}

// Reader reads the data set from its beginning.
func (o Object) Reader() io.Reader {
	if o.Tail == nil {
		return bytes.NewReader(o.Data)
	}
	return io.MultiReader(bytes.NewReader(o.Data), o.Tail())
}

// WriteFile writes the object as a Part 10 file.
func (o Object) WriteFile(w io.Writer) (int64, error) {
	meta := dataset.FileMeta{SOPClassUID: o.SOPClass, SOPInstanceUID: o.SOPInstance, TransferSyntaxUID: o.TransferSyntax}
	return dataset.WritePart10(w, meta, o.Reader())
}

// StudyOptions describes a study; what is left zero is chosen by the seed.
type StudyOptions struct {
	Modality        string // CT, MR, CR, US or OT; CT when empty
	Series          int    // 1 when zero
	Instances       int    // of all series together; 4 when zero
	Rows            int    // and columns; 32 when zero
	TransferSyntax  string // an uncompressed one; explicit VR little endian when empty
	Date, Time      string // study date and time; NoDate leaves the date empty
	AccessionNumber string
	Description     string
	Patient         Patient
}

// NoDate as a study date makes a study that no date query returns.
const NoDate = "none"

// A CorpusStudy is a made study: all that was chosen for it, and its instances.
type CorpusStudy struct {
	StudyOptions
	UID        string
	Department string
	Objects    []Object
}

// Study makes the instances of one study. The same seed and options always
// make the same bytes. It panics on options that do not exist, such as a
// modality it does not know.
func Study(seed int64, options StudyOptions) []Object { return MakeStudy(seed, options).Objects }

// MakeStudy is Study, and tells what was chosen.
func MakeStudy(seed int64, options StudyOptions) CorpusStudy {
	kind, known := modalities[or(options.Modality, "CT")]
	if !known {
		panic("dimsetest: no modality " + options.Modality)
	}
	s := CorpusStudy{StudyOptions: fill(seed, options), Department: kind.department, UID: derive(seed, "study")}
	for i := range s.Instances {
		s.Objects = append(s.Objects, s.object(seed, kind, i))
	}
	return s
}

// fill chooses what the options left open.
func fill(seed int64, o StudyOptions) StudyOptions {
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	day := time.Date(2026, 1, 1+random.IntN(31), 8+random.IntN(10), random.IntN(60), 0, 0, time.UTC)
	o.Modality = or(o.Modality, "CT")
	o.Series = or(o.Series, 1)
	o.Instances = or(o.Instances, 4)
	o.Rows = or(o.Rows, 32)
	o.TransferSyntax = or(o.TransferSyntax, uid.ExplicitLE)
	o.Date = or(o.Date, day.Format("20060102"))
	o.Time = or(o.Time, day.Format("150405"))
	o.AccessionNumber = or(o.AccessionNumber, fmt.Sprintf("A%07d", seed))
	o.Description = or(o.Description, o.Modality+" "+modalities[o.Modality].bodyPart)
	if o.Patient == (Patient{}) {
		o.Patient = patients[random.IntN(len(patients))]
	}
	return o
}

// Corpus makes studies of all modalities and of many languages, spread evenly
// over the given number of days from the first one on. Patients come back, and
// two of them share a patient ID under different issuers.
func Corpus(seed int64, studies int, from time.Time, days int) []CorpusStudy {
	kinds := []string{"CT", "MR", "CR", "US", "OT"}
	syntaxes := []string{uid.ExplicitLE, uid.ImplicitLE, uid.ExplicitLE, uid.ExplicitBE}
	random := rand.New(rand.NewPCG(uint64(seed), 2))
	list := make([]CorpusStudy, studies)
	for i := range list {
		kind := kinds[i%len(kinds)]
		options := StudyOptions{
			Modality:       kind,
			Date:           from.AddDate(0, 0, i*days/studies).Format("20060102"),
			Patient:        patients[i%len(patients)],
			TransferSyntax: syntaxes[random.IntN(len(syntaxes))],
			Series:         1,
			Instances:      1 + random.IntN(3),
		}
		if modalities[kind].planes {
			options.Series, options.Instances = 2, 6+random.IntN(7)
		}
		list[i] = MakeStudy(seed*10_000+int64(i), options)
	}
	return list
}

// object makes instance i of the study.
func (s CorpusStudy) object(seed int64, kind modality, i int) Object {
	series := i % s.Series
	o := Object{
		SOPClass: kind.sopClass, StudyUID: s.UID, TransferSyntax: s.TransferSyntax,
		SeriesUID:   derive(seed, "series", series),
		SOPInstance: derive(seed, "instance", i),
	}
	d := dataset.New()
	s.identify(d, o, kind)
	set(d, "SeriesNumber", strconv.Itoa(series+1))
	set(d, "InstanceNumber", strconv.Itoa(i/s.Series+1))
	if kind.planes {
		s.place(d, seed, i/s.Series)
	}
	for _, a := range kind.attributes {
		set(d, a.keyword, a.value)
	}
	random := rand.New(rand.NewPCG(uint64(seed), uint64(3+i)))
	setPixels(d, kind.bits, s.Rows, pixels(random, kind.bits, s.Rows))
	o.Data = encode(d, o.TransferSyntax)
	o.Size = int64(len(o.Data))
	return o
}

// identify sets the attributes of patient, study, series and instance.
func (s CorpusStudy) identify(d *dataset.Dataset, o Object, kind modality) {
	p, date := s.Patient, s.Date
	if date == NoDate {
		date = ""
	}
	for _, a := range []attribute{
		{"SOPClassUID", o.SOPClass}, {"SOPInstanceUID", o.SOPInstance},
		{"StudyInstanceUID", o.StudyUID}, {"SeriesInstanceUID", o.SeriesUID},
		{"PatientName", p.Name}, {"PatientID", p.ID}, {"PatientBirthDate", p.BirthDate}, {"PatientSex", p.Sex},
		{"StudyDate", date}, {"StudyTime", s.Time}, {"AccessionNumber", s.AccessionNumber},
		{"StudyID", "1"}, {"StudyDescription", s.Description}, {"ReferringPhysicianName", "Referrer^Rita"},
		{"Modality", s.Modality}, {"Manufacturer", "PACSBRIDGE"}, {"InstitutionName", "Synthetic Hospital"},
		{"InstitutionalDepartmentName", kind.department}, {"BodyPartExamined", kind.bodyPart},
		{"SeriesDescription", s.Description}, {"ContentDate", date}, {"ContentTime", s.Time},
	} {
		set(d, a.keyword, a.value)
	}
	if p.Charset != "" {
		set(d, "SpecificCharacterSet", p.Charset)
	}
	if p.Issuer != "" {
		set(d, "IssuerOfPatientID", p.Issuer)
	}
}

// place puts the image into the patient, slices 5 mm apart.
func (s CorpusStudy) place(d *dataset.Dataset, seed int64, slice int) {
	z := strconv.Itoa(-5 * slice)
	for _, a := range []attribute{
		{"PatientPosition", "HFS"}, {"FrameOfReferenceUID", derive(seed, "frame")}, {"PositionReferenceIndicator", ""},
		{"ImagePositionPatient", `-100\-100\` + z}, {"ImageOrientationPatient", `1\0\0\0\1\0`},
		{"PixelSpacing", `0.5\0.5`}, {"SliceThickness", "5"}, {"SliceLocation", z},
	} {
		set(d, a.keyword, a.value)
	}
}

// set puts an attribute into a data set by its keyword.
func set(d *dataset.Dataset, keyword, value string) { d.SetString(tagOf(keyword), value) }

// tagOf looks a keyword up once: the dictionary is slow at it.
func tagOf(keyword string) dataset.Tag {
	if tag, known := tagsByKeyword.Load(keyword); known {
		return tag.(dataset.Tag)
	}
	tag, known := dataset.FindTag(keyword)
	if !known {
		panic("dimsetest: no attribute " + keyword)
	}
	tagsByKeyword.Store(keyword, tag)
	return tag
}

var tagsByKeyword sync.Map // string → dataset.Tag

func encode(d *dataset.Dataset, transferSyntax string) []byte {
	b, err := d.AppendTo(nil, transferSyntax)
	if err != nil {
		panic("dimsetest: " + err.Error())
	}
	return b
}

// derive makes a UID that the seed and the parts decide.
func derive(seed int64, parts ...any) string {
	return uid.Derive("dimsetest", strconv.FormatInt(seed, 10), fmt.Sprint(parts...))
}

// or is value, or other when value is zero.
func or[T comparable](value, other T) T {
	var zero T
	if value == zero {
		return other
	}
	return value
}
