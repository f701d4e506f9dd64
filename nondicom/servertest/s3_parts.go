package servertest

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// upload takes an object that comes in parts (S3 API, multipart upload): begun,
// part after part in any order, then joined or given up.
func (b *bucket) upload(w http.ResponseWriter, r *http.Request, key string) {
	query := r.URL.Query()
	switch id := filepath.Base(query.Get("uploadId")); r.Method {
	case http.MethodPost:
		if query.Has("uploads") {
			b.begin(w, key)
			return
		}
		b.join(w, r, key, id)
	case http.MethodPut:
		number, err := strconv.Atoi(query.Get("partNumber"))
		tag := ""
		if err == nil {
			tag, err = keepObject(b.part(id, number), r.Body)
		}
		if err != nil {
			answer(w, http.StatusBadRequest, "IncompleteBody")
			return
		}
		w.Header().Set("ETag", tag)
	case http.MethodDelete:
		_ = os.RemoveAll(filepath.Join(b.parts, id))
		w.WriteHeader(http.StatusNoContent)
	default:
		answer(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func (b *bucket) part(id string, number int) string {
	return filepath.Join(b.parts, id, strconv.Itoa(number))
}

func (b *bucket) begin(w http.ResponseWriter, key string) {
	folder, err := os.MkdirTemp(b.parts, "upload-")
	if err != nil {
		answer(w, http.StatusInternalServerError, "InternalError")
		return
	}
	fmt.Fprintf(w, "<InitiateMultipartUploadResult><Bucket>%s</Bucket><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>",
		Bucket, html.EscapeString(key), filepath.Base(folder))
}

// join makes the object of the parts that the request names, in that order.
func (b *bucket) join(w http.ResponseWriter, r *http.Request, key, id string) {
	var parts struct{ Part []struct{ PartNumber int } }
	if err := xml.NewDecoder(r.Body).Decode(&parts); err != nil {
		answer(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	var readers []io.Reader
	for _, part := range parts.Part {
		file, err := os.Open(b.part(id, part.PartNumber))
		if err != nil {
			answer(w, http.StatusBadRequest, "InvalidPart")
			return
		}
		defer file.Close()
		readers = append(readers, file)
	}
	tag, err := keepObject(b.path(key), io.MultiReader(readers...))
	if err != nil {
		answer(w, http.StatusInternalServerError, "InternalError")
		return
	}
	_ = os.RemoveAll(filepath.Join(b.parts, id))
	fmt.Fprintf(w, "<CompleteMultipartUploadResult><Bucket>%s</Bucket><Key>%s</Key><ETag>%s</ETag></CompleteMultipartUploadResult>",
		Bucket, html.EscapeString(key), html.EscapeString(tag))
}
