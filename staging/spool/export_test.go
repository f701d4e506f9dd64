package spool

// FileOf returns where content is kept on disk.
func (s *Spool) FileOf(group, name string) string { return s.files.path(hash(group), hash(name)) }

// Free returns how many chunks of the budget are not given away.
func (s *Spool) Free() int {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return s.memory.fresh + len(s.memory.free)
}

// ChunkSize is the unit of memory.
const ChunkSize = chunkSize
