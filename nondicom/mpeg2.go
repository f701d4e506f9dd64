package nondicom

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// videoOfMPEG2 makes a Video Photographic Image of an MPEG-2 program stream,
// or of an MPEG-2 video without one. Its pictures are counted by reading it
// once: such a container says nothing of itself.
func videoOfMPEG2(id Identity, a Attachment, s source) (*Object, error) {
	if err := s.check(mpegKind); err != nil {
		return nil, err
	}
	file, err := s.seekable(mpegKind)
	if err != nil {
		return nil, err
	}
	var film mpegFilm
	if err := film.read(bufio.NewReaderSize(file, 1<<16)); err != nil {
		return nil, fmt.Errorf("read MPEG: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read MPEG: %w", err)
	}
	v, err := film.video()
	if err != nil {
		return nil, err
	}
	return v.object(id, a, s)
}

// mpegFilm is what the headers of a film say (ISO 13818-2 §6.2).
type mpegFilm struct {
	columns, rows int
	rate          int // index of frameRates
	rateN, rateD  int // its refinement
	profile       int // profile and level; -1: it is no MPEG-2
	chroma        int
	pictures      int
	fields        int
	channels      int // of the sound
	window        uint32
	pending       []byte // a header that is being collected
	want          int
	kind          byte
}

// frameRates by their codes, as fractions (ISO 13818-2 table 6-4).
var frameRates = [][2]int{{0, 1}, {24000, 1001}, {24, 1}, {25, 1}, {30000, 1001}, {30, 1}, {50, 1}, {60000, 1001}, {60, 1}}

// Start codes (ISO 13818-2 table 6-1, 13818-1 table 2-22).
const (
	codePicture   = 0x00
	codeSequence  = 0xB3
	codeExtension = 0xB5
	codePack      = 0xBA
	codeEnd       = 0xB9
)

// read reads the film: of a program stream the packets with video in them.
func (f *mpegFilm) read(from *bufio.Reader) error {
	f.profile, f.window = -1, 0xFFFFFF
	start, err := from.Peek(4)
	if err != nil {
		return err
	}
	if start[3] == codeSequence {
		return f.elementary(from)
	}
	for {
		code, err := nextStartCode(from)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = f.packet(from, code)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil // the last packet may be cut
		}
		if err != nil {
			return err
		}
	}
}

// nextStartCode goes to behind the next 00 00 01 xx and returns xx.
func nextStartCode(from *bufio.Reader) (byte, error) {
	for window := uint32(0xFFFFFF); ; {
		b, err := from.ReadByte()
		if err != nil {
			return 0, err
		}
		if window&0xFFFFFF == 1 {
			return b, nil
		}
		window = window<<8 | uint32(b)
	}
}

// packet reads one packet of a program stream (ISO 13818-1 §2.5.3, 2.4.3.6).
func (f *mpegFilm) packet(from *bufio.Reader, code byte) error {
	if code == codePack || code == codeEnd || code < codePack {
		return nil // what follows is found by its own start code
	}
	var length [2]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return err
	}
	body := io.LimitReader(from, int64(binary.BigEndian.Uint16(length[:])))
	payload := bufio.NewReader(body)
	switch {
	case code >= 0xE0 && code <= 0xEF:
		if err := skipPacketHeader(payload); err != nil {
			return ignoringEOF(err) // the packet ends there
		}
		return f.elementary(payload)
	case code >= 0xC0 && code <= 0xDF && f.channels == 0:
		if err := skipPacketHeader(payload); err != nil {
			return ignoringEOF(err)
		}
		f.channels = channelsOf(payload)
	}
	_, err := io.Copy(io.Discard, payload)
	return err
}

func ignoringEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// channelsOf reads the mode of an MPEG sound (ISO 11172-3 §2.4.1.3), two
// channels where it does not begin with a header.
func channelsOf(payload *bufio.Reader) int {
	const mono = 3
	if head, err := payload.Peek(4); err == nil && head[0] == 0xFF && head[1]&0xE0 == 0xE0 && head[3]>>6 == mono {
		return 1
	}
	return 2
}

// skipPacketHeader goes to the payload of a packet, of MPEG-2's or MPEG-1's.
func skipPacketHeader(from *bufio.Reader) error {
	for {
		b, err := from.ReadByte()
		if err != nil {
			return err
		}
		skip := 0
		switch {
		case b == 0xFF: // stuffing
			continue
		case b&0xC0 == 0x80: // MPEG-2: flags and the length of the rest
			var rest [2]byte
			if _, err := io.ReadFull(from, rest[:]); err != nil {
				return err
			}
			skip = int(rest[1])
		case b&0xC0 == 0x40: // MPEG-1: buffer size, then times
			if _, err := from.ReadByte(); err != nil {
				return err
			}
			continue
		case b&0xF0 == 0x20:
			skip = 4
		case b&0xF0 == 0x30:
			skip = 9
		}
		_, err = from.Discard(skip)
		return err
	}
}

// elementary reads on in the film itself, byte by byte across packets.
func (f *mpegFilm) elementary(from *bufio.Reader) error {
	for {
		b, err := from.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f.take(b)
	}
}

func (f *mpegFilm) take(b byte) {
	if f.want > 0 {
		f.pending = append(f.pending, b)
		if f.want--; f.want == 0 {
			f.header()
		}
	}
	if f.window&0xFFFFFF == 1 {
		f.pending, f.want, f.kind = f.pending[:0], 0, b
		switch b {
		case codePicture:
			f.pictures++
		case codeSequence:
			f.want = 4
		case codeExtension:
			f.want = 6
		}
	}
	f.window = f.window<<8 | uint32(b)
}

// header reads a header that is whole (ISO 13818-2 §6.2.2.1, 6.2.2.3, 6.2.3.1).
func (f *mpegFilm) header() {
	p := f.pending
	switch {
	case f.kind == codeSequence:
		f.columns, f.rows, f.rate = int(p[0])<<4|int(p[1])>>4, int(p[1]&0xF)<<8|int(p[2]), int(p[3]&0xF)
	case p[0]>>4 == 1: // sequence extension
		f.profile = int(p[0]&0xF)<<4 | int(p[1])>>4
		f.chroma = int(p[1]) >> 1 & 3
		f.columns |= (int(p[1]&1)<<1 | int(p[2])>>7) << 12
		f.rows |= (int(p[2]) >> 5 & 3) << 12
		f.rateN, f.rateD = int(p[5])>>5&3, int(p[5])&0x1F
	case p[0]>>4 == 8: // picture coding extension
		if p[2]&3 != 3 {
			f.fields++ // half a picture
		}
	}
}

// video chooses the transfer syntax by profile and level (PS3.5 §8.2.5, 8.2.6).
func (f *mpegFilm) video() (video, error) {
	bad := func(why string) (video, error) {
		return video{}, &UnsupportedError{Kind: mpegKind, Why: why + "; it can only be archived"}
	}
	v := video{kind: mpegKind, method: compressedMPEG2, bits: 8, columns: f.columns, rows: f.rows, frames: f.pictures - f.fields/2}
	const (
		main      = 4
		mainLevel = 8
		high1440  = 6
		highLevel = 4
	)
	profile, level := f.profile>>4&7, f.profile&0xF
	switch {
	case f.profile < 0:
		return bad("it is MPEG-1, which the standard has no transfer syntax for")
	case profile != main && profile != main+1:
		return bad("its MPEG-2 is not of the Main Profile")
	case level > mainLevel || level == mainLevel:
		v.syntax = mpeg2MainLevel
	case level == high1440 || level == highLevel:
		v.syntax = mpeg2HighLevel
	default:
		return bad("its MPEG-2 is of an unknown level")
	}
	if f.rate <= 0 || f.rate >= len(frameRates) {
		return bad("it does not say how fast it is")
	}
	rate := frameRates[f.rate]
	v.frameTime = 1000 * float64(rate[1]*(f.rateD+1)) / float64(rate[0]*(f.rateN+1))
	v.channels = f.channels
	return v, nil
}
