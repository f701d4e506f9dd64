package fetch

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rclone/rclone/backend/local"
	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
)

// folder is a store on this machine, or on a share mounted here.
type folder struct {
	root   string // absolute; may go through links
	encode func(name string) (string, error)
}

var _ place = (*folder)(nil)

// openLocal does not look whether the folder is there: a share may come back.
func openLocal(u *url.URL) (place, error) {
	if u.Host != "" && u.Host != "localhost" {
		return nil, errors.New("file://host/… is not of this machine: mount the share and name its folder")
	}
	if u.Path == "" {
		return nil, errors.New("no folder is named")
	}
	root, err := filepath.Abs(u.Path)
	if err != nil {
		return nil, err
	}
	if err := knownParameters(u); err != nil {
		return nil, err
	}
	encode, err := nameEncoder(u.Query().Get("charset"))
	return &folder{root: root, encode: encode}, err
}

func (f *folder) check(context.Context) error {
	info, err := os.Stat(f.root)
	switch {
	case err != nil:
		return localError(err)
	case !info.IsDir():
		return &Error{Kind: ErrNotFound, Detail: errors.New("it is not a folder")}
	}
	entries, err := os.Open(f.root)
	if err != nil {
		return localError(err)
	}
	return entries.Close()
}

func (f *folder) pathOf(u *url.URL) (string, bool) {
	if u.Scheme != "file" || u.Host != "" && u.Host != "localhost" {
		return "", false
	}
	return strings.CutPrefix(u.Path, strings.TrimSuffix(f.root, "/")+"/")
}

func (f *folder) open(ctx context.Context, path string) (*File, error) {
	path, err := f.encode(path)
	if err != nil {
		return nil, err
	}
	root, name, err := f.resolve(path)
	if err != nil {
		return nil, err
	}
	// An empty configuration: no variable of the environment and no file of
	// rclone's has a say, and names are taken as they are, byte by byte.
	remote, err := local.NewFs(ctx, "store", root, configmap.Simple{})
	if err != nil {
		return nil, localError(err)
	}
	return openObject(ctx, remote, remote, name, localError)
}

// resolve follows the links of a path and refuses it when they lead out of the
// store, or to something that is not a file: a pipe would hold us for ever.
func (f *folder) resolve(path string) (root, name string, err error) {
	if root, err = filepath.EvalSymlinks(f.root); err != nil {
		return "", "", localError(err)
	}
	target, err := filepath.EvalSymlinks(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		return "", "", localError(err)
	}
	name, err = filepath.Rel(root, target)
	if err != nil || !filepath.IsLocal(name) {
		return "", "", &Error{Kind: ErrUnsafePath, Detail: errors.New("a link leads out of it")}
	}
	info, err := os.Stat(target)
	switch {
	case err != nil:
		return "", "", localError(err)
	case !info.Mode().IsRegular():
		return "", "", &Error{Kind: ErrNotAFile}
	}
	return root, filepath.ToSlash(name), nil
}

// localError gives an error of the file system its kind. The path inside it is
// left out: the location says it.
func localError(err error) error {
	var at *iofs.PathError
	detail := err
	if errors.As(err, &at) {
		detail = at.Err
	}
	switch {
	case errors.Is(err, iofs.ErrNotExist), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrorObjectNotFound), errors.Is(err, fs.ErrorDirNotFound):
		return &Error{Kind: ErrNotFound}
	case errors.Is(err, iofs.ErrPermission), errors.Is(err, fs.ErrorPermissionDenied):
		return &Error{Kind: ErrDenied}
	case errors.Is(err, fs.ErrorIsDir), errors.Is(err, fs.ErrorNotAFile), errors.Is(err, fs.ErrorIsFile):
		return &Error{Kind: ErrNotAFile}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Kind: ErrBroken, Detail: err}
	}
	return &Error{Kind: ErrBroken, Detail: detail}
}
