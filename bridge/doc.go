// Package bridge tells the journey of a study from the old PACS to the new one,
// one file a step:
//
//	window    the date range, cut into stretches that one query covers
//	discover  the inventory: what OLD and the legacy database say there is
//	census    answers that OLD cuts short are found out, and the query is cut (cut);
//	          unable: what OLD cannot answer for one damaged study
//	join      which record belongs to which study
//	dispatch  the bounded queue that is topped up from staging
//	migrator  the journey of one study, and the verdict at its end
//	collect   C-MOVE to our own inbox until the listed set has arrived
//	expected  what a collection should hold: what OLD lists (listing), or counts
//	strays    what arrived and is not listed; late what came too late
//	inbox     where instances arrive, and what happens to those nobody asked for
//	forward   those of them that travel: on the disk first, then in a study of their own
//	compose   records and attachments become DICOM objects of their study
//	rules     changes to attributes that the settings ask for; amend makes them on the way to NEW
//	deliver   C-STORE of the complete collection to NEW
//	recode    a transfer syntax that NEW refuses, exchanged for one that says the same
//	decompress  by an external program, for a NEW that takes nothing compressed, where one is set;
//	          sent: what is kept of that
//	gate      the one pause that all studies share when a PACS is busy or away, or the spool full
//	keeper    what one node of a cluster does for all
//	verify    the set at NEW is the set that was listed
//	failure   what an error means for the study: its class, and whether to wait
//	peer      one of the two PACS, as a service user sees it
//
// It is not a protocol library (dimse), not a database (staging) and not a
// converter (nondicom): it joins those three, which do not know one another, and
// states what it needs of them as small interfaces beside their use.
//
// What is true is in the ledger. A study is migrated when the set of UIDs that
// was listed was received, stored with success or a warning, and found at NEW;
// counts and final statuses of C-MOVE are hints and never decide.
//
// An inventory of two days, staged and nothing moved:
//
//	old := bridge.NewPeer(bridge.PeerOptions{Name: "old", Dialer: dialer, Associations: 2})
//	inventory := &bridge.Inventory{Old: old, Register: db, Step: 24 * time.Hour, Batch: 50}
//	found, err := inventory.Range(ctx, firstDay, lastDay)
package bridge
