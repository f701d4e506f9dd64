package dimsetest

// A Patient is a person who does not exist.
type Patient struct {
	ID        string
	Issuer    string // issuer of the patient ID, often unknown
	Charset   string // (0008,0005): the character set in which Name is written
	Name      string // as it stands in a data set
	Text      string // the same for people, in UTF-8
	BirthDate string
	Sex       string
}

// patients speak the languages whose character sets archives get wrong. Most
// names are the examples of PS3.5 annexes H to K.
var patients = []Patient{
	{ID: "PB-1001", Charset: "ISO_IR 100", Name: "Buc^J\xe9r\xf4me", Text: "Buc Jérôme", BirthDate: "19610423", Sex: "M"},
	{ID: "PB-1002", Charset: "GB18030", Name: "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", Text: "Wang XiaoDong 王小东", BirthDate: "19790311", Sex: "M"},
	{ID: "PB-1003", Charset: `\ISO 2022 IR 87`, Name: "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", Text: "Yamada Tarou 山田太郎", BirthDate: "19551102", Sex: "M"},
	{ID: "PB-1004", Charset: "ISO_IR 144", Name: "\xb2\xd0\xdd\xd5\xd5\xd2\xd0^\xb0\xdd\xdd\xd0", Text: "Ванеева Анна", BirthDate: "19870719", Sex: "F"},
	{ID: "PB-1005", Charset: "ISO_IR 126", Name: "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", Text: "Διονυσιος", BirthDate: "19490205", Sex: "M"},
	{ID: "PB-1006", Charset: "ISO_IR 192", Name: "M\u00fcller^J\u00fcrgen", Text: "Müller Jürgen", BirthDate: "19700101", Sex: "M"},
	{ID: "PB-1007", Charset: "ISO_IR 138", Name: "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", Text: "שרון דבורה", BirthDate: "19920628", Sex: "F"},
	{ID: "PB-1008", Charset: `\ISO 2022 IR 149`, Name: "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf", Text: "Hong Gildong 홍길동", BirthDate: "19830914", Sex: "M"},
	{ID: "PB-1009", Name: "Doe^Jane^^Dr.", Text: "Doe Jane", BirthDate: "19660530", Sex: "F"},
	{ID: "PB-1010", Issuer: "WEST", Charset: "ISO_IR 100", Name: "Garc\xeda Ib\xe1\xf1ez^Mar\xeda", Text: "García Ibáñez María", BirthDate: "20011224", Sex: "F"},
	{ID: "PB-1010", Issuer: "EAST", Charset: "ISO_IR 192", Name: "Zhang^XiaoDong=\u5f20^\u5c0f\u4e1c=", Text: "Zhang XiaoDong 张小东", BirthDate: "19980816", Sex: "O"},
	{ID: "PB-1012", Charset: "ISO_IR 127", Name: "\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", Text: "قباني لنزار", BirthDate: "19730301", Sex: "M"},
}
