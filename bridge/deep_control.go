package bridge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
)

// Control is a folder of DICOM files that the contents are compared with in place of
// OLD, such as a copy that was drawn from it before it was shut down.
type Control struct {
	files map[string]string // by SOP Instance UID
}

var _ Witness = (*Control)(nil)

// OpenControl looks through a folder, and the folders in it, for DICOM files. Other files
// are passed over.
func OpenControl(dir string) (*Control, error) {
	c := &Control{files: map[string]string{}}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if meta, _, err := dataset.ReadPart10(f); err == nil && meta.SOPInstanceUID != "" {
			c.files[meta.SOPInstanceUID] = path
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the control folder %s: %w", dir, err)
	}
	if len(c.files) == 0 {
		return nil, fmt.Errorf("the control folder %s holds no DICOM files", dir)
	}
	return c, nil
}

// errNoControl says that the folder lacks an instance.
var errNoControl = errors.New("the control folder does not hold it")

func (c *Control) fetch(ctx context.Context, _ string, v *viewing) (last, fatal error) {
	for instance := range v.wanted {
		if ctx.Err() != nil {
			return last, context.Cause(ctx)
		}
		if err := c.show(ctx, instance, v); err != nil {
			last = err
		}
	}
	return last, nil
}

func (c *Control) show(ctx context.Context, instance string, v *viewing) error {
	path, there := c.files[instance]
	if !there {
		return errNoControl
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	meta, data, err := dataset.ReadPart10(f)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return v.Store(ctx, &dimse.Instance{SOPClass: meta.SOPClassUID, SOPInstance: instance, TransferSyntax: meta.TransferSyntaxUID, Data: data})
}
