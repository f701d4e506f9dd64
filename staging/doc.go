// Package staging is the migration database: the ledger of every study and of
// every item in it, and the queue that hands studies to workers.
//
// # What is true is here
//
// A row exists before anything is done about it, and changes only on proof. A
// process may be killed anywhere; the next one goes on from what it finds. A
// study is in one of these states, and the arrows are all the moves there are:
//
//	to-migrate ─► queued ─► collecting ─► delivering ─► verifying ─► migrated
//	    ▲           │           │             │            │            │
//	    ├───────────┴───────────┴ given back ─┴────────────┘            │
//	    ├── gained an instance, a record or an attachment ──────────────┘
//	    │
//	    ├── retried ────────── failed  ◄── collecting, delivering, verifying
//	    └── wanted after all ─ skipped ◄── the same, to-migrate, failed
//
// The table of moves is data (see CanMove); the schema holds the same table, and
// refuses by constraints and triggers what the table does not allow: a study
// that is migrated without the proof of each item, an item that is done without
// being found at NEW, a failure without a reason.
//
// # Who works on what
//
// Feed moves studies from to-migrate to queued and inserts their jobs in the
// same transaction: priority first, then the newest, and never two studies of
// one patient at once. River schedules the jobs (see Queue), but only wakes
// workers: what decides is Claim, which takes a queued study in hand for the time
// of a lease. Each write of a claim is fenced, so that a worker that was given up
// and comes back writes nothing (ErrLeaseLost); Reclaim gives back what nobody
// holds any more. A job that comes twice, or from a process that died, finds
// nothing to claim. A delivered study whose proof takes its time is parked: it stays
// verifying in nobody's hand, and ClaimVerification takes it up for another look.
//
//	db, err := staging.Open(ctx, staging.Options{URL: "sqlite:pacsbridge.db"})
//	…
//	staged, err := db.StageStudies(ctx, 0, studies) // a batch, all or none
//	fed, err := db.Feed(ctx, staging.FeedOptions{Node: "node-1", Room: 200})
//	claim, err := db.Claim(ctx, studyID, "node-1", time.Minute)
//	err = claim.Expect(ctx, instances)                 // what OLD lists
//	err = claim.Advance(ctx, staging.Delivering, received...)
//	err = claim.Advance(ctx, staging.Verifying, stored...)
//	err = claim.Finish(ctx, found...)                  // refuses what is not proven
//
// The inventory goes the same way. PlanOrder cuts an order in windows, FeedWindows makes
// their jobs, ClaimWindow takes one in hand, under a lease and fenced as a study is. When
// all windows were taken, one more job ends the inventory (ClaimOrder): it takes what
// windows alone could not decide, by what all of them have learned of OLD (Learn).
//
// # Counting
//
// The row of a study holds how many items it has, by kind and by how far they
// came; triggers keep counters by day, department and window in step with the rows
// of studies, in the same transactions. Status is summed from the counters, and
// Audit proves them against the rows. While a study is on its way its items are
// rows; once it is migrated they rest in one compressed manifest.
//
// # Several nodes
//
// A cluster of nodes shares one PostgreSQL. Leases are by the clock of the
// database; feeding is serialised; Pause, Prioritise and Trouble work through
// tables that every Feed reads; Lead gives a role to one node at a time, which feeds all
// orders, whoever gave them. A
// transaction that met a database on its way down runs once more when it is back.
//
// # Engines
//
// SQLite is the embedded engine, PostgreSQL the one for several nodes. What differs
// between them is in engine.go and in one file an engine; the queries are the same
// text for both, and the tests of this package run on both. What SQLite cannot do:
// more than one writer at a time, several machines, waking workers (it polls), and
// keeping a table of changes apart from its counters, which it needs not.
//
// What staging is not: it knows neither DICOM nor the legacy database. UIDs and
// payloads are opaque to it. The bytes on their way are in staging/spool.
package staging
