package uid_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pacsbridge/dimse/uid"
)

func TestNames(t *testing.T) {
	for id, want := range map[string]string{
		uid.CTImageStorage: "CT Image Storage",
		uid.Verification:   "Verification SOP Class",
		uid.HTJ2K:          "High-Throughput JPEG 2000",
		uid.ImplicitLE:     "Implicit VR Little Endian",
		"1.2.3.4":          "",
		"":                 "",
	} {
		if got := uid.Name(id); got != want {
			t.Errorf("Name(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestStorageClasses(t *testing.T) {
	for id, want := range map[string]bool{
		uid.CTImageStorage:              true,
		uid.SecondaryCapture:            true,
		uid.EncapsulatedPDF:             true,
		uid.BasicTextSR:                 true,
		uid.MediaStorageDirectory:       true,
		"1.2.840.10008.5.1.4.1.1.40":    true, // retired, without a name
		"1.2.840.10008.5.1.4.1.1.9999":  true, // younger than the dictionary
		"1.2.840.10008.5.1.4.1.1.200.5": false,
		uid.StorageCommitment:           false,
		uid.Verification:                false,
		uid.StudyRootFind:               false,
		uid.ExplicitLE:                  false,
		"1.2.840.113619.4.27":           false,
	} {
		if got := uid.IsStorage(id); got != want {
			t.Errorf("IsStorage(%q) = %v, want %v", id, got, want)
		}
	}
}

func TestSyntaxes(t *testing.T) {
	encapsulated := uid.Syntax{Explicit: true, Encapsulated: true}
	for _, c := range []struct {
		id    string
		want  uid.Syntax
		known bool
	}{
		{uid.ImplicitLE, uid.Syntax{}, true},
		{uid.GEPrivate, uid.Syntax{}, true},
		{uid.ExplicitLE, uid.Syntax{Explicit: true}, true},
		{uid.ExplicitBE, uid.Syntax{Explicit: true, BigEndian: true}, true},
		{uid.DeflatedLE, uid.Syntax{Explicit: true, Deflated: true}, true},
		{uid.JPIPDeflate, uid.Syntax{Explicit: true, Deflated: true}, true},
		{uid.JPEGBaseline, encapsulated, true},
		{uid.JPEG2000, encapsulated, true},
		{uid.RLE, encapsulated, true},
		{uid.HTJ2KLossless, encapsulated, true},
		{"1.2.840.10008.1.2.6.2", encapsulated, false},
		{"1.2.3.4", encapsulated, false},
		{uid.CTImageStorage, encapsulated, false},
	} {
		if got, known := uid.SyntaxOf(c.id); got != c.want || known != c.known {
			t.Errorf("SyntaxOf(%q) = %+v, %v, want %+v, %v", c.id, got, known, c.want, c.known)
		}
	}
	if uid.IsTransferSyntax(uid.CTImageStorage) || !uid.IsTransferSyntax(uid.MPEG4) {
		t.Error("a class is taken for a transfer syntax, or MPEG4 is not")
	}
}

func TestValid(t *testing.T) {
	for id, want := range map[string]error{
		"1.2.840.10008.1.1":            nil,
		"2.25.0":                       nil,
		"1.0.3":                        nil,
		"1." + strings.Repeat("9", 62): nil,
		"":                             uid.ErrEmpty,
		"1." + strings.Repeat("9", 63): uid.ErrTooLong,
		"1.2.a":                        uid.ErrCharacter,
		"1.2.3 ":                       uid.ErrCharacter,
		"1..2":                         uid.ErrComponent,
		".1.2":                         uid.ErrComponent,
		"1.2.":                         uid.ErrComponent,
		"1.02":                         uid.ErrLeadingZero,
		"1.2.00":                       uid.ErrLeadingZero,
		"3.1":                          uid.ErrRoot,
		"12.1":                         uid.ErrRoot,
		"1":                            uid.ErrRoot,
	} {
		if err := uid.Valid(id); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("Valid(%q) = %v, want %v", id, err, want)
		}
	}
}

func TestOpaque(t *testing.T) {
	for id, want := range map[string]bool{
		"1.2.3":                 true,
		"1.02.letters":          true,
		strings.Repeat("1", 64): true,
		strings.Repeat("1", 65): false,
		"":                      false,
		"1.2\\1.3":              false,
		"1.2 3":                 false,
		"1.2\x00":               false,
		"1.2\x7f":               false,
		"1.é":                   false,
	} {
		if got := uid.Opaque(id); got != want {
			t.Errorf("Opaque(%q) = %v, want %v", id, got, want)
		}
	}
}

func TestDeriveIsStableAndParts(t *testing.T) {
	lists := [][]string{{}, {""}, {"", ""}, {"a"}, {"ab"}, {"a", "b"}, {"b", "a"}, {"a", "", "b"}, {"a\x00b"}}
	seen := map[string][]string{}
	for _, parts := range lists {
		id := uid.Derive(parts...)
		if err := uid.Valid(id); err != nil {
			t.Errorf("Derive(%q) = %q: %v", parts, id, err)
		}
		if id != uid.Derive(parts...) {
			t.Errorf("Derive(%q) differs from run to run", parts)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q derive the same UID", parts, other)
		}
		seen[id] = parts
	}
}

func TestImplementation(t *testing.T) {
	if want := uid.Derive("pacsbridge", "implementation"); uid.Implementation != want {
		t.Errorf("Implementation = %s, want %s", uid.Implementation, want)
	}
	if n := len(uid.ImplementationVersion); n > 16 {
		t.Errorf("the implementation version name has %d characters, PS3.7 allows 16", n)
	}
}

func ExampleName() {
	fmt.Println(uid.Name(uid.StudyRootFind))
	fmt.Println(uid.Name(uid.JPEGBaseline))
	// Output:
	// Study Root Query/Retrieve Information Model - FIND
	// JPEG Baseline (Process 1)
}

func ExampleDerive() {
	fmt.Println(uid.Derive("series", "1.2.3", "report"))
	// Output: 2.25.317327182466820004538380177212379696060
}
