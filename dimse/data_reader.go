package dimse

import "io"

// dataReader is the data set of a message, across fragments and PDUs. It reads
// from the connection itself, in whichever goroutine reads from it.
type dataReader struct {
	a         *Association
	contextID byte
	inside    bool // a fragment has begun
	last      bool // it is the last one
	err       error
}

// Read implements io.Reader; io.EOF comes at the end of the last fragment and
// nowhere else.
func (d *dataReader) Read(p []byte) (int, error) {
	for {
		if !d.ready() {
			return 0, d.err
		}
		n, err := d.a.in.Read(p)
		if err == nil || n > 0 {
			return n, nil
		}
		d.fragmentEnded(err)
	}
}

// WriteTo implements io.WriterTo: the bytes go from the read buffer to w.
func (d *dataReader) WriteTo(w io.Writer) (total int64, err error) {
	for d.ready() {
		track := writerWithError{w: w}
		n, err := d.a.in.WriteTo(&track)
		total += n
		if track.err != nil {
			return total, track.err
		}
		if err == nil {
			err = io.EOF
		}
		d.fragmentEnded(err)
	}
	if d.err != io.EOF {
		return total, d.err
	}
	return total, nil
}

// writerWithError tells a writer's failure from a reader's.
type writerWithError struct {
	w   io.Writer
	err error
}

func (w *writerWithError) Write(p []byte) (n int, err error) {
	n, w.err = w.w.Write(p)
	return n, w.err
}

// ready goes to the next fragment when there is none under way.
func (d *dataReader) ready() bool {
	if d.err == nil && d.a.failed.Load() {
		d.err = d.a.cause()
	}
	if d.err != nil || d.inside {
		return d.err == nil
	}
	v, ok := d.a.nextValue()
	switch {
	case !ok:
		d.err = d.a.cause()
	case v.Command:
		d.fail("command set before the end of a data set")
	case v.ContextID != d.contextID:
		d.fail("data set on two presentation contexts")
	default:
		d.inside, d.last = true, v.Last
	}
	return d.err == nil
}

func (d *dataReader) fail(why string) {
	d.err = protocolErrorf("%s", why)
	d.a.breach(d.err)
}

// fragmentEnded notes the end of a fragment, which may be the end of all.
func (d *dataReader) fragmentEnded(err error) {
	d.inside = false
	switch {
	case err != io.EOF:
		d.a.lost(err)
		d.err = d.a.cause()
	case d.last:
		d.err = io.EOF
	}
}

// drain reads what nobody wanted; false means that the association is over.
func (d *dataReader) drain() bool {
	_, _ = d.WriteTo(io.Discard)
	return d.err == io.EOF
}
