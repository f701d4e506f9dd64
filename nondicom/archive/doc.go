// Package archive writes records and attachments into the new system's own
// archive: rows into its PostgreSQL database, files into its store.
//
// A study goes in as a whole. Its rows (study, series, object, record,
// attachment) are copied in one transaction, into tables that the settings map
// or, without a mapping, into tables of our own. The files of its attachments
// are uploaded under a temporary name before, and given their last names just
// before the transaction commits. What fails is rolled back, and what was
// uploaded is removed. Putting a study again changes nothing.
//
// A file is named by the SHA-256 of its content, objects/ab/abcd…, with .zst
// behind it where it is compressed and .age where it is encrypted: so the same
// content is kept once, and the name says how to restore it. Beside the files
// stands an index, a text file of one JSON object a line for each study, so that
// with age, zstd and sha256sum alone anybody can restore them.
//
//	store ─┬─ README.txt             how to restore
//	       ├─ index/STUDYUID.jsonl   what the study has
//	       ├─ objects/ab/abcd….zst.age
//	       └─ uploads/…              on their way
//
// Contents are streams; none is held in memory.
//
//	a, err := archive.Open(archive.Options{URL: "postgres://…", Store: "s3://…", Compress: true})
//	…
//	names, err := a.Put(ctx, study)
package archive
