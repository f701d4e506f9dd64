package staging

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"
)

var errNotBuilt = errors.New("not built yet")

// Window is a slice of time in the inventory.
type Window struct {
	ID           int64
	From, To     time.Time // To is excluded
	FindDone     bool
	RecordsDone  bool
	RecordCursor string
}

// WindowPart is one of the two parts of a window's inventory.
type WindowPart string

// The parts of a window.
const (
	FindPart    WindowPart = "find"
	RecordsPart WindowPart = "records"
)

func (db *DB) Window(ctx context.Context, from, to time.Time) (Window, error) {
	return Window{}, errNotBuilt
}
func (db *DB) ReopenWindows(ctx context.Context, s Scope) (int, error)           { return 0, errNotBuilt }
func (db *DB) FinishWindow(ctx context.Context, id int64, part WindowPart) error { return errNotBuilt }

// Staged counts what a batch did.
type Staged struct{ New, Known, Reopened int }

// StagedRecord is a legacy record with its attachments and the study they belong to.
type StagedRecord struct {
	Study       Study
	Record      Item
	Attachments []Item
	Placeholder string // UID of the ambiguous study that stood for this record before it joined, if any
}

func (db *DB) StageStudies(ctx context.Context, windowID int64, studies []Study) (Staged, error) {
	return Staged{}, errNotBuilt
}
func (db *DB) StageRecords(ctx context.Context, windowID int64, cursor string, records []StagedRecord) (Staged, error) {
	return Staged{}, errNotBuilt
}

// RetryFilter narrows RetryFailed.
type RetryFilter struct{ Class Class }

func (db *DB) Reclaim(ctx context.Context, node string, all bool) (int, error) { return 0, errNotBuilt }
func (db *DB) Expire(ctx context.Context, inWork time.Duration) (int, error)   { return 0, errNotBuilt }
func (db *DB) RetryFailed(ctx context.Context, s Scope, f RetryFilter) (int, error) {
	return 0, errNotBuilt
}

// FeedOptions say how much of what to queue.
type FeedOptions struct {
	Node        string        // who holds what is queued
	Scope       Scope         // which studies
	Room        int           // how many studies may stand in this node's queue at once, over all departments
	Departments []string      // departments with a queue of their own; the rest shares "*"
	Lease       time.Duration // 0: two minutes; every Feed extends it
}

func (db *DB) Feed(ctx context.Context, o FeedOptions) (int, error) { return 0, errNotBuilt }

var (
	ErrNotClaimable = errors.New("the study is not waiting in the queue")
	ErrLeaseLost    = errors.New("the study is no longer ours")
	ErrGrew         = errors.New("the study gained items while it was in work")
)

// Claim is a hold on one study.
type Claim struct{}

func (db *DB) Claim(ctx context.Context, studyID int64, node string, lease time.Duration) (*Claim, error) {
	return nil, errNotBuilt
}
func (c *Claim) Study() Study                                               { return Study{} }
func (c *Claim) Items(ctx context.Context) ([]Item, error)                  { return nil, errNotBuilt }
func (c *Claim) Heartbeat(ctx context.Context) error                        { return errNotBuilt }
func (c *Claim) Advance(ctx context.Context, to State, items ...Item) error { return errNotBuilt }
func (c *Claim) Expect(ctx context.Context, items []Item) error             { return errNotBuilt }
func (c *Claim) Save(ctx context.Context, items []Item) error               { return errNotBuilt }
func (c *Claim) Finish(ctx context.Context, items ...Item) error            { return errNotBuilt }
func (c *Claim) Fail(ctx context.Context, class Class, reason string, items ...Item) error {
	return errNotBuilt
}
func (c *Claim) Return(ctx context.Context, class Class, reason string, after time.Duration, keepAttempt bool, items ...Item) error {
	return errNotBuilt
}
func (c *Claim) Skip(ctx context.Context, reason string) error { return errNotBuilt }

// StudyCounts counts studies by state.
type StudyCounts struct {
	ToMigrate  int `json:"to-migrate"`
	Queued     int `json:"queued"`
	Collecting int `json:"collecting"`
	Delivering int `json:"delivering"`
	Verifying  int `json:"verifying"`
	Migrated   int `json:"migrated"`
	Failed     int `json:"failed"`
	Skipped    int `json:"skipped"`
}

// InstanceCounts counts instances by how far they came.
type InstanceCounts struct {
	Expected int `json:"expected"`
	Received int `json:"received"`
	Stored   int `json:"stored"`
	Verified int `json:"verified"`
}

// RecordCounts counts legacy records.
type RecordCounts struct {
	Expected int `json:"expected"`
	Migrated int `json:"migrated"`
}

// AttachmentCounts counts attachments.
type AttachmentCounts struct {
	Expected int `json:"expected"`
	Migrated int `json:"migrated"`
	Failed   int `json:"failed"`
}

// Status is the ledger in numbers.
type Status struct {
	Studies     StudyCounts      `json:"studies"`
	Instances   InstanceCounts   `json:"instances"`
	Records     RecordCounts     `json:"records"`
	Attachments AttachmentCounts `json:"attachments"`
	Bytes       int64            `json:"bytes"`
}

// FailedStudy is a study that failed, and why.
type FailedStudy struct {
	StudyUID        string   `json:"study_uid"`
	StudyKey        string   `json:"study_key"`
	AccessionNumber string   `json:"accession_number"`
	Department      string   `json:"department"`
	Class           Class    `json:"class"`
	Reason          string   `json:"reason"`
	Attempts        int      `json:"attempts"`
	LeftBehind      []string `json:"left_behind"`
}

// ReportLine is one item of the report.
type ReportLine struct {
	Kind     ItemKind  `json:"kind"`
	StudyUID string    `json:"study_uid"`
	UID      string    `json:"uid"`
	State    ItemState `json:"state"`
	Class    Class     `json:"class"`
	Reason   string    `json:"reason"`
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"`
}

func (db *DB) Status(ctx context.Context, s Scope) (Status, error)              { return Status{}, errNotBuilt }
func (db *DB) Failed(ctx context.Context, s Scope) ([]FailedStudy, error)       { return nil, errNotBuilt }
func (db *DB) Remaining(ctx context.Context, s Scope) (int, error)              { return 0, errNotBuilt }
func (db *DB) Report(ctx context.Context, s Scope) iter.Seq2[ReportLine, error] { return nil }
func (db *DB) Studies(ctx context.Context, s Scope) iter.Seq2[Study, error]     { return nil }
func (db *DB) Audit(ctx context.Context) error                                  { return errNotBuilt }

// Order asks a running node to migrate a range.
type Order struct {
	ID                         int64
	Scope                      Scope
	Node                       string
	Error                      string
	Created, Started, Finished time.Time
}

// Node is a process that works on this ledger.
type Node struct {
	Name, Address string
	Started, Beat time.Time
}

func (db *DB) SubmitOrder(ctx context.Context, s Scope) (int64, error)        { return 0, errNotBuilt }
func (db *DB) NextOrder(ctx context.Context, node string) (Order, error)      { return Order{}, errNotBuilt } // ErrNotFound: none waits
func (db *DB) FinishOrder(ctx context.Context, id int64, failure error) error { return errNotBuilt }
func (db *DB) Order(ctx context.Context, id int64) (Order, error)             { return Order{}, errNotBuilt }
func (db *DB) Register(ctx context.Context, node, address string) error       { return errNotBuilt }
func (db *DB) Beat(ctx context.Context, node string) error                    { return errNotBuilt }
func (db *DB) Leave(ctx context.Context, node string) error                   { return errNotBuilt }
func (db *DB) LiveNode(ctx context.Context, within time.Duration) (Node, error) {
	return Node{}, errNotBuilt
} // ErrNotFound: none lives

// Department is a queue of its own.
type Department struct {
	Name    string // "*" is the queue of all others
	Workers int
}

// QueueOptions say who works on what.
type QueueOptions struct {
	Departments []Department
	Work        func(ctx context.Context, studyID int64) error
	Logger      *slog.Logger
}

// Queue runs the work of queued studies.
type Queue struct{}

func NewQueue(db *DB, o QueueOptions) (*Queue, error) { return nil, errNotBuilt }
func (q *Queue) Start(ctx context.Context) error      { return errNotBuilt }
func (q *Queue) Stop(ctx context.Context) error       { return errNotBuilt }
