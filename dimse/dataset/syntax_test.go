package dataset_test

import "pacsbridge/dimse/uid"

// The four ways in which a small data set is encoded.
const (
	implicitLE = uid.ImplicitLE
	explicitLE = uid.ExplicitLE
	explicitBE = uid.ExplicitBE
	deflatedLE = uid.DeflatedLE
)

var syntaxes = []string{implicitLE, explicitLE, explicitBE, deflatedLE}
