// Package spool keeps the bytes that are on their way from OLD to NEW: in memory
// while a budget lasts, then in files.
//
// It is a cache and no archive. OLD keeps what is here until it is proven at
// NEW, so nothing is synced to disk: a process that is killed loses nothing, and
// after a power cut Check tells whole content from damaged, which is fetched
// again.
//
// Content is named by group and name: the study and the object. Files are named
// by hashes, so that nothing a peer sends becomes a path, and can be read by
// their owner only. Content is visible when it is whole and committed, never
// before.
//
//	w, err := s.Create(studyUID, instanceUID)
//	if err != nil {
//		return err
//	}
//	defer w.Abort() // does nothing after Commit
//	if _, err := io.Copy(w, data); err != nil {
//		return err
//	}
//	blob, err := w.Commit() // blob.SHA256 goes to the ledger
package spool
