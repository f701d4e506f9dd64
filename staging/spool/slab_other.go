//go:build !linux

package spool

func newSlab(size int) []byte { return make([]byte, size) }

func freeSlab([]byte) {}
