package dataset

// Kind tells what a Token stands for.
type Kind uint8

// What a Scanner meets on its way. Starts and ends pair up; an end without a delimiter in the data has an empty header.
const (
	ElementToken   Kind = iota + 1 // an element with a value, which may be read until the next token
	SequenceStart                  // an element whose value is a sequence of items
	SequenceEnd                    //
	ItemStart                      // a nested data set (PS3.5 §7.5)
	ItemEnd                        //
	FragmentsStart                 // an element whose value is a sequence of fragments (PS3.5 §A.4)
	FragmentToken                  // one of them, which may be read until the next token
	FragmentsEnd                   //
)

// UndefinedLength is the length field of a value that ends with a delimiter (PS3.5 §7.1.1).
const UndefinedLength = 0xFFFFFFFF

// Token is one step of a Scanner through a data set.
type Token struct {
	Kind   Kind
	VR     VR     // as written, or from the dictionary in implicit VR; unknown letters read as UN
	Tag    Tag    // of the element; of the item or delimiter where it is none
	Length uint32 // as written, UndefinedLength included
	Depth  int    // how many sequences are open around it
	Offset int64  // of its first byte in the data set
}
