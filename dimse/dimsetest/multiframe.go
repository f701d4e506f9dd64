package dimsetest

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// frameRows is the edge of a frame of a big object: 256 KiB of 8 bit samples.
const frameRows = 512

// MultiFrame makes an ultrasound clip of about size bytes, whole frames, whose
// pixels are made up while they are read: it costs no memory however big it is.
// Frames differ from each other, so that a lost or doubled one is noticed.
func MultiFrame(seed, size int64) Object {
	frames := max(1, size/(frameRows*frameRows))
	length := frames * frameRows * frameRows
	if length >= 1<<32-1 {
		panic(fmt.Sprintf("dimsetest: %d bytes of native pixels in one object", length))
	}
	o := Object{
		SOPClass: uid.USMultiFrameStorage, TransferSyntax: uid.ExplicitLE,
		StudyUID: derive(seed, "study"), SeriesUID: derive(seed, "series"), SOPInstance: derive(seed, "clip"),
	}
	kind := modalities["US"]
	s := CorpusStudy{UID: o.StudyUID, StudyOptions: fill(seed, StudyOptions{Modality: "US"})}
	d := dataset.New()
	s.identify(d, o, kind)
	for _, a := range append(kind.attributes, []attribute{
		{"SeriesNumber", "1"}, {"InstanceNumber", "1"}, {"FrameTime", "40"},
		{"NumberOfFrames", strconv.FormatInt(frames, 10)},
	}...) {
		set(d, a.keyword, a.value)
	}
	pointer := []byte{0x18, 0x00, 0x63, 0x10} // at FrameTime
	d.Set(dataset.Element{Tag: tagOf("FrameIncrementPointer"), VR: dataset.AT, Value: pointer})
	describePixels(d, 8, frameRows)
	o.Data = append(encode(d, o.TransferSyntax), 0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0)
	o.Data = binary.LittleEndian.AppendUint32(o.Data, uint32(length))
	o.Size = int64(len(o.Data)) + length
	o.Tail = func() io.Reader { return newFrames(seed, frames) }
	return o
}

// frameReader makes frames up: one block of noise, with the frame's number
// written over the start of each row.
type frameReader struct {
	row    []byte // noise of one row, twice as long as needed so that rows can differ
	frames int64
	frame  int64
	y      int
	line   []byte // what is left of the current row
	buf    [frameRows]byte
}

func newFrames(seed, frames int64) *frameReader {
	random := rand.New(rand.NewPCG(uint64(seed), 4))
	f := &frameReader{row: make([]byte, 2*frameRows), frames: frames}
	for i := range f.row {
		f.row[i] = byte(random.Uint32())
	}
	return f
}

// Read fills p row by row.
func (f *frameReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(f.line) == 0 && !f.nextRow() {
			break
		}
		k := copy(p[n:], f.line)
		f.line = f.line[k:]
		n += k
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *frameReader) nextRow() bool {
	if f.y == frameRows {
		f.y = 0
		f.frame++
	}
	if f.frame >= f.frames {
		return false
	}
	f.line = append(f.buf[:0], f.row[f.y:f.y+frameRows]...)
	binary.LittleEndian.PutUint64(f.line, uint64(f.frame)<<16|uint64(f.y))
	f.y++
	return true
}
