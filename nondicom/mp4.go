package nondicom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxMovie bounds the description of an MP4: where each picture of hours of
// film lies takes some megabytes.
const maxMovie = 64 << 20

// videoOfMP4 makes a Video Photographic Image of an MP4 with H.264 or HEVC in
// it. The description stands at the file's end as often as at its beginning.
func videoOfMP4(id Identity, a Attachment, s source) (*Object, error) {
	if err := s.check(mp4Kind); err != nil {
		return nil, err
	}
	file, err := s.seekable(mp4Kind)
	if err != nil {
		return nil, err
	}
	movie, err := findMovie(file, s.size)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read MP4: %w", err)
	}
	v, err := readMovie(movie)
	if err != nil {
		return nil, err
	}
	return v.object(id, a, s)
}

func badMP4(why string) error {
	return &UnsupportedError{Kind: mp4Kind, Why: why + "; it can only be archived"}
}

// findMovie reads the moov box (ISO 14496-12 §8.2.1).
func findMovie(file io.ReadSeeker, size int64) ([]byte, error) {
	var header [16]byte
	for at := int64(0); at+8 <= size; {
		if _, err := file.Seek(at, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read MP4: %w", err)
		}
		n, err := io.ReadFull(file, header[:])
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("read MP4: %w", err)
		}
		length, body := int64(binary.BigEndian.Uint32(header[:])), int64(8)
		switch {
		case length == 1 && n == 16:
			length, body = int64(binary.BigEndian.Uint64(header[8:])), 16
		case length == 0:
			length = size - at
		}
		if length < body || length > size-at {
			return nil, badMP4("a box is longer than the file: it is cut short")
		}
		if string(header[4:8]) != "moov" {
			at += length
			continue
		}
		if length > maxMovie {
			return nil, badMP4("its description is too long")
		}
		if _, err := file.Seek(at+body, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read MP4: %w", err)
		}
		movie := make([]byte, length-body)
		if _, err := io.ReadFull(file, movie); err != nil {
			return nil, fmt.Errorf("read MP4: %w", err)
		}
		return movie, nil
	}
	return nil, badMP4("it has no description (moov): it is cut short")
}

// box is a part of a movie's description.
type box []byte

// each calls do for every box inside, from an offset on; broken ones end it.
func (b box) each(from int, do func(kind string, body box)) {
	for len(b) >= from+8 {
		b = b[from:]
		from = 0
		length := int64(binary.BigEndian.Uint32(b))
		if length < 8 || length > int64(len(b)) {
			return
		}
		do(string(b[4:8]), b[8:length])
		b = b[length:]
	}
}

// find follows a path of boxes.
func (b box) find(path ...string) box {
	for _, name := range path {
		var found box
		b.each(0, func(kind string, body box) {
			if kind == name && found == nil {
				found = body
			}
		})
		b = found
	}
	return b
}

// u16, u32 and u8 read a number, zero behind the end.
func (b box) u8(at int) int {
	if at < 0 || len(b) < at+1 {
		return 0
	}
	return int(b[at])
}
func (b box) u16(at int) int   { return b.u8(at)<<8 | b.u8(at+1) }
func (b box) u32(at int) int64 { return int64(b.u16(at))<<16 | int64(b.u16(at+2)) }
func (b box) u64(at int) int64 { return b.u32(at)<<32 | b.u32(at+4) }

// readMovie finds the one film in a movie, and its sound.
func readMovie(movie box) (video, error) {
	v := video{kind: mp4Kind}
	films := 0
	var fault error
	if movie.find("mvex") != nil {
		return v, badMP4("it is cut in fragments, as for the web")
	}
	movie.each(0, func(kind string, track box) {
		if kind != "trak" {
			return
		}
		media := track.find("mdia")
		handler := media.find("hdlr")
		switch {
		case len(handler) < 12:
		case string(handler[8:12]) == "vide":
			films++
			fault = errors.Join(fault, v.readFilm(media))
		case string(handler[8:12]) == "soun":
			fault = errors.Join(fault, v.readSound(media))
		}
	})
	switch {
	case films != 1:
		return v, badMP4(fmt.Sprintf("it has %d films in it, not one", films))
	case fault != nil:
		var e *UnsupportedError
		errors.As(fault, &e)
		return v, e
	}
	return v, nil
}

// readFilm reads times, sizes and codec (ISO 14496-12 §8.4.2, 8.5.2, 8.7.3).
func (v *video) readFilm(media box) error {
	times, table := media.find("mdhd"), media.find("minf", "stbl")
	scale, duration := times.u32(12), times.u32(16)
	if times.u8(0) == 1 {
		scale, duration = times.u32(20), times.u64(24)
	}
	v.frames = int(table.find("stsz").u32(8))
	if v.frames > 0 && scale > 0 {
		v.frameTime = float64(duration) / float64(scale) * 1000 / float64(v.frames)
	}
	entries := table.find("stsd")
	if entries.u32(4) != 1 {
		return badMP4("its film changes its form on the way")
	}
	err := badMP4("its film is of no kind at all")
	entries.each(8, func(kind string, entry box) {
		v.columns, v.rows = entry.u16(24), entry.u16(26)
		switch kind {
		case "avc1", "avc3":
			err = v.readH264(entry, entry.within(78, "avcC"))
		case "hvc1", "hev1":
			err = v.readHEVC(entry.within(78, "hvcC"))
		default:
			err = badMP4(fmt.Sprintf("its film is %q, which the standard has no transfer syntax for", kind))
		}
	})
	return err
}

// within finds a box behind the fixed part of a sample entry.
func (b box) within(from int, name string) (found box) {
	b.each(from, func(kind string, body box) {
		if kind == name && found == nil {
			found = body
		}
	})
	return found
}

// readH264 chooses the transfer syntax by profile and level (PS3.5 §8.2.7). A
// decoder of the High Profile plays Main, and Baseline where that is a part of
// Main (ITU-T H.264 §A.2).
func (v *video) readH264(_, config box) error {
	profile, constraints, level := config.u8(1), config.u8(2), config.u8(3)
	const partOfMain = 0x40 // constraint_set1_flag
	v.method, v.bits = compressedH264, 8
	switch {
	case profile != 100 && profile != 77 && !(profile == 66 && constraints&partOfMain != 0):
		return badMP4(fmt.Sprintf("its H.264 is of profile %d, which the standard has no transfer syntax for", profile))
	case level <= 41:
		v.syntax = h264Level41
	case level == 42:
		v.syntax = h264Level42
	default:
		return badMP4(fmt.Sprintf("its H.264 is of level %d.%d, above what the standard has transfer syntaxes for", level/10, level%10))
	}
	return nil
}

// readHEVC does the same (PS3.5 §8.2.8; ISO 14496-15 §8.3.3.1).
func (v *video) readHEVC(config box) error {
	profile, level := config.u8(1)&0x1F, config.u8(12)
	v.method, v.bits, v.syntax = compressedHEVC, 8, hevcMain
	switch {
	case profile == 2:
		v.bits, v.syntax = 10, hevcMain10
	case profile != 1:
		return badMP4(fmt.Sprintf("its HEVC is of profile %d, which the standard has no transfer syntax for", profile))
	}
	const level51 = 153
	if level > level51 {
		return badMP4("its HEVC is of a level above 5.1")
	}
	return nil
}

// readSound notes the channels of the sound, which must be one that players of
// the transfer syntax know (PS3.5 §8.2.7).
func (v *video) readSound(media box) error {
	var err error
	media.find("minf", "stbl", "stsd").each(8, func(kind string, entry box) {
		if kind != "mp4a" {
			err = badMP4(fmt.Sprintf("its sound is %q, which the standard does not allow", kind))
		}
		v.channels = max(entry.u16(16), 1)
	})
	return err
}
