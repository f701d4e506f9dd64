package fetch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	_ "github.com/rclone/rclone/backend/s3" // the backend
	"github.com/rclone/rclone/fs"
)

// openS3 opens s3://key:secret@bucket/prefix?endpoint=https://host, and obs://
// of Huawei's likewise. Without a key the machine's own credentials count, as
// every program of Amazon's finds them.
func openS3(u *url.URL) (place, error) {
	if err := knownParameters(u, "endpoint", "region", "provider"); err != nil {
		return nil, err
	}
	if u.Host == "" {
		return nil, errors.New("the URL names no bucket: s3://key:secret@bucket/prefix?endpoint=https://host")
	}
	query := u.Query()
	endpoint, provider := query.Get("endpoint"), query.Get("provider")
	if provider == "" {
		switch {
		case u.Scheme == "obs":
			provider = "HuaweiOBS"
		case endpoint == "":
			provider = "AWS"
		default:
			provider = "Other"
		}
	}
	if provider != "AWS" && endpoint == "" {
		return nil, errors.New("name the server: ?endpoint=https://host")
	}
	options := map[string]string{
		"provider": provider, "endpoint": endpoint, "region": query.Get("region"), "env_auth": "true",
		"no_check_bucket": "true",
	}
	if u.User != nil {
		options["env_auth"] = "false"
		options["access_key_id"] = u.User.Username()
		options["secret_access_key"], _ = u.User.Password()
	}
	r, err := newRemote("s3", u, strings.TrimSuffix(u.Host+u.Path, "/")+"/", options)
	if err != nil {
		return nil, err
	}
	r.explain, r.suspect, r.unasked = explainS3, suspectS3, "no_head_object"
	return r, nil
}

// The codes with which a server refuses a key and its secret.
var s3Refusals = []string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthorizationHeaderMalformed"}

func explainS3(err error) *Error {
	var answer smithy.APIError
	var response *awshttp.ResponseError
	switch {
	case errors.As(err, &answer) && slices.Contains(s3Refusals, answer.ErrorCode()):
		return &Error{Kind: ErrPassword, Detail: errors.New(answer.ErrorCode())}
	case errors.As(err, &answer) && answer.ErrorCode() == "NoSuchBucket":
		return &Error{Kind: ErrNotFound, Detail: errors.New("the server has no such bucket")}
	case errors.As(err, &response) && response.HTTPStatusCode() == http.StatusForbidden:
		return &Error{Kind: ErrDenied, Detail: errors.New("403 Forbidden")}
	case errors.As(err, &response) && response.HTTPStatusCode() == http.StatusNotFound:
		return &Error{Kind: ErrNotFound}
	}
	return brokenError(err)
}

// suspectS3 finds out why access was denied: the answer to HEAD has no body
// that could say it, the answer to a listing has.
func suspectS3(ctx context.Context, remote fs.Fs, e *Error) *Error {
	if e.Kind != ErrDenied {
		return e
	}
	if _, err := remote.List(ctx, probe); err != nil {
		if reason := explainS3(err); reason.Kind == ErrPassword {
			return reason
		}
	}
	return e
}
