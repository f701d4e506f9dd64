package spool

import "sync"

// chunkSize is the unit in which memory is given to content. Smaller chunks
// waste less on small objects, larger ones need fewer.
const chunkSize = 64 << 10

// slabSize is how much memory is asked of the system at once.
const slabSize = 64 * chunkSize

// memory is the budget over everything the spool holds in memory. It lies outside
// the heap: the garbage collector would let the process grow to twice what the
// spool holds. Chunks that come back are kept and used again.
type memory struct {
	mu    sync.Mutex
	free  [][]byte
	slabs [][]byte
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
		chunk = m.cut()
		m.fresh--
	default:
		return nil
	}
	m.taken++
	return chunk
}

// cut takes a new chunk off the last slab, or off another one.
func (m *memory) cut() []byte {
	last := len(m.slabs) - 1
	if last < 0 || len(m.slabs[last]) == cap(m.slabs[last]) {
		m.slabs = append(m.slabs, newSlab(slabSize)[:0])
		last++
	}
	slab := m.slabs[last]
	end := len(slab) + chunkSize
	m.slabs[last] = slab[:end]
	return slab[len(slab):end:end]
}

// release gives the memory back to the system, unless somebody still uses it.
func (m *memory) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken > 0 {
		return
	}
	for _, slab := range m.slabs {
		freeSlab(slab[:cap(slab)])
	}
	m.slabs, m.free, m.fresh = nil, nil, 0
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
