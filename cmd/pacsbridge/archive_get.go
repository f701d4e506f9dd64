package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pacsbridge/nondicom/archive"
)

func newArchiveCommand(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "archive",
		Short: "Look into the store of the new system's archive",
	}
	command.AddCommand(newArchiveGetCommand(p), newArchiveListCommand(p))
	return command
}

// archiveFlags say what of the archive is meant.
type archiveFlags struct {
	study, attachment, identity, out string
	asJSON                           bool
}

func (f *archiveFlags) addTo(command *cobra.Command) {
	command.Flags().StringVar(&f.study, "study", "", "Study Instance UID")
	command.Flags().StringVar(&f.attachment, "attachment", "", "only the attachment of this key, or of this SHA-256; alone it is looked for in all studies")
	command.Flags().BoolVar(&f.asJSON, "json", false, "print a JSON array")
}

func newArchiveGetCommand(p *program) *cobra.Command {
	var flags archiveFlags
	command := &cobra.Command{
		Use:   "get [--study UID] [--attachment KEY] [--out FOLDER]",
		Short: "Restore attachments from the archive's store, and check that they are what was archived",
		Long: "Restore the attachments of a study, or one attachment, from the store of nondicom.archive, by its\n" +
			"index alone: neither the database nor the ledger is asked. Without --study every index is read. Each\n" +
			"file is decrypted and decompressed as need be, and its SHA-256 is compared. A file that cannot be\n" +
			"restored is told, the others are; exit code 3 then.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return p.onShelf(command.Context(), flags, func(shelf *archive.Shelf, entries []archive.Entry) error {
				var err error
				if flags.study == "" {
					entries, err = oneContent(entries)
				}
				if err != nil {
					return err
				}
				return p.restore(command.Context(), shelf, entries, flags)
			})
		},
	}
	flags.addTo(command)
	command.Flags().StringVar(&flags.identity, "identity", "", "file of the age identity that decrypts")
	command.Flags().StringVar(&flags.out, "out", ".", "folder to write to")
	return command
}

func newArchiveListCommand(p *program) *cobra.Command {
	var flags archiveFlags
	command := &cobra.Command{
		Use:   "list [--study UID] [--attachment KEY]",
		Short: "List what the archive's store has of a study, or of an attachment",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return p.onShelf(command.Context(), flags, func(_ *archive.Shelf, entries []archive.Entry) error {
				if flags.asJSON {
					return printJSON(p.stdout, entries)
				}
				for _, e := range entries {
					fmt.Fprintf(p.stdout, "%s  %s  %s  %s\n", printable(e.AttachmentKey), humanBytes(e.Bytes), e.MediaType, e.Name)
				}
				return nil
			})
		},
	}
	flags.addTo(command)
	return command
}

// onShelf opens the store and reads the index of the study.
func (p *program) onShelf(ctx context.Context, flags archiveFlags, do func(*archive.Shelf, []archive.Entry) error) error {
	if flags.study == "" && flags.attachment == "" {
		return usagef("say which study, or which attachment: --study UID, --attachment KEY")
	}
	settings, err := p.settings()
	if err != nil {
		return err
	}
	if settings.Nondicom.Archive.Store == "" {
		return withHint(errors.New("the settings name no store"), "see nondicom.archive.store")
	}
	shelf, err := archive.OpenShelf(settings.Nondicom.Archive.Store.Reveal(), flags.identity)
	if err != nil {
		return withHint(fmt.Errorf("open the archive's store: %w", err), "see nondicom.archive.store, and --identity")
	}
	defer shelf.Close(context.WithoutCancel(ctx))
	entries, err := flags.entries(ctx, shelf)
	if err != nil {
		return err
	}
	return do(shelf, entries)
}

// entries are what is meant of the store: of one study, or an attachment wherever it
// stands.
func (f archiveFlags) entries(ctx context.Context, shelf *archive.Shelf) ([]archive.Entry, error) {
	if f.study == "" {
		found, err := shelf.Find(ctx, f.attachment)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("the archive's store has no attachment %s", f.attachment)
		}
		return found, err
	}
	found, err := shelf.Index(ctx, f.study)
	if err != nil {
		return nil, err
	}
	if f.attachment != "" {
		found = slices.DeleteFunc(found, func(e archive.Entry) bool { return !e.Is(f.attachment) })
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("the archive's store has no such attachment of study %s", f.study)
	}
	return found, nil
}

// oneContent refuses attachments of several studies that are not the same content;
// of those that are, one is enough.
func oneContent(entries []archive.Entry) ([]archive.Entry, error) {
	for _, e := range entries {
		if e.SHA256 != entries[0].SHA256 {
			return nil, usagef("attachment %s is there of %s and of %s, with other content: say which by --study, or by its SHA-256",
				e.AttachmentKey, entries[0].StudyUID, e.StudyUID)
		}
	}
	return entries[:1], nil
}

// restored is what became of one attachment.
type restored struct {
	AttachmentKey string `json:"attachment_key"`
	File          string `json:"file,omitempty"`
	Bytes         int64  `json:"bytes"`
	SHA256        string `json:"sha256"`
	Error         string `json:"error,omitempty"`
}

func (p *program) restore(ctx context.Context, shelf *archive.Shelf, entries []archive.Entry, flags archiveFlags) error {
	if err := os.MkdirAll(flags.out, 0o700); err != nil {
		return err
	}
	var done []restored
	faults := 0
	for _, e := range entries {
		r := restored{AttachmentKey: e.AttachmentKey, Bytes: e.Bytes, SHA256: e.SHA256, File: filepath.Join(flags.out, fileName(e))}
		if err := restoreFile(ctx, shelf, e, r.File); err != nil {
			r.File, r.Error = "", err.Error()
			faults++
		}
		if done = append(done, r); !flags.asJSON {
			fmt.Fprintln(p.stdout, printable(r.line()))
		}
	}
	if flags.asJSON {
		if err := printJSON(p.stdout, done); err != nil {
			return err
		}
	}
	if faults > 0 {
		return &exitError{exitIncomplete, fmt.Errorf("%d of %s could not be restored", faults, count(len(entries), "attachment", "attachments"))}
	}
	return nil
}

func (r restored) line() string {
	if r.Error != "" {
		return "FAIL  " + r.AttachmentKey + ": " + r.Error
	}
	return "ok    " + r.AttachmentKey + ": " + r.File + ", " + humanBytes(r.Bytes)
}

// restoreFile writes a file that is whole or not there.
func restoreFile(ctx context.Context, shelf *archive.Shelf, e archive.Entry, path string) error {
	to, err := os.CreateTemp(filepath.Dir(path), ".restoring-*")
	if err != nil {
		return err
	}
	if err = errors.Join(shelf.Restore(ctx, e, to), to.Close()); err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to.Name()))
	}
	return nil
}

// fileName is a name for a restored attachment: its key without what has no
// place in a name, the beginning of its digest, and the ending of its kind.
func fileName(e archive.Entry) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ' {
			return '_'
		}
		return r
	}, e.AttachmentKey)
	name = strings.TrimLeft(name, ".")
	if runes := []rune(name); len(runes) > 60 {
		name = string(runes[:60])
	}
	if ending := archive.Ending(e.MediaType); !strings.HasSuffix(strings.ToLower(name), ending) {
		return name + "-" + e.SHA256[:8] + ending
	}
	ending := filepath.Ext(name)
	return strings.TrimSuffix(name, ending) + "-" + e.SHA256[:8] + ending
}
