package staging

import "context"

// sweepJobs removes the jobs that a killed process was running, once nobody is at
// work on their study, and those that wait for a study which waits no longer. Both
// are no news to the ledger, and would stay for ever where many processes die. A
// minute is time enough for a job to be noted as ended, and for a study to be claimed.
// Jobs of other kinds that were running are removed once nobody does any of theirs.
func sweepJobs(aMinuteAgo string) string {
	return `DELETE FROM river_job WHERE kind <> 'study' AND state = 'running' AND attempted_at < ` + aMinuteAgo + ` AND NOT EXISTS (
			SELECT 1 FROM windows WHERE state = 'working' UNION ALL SELECT 1 FROM orders WHERE state = 'closing'
			UNION ALL SELECT 1 FROM studies WHERE ` + inHand + ` AND state = 'verifying' AND verify_at = 0)
		OR kind = 'study' AND (
		state = 'running' AND attempted_at < ` + aMinuteAgo + ` AND NOT EXISTS (
			SELECT 1 FROM studies WHERE id = CAST(river_job.args ->> 'study_id' AS bigint) AND ` + inWork + `)
		OR state = 'available' AND created_at < ` + aMinuteAgo + ` AND NOT EXISTS (
			SELECT 1 FROM studies WHERE id = CAST(river_job.args ->> 'study_id' AS bigint) AND state = 'queued'))`
}

// Sweep removes jobs that nobody works on and nobody will, and returns how many.
func (db *DB) Sweep(ctx context.Context) (int, error) {
	return db.change(ctx, "sweep jobs", sweepJobs(db.aMinuteAgo))
}
