package spool

import "sync"

// chunkSize is the unit in which memory is given to content. Smaller chunks
// waste less on small objects, larger ones need fewer.
const chunkSize = 64 << 10

// memory is the budget over everything the spool holds in memory. Chunks that
// come back are kept and used again, so that the budget is also all there is
// for the garbage collector to see.
type memory struct {
	mu    sync.Mutex
	free  [][]byte
	fresh int // chunks that may still be made
	taken int
}

func newMemory(budget int64) *memory {
	return &memory{fresh: int(max(budget, 0) / chunkSize)}
}

// take returns a chunk, or nil when the budget is used up.
func (m *memory) take() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	var chunk []byte
	switch last := len(m.free) - 1; {
	case last >= 0:
		chunk, m.free = m.free[last], m.free[:last]
	case m.fresh > 0:
		chunk = make([]byte, chunkSize)
		m.fresh--
	default:
		return nil
	}
	m.taken++
	return chunk
}

// give takes chunks back. Nobody may look at them any more.
func (m *memory) give(chunks [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = append(m.free, chunks...)
	m.taken -= len(chunks)
}

// inUse returns how many bytes of the budget are given away.
func (m *memory) inUse() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(m.taken) * chunkSize
}
