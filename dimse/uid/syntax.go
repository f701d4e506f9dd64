package uid

import "github.com/grailbio/go-dicom/dicomuid"

// Transfer syntaxes (PS3.5 annex A).
const (
	ImplicitLE        = "1.2.840.10008.1.2"
	ExplicitLE        = "1.2.840.10008.1.2.1"
	ExplicitBE        = "1.2.840.10008.1.2.2"
	DeflatedLE        = "1.2.840.10008.1.2.1.99"
	EncapsulatedLE    = "1.2.840.10008.1.2.1.98"
	JPEGBaseline      = "1.2.840.10008.1.2.4.50"
	JPEGExtended      = "1.2.840.10008.1.2.4.51"
	JPEGLossless14    = "1.2.840.10008.1.2.4.57"
	JPEGLossless      = "1.2.840.10008.1.2.4.70"
	JPEGLSLossless    = "1.2.840.10008.1.2.4.80"
	JPEGLSNear        = "1.2.840.10008.1.2.4.81"
	JPEG2000Lossless  = "1.2.840.10008.1.2.4.90"
	JPEG2000          = "1.2.840.10008.1.2.4.91"
	JPIP              = "1.2.840.10008.1.2.4.94"
	JPIPDeflate       = "1.2.840.10008.1.2.4.95"
	MPEG2             = "1.2.840.10008.1.2.4.100"
	MPEG4             = "1.2.840.10008.1.2.4.102"
	HEVC              = "1.2.840.10008.1.2.4.107"
	HTJ2KLossless     = "1.2.840.10008.1.2.4.201"
	HTJ2KLosslessRPCL = "1.2.840.10008.1.2.4.202"
	HTJ2K             = "1.2.840.10008.1.2.4.203"
	JPIPHTJ2K         = "1.2.840.10008.1.2.4.204"
	JPIPHTJ2KDeflate  = "1.2.840.10008.1.2.4.205"
	RLE               = "1.2.840.10008.1.2.5"

	// GEPrivate is GE's implicit VR little endian whose pixel data alone is big endian; old Advantage archives hold it.
	GEPrivate = "1.2.840.113619.5.2"
	papyrus   = "1.2.840.10008.1.20"
	mime      = "1.2.840.10008.1.2.6.1"
	xml       = "1.2.840.10008.1.2.6.2"
)

// Syntax is what a reader must know of a transfer syntax to walk over its data sets (PS3.5 §10).
type Syntax struct {
	Explicit     bool // elements carry their VR
	BigEndian    bool
	Deflated     bool // the whole data set is an RFC 1951 stream
	Encapsulated bool // pixel data stands in fragments of undefined total length
}

// described is a syntax together with the name of those that the dictionary lacks.
type described struct {
	Syntax
	name string
}

// syntaxes lists the transfer syntaxes that are not explicit VR little endian with encapsulated pixel data, and those
// that the dictionary does not name.
var syntaxes = map[string]described{
	ImplicitLE:  {Syntax{}, ""},
	papyrus:     {Syntax{}, ""},
	GEPrivate:   {Syntax{}, "GE Private Implicit VR Little Endian, Big Endian Pixels"},
	ExplicitLE:  {Syntax{Explicit: true}, ""},
	JPIP:        {Syntax{Explicit: true}, ""},
	ExplicitBE:  {Syntax{Explicit: true, BigEndian: true}, ""},
	DeflatedLE:  {Syntax{Explicit: true, Deflated: true}, ""},
	JPIPDeflate: {Syntax{Explicit: true, Deflated: true}, ""},

	JPIPHTJ2K:         {Syntax{Explicit: true}, "JPIP HTJ2K Referenced"},
	JPIPHTJ2KDeflate:  {Syntax{Explicit: true, Deflated: true}, "JPIP HTJ2K Referenced Deflate"},
	EncapsulatedLE:    {encapsulated, "Encapsulated Uncompressed Explicit VR Little Endian"},
	HTJ2KLossless:     {encapsulated, "High-Throughput JPEG 2000 (Lossless Only)"},
	HTJ2KLosslessRPCL: {encapsulated, "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)"},
	HTJ2K:             {encapsulated, "High-Throughput JPEG 2000"},

	"1.2.840.10008.1.2.4.110": {encapsulated, "JPEG XL Lossless"},
	"1.2.840.10008.1.2.4.111": {encapsulated, "JPEG XL JPEG Recompression"},
	"1.2.840.10008.1.2.4.112": {encapsulated, "JPEG XL"},
	"1.2.840.10008.1.2.8.1":   {encapsulated, "Deflated Image Frame Compression"},
}

var encapsulated = Syntax{Explicit: true, Encapsulated: true}

// SyntaxOf tells how the data sets of transfer syntax ts are encoded. For one that it does not know it answers explicit
// VR little endian with encapsulated pixel data, as PS3.5 §A.4 demands of every compressed syntax, and false.
func SyntaxOf(ts string) (Syntax, bool) {
	if s, ok := syntaxes[ts]; ok {
		return s.Syntax, true
	}
	return encapsulated, IsTransferSyntax(ts) && ts != mime && ts != xml
}

// IsTransferSyntax reports whether uid names a transfer syntax that this package or the dictionary knows.
func IsTransferSyntax(uid string) bool {
	if _, ok := syntaxes[uid]; ok {
		return true
	}
	info, err := dicomuid.Lookup(uid)
	return err == nil && info.Type == dicomuid.TypeTransferSyntax
}
