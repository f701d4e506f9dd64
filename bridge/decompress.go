package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"pacsbridge/dimse/dataset"
	"pacsbridge/staging/spool"
)

// Decompressor has an external program, such as dcmdjpeg, write an instance anew without
// compression, for a target that takes it in no other form. It works on files, so that
// memory stays flat, and one instance an association is there at a time. What the program
// writes is believed only if it is the same instance, whole, with nothing changed but the
// form of its pixels.
type Decompressor struct {
	Command []string      // program and arguments; {in} and {out} stand for the files
	Dir     string        // where the files are made
	Limit   time.Duration // for one instance; 10 min when zero
	Room    func() error  // why there is no room on the disk; nil: nobody knows
}

// The words of a command that stand for the files: Part 10 to read, Part 10 to write.
const (
	InFile  = "{in}"
	OutFile = "{out}"
)

// Open makes the folder, empty: what a process left there that was killed is removed.
func (d *Decompressor) Open() error {
	if err := errors.Join(os.RemoveAll(d.Dir), os.MkdirAll(d.Dir, 0o700)); err != nil {
		return fmt.Errorf("make the folder for decompressing: %w", err)
	}
	return nil
}

// Check reports whether the program is there.
func (d *Decompressor) Check() error {
	_, err := exec.LookPath(d.Command[0])
	return err
}

// DecompressError tells why an instance could not be sent without compression.
type DecompressError struct {
	SOPInstance, Program string
	Why                  string
}

func (e *DecompressError) Error() string {
	return fmt.Sprintf("the target takes object %s without compression only, and %s did not decompress it: %s", e.SOPInstance, e.Program, e.Why)
}

// Temporary is false: the program would do the same again.
func (e *DecompressError) Temporary() bool { return false }

// program is the name of the program, without its folder.
func (d *Decompressor) program() string { return filepath.Base(d.Command[0]) }

// can reports whether the program is to be tried: the pixels are compressed, or in an
// order of bytes that nothing here re-encodes.
func (d *Decompressor) can(p Parcel) bool { return len(alternatives[p.TransferSyntax]) == 0 && !p.AsIs }

// parcel is p without compression, in transfer syntax to. The program runs when it is opened.
func (d *Decompressor) parcel(ctx context.Context, p Parcel, to string) Parcel {
	plain := p
	plain.TransferSyntax, plain.Size, plain.sent = to, -1, &Sent{}
	plain.Open = func() (io.ReadCloser, error) {
		folder, err := os.MkdirTemp(d.Dir, "object-*")
		if err != nil {
			return nil, d.noRoom(p, err)
		}
		data, err := d.write(ctx, folder, p, plain)
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(folder))
		}
		return &scratch{ReadCloser: data, folder: folder}, nil
	}
	return plain
}

// scratch removes the folder of what is read when it is closed.
type scratch struct {
	io.ReadCloser
	folder string
}

func (s *scratch) Close() error { return errors.Join(s.ReadCloser.Close(), os.RemoveAll(s.folder)) }

// write makes the files in the folder, and opens the data set to be sent. plain.sent tells
// of it then.
func (d *Decompressor) write(ctx context.Context, folder string, p, plain Parcel) (io.ReadCloser, error) {
	in, out := filepath.Join(folder, "in.dcm"), filepath.Join(folder, "out.dcm")
	if err := d.writeFile(in, p); err != nil {
		return nil, err
	}
	if err := d.run(ctx, p, in, out); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, d.noRoom(p, err)
	}
	if err := keepFrameCount(in, out); err != nil {
		return nil, d.noRoom(p, fmt.Errorf("keep the number of frames of object %s: %w", p.SOPInstance, err))
	}
	made, sent, why, err := compareFiles(in, out)
	switch {
	case err != nil:
		return nil, fmt.Errorf("compare what %s made of object %s: %w", d.program(), p.SOPInstance, err)
	case why != "":
		return nil, d.noRoom(p, d.failed(p, why))
	}
	file := p
	file.TransferSyntax, file.Open = made, func() (io.ReadCloser, error) { return openDataset(out) }
	if made != plain.TransferSyntax {
		other := recoded(file, plain.TransferSyntax)
		if _, err := sameValues(file, other); err != nil {
			return nil, err
		}
		file = other
	}
	*plain.sent = *sent
	if err := plain.sent.digest(file); err != nil {
		return nil, err
	}
	plain.sent.By, plain.sent.TransferSyntax = d.program(), file.TransferSyntax
	return file.Open()
}

// writeFile writes a parcel as a Part 10 file.
func (d *Decompressor) writeFile(path string, p Parcel) error {
	data, err := p.Open()
	if err != nil {
		return fmt.Errorf("open %s in the spool: %w", p.SOPInstance, err)
	}
	defer data.Close()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return d.noRoom(p, err)
	}
	_, err = dataset.WritePart10(f, dataset.FileMeta{SOPClassUID: p.SOPClass, SOPInstanceUID: p.SOPInstance, TransferSyntaxUID: p.TransferSyntax}, data)
	if err = errors.Join(err, f.Close()); err != nil {
		return d.noRoom(p, fmt.Errorf("write %s for %s: %w", p.SOPInstance, d.program(), err))
	}
	return nil
}

// noRoom prefers a full disk to what came of it: it is waited for.
func (d *Decompressor) noRoom(p Parcel, err error) error {
	if errors.Is(err, syscall.ENOSPC) || d.Room != nil && errors.Is(d.Room(), spool.ErrFull) {
		return fmt.Errorf("decompress object %s: %w: %w", p.SOPInstance, spool.ErrFull, err)
	}
	return err
}

func (d *Decompressor) failed(p Parcel, why string) error {
	return &DecompressError{SOPInstance: p.SOPInstance, Program: d.program(), Why: why}
}
