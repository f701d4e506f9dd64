//go:build !linux

package main

import "errors"

// ownNamespace is for Linux alone.
func ownNamespace() (own bool, err error) { return false, errors.New("others are on Linux only") }
