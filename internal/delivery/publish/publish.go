// Package publish puts a built site into an S3 bucket so that no visitor ever gets half
// of it: what index.html points to is there before index.html, and what the last
// release's index.html points to stays for one release more.
//
// Everything turns on one object: index.html. Writing it is the switch from one release
// to the next, and its metadata names the release it belongs to, whose list of files
// has been written before it. A run that is interrupted anywhere leaves a whole site,
// old or new, and the next run puts the rest right.
package publish

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// Index is the page that is switched last.
	Index = "index.html"
	// recordPrefix holds one list of files per release that is kept.
	recordPrefix = ".releases/"
	// releaseKey is the metadata of index.html that names its release.
	releaseKey = "release"

	// cacheHashed: the name changes with the content, so a browser never has to ask
	// again; 31 536 000 s are a year, the most that RFC 9111's predecessors allowed.
	cacheHashed = "public, max-age=31536000, immutable"
	// cacheShort: five minutes, for files that keep their name when they change.
	cacheShort = "public, max-age=300"
	// cacheNone: always ask first. For pages and service workers, which decide what
	// else is loaded.
	cacheNone = "no-cache"
)

// S3 is what Publish needs of the S3 API.
type S3 interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	DeleteObjects(context.Context, *s3.DeleteObjectsInput, ...func(*s3.Options)) (*s3.DeleteObjectsOutput, error)
}

// CloudFront is what Publish needs of the CloudFront API.
type CloudFront interface {
	CreateInvalidation(context.Context, *cloudfront.CreateInvalidationInput, ...func(*cloudfront.Options)) (*cloudfront.CreateInvalidationOutput, error)
}

// Publisher writes to one bucket.
type Publisher struct {
	S3     S3
	Bucket string
	// CloudFront and Distribution are set when a CDN stands in front of the bucket.
	CloudFront   CloudFront
	Distribution string
	Out          io.Writer
}

// Result is what was done.
type Result struct {
	// Release names the content: the same build has the same release.
	Release string
	// Previous is the release whose files were kept besides; empty at the first.
	Previous string
	Hashed   int // files with a name of their content
	Other    int // files that keep their name, index.html included
	Deleted  int
}

// record is the list of a release's files.
type record struct {
	Release string `json:"release"`
	// Previous is the release before, whose files are kept too.
	Previous string `json:"previous,omitempty"`
	// Files maps keys to the SHA-256 of their content.
	Files map[string]string `json:"files"`
	// Unlisted are the keys found at the first publication into a bucket that this
	// package did not fill: they count as the release before it.
	Unlisted []string `json:"unlisted,omitempty"`
}

type file struct {
	key, path, sum string
	hashed         bool
}

// Publish uploads the build in dir. It refuses a build without index.html, with
// symbolic links that leave it, or with anything that is no file, before it touches
// the bucket. An error after that leaves the site whole; running it again repairs.
func (p Publisher) Publish(ctx context.Context, dir string) (Result, error) {
	files, err := scan(dir)
	if err != nil {
		return Result{}, fmt.Errorf("publish %s: %w", dir, err)
	}
	res, err := p.publish(ctx, files)
	if err != nil {
		return res, fmt.Errorf("publish to bucket %s: %w", p.Bucket, err)
	}
	return res, nil
}

func (p Publisher) publish(ctx context.Context, files []file) (Result, error) {
	rec := record{Release: releaseOf(files), Files: map[string]string{}}
	for _, f := range files {
		rec.Files[f.key] = f.sum
	}
	present, err := p.list(ctx)
	if err != nil {
		return Result{}, err
	}
	live, err := p.liveRelease(ctx, present)
	if err != nil {
		return Result{}, err
	}
	keep := map[string]string{} // what the release before points to
	switch {
	case live == nil:
		// The bucket's own content, if any, is the release before the first.
		rec.Unlisted = slices.DeleteFunc(slices.Clone(present), func(k string) bool { return strings.HasPrefix(k, recordPrefix) })
	case live.Release == rec.Release:
		// The same build again: a repair must not forget the release before it.
		rec.Previous, rec.Unlisted = live.Previous, live.Unlisted
	default:
		rec.Previous = live.Release
		keep = live.Files
	}
	if rec.Previous != "" && len(keep) == 0 {
		if previous, err := p.read(ctx, rec.Previous); err != nil {
			return Result{}, err
		} else if previous != nil {
			keep = previous.Files
		}
	}
	p.distrustNames(files, keep)

	res := Result{Release: rec.Release, Previous: rec.Previous}
	// Hashed files first, then the others, pages after them; index.html is not among them.
	slices.SortStableFunc(files, func(a, b file) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.key, b.key)) })
	var index file
	for _, f := range files {
		if f.hashed {
			res.Hashed++
		} else {
			res.Other++
		}
		if f.key == Index {
			index = f
			continue
		}
		if err := p.upload(ctx, f, nil); err != nil {
			return res, err
		}
	}
	body, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return res, err
	}
	if _, err := p.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &p.Bucket, Key: aws.String(recordPrefix + rec.Release + ".json"), Body: bytes.NewReader(body),
		ContentType: aws.String("application/json"), CacheControl: aws.String(cacheNone),
	}); err != nil {
		return res, fmt.Errorf("write the list of files: %w", err)
	}
	if err := p.upload(ctx, index, map[string]string{releaseKey: rec.Release}); err != nil {
		return res, err
	}
	fmt.Fprintf(p.Out, "release %s is up: %d hashed and %d other files\n", rec.Release[:12], res.Hashed, res.Other)

	if res.Deleted, err = p.clean(ctx, rec, keep, present); err != nil {
		return res, fmt.Errorf("release %s is up, but cleaning up after it failed; run it again: %w", rec.Release[:12], err)
	}
	if p.Distribution != "" {
		// One wildcard is billed as one path and misses nothing.
		_, err := p.CloudFront.CreateInvalidation(ctx, &cloudfront.CreateInvalidationInput{
			DistributionId: &p.Distribution,
			InvalidationBatch: &cftypes.InvalidationBatch{
				CallerReference: aws.String(fmt.Sprintf("%s-%d", rec.Release[:12], time.Now().UnixNano())),
				Paths:           &cftypes.Paths{Quantity: aws.Int32(1), Items: []string{"/*"}},
			},
		})
		if err != nil {
			return res, fmt.Errorf("release %s is up, but distribution %s was not told; run it again: %w", rec.Release[:12], p.Distribution, err)
		}
	}
	return res, nil
}

// rank is the order of upload.
func rank(f file) int {
	switch {
	case f.hashed:
		return 0
	case cacheControl(f) == cacheShort:
		return 1
	default:
		return 2
	}
}

// distrustNames takes back the guess that a name is made from its content where the
// last release had the same name with another content: a year's caching would pin it.
func (p Publisher) distrustNames(files []file, previous map[string]string) {
	for i, f := range files {
		if sum, ok := previous[f.key]; ok && f.hashed && sum != f.sum {
			files[i].hashed = false
			fmt.Fprintf(p.Out, "%s looks like a hashed name, but its content changed: not cached for long\n", f.key)
		}
	}
}

func (p Publisher) upload(ctx context.Context, f file, metadata map[string]string) error {
	body, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := p.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &p.Bucket, Key: &f.key, Body: body, Metadata: metadata,
		ContentType: aws.String(contentType(f.key, body)), CacheControl: aws.String(cacheControl(f)),
	}); err != nil {
		return fmt.Errorf("upload %s: %w", f.key, err)
	}
	return nil
}

// liveRelease is the record of the release that index.html belongs to, or nil when the
// bucket has no index.html, or one that this package did not write.
func (p Publisher) liveRelease(ctx context.Context, present []string) (*record, error) {
	if !slices.Contains(present, Index) {
		return nil, nil
	}
	head, err := p.S3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &p.Bucket, Key: aws.String(Index)})
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", Index, err)
	}
	for k, id := range head.Metadata {
		if strings.EqualFold(k, releaseKey) {
			return p.read(ctx, id)
		}
	}
	return nil, nil
}

func (p Publisher) read(ctx context.Context, release string) (*record, error) {
	out, err := p.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.Bucket, Key: aws.String(recordPrefix + release + ".json")})
	var none *types.NoSuchKey
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the list of release %s: %w", release, err)
	}
	defer out.Body.Close()
	var rec record
	if err := json.NewDecoder(out.Body).Decode(&rec); err != nil {
		return nil, fmt.Errorf("read the list of release %s: %w", release, err)
	}
	return &rec, nil
}

func (p Publisher) list(ctx context.Context) ([]string, error) {
	var keys []string
	pages := s3.NewListObjectsV2Paginator(p.S3, &s3.ListObjectsV2Input{Bucket: &p.Bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys, nil
}

// clean deletes what belongs neither to this release nor to the one before it, among
// the keys that were there before the upload. In a versioned bucket the old versions
// stay until the lifecycle rule takes them.
func (p Publisher) clean(ctx context.Context, rec record, keep map[string]string, present []string) (int, error) {
	stay := map[string]bool{recordPrefix + rec.Release + ".json": true, recordPrefix + rec.Previous + ".json": true}
	for k := range rec.Files {
		stay[k] = true
	}
	for k := range keep {
		stay[k] = true
	}
	for _, k := range rec.Unlisted {
		stay[k] = true
	}
	var gone []types.ObjectIdentifier
	for _, k := range present {
		if !stay[k] {
			gone = append(gone, types.ObjectIdentifier{Key: aws.String(k)})
		}
	}
	deleted := 0
	for batch := range slices.Chunk(gone, 1000) { // as many as DeleteObjects takes
		out, err := p.S3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &p.Bucket, Delete: &types.Delete{Objects: batch, Quiet: aws.Bool(true)}})
		if err != nil {
			return deleted, fmt.Errorf("delete: %w", err)
		}
		if len(out.Errors) > 0 {
			e := out.Errors[0]
			return deleted, fmt.Errorf("delete %s: %s: %s (and %d more)", aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message), len(out.Errors)-1)
		}
		deleted += len(batch)
	}
	return deleted, nil
}

// scan lists the build's files. Symbolic links are followed within the build only.
func scan(dir string) ([]file, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("the build is not there: %w", err)
	}
	if !info.IsDir() {
		return nil, errors.New("not a directory")
	}
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		key := filepath.ToSlash(rel)
		if strings.HasPrefix(key, recordPrefix) {
			return fmt.Errorf("%s: the name is taken by the lists of releases", key)
		}
		target, err := filepath.EvalSymlinks(name)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if inside, err := filepath.Rel(root, target); err != nil || !filepath.IsLocal(inside) {
			return fmt.Errorf("%s is a link out of the build, to %s", key, target)
		}
		info, err := os.Stat(target)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a regular file", key)
		}
		sum, err := sumOf(target)
		if err != nil {
			return err
		}
		files = append(files, file{key: key, path: target, sum: sum, hashed: Hashed(key)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(files, func(f file) bool { return f.key == Index })
	if i < 0 {
		return nil, fmt.Errorf("no %s: not a build, or a build that failed", Index)
	}
	if info, err := os.Stat(files[i].path); err != nil || info.Size() == 0 {
		return nil, fmt.Errorf("%s is empty: a build that failed", Index)
	}
	return files, nil
}

func sumOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// releaseOf names the content of a whole build.
func releaseOf(files []file) string {
	h := sha256.New()
	sums := map[string]string{}
	for _, f := range files {
		sums[f.key] = f.sum
	}
	for _, k := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(h, "%s %q\n", sums[k], k)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// What bundlers put into file names: a hash after the last "-" or "." before the
// extension. Webpack and Create React App write 8 to 64 hex digits, Rollup and Vite 8
// characters of base64url, esbuild 8 of base32.
var (
	hashedName = regexp.MustCompile(`[.-]([A-Za-z0-9_-]{8,64})(?:\.chunk|\.min|\.module|\.legacy)?\.[a-z0-9]+(?:\.map|\.gz|\.br)?$`)
	hexHash    = regexp.MustCompile(`^[0-9a-f]{8,64}$`)
	base32Hash = regexp.MustCompile(`^[A-Z2-7]{8}$`)
	word       = regexp.MustCompile(`^(?:[a-z_-]+|[A-Z][a-z]+|[A-Z]+[_-]?\d*|\d+)$`)
	camelCase  = regexp.MustCompile(`^[A-Z]?[a-z]+(?:[A-Z][a-z]+)+$`)
	// bundled are the files in whose names two words together are more likely a hash.
	bundled = regexp.MustCompile(`(?:^|/)(?:assets|static)/.*\.(?:m?js|css)(?:\.map)?$`)
)

// Hashed says whether a key carries a hash of its content. A wrong no costs a question
// per visit; a wrong yes would keep an old file in browsers for a year, so in doubt it
// says no: words, numbers and dates are no hashes.
func Hashed(key string) bool {
	base := path.Base(key)
	if noCache(key) {
		return false
	}
	m := hashedName.FindStringSubmatch(base)
	if m == nil {
		return false
	}
	// "index-D-x_3kQz.js": the hash of base64url may itself hold a "-".
	candidates := []string{m[1]}
	if len(m[1]) > 8 {
		candidates = append(candidates, m[1][len(m[1])-8:])
	}
	for _, c := range candidates {
		digits, letters := strings.ContainsAny(c, "0123456789"), strings.ContainsAny(c, "abcdef")
		switch {
		case hexHash.MatchString(c) && digits && letters:
			return true
		case len(c) != 8 || word.MatchString(c) || camelCase.MatchString(c) && !bundled.MatchString(key):
		case base32Hash.MatchString(c) && digits:
			return true
		case strings.ToLower(c) != c && strings.ToUpper(c) != c:
			return true // mixed case, not a word: base64url
		}
	}
	return false
}

func noCache(key string) bool {
	base := strings.ToLower(path.Base(key))
	ext := path.Ext(base)
	return ext == ".html" || ext == ".htm" || base == "sw.js" || strings.HasPrefix(base, "service-worker")
}

func cacheControl(f file) string {
	switch {
	case noCache(f.key):
		return cacheNone
	case f.hashed:
		return cacheHashed
	default:
		return cacheShort
	}
}

// types that the operating system's table lacks or gets wrong on some machines.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8",
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".json": "application/json", ".map": "application/json", ".webmanifest": "application/manifest+json",
	".txt": "text/plain; charset=utf-8", ".xml": "application/xml", ".md": "text/markdown; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
	".webp": "image/webp", ".avif": "image/avif", ".ico": "image/x-icon",
	".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf", ".eot": "application/vnd.ms-fontobject",
	".mp4": "video/mp4", ".webm": "video/webm", ".mp3": "audio/mpeg", ".wav": "audio/wav", ".ogg": "audio/ogg",
	".wasm": "application/wasm", ".pdf": "application/pdf", ".zip": "application/zip",
}

// contentType goes by the name, and where that says nothing by the first 512 bytes.
func contentType(key string, body io.ReadSeeker) string {
	if t, ok := contentTypes[strings.ToLower(path.Ext(key))]; ok {
		return t
	}
	var start [512]byte
	n, _ := io.ReadFull(body, start[:]) // a short read is what a short file gives
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "application/octet-stream"
	}
	return http.DetectContentType(start[:n])
}
