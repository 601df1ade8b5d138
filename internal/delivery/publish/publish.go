// Package publish puts a built site into an S3 bucket so that no visitor ever gets half of it: what index.html points
// to is there before index.html, and what the last release's index.html points to stays for one release more.
//
// Everything turns on one object: index.html. Writing it is the switch from one release to the next, and its metadata
// names the release it belongs to, whose list of files has been written before it. A run that is interrupted anywhere
// leaves a whole site, old or new, and the next run puts the rest right.
package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const (
	// Index is the page that is switched last.
	Index = "index.html"
	// recordPrefix holds one list of files per release that is kept.
	recordPrefix = ".releases/"
	// releaseKey is the metadata of index.html that names its release.
	releaseKey = "release"

	// cacheForever: the name changes with the content, so a browser never has to ask again; 31 536 000 s are a year,
	// the most that RFC 9111's predecessors allowed.
	cacheForever = "public, max-age=31536000, immutable"
	// cacheShort: five minutes, for files that keep their name when they change.
	cacheShort = "public, max-age=300"
	// cacheNone: always ask first. For pages and service workers, which decide what else is loaded.
	cacheNone = "no-cache"

	// uploads is how many files are written at a time.
	uploads = 16
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
	// Immutable is the folder of the build whose files have a hash of their content in their names; bundlers keep
	// them apart, as Vite does in assets.
	Immutable string
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
	Uploaded int // files written; those that never change and are there already are not
	Deleted  int
}

// record is the list of a release's files.
type record struct {
	Release string `json:"release"`
	// Previous is the release before, whose files are kept too.
	Previous string `json:"previous,omitempty"`
	// Immutable is the folder of the files that never change.
	Immutable string `json:"immutable,omitempty"`
	// Files maps keys to the SHA-256 of their content.
	Files map[string]string `json:"files"`
}

type file struct {
	key, path, sum, cache string
}

// Publish uploads the build in dir. It refuses a build without index.html, with symbolic links that leave it, or with
// anything that is no file, before it touches the bucket. An error after that leaves the site whole; running it again
// repairs.
func (p Publisher) Publish(ctx context.Context, dir string) (Result, error) {
	files, err := scan(dir)
	if err != nil {
		return Result{}, fmt.Errorf("publish %s: %w", dir, err)
	}
	for i := range files {
		files[i].cache = p.cacheControl(files[i].key)
	}
	res, err := p.publish(ctx, files)
	if err != nil {
		return res, fmt.Errorf("publish to bucket %s: %w", p.Bucket, err)
	}
	return res, nil
}

func (p Publisher) publish(ctx context.Context, files []file) (Result, error) {
	rec := record{Release: releaseOf(files), Immutable: p.Immutable, Files: map[string]string{}}
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
	before := live // the release whose files are kept besides
	if live != nil && live.Release == rec.Release {
		// The same build again: a repair must not forget the release before it.
		if before, err = p.read(ctx, live.Previous); err != nil {
			return Result{}, err
		}
	}
	if before != nil {
		rec.Previous = before.Release
	}

	res := Result{Release: rec.Release, Previous: rec.Previous}
	if res.Uploaded, err = p.uploadAll(ctx, files, present, live); err != nil {
		return res, err
	}
	if err := p.writeRecord(ctx, rec); err != nil {
		return res, err
	}
	index := files[slices.IndexFunc(files, func(f file) bool { return f.key == Index })]
	if err := p.upload(ctx, index, map[string]string{releaseKey: rec.Release}); err != nil {
		return res, err
	}
	res.Uploaded++
	fmt.Fprintf(p.Out, "release %s is up: %d of %d files written\n", rec.Release[:12], res.Uploaded, len(files))

	if res.Deleted, err = p.clean(ctx, rec, before, present); err != nil {
		return res, fmt.Errorf("release %s is up, but cleaning up after it failed; run it again: %w", rec.Release[:12], err)
	}
	return res, p.invalidate(ctx, rec.Release)
}

// uploadAll writes all files but index.html: what never changes first, then the others, then pages, which load them.
func (p Publisher) uploadAll(ctx context.Context, files []file, present []string, live *record) (uploaded int, err error) {
	there := map[string]bool{}
	for _, key := range present {
		there[key] = true
	}
	for _, cache := range []string{cacheForever, cacheShort, cacheNone} {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(uploads)
		for _, f := range files {
			if f.key == Index || f.cache != cache || cache == cacheForever && there[f.key] && live.has(f) {
				continue
			}
			uploaded++
			group.Go(func() error { return p.upload(ctx, f, nil) })
		}
		if err := group.Wait(); err != nil {
			return uploaded, err
		}
	}
	return uploaded, nil
}

// has says whether the release has the very same file, published never to change.
func (r *record) has(f file) bool {
	return r != nil && r.Files[f.key] == f.sum && isBelow(r.Immutable, f.key)
}

func (p Publisher) writeRecord(ctx context.Context, rec record) error {
	body, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	if _, err := p.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &p.Bucket, Key: aws.String(recordPrefix + rec.Release + ".json"), Body: bytes.NewReader(body),
		ContentType: aws.String("application/json"), CacheControl: aws.String(cacheNone),
	}); err != nil {
		return fmt.Errorf("write the list of files: %w", err)
	}
	return nil
}

func (p Publisher) invalidate(ctx context.Context, release string) error {
	if p.Distribution == "" {
		return nil
	}
	// One wildcard is billed as one path and misses nothing.
	_, err := p.CloudFront.CreateInvalidation(ctx, &cloudfront.CreateInvalidationInput{
		DistributionId: &p.Distribution,
		InvalidationBatch: &cftypes.InvalidationBatch{
			CallerReference: aws.String(fmt.Sprintf("%s-%d", release[:12], time.Now().UnixNano())),
			Paths:           &cftypes.Paths{Quantity: aws.Int32(1), Items: []string{"/*"}},
		},
	})
	if err != nil {
		return fmt.Errorf("release %s is up, but distribution %s was not told; run it again: %w", release[:12], p.Distribution, err)
	}
	return nil
}

func (p Publisher) upload(ctx context.Context, f file, metadata map[string]string) error {
	body, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := p.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &p.Bucket, Key: &f.key, Body: body, Metadata: metadata,
		ContentType: aws.String(contentType(f.key, body)), CacheControl: &f.cache,
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

// read is the record of a release, or nil when there is none.
func (p Publisher) read(ctx context.Context, release string) (*record, error) {
	if release == "" {
		return nil, nil
	}
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

// clean deletes what belongs neither to this release nor to the one before it, among the keys that were there before
// the upload. What a bucket held before the first release counts as the one before. In a versioned bucket the old
// versions stay until the lifecycle rule takes them.
func (p Publisher) clean(ctx context.Context, rec record, before *record, present []string) (int, error) {
	if before == nil {
		return 0, nil
	}
	stay := map[string]bool{recordPrefix + rec.Release + ".json": true, recordPrefix + rec.Previous + ".json": true}
	for _, files := range []map[string]string{rec.Files, before.Files} {
		for key := range files {
			stay[key] = true
		}
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
