package conf

import _ "embed"

//go:embed example.yaml
var example string

// Example is a commented file of settings: eight lines that every site must
// fill in, then every other setting with its default, commented out.
func Example() string { return example }
