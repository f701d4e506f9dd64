//go:build !unix

package spool

func newSlab(size int) []byte { return make([]byte, size) }

func freeSlab([]byte) {}
