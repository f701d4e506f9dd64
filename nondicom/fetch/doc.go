// Package fetch opens attachments where the old system kept them.
//
// A location is STORE:path, with a store that the settings name, or a whole
// URL. The stores are reached through rclone; nothing of rclone shows outside
// this package. It holds no copies: a File is a stream, and its size and
// modification time are compared before and after, its length and digests with
// what the old system's database said.
//
//	stores, err := fetch.Open([]fetch.Store{{Name: "reports", At: "/srv/ris/reports"}})
//	…
//	file, err := stores.Fetch(ctx, "reports:2026/01/4711.pdf")
//	…
//	defer file.Close()
//	_, err = io.Copy(w, file.Expect(fetch.Want{Size: 48213}))
package fetch
