package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// corpus is a set of made studies in files.
type corpus struct {
	name    string
	studies []study
	bytes   int64
}

type study struct {
	uid, day string // the day as 20260131
	items    []item
}

type item struct {
	sopClass, uid, series, transferSyntax, file string
	bytes                                       int64
}

// first is the corpus cut down to its first n studies.
func (c *corpus) first(n int) *corpus {
	cut := &corpus{name: c.name, studies: c.studies[:min(n, len(c.studies))]}
	for _, i := range cut.items() {
		cut.bytes += i.bytes
	}
	return cut
}

func (c *corpus) items() []item {
	var all []item
	for _, s := range c.studies {
		all = append(all, s.items...)
	}
	return all
}

func (c *corpus) files() []string {
	var files []string
	for _, i := range c.items() {
		files = append(files, i.file)
	}
	return files
}

// days lists the study dates, each once, in order.
func (c *corpus) days() []string {
	var days []string
	for _, s := range c.studies {
		if !slices.Contains(days, s.day) {
			days = append(days, s.day)
		}
	}
	return days
}

// The corpora: studies of so many instances with so many rows (and columns). They are
// large enough that starting up and running dry are a small part of a lap.
var shapes = map[string]struct {
	modality              string
	studies, images, rows int
}{
	"ct":    {"CT", 48, 40, 512}, // 525 KB
	"cr":    {"CR", 24, 4, 2048}, // 8.4 MB
	"small": {"CT", 96, 50, 96},  // 19 KB
	"pack":  {"CT", 20, 10, 256}, // before it is compressed
	"us":    {"US", 9, 1, 0},     // clips, of a patient each
	"clips": {"US", 27, 1, 0},
}

// clips are the sizes of the ultrasound multi-frames.
var clips = []int64{60 << 20, 100 << 20, 200 << 20}

// clipSeeds make clips of different patients; there are no more patients than eleven.
var clipSeeds = []int64{1, 2, 4, 7, 10, 12, 14, 15, 16, 17, 39}

// clip makes the i-th multi-frame.
func clip(i int) dimsetest.Object {
	seed := clipSeeds[i%len(clipSeeds)]
	if i >= len(clipSeeds) {
		seed = int64(100 + i)
	}
	return dimsetest.MultiFrame(seed, clips[i%len(clips)])
}

// corpus makes a corpus, once.
func (b *bench) corpus(name string) (*corpus, error) {
	if made := b.corpora[name]; made != nil {
		return made, nil
	}
	shape, known := shapes[name]
	if !known {
		return nil, fmt.Errorf("no corpus %q", name)
	}
	if b.quick {
		shape.studies = min(shape.studies, max(shape.studies/3, 2))
	}
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := &corpus{name: name, studies: make([]study, shape.studies)}
	work := make(chan int)
	errs := make([]error, shape.studies)
	var makers sync.WaitGroup
	for range runtime.NumCPU() {
		makers.Go(func() {
			for i := range work {
				options := dimsetest.StudyOptions{Modality: shape.modality, Instances: shape.images, Rows: shape.rows,
					Series: min(2, shape.images), Date: fmt.Sprintf("202601%02d", 1+i*10/shape.studies)}
				c.studies[i], errs[i] = makeStudy(dir, name, i, options)
			}
		})
	}
	for i := range shape.studies {
		work <- i
	}
	close(work)
	makers.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	b.corpora[name] = c.first(len(c.studies))
	return b.corpora[name], nil
}

// makeStudy writes the files of study i.
func makeStudy(dir, name string, i int, options dimsetest.StudyOptions) (study, error) {
	objects := []dimsetest.Object{}
	if options.Rows == 0 {
		clip := clip(i)
		objects = append(objects, clip)
		head, err := dataset.Decode(clip.Data[:len(clip.Data)-12], clip.TransferSyntax)
		if err != nil {
			return study{}, err
		}
		options.Date = head.String(dataset.StudyDate)
	} else {
		// Studies of one patient go one after the other; an archive has many patients.
		options.Patient = dimsetest.Patient{ID: fmt.Sprintf("%s-%04d", name, i), Name: fmt.Sprintf("Bench^%d", i), Sex: "O"}
		objects = dimsetest.Study(int64(len(name)*1000+i), options)
	}
	s := study{uid: objects[0].StudyUID, day: options.Date}
	for n, o := range objects {
		if name == "pack" {
			if packed, err := pack(dir, o, i); err != nil {
				return s, err
			} else {
				o = packed
			}
		}
		file := filepath.Join(dir, fmt.Sprintf("%03d-%03d.dcm", i, n))
		if err := writeObject(file, o); err != nil {
			return s, err
		}
		s.items = append(s.items, item{o.SOPClass, o.SOPInstance, o.SeriesUID, o.TransferSyntax, file, o.Size})
	}
	return s, nil
}

func writeObject(file string, o dimsetest.Object) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, err = o.WriteFile(w)
	return errors.Join(err, w.Flush(), f.Close())
}

// pack compresses an object with DCMTK, or wraps its pixels as if they were in a
// syntax that DCMTK cannot write, by turns of the study.
func pack(dir string, o dimsetest.Object, turn int) (dimsetest.Object, error) {
	tool, syntax := "", ""
	switch turn % 4 {
	case 0:
		tool, syntax = "dcmcjpeg", uid.JPEGLossless
	case 1:
		tool, syntax = "dcmcrle", uid.RLE
	case 2:
		syntax = uid.JPEG2000Lossless
	default:
		syntax = uid.JPEGLSLossless
	}
	if tool == "" {
		return wrap(o, syntax)
	}
	from, to := filepath.Join(dir, o.SOPInstance), filepath.Join(dir, o.SOPInstance+"-packed")
	defer os.Remove(from)
	defer os.Remove(to)
	if err := writeObject(from, o); err != nil {
		return o, err
	}
	if out, err := exec.Command(tool, from, to).CombinedOutput(); err != nil {
		return o, fmt.Errorf("%s: %w\n%s", tool, err, out)
	}
	f, err := os.Open(to)
	if err != nil {
		return o, err
	}
	defer f.Close()
	meta, data, err := dataset.ReadPart10(f)
	if err != nil {
		return o, err
	}
	return read(o, meta.TransferSyntaxUID, data)
}
