//go:build !linux

package main

// forgetImage is for Linux alone.
func forgetImage() {}
