package table

// Source says where a site's records are and which quirks their file has.
type Source struct {
	CSV       string            // path, relative to the study file
	Encoding  string            // utf-8 (default), gb18030, latin-1, utf-16
	Separator string            // one character; default ","
	Columns   map[string]string // variable -> name of its column in this file; overrides Field.Column
}
