package staging

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/riverqueue/river"
)

// AllOthers is the queue of every department that has none of its own.
const AllOthers = "*"

// Department is a queue of its own and how many studies of it are worked on at
// once.
type Department struct {
	Name    string // AllOthers is the queue of the rest
	Workers int
}

// QueueOptions say who works on what.
type QueueOptions struct {
	Departments []Department // without AllOthers, the rest gets one worker
	// Work does one study. It claims the study first; a study that cannot be
	// claimed is no error. What becomes of it is in the ledger, so an error here
	// is only logged. The context ends when the queue stops.
	Work func(ctx context.Context, studyID int64) error
	// Windows is how many windows of an inventory are taken at once; with zero this
	// process takes none. Window takes one, after claiming it, End brings the inventory
	// of an order to its end, after claiming that. Their errors are logged as well.
	Windows int
	Window  func(ctx context.Context, windowID int64) error
	End     func(ctx context.Context, orderID int64) error
	// Verifications is how many studies that wait for their proof are looked for at once;
	// with zero this process looks for none. Verify does one, after claiming it.
	Verifications int
	Verify        func(ctx context.Context, studyID int64) error
	Logger        *slog.Logger // nil: the database's
}

const (
	// jobRetention is how long finished jobs stay: the ledger is the record.
	jobRetention = time.Minute
	// jobRescue must exceed the longest study. River only schedules: a study
	// whose worker died comes back by its lease, long before.
	jobRescue = 7 * 24 * time.Hour
	// jobNoTimeout is River's word for no limit: the ledger has leases.
	jobNoTimeout = -1
)

// Queue runs the work of queued studies: River schedules and wakes, the ledger
// decides.
type Queue struct {
	db        *DB
	scheduler scheduler
}

// NewQueue makes a queue on a database. It works from Start to Stop.
func NewQueue(db *DB, o QueueOptions) (*Queue, error) {
	if o.Work == nil {
		return nil, errors.New("staging: a queue needs its work")
	}
	log := o.Logger
	if log == nil {
		log = db.log
	}
	queues, err := riverQueues(o.Departments)
	if err != nil {
		return nil, err
	}
	if o.Windows > 0 {
		queues[windowQueue] = river.QueueConfig{MaxWorkers: o.Windows}
	}
	if o.Verifications > 0 {
		queues[verificationQueue] = river.QueueConfig{MaxWorkers: o.Verifications}
	}
	workers, err := o.workers(log)
	if err != nil {
		return nil, fmt.Errorf("staging: queue: %w", err)
	}
	s, err := db.scheduler(&river.Config{
		Queues: queues, Workers: workers,
		JobTimeout: jobNoTimeout, RescueStuckJobsAfter: jobRescue, MaxAttempts: 1,
		CancelledJobRetentionPeriod: jobRetention, CompletedJobRetentionPeriod: jobRetention,
		DiscardedJobRetentionPeriod: jobRetention,
	})
	if err != nil {
		return nil, err
	}
	return &Queue{db: db, scheduler: s}, nil
}

func riverQueues(departments []Department) (map[string]river.QueueConfig, error) {
	queues := map[string]river.QueueConfig{queueName(AllOthers): {MaxWorkers: 1}}
	for _, d := range departments {
		if d.Workers < 1 {
			return nil, fmt.Errorf("staging: department %q needs at least one worker", d.Name)
		}
		queues[queueName(d.Name)] = river.QueueConfig{MaxWorkers: d.Workers}
	}
	return queues, nil
}

// Start begins to work. When ctx ends, running work is cancelled as by Stop.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.db.again(ctx, func() error { return q.scheduler.Start(ctx) }); err != nil {
		return fmt.Errorf("staging: start the queue: %w", err)
	}
	return nil
}

// Stop takes no more studies, cancels the contexts of the running ones and
// waits for their work to return, until ctx ends.
func (q *Queue) Stop(ctx context.Context) error {
	if err := q.scheduler.StopAndCancel(ctx); err != nil {
		return fmt.Errorf("staging: stop the queue: %w", err)
	}
	return nil
}

// queueOf returns the queue a department's studies go to.
func queueOf(department string, own []string) string {
	if department != "" && slices.Contains(own, department) {
		return department
	}
	return AllOthers
}

// queueName turns a department into a name that River takes: departments are
// written in any script, River's queues in a few ASCII characters.
func queueName(department string) string {
	if department == AllOthers || department == "" {
		return "others"
	}
	digest := sha256.Sum256([]byte(department))
	return "department-" + hex.EncodeToString(digest[:12])
}

// studyArgs is the argument of a job: which study, and nothing else. Whoever
// runs it claims the study first, so a job that comes twice, or late from a
// process that died, does nothing.
type studyArgs struct {
	StudyID int64 `json:"study_id"`
}

// Kind names the job in River's table.
func (studyArgs) Kind() string { return "study" }

// The priorities of jobs. River takes the smaller number first.
const (
	jobUrgent = 1 + iota
	jobUsual
	jobLater
)

func studyJob(study candidate, department string) river.InsertManyParams {
	priority := jobUsual
	switch {
	case study.priority > 0:
		priority = jobUrgent
	case study.priority < 0:
		priority = jobLater
	}
	return river.InsertManyParams{
		Args:       studyArgs{StudyID: study.id},
		InsertOpts: &river.InsertOpts{MaxAttempts: 1, Queue: queueName(department), Priority: priority},
	}
}

// workers are what is done about each kind of job.
func (o QueueOptions) workers(log *slog.Logger) (*river.Workers, error) {
	workers := river.NewWorkers()
	windows := func(ctx context.Context, w windowArgs) error {
		for _, id := range w.WindowIDs {
			if err := o.Window(ctx, id); err != nil || ctx.Err() != nil {
				return err
			}
		}
		return nil
	}
	return workers, errors.Join(
		river.AddWorkerSafely(workers, &worker[studyArgs]{work: func(ctx context.Context, s studyArgs) error { return o.Work(ctx, s.StudyID) }, log: log}),
		river.AddWorkerSafely(workers, &worker[windowArgs]{work: windows, log: log}),
		river.AddWorkerSafely(workers, &worker[verificationArgs]{work: func(ctx context.Context, v verificationArgs) error { return o.Verify(ctx, v.StudyID) }, log: log}),
		river.AddWorkerSafely(workers, &worker[endArgs]{work: func(ctx context.Context, e endArgs) error { return o.End(ctx, e.OrderID) }, log: log}),
	)
}

// worker hands jobs of one kind to the work of the options.
type worker[Args river.JobArgs] struct {
	river.WorkerDefaults[Args]
	work func(ctx context.Context, args Args) error
	log  *slog.Logger
}

// Work always ends the job: whether something is tried again is the ledger's to
// say. A panic costs a study its attempt and nobody else anything; its lease
// runs out.
func (w *worker[Args]) Work(ctx context.Context, job *river.Job[Args]) error {
	log := w.log.With("job", job.Kind, "of", job.Args)
	defer func() {
		if bug := recover(); bug != nil {
			log.ErrorContext(ctx, "work panicked", "panic", bug, "stack", string(debug.Stack()))
		}
	}()
	if err := w.work(ctx, job.Args); err != nil && ctx.Err() == nil {
		log.ErrorContext(ctx, "work ended with an error", "error", err)
	}
	return nil
}
