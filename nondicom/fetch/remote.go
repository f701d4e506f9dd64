package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
	"github.com/rclone/rclone/fs/config/obscure"
)

// remote is a store that is reached through a backend of rclone's. The
// connection is made when the first file is asked for.
type remote struct {
	backend string // rclone's name of it
	options configmap.Simple
	root    string
	home    *url.URL // where whole URLs of this store begin
	encode  func(name string) (string, error)
	// slashes tells that a backslash parts folders there.
	slashes bool
	explain func(error) *Error
	// unasked is the option of a backend that opens files without asking for
	// their size before: the answer to a read tells it. Empty where there is none.
	unasked string
	// suspect looks into an answer that says too little; nil where none does.
	suspect func(context.Context, fs.Fs, *Error) *Error
	given   atomic.Pointer[string] // the name of the file that was opened last

	gate   sync.Mutex // held until the store has once let us in
	fs     fs.Fs
	opener fs.Fs // the same, or one that opens a file without asking for its size before
	proven bool
	locked *Error // the refusal of our password, which is final
	ctx    context.Context
	end    context.CancelFunc
}

var _ place = (*remote)(nil)

// What rclone may do by itself: nothing again, and no waiting for ever. It
// keeps these in one place for the whole process; it is used here alone.
const (
	connectTimeout = 20 * time.Second
	silenceTimeout = time.Minute
)

var configure = sync.OnceFunc(func() {
	config := fs.GetConfig(context.Background())
	config.LowLevelRetries = 1 // a wrong password tried ten times locks an account
	config.ConnectTimeout = fs.Duration(connectTimeout)
	config.Timeout = fs.Duration(silenceTimeout)
	config.UserAgent = "pacsbridge"
	config.LogLevel = fs.LogLevelEmergency // what matters comes back as an error
})

// newRemote prepares a store. Its options are rclone's defaults and what is
// said here: no variable of the environment and no file of rclone's has a say,
// and names are taken as they are.
func newRemote(backend string, u *url.URL, root string, options map[string]string) (*remote, error) {
	configure()
	info, err := fs.Find(backend)
	if err != nil {
		return nil, err
	}
	r := &remote{backend: backend, root: root, home: u, options: configmap.Simple{}, explain: brokenError}
	for i := range info.Options {
		r.options[info.Options[i].Name] = info.Options[i].String()
	}
	r.options["encoding"] = "None"
	for name, value := range options {
		r.options[name] = value
	}
	if r.encode, err = nameEncoder(u.Query().Get("charset")); err != nil {
		return nil, err
	}
	r.ctx, r.end = context.WithCancel(context.Background())
	return r, nil
}

// knownParameters refuses what stands behind the ? of a store's URL and means
// nothing: a mistyped tls= would send a password in the clear.
func knownParameters(u *url.URL, known ...string) error {
	known = append(known, "charset")
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("the parameters of the URL cannot be read")
	}
	for name := range query {
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown parameter %q (known: %s)", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// obscuring guards the cipher that rclone makes at its first use.
var obscuring sync.Mutex

// hidden is a password as rclone wants it.
func hidden(password string) (string, error) {
	obscuring.Lock()
	defer obscuring.Unlock()
	if password == "" {
		return "", nil
	}
	return obscure.Obscure(password)
}

// login are the host, port, user and password of a URL, as most backends call
// them.
func login(u *url.URL) (map[string]string, error) {
	if u.Hostname() == "" {
		return nil, errors.New("the URL names no host")
	}
	password, _ := u.User.Password()
	secret, err := hidden(password)
	if err != nil {
		return nil, err
	}
	options := map[string]string{"host": u.Hostname(), "pass": secret}
	if u.Port() != "" {
		options["port"] = u.Port()
	}
	if user := u.User.Username(); user != "" {
		options["user"] = user
	}
	return options, nil
}

func (r *remote) open(ctx context.Context, path string) (*File, error) {
	name, err := r.nameOf(path)
	if err != nil {
		return nil, err
	}
	var file *File
	err = r.visit(ctx, func(remote fs.Fs) (err error) {
		file, err = openObject(ctx, r.opener, remote, name, r.explainError)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.given.Store(&name)
	file.origin.again = func(ctx context.Context, offset int64) (stream io.ReadCloser, err error) {
		err = r.visit(ctx, func(remote fs.Fs) error {
			stream, err = reopenObject(ctx, remote, name, offset)
			return err
		})
		return stream, err
	}
	return file, nil
}

// nameOf is a path as the store has it.
func (r *remote) nameOf(path string) (string, error) {
	if strings.ContainsAny(path, "\r\n") {
		return "", &Error{Kind: ErrUnsafePath, Detail: errors.New("it holds a line break")}
	}
	if r.slashes {
		path = strings.ReplaceAll(path, `\`, "/")
	}
	return r.encode(path)
}

// visit does something at the store. Until the store has let us in for the
// first time, one visitor goes at a time; when it refuses our password, nobody
// tries again.
func (r *remote) visit(ctx context.Context, do func(fs.Fs) error) error {
	r.gate.Lock()
	if r.proven && r.locked == nil {
		r.gate.Unlock()
		return r.judge(ctx, do(r.fs))
	}
	defer r.gate.Unlock()
	if r.locked != nil {
		return r.locked
	}
	if err := r.connect(); err != nil {
		return r.note(r.ask(ctx, err))
	}
	err := r.ask(ctx, do(r.fs))
	var e *Error
	r.proven = err == nil || errors.As(err, &e) && (e.Kind == ErrNotFound || e.Kind == ErrNotAFile)
	return r.note(err)
}

// connect makes the backend, which calls on most servers already.
func (r *remote) connect() error {
	if r.fs != nil {
		return nil
	}
	info, err := fs.Find(r.backend)
	if err != nil {
		return err
	}
	remote, err := info.NewFs(r.ctx, "store", r.root, r.options)
	opener := remote
	if err == nil && r.unasked != "" {
		options := maps.Clone(r.options)
		options[r.unasked] = "true"
		opener, err = info.NewFs(r.ctx, "store", r.root, options)
	}
	switch {
	case errors.Is(err, fs.ErrorIsFile):
		return &Error{Kind: ErrNotFound, Detail: errors.New("the store is a file, not a folder")}
	case err != nil:
		return err
	}
	r.fs, r.opener = remote, opener
	return nil
}

// ask gives an error its kind, looking into it where it says too little.
func (r *remote) ask(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	e := r.explainError(err).(*Error)
	if r.suspect != nil && r.fs != nil {
		e = r.suspect(ctx, r.fs, e)
	}
	return e
}

func (r *remote) judge(ctx context.Context, err error) error {
	err = r.ask(ctx, err)
	if errors.Is(err, ErrPassword) {
		r.gate.Lock()
		defer r.gate.Unlock()
		return r.note(err)
	}
	return err
}

// note keeps a refusal of our password. The gate is held.
func (r *remote) note(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Kind == ErrPassword {
		r.locked = &Error{Kind: ErrPassword, Detail: errors.New("it was refused before and is not tried again, so that no account is locked")}
	}
	return err
}

// explainError gives an error of the store its kind.
func (r *remote) explainError(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	switch {
	case errors.Is(err, fs.ErrorObjectNotFound), errors.Is(err, fs.ErrorDirNotFound):
		return &Error{Kind: ErrNotFound}
	case errors.Is(err, fs.ErrorIsDir), errors.Is(err, fs.ErrorNotAFile):
		return &Error{Kind: ErrNotAFile}
	case errors.Is(err, fs.ErrorPermissionDenied), errors.Is(err, os.ErrPermission):
		return &Error{Kind: ErrDenied}
	case isUntrusted(err):
		return &Error{Kind: ErrUntrusted, Detail: err}
	}
	return r.explain(err)
}

// isUntrusted tells that TLS failed at the certificate.
func isUntrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}

func brokenError(err error) *Error { return &Error{Kind: ErrBroken, Detail: err} }

// probe is a name that no store has.
const probe = "pacsbridge-probe"

// check looks whether the store lets us in. The folder itself is not listed:
// it may hold millions of files.
func (r *remote) check(ctx context.Context) error {
	err := r.visit(ctx, func(remote fs.Fs) error {
		_, err := remote.NewObject(ctx, probe)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func (r *remote) pathOf(u *url.URL) (string, bool) {
	if !strings.EqualFold(u.Scheme, r.home.Scheme) || !strings.EqualFold(hostOf(u), hostOf(r.home)) || u.RawQuery != "" {
		return "", false
	}
	return strings.CutPrefix(u.Path, strings.TrimSuffix(r.home.Path, "/")+"/")
}

// close ends what the backend keeps.
func (r *remote) close(ctx context.Context) error {
	r.gate.Lock()
	defer r.gate.Unlock()
	defer r.end()
	if keeper, ok := r.fs.(fs.Shutdowner); ok {
		return keeper.Shutdown(ctx)
	}
	return nil
}

// usualPorts are those of URLs that name none.
var usualPorts = map[string]string{"ftp": "21", "ftps": "990", "sftp": "22", "smb": "445", "http": "80", "webdav": "80", "https": "443", "webdavs": "443"}

// hostOf is the host and port that a URL leads to.
func hostOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = usualPorts[strings.ToLower(u.Scheme)]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
