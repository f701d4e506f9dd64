package fetch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Store is a place that the settings name.
type Store struct {
	Name string // as it stands before the colon of a location
	// At is a folder, or a URL (signs such as @ / # ? % in a password are
	// written %40 %2F %23 %3F %25):
	//
	//	file:///folder
	//	ftp://user:password@host/folder     ?tls=explicit, ?verify=no; ftps:// is TLS from the beginning
	//	sftp://user:password@host/folder    ?key=file (with ?passphrase=), ?known_hosts=file; /~/ is the home folder
	//	s3://key:secret@bucket/prefix       ?endpoint=https://host, ?region=, ?provider=; obs:// likewise
	//	smb://user:password@host/share/folder   ?domain=
	//	webdav://user:password@host/folder, webdavs:// with TLS
	//	http://user:password@host/folder, https://
	//
	// ?charset=gbk says for all of them how the names of files are written
	// there, where that is not UTF-8.
	At string
}

// Stores are the places that attachments are fetched from. They may be used by
// several goroutines.
type Stores struct {
	names  []string
	places map[string]place
}

// place is a store of one kind. A new kind is an implementation of it and a
// line in kinds.
type place interface {
	// open opens the file at a path that safePath has let through. Its errors
	// are of type *Error, without a location.
	open(ctx context.Context, path string) (*File, error)
	// check looks whether the place answers.
	check(ctx context.Context) error
	// pathOf is the path in this place of a whole URL, false when it is
	// another place's.
	pathOf(u *url.URL) (string, bool)
}

// kinds say how a place is opened, by the scheme of its URL.
var kinds = map[string]func(u *url.URL) (place, error){
	"file": openLocal,
	"ftp":  openFTP, "ftps": openFTP, "sftp": openSFTP,
	"s3": openS3, "obs": openS3, "smb": openSMB,
	"webdav": openWebDAV, "webdavs": openWebDAV, "http": openHTTP, "https": openHTTP,
}

// Open prepares the stores; it calls on none of them. It names every store that cannot be used: of a kind
// that is not available, or named twice.
func Open(stores []Store) (*Stores, error) {
	s := &Stores{places: map[string]place{}}
	var faults []error
	for _, store := range stores {
		at, err := openPlace(store.At)
		switch _, twice := s.places[store.Name]; {
		case store.Name == "" || strings.ContainsAny(store.Name, ":/"):
			err = errors.New("a name without : and / is needed")
		case twice:
			err = errors.New("two stores have this name")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("store %q: %w", store.Name, err))
			continue
		}
		s.names = append(s.names, store.Name)
		s.places[store.Name] = at
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return s, nil
}

// openPlace opens a place by its URL; what has no scheme is a folder.
func openPlace(at string) (place, error) {
	scheme, _, isURL := strings.Cut(at, "://")
	if !isURL {
		return openLocal(&url.URL{Scheme: "file", Path: at})
	}
	open, err := kindOf(scheme)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(at)
	if err != nil {
		return nil, errors.New("the URL cannot be read") // it may hold a password
	}
	return open(u)
}

func kindOf(scheme string) (func(*url.URL) (place, error), error) {
	open, known := kinds[strings.ToLower(scheme)]
	if !known {
		schemes := slices.Sorted(maps.Keys(kinds))
		return nil, fmt.Errorf("%w: %s (available: a folder, or the URL of %s)", ErrNotAvailable, scheme, strings.Join(schemes, ", "))
	}
	return open, nil
}

// Names lists the stores in the order of the settings.
func (s *Stores) Names() []string { return s.names }

// Close ends the connections that are kept for later files. Files that are
// open are no longer readable.
func (s *Stores) Close(ctx context.Context) error {
	var errs []error
	for _, at := range s.places {
		if closer, ok := at.(interface{ close(context.Context) error }); ok {
			errs = append(errs, closer.close(ctx))
		}
	}
	return errors.Join(errs...)
}

// Check looks whether a store answers.
func (s *Stores) Check(ctx context.Context, name string) error {
	at, found := s.places[name]
	if !found {
		return &Error{Location: name + ":", Kind: ErrUnknownStore}
	}
	return located(name+":", at.check(ctx))
}

// Fetch opens the file at a location: STORE:path, or a whole URL that lies in
// one of the stores. The file is the caller's to close. Errors are of type
// *Error.
func (s *Stores) Fetch(ctx context.Context, location string) (*File, error) {
	at, path, err := s.find(location)
	if err == nil {
		path, err = safePath(path)
	}
	if err != nil {
		return nil, located(location, err)
	}
	file, err := at.open(ctx, path)
	if err != nil {
		return nil, located(location, err)
	}
	file.location = location
	if file.Size == 0 {
		_ = file.Close() // nothing was read
		return nil, &Error{Location: location, Kind: ErrEmpty}
	}
	return file, nil
}

// find finds the store that a location names.
func (s *Stores) find(location string) (place, string, error) {
	name, path, found := strings.Cut(location, ":")
	switch {
	case strings.TrimSpace(location) == "":
		return nil, "", &Error{Kind: ErrNotFound, Detail: errors.New("the row has no location")}
	case !found:
		return nil, "", &Error{Kind: ErrUnknownStore, Detail: errors.New("a location is STORE:path")}
	case strings.HasPrefix(path, "//"):
		return s.findURL(name, location)
	}
	if at, found := s.places[name]; found {
		return at, path, nil
	}
	return nil, "", &Error{Kind: ErrUnknownStore, Detail: fmt.Errorf("the settings name: %s", strings.Join(s.names, ", "))}
}

// findURL finds the store that a whole URL lies in. One that lies in none is
// refused: a row of a database must not choose among all files of a machine.
func (s *Stores) findURL(scheme, location string) (place, string, error) {
	if _, err := kindOf(scheme); err != nil {
		return nil, "", &Error{Kind: ErrNotAvailable, Detail: errors.New(scheme)}
	}
	u, err := url.Parse(location)
	if err != nil {
		return nil, "", &Error{Kind: ErrUnsafePath, Detail: errors.New("the URL cannot be read")}
	}
	for _, name := range s.names {
		if path, inside := s.places[name].pathOf(u); inside {
			return s.places[name], path, nil
		}
	}
	return nil, "", &Error{Kind: ErrUnsafePath, Detail: errors.New("it lies in none of the stores: name its folder among them")}
}
