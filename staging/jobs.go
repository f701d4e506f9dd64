package staging

import (
	"slices"

	"github.com/riverqueue/river"
)

// windowQueue is the queue of the inventory.
const windowQueue = "inventory"

// windowArgs is the argument of a job: some windows in a row, each of which is claimed
// before it is taken. One that another worker has, or has done, is passed over.
type windowArgs struct {
	WindowIDs []int64 `json:"window_ids"`
}

// Kind names the job in River's table.
func (windowArgs) Kind() string { return "window" }

// endArgs is the argument of the job that brings the inventory of an order to its end.
type endArgs struct {
	OrderID int64 `json:"order_id"`
}

// Kind names the job in River's table.
func (endArgs) Kind() string { return "inventory-end" }

func windowJobs(ids []int64, chunk int) []river.InsertManyParams {
	var jobs []river.InsertManyParams
	for some := range slices.Chunk(ids, chunk) {
		jobs = append(jobs, river.InsertManyParams{Args: windowArgs{WindowIDs: some},
			InsertOpts: &river.InsertOpts{MaxAttempts: 1, Queue: windowQueue, Priority: jobUsual}})
	}
	return jobs
}

func endJob(orderID int64) river.InsertManyParams {
	return river.InsertManyParams{Args: endArgs{OrderID: orderID},
		InsertOpts: &river.InsertOpts{MaxAttempts: 1, Queue: windowQueue, Priority: jobUrgent}}
}
