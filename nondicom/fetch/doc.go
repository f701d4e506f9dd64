// Package fetch opens attachments where the old system kept them.
//
// A location is STORE:path, with a store that the settings name, or a whole
// URL that lies in one of them. The stores are folders, FTP and FTPS, SFTP,
// S3 and what is compatible with it, SMB, WebDAV and plain web servers. They
// are reached through rclone, of which nothing shows outside this package, and
// whose own settings, in files or the environment, have no say.
//
// It holds no copies: a File is a stream, and its size and modification time
// are compared before and after, its length and digests with what the old
// system's database said. A stream that breaks off is taken up where it was as
// long as the file is the same; where the store cannot tell, it is an error
// that may pass, and the caller begins from zero. A password that a server
// refuses is not tried a second time.
//
// A link at a server that leads out of the store's folder is the server's to
// refuse; in folders of this machine it is refused here.
//
//	stores, err := fetch.Open([]fetch.Store{{Name: "reports", At: "/srv/ris/reports"}})
//	…
//	file, err := stores.Fetch(ctx, "reports:2026/01/4711.pdf")
//	…
//	defer file.Close()
//	_, err = io.Copy(w, file.Expect(fetch.Want{Size: 48213}))
package fetch
