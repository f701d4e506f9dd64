package dataset

// Match reports whether candidate answers query (PS3.4 §C.2.2.2).
func Match(query, candidate *Dataset) bool { panic("not yet") }
