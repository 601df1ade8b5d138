package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/internal/delivery/emulated"
	"sentry/internal/delivery/publish"
)

const bucket = "sentry-staging-frontend-123456789012"

// site is a bucket on an S3 server in this process, and a publisher into it. fail, when
// set, is asked before every write and may end it: a lost connection, a killed job.
type site struct {
	*s3.Client
	t      *testing.T
	mu     sync.Mutex
	writes []string
	cache  map[string]string // Cache-Control as sent; this S3 server does not keep it
	fail   func(op, key string) error
	out    bytes.Buffer
}

func newSite(t *testing.T) *site {
	t.Helper()
	client, _ := emulated.S3(t, bucket, nil)
	_, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket:                  aws.String(bucket),
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	require.NoError(t, err) // A10: the real bucket is versioned
	return &site{Client: client, t: t, cache: map[string]string{}}
}

func (s *site) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail("put", *in.Key); err != nil {
			return nil, err
		}
	}
	s.writes = append(s.writes, *in.Key)
	s.cache[*in.Key] = aws.ToString(in.CacheControl)
	return s.Client.PutObject(ctx, in, o...)
}

func (s *site) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput, o ...func(*s3.Options)) (*s3.DeleteObjectsOutput, error) {
	if s.fail != nil {
		if err := s.fail("delete", ""); err != nil {
			return nil, err
		}
	}
	return s.Client.DeleteObjects(ctx, in, o...)
}

func (s *site) publish(build map[string]string) (publish.Result, error) {
	s.t.Helper()
	return publish.Publisher{S3: s, Bucket: bucket, Immutable: "assets", Out: &s.out}.Publish(s.t.Context(), write(s.t, build))
}

func (s *site) must(build map[string]string) publish.Result {
	s.t.Helper()
	res, err := s.publish(build)
	require.NoError(s.t, err)
	return res
}

// keys are the site's files, without the publisher's own records.
func (s *site) keys() []string {
	s.t.Helper()
	out, err := s.ListObjectsV2(s.t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	require.NoError(s.t, err)
	var keys []string
	for _, o := range out.Contents {
		if !strings.HasPrefix(*o.Key, ".releases/") {
			keys = append(keys, *o.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (s *site) get(key string) (*s3.GetObjectOutput, string) {
	s.t.Helper()
	out, err := s.GetObject(s.t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	require.NoError(s.t, err, key)
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	require.NoError(s.t, err)
	return out, string(body)
}

// whole checks what a visitor sees: index.html and everything it points to.
func (s *site) whole(when string) string {
	s.t.Helper()
	_, index := s.get("index.html")
	for _, word := range strings.Fields(index) {
		if strings.HasPrefix(word, "assets/") {
			assert.Contains(s.t, s.keys(), word, "%s: index.html points to a file that is not there", when)
		}
	}
	return index
}

func write(t *testing.T, build map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range build {
		file := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	return dir
}

// Three releases of a site, as Vite names its files.
var (
	one = map[string]string{
		"index.html": "one assets/index-DiwrgTda.js assets/index-4f3c2b1a.css", "assets/index-DiwrgTda.js": "js one",
		"assets/index-4f3c2b1a.css": "css", "favicon.ico": "icon", "robots.txt": "robots", "about/index.html": "about",
	}
	two = map[string]string{
		"index.html": "two assets/index-BqL9x_2k.js assets/index-4f3c2b1a.css", "assets/index-BqL9x_2k.js": "js two",
		"assets/index-4f3c2b1a.css": "css", "favicon.ico": "icon two",
	}
	three = map[string]string{"index.html": "three assets/index-C3aaZZ19.js", "assets/index-C3aaZZ19.js": "js three", "favicon.ico": "icon"}
)

func TestOrderOfUpload(t *testing.T) {
	s := newSite(t)
	res := s.must(one)
	require.Len(t, s.writes, 7)
	assert.ElementsMatch(t, []string{"assets/index-4f3c2b1a.css", "assets/index-DiwrgTda.js"}, s.writes[:2], "what the pages load is not first")
	assert.Equal(t, "index.html", s.writes[6], "index.html is not last: visitors load files that are not there yet")
	assert.Equal(t, "about/index.html", s.writes[4], "other pages come before the files they load")
	assert.Equal(t, publish.Result{Release: res.Release, Uploaded: 6}, res)
}

func TestCachingAndContentTypes(t *testing.T) {
	s := newSite(t)
	build := map[string]string{
		"index.html": "x", "old.htm": "x", "pixel.png": "x", "photo.avif": "x", "photo.webp": "x", "favicon.ico": "x", "README.md": "x", "assets/app-DiwrgTda.js": "x", "assets/app-4f3c2b1a.css": "x", "assets/app-DiwrgTda.js.map": "{}",
		"photo-iPhone14.jpg": "x", "assets/page.html": "x", "myassets/x.js": "x", "site.webmanifest": "{}", "sw.js": "x", "logo.svg": "<svg/>", "assets/font-a1b2c3d4.woff2": "x", "x.wasm": "x", "noextension": "%PDF-1.7", "data.json": "{}",
	}
	s.must(build)
	for key, want := range map[string][2]string{
		"index.html":                 {"no-cache", "text/html; charset=utf-8"},
		"assets/app-DiwrgTda.js":     {"public, max-age=31536000, immutable", "text/javascript; charset=utf-8"},
		"assets/app-DiwrgTda.js.map": {"public, max-age=31536000, immutable", "application/json"},
		"assets/app-4f3c2b1a.css":    {"public, max-age=31536000, immutable", "text/css; charset=utf-8"},
		"assets/font-a1b2c3d4.woff2": {"public, max-age=31536000, immutable", "font/woff2"},
		"photo-iPhone14.jpg":         {"public, max-age=300", "image/jpeg"},
		"assets/page.html":           {"no-cache", "text/html; charset=utf-8"},
		"myassets/x.js":              {"public, max-age=300", "text/javascript; charset=utf-8"},
		"site.webmanifest":           {"public, max-age=300", "application/manifest+json"},
		"sw.js":                      {"no-cache", "text/javascript; charset=utf-8"},
		"logo.svg":                   {"public, max-age=300", "image/svg+xml"},
		"x.wasm":                     {"public, max-age=300", "application/wasm"},
		"data.json":                  {"public, max-age=300", "application/json"},
		"old.htm":                    {"no-cache", "text/html; charset=utf-8"},
		"pixel.png":                  {"public, max-age=300", "image/png"},
		"photo.avif":                 {"public, max-age=300", "image/avif"},
		"photo.webp":                 {"public, max-age=300", "image/webp"},
		"favicon.ico":                {"public, max-age=300", "image/x-icon"},
		"README.md":                  {"public, max-age=300", "text/markdown; charset=utf-8"},
		"noextension":                {"public, max-age=300", "application/pdf"},
	} {
		got, _ := s.get(key)
		assert.Equal(t, want, [2]string{s.cache[key], aws.ToString(got.ContentType)}, key)
	}
}

func TestOldAssetsStayForOneRelease(t *testing.T) {
	s := newSite(t)
	r1 := s.must(one)
	r2 := s.must(two)
	assert.Equal(t, r1.Release, r2.Previous)
	assert.Contains(t, s.keys(), "assets/index-DiwrgTda.js", "a tab that was open before the release breaks")
	r3 := s.must(three)
	assert.Equal(t, r2.Release, r3.Previous)
	assert.Equal(t, []string{"assets/index-4f3c2b1a.css", "assets/index-BqL9x_2k.js", "assets/index-C3aaZZ19.js", "favicon.ico", "index.html"}, s.keys(),
		"files that belong to neither this nor the last release are still there, or others are gone")
	assert.Equal(t, 4, r3.Deleted, "robots.txt, about/ and the script of the first release; and its list")
	s.whole("after three releases")
}

func TestPublishingTheSameAgainForgetsNothing(t *testing.T) {
	s := newSite(t)
	s.must(one)
	s.must(two)
	before := s.keys()
	for range 3 {
		s.must(two)
		assert.Equal(t, before, s.keys(), "a repeated deployment deletes the assets of the release before")
	}
}

func TestGoingBackAReleaseWorks(t *testing.T) {
	s := newSite(t)
	s.must(one)
	s.must(two)
	s.must(one)
	assert.Equal(t, "one assets/index-DiwrgTda.js assets/index-4f3c2b1a.css", s.whole("after going back"))
	assert.Contains(t, s.keys(), "assets/index-BqL9x_2k.js", "tabs of the release that was taken back break")
}

// Interrupt the second release before every single write: the site is whole, and running
// it again ends as if nothing had happened.
func TestInterruptedAnywhere(t *testing.T) {
	calm := newSite(t)
	calm.must(one)
	calm.writes = nil
	calm.must(two)
	steps := len(calm.writes) + 1 // and the deletion, which the third release has
	calm.must(three)
	want := calm.keys()

	lost := errors.New("connection lost")
	for stop := range steps {
		s := newSite(t)
		s.must(one)
		done := 0
		s.fail = func(string, string) error {
			if done == stop {
				return lost
			}
			done++
			return nil
		}
		_, err := s.publish(two)
		index := s.whole("interrupted")
		if stop < steps-1 {
			require.ErrorIs(t, err, lost, "stopped before write %d, but reported as published", stop)
			assert.True(t, strings.HasPrefix(index, "one"), "index.html was switched before its files were there")
		}
		for _, key := range []string{"assets/index-DiwrgTda.js", "assets/index-4f3c2b1a.css"} {
			assert.Contains(t, s.keys(), key, "the site that visitors see lost a file")
		}
		s.fail = nil
		s.must(two)
		assert.True(t, strings.HasPrefix(s.whole("repaired"), "two"))
		assert.Contains(t, s.keys(), "assets/index-DiwrgTda.js", "the repair forgot the release before")
		s.must(three)
		assert.Equal(t, want, s.keys(), "stopped before write %d: the bucket does not end as it would have", stop)
	}
}

func TestInterruptedThenAnotherReleaseKeepsTheLiveOne(t *testing.T) {
	s := newSite(t)
	s.must(one)
	s.fail = func(op, _ string) error {
		if op == "delete" {
			return errors.New("access denied")
		}
		return nil
	}
	s.must(two) // nothing to delete yet
	_, err := s.publish(three)
	require.ErrorContains(t, err, "is up, but cleaning up after it failed; run it again")
	assert.True(t, strings.HasPrefix(s.whole("deletion failed"), "three"))
	s.fail = nil
	s.must(map[string]string{"index.html": "four"})
	assert.Equal(t, []string{"assets/index-C3aaZZ19.js", "favicon.ico", "index.html"}, s.keys())
}

func TestABucketFilledByOthersIsTheReleaseBeforeTheFirst(t *testing.T) {
	s := newSite(t)
	for _, key := range []string{"index.html", "static/js/main.8a7b6c5d.chunk.js"} {
		_, err := s.Client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader("old")})
		require.NoError(t, err)
	}
	s.must(one)
	assert.Contains(t, s.keys(), "static/js/main.8a7b6c5d.chunk.js", "the first deployment breaks the tabs open on the old site")
	s.must(one)
	assert.Contains(t, s.keys(), "static/js/main.8a7b6c5d.chunk.js")
	s.must(two)
	assert.NotContains(t, s.keys(), "static/js/main.8a7b6c5d.chunk.js")
}

// A release of six thousand files must not take one request after the other, nor all of them again.
func TestWhatNeverChangesIsWrittenOnce(t *testing.T) {
	s := newSite(t)
	s.must(one)
	s.writes = nil
	s.must(two)
	assert.NotContains(t, s.writes, "assets/index-4f3c2b1a.css", "a file that is there already, and never changes, is written again")
	assert.Contains(t, s.writes, "favicon.ico")
	s.writes = nil
	s.must(two)
	assert.Equal(t, 2, len(slices.DeleteFunc(slices.Clone(s.writes), func(k string) bool { return strings.HasPrefix(k, ".releases/") })), "%v", s.writes)

	_, err := s.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String("assets/index-BqL9x_2k.js")})
	require.NoError(t, err)
	s.must(two)
	s.whole("after somebody deleted a file")

	// Another convention: what was written with a short life is written again.
	s.writes = nil
	_, err = publish.Publisher{S3: s, Bucket: bucket, Immutable: "static", Out: io.Discard}.Publish(t.Context(), write(t, two))
	require.NoError(t, err)
	assert.Equal(t, "public, max-age=300", s.cache["assets/index-4f3c2b1a.css"])
	s.must(two)
	assert.Contains(t, s.cache["assets/index-4f3c2b1a.css"], "immutable")
}

func TestRefusedBuildsTouchNothing(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o600))
	for what, c := range map[string]struct {
		build map[string]string
		spoil func(dir string) error
		want  string
	}{
		"no index":            {map[string]string{"app.js": "x"}, nil, "no index.html"},
		"nothing at all":      {map[string]string{}, nil, "no index.html"},
		"empty index":         {map[string]string{"index.html": ""}, nil, "index.html is empty"},
		"link out":            {map[string]string{"index.html": "x"}, func(d string) error { return os.Symlink(outside, filepath.Join(d, "x.txt")) }, "link out of the build"},
		"link to above":       {map[string]string{"index.html": "x"}, func(d string) error { return os.Symlink("..", filepath.Join(d, "up")) }, "link out of the build"},
		"index is a link out": {map[string]string{"a.txt": "x"}, func(d string) error { return os.Symlink(outside, filepath.Join(d, "index.html")) }, "link out of the build"},
		"dangling link":       {map[string]string{"index.html": "x"}, func(d string) error { return os.Symlink("none", filepath.Join(d, "x")) }, "x: "},
		"link to a folder":    {map[string]string{"index.html": "x", "a/b": "x"}, func(d string) error { return os.Symlink("a", filepath.Join(d, "c")) }, "not a regular file"},
		"our own name":        {map[string]string{"index.html": "x", ".releases/x.json": "{}"}, nil, "taken by the lists of releases"},
		"index is a folder":   {map[string]string{"index.html/x": "x"}, nil, "no index.html"},
		"directory missing":   {map[string]string{"index.html": "x"}, os.RemoveAll, "the build is not there"},
	} {
		s := newSite(t)
		dir := write(t, c.build)
		if c.spoil != nil {
			require.NoError(t, c.spoil(dir))
		}
		_, err := publish.Publisher{S3: s, Bucket: bucket, Out: io.Discard}.Publish(t.Context(), dir)
		require.ErrorContains(t, err, c.want, what)
		assert.Empty(t, s.writes, "%s: the bucket was written to", what)
	}
}

func TestLinksWithinTheBuildAreFollowed(t *testing.T) {
	s := newSite(t)
	dir := write(t, map[string]string{"index.html": "x", "a.txt": "text"})
	require.NoError(t, os.Symlink("a.txt", filepath.Join(dir, "b.txt")))
	_, err := publish.Publisher{S3: s, Bucket: bucket, Out: io.Discard}.Publish(t.Context(), dir)
	require.NoError(t, err)
	_, body := s.get("b.txt")
	assert.Equal(t, "text", body)
}

// One file that was not written is enough: the page that loads it must not be switched to.
func TestOneLostFileStopsTheRelease(t *testing.T) {
	s := newSite(t)
	s.must(one)
	for _, lost := range []string{"assets/index-BqL9x_2k.js", "favicon.ico"} {
		s.fail = func(_, key string) error {
			if key == lost {
				return errors.New("connection lost")
			}
			return nil
		}
		_, err := s.publish(two)
		require.ErrorContains(t, err, "upload "+lost+": connection lost")
		assert.True(t, strings.HasPrefix(s.whole(lost), "one"), "index.html was switched although %s is missing", lost)
	}
}

// unread is a bucket that does not say which release is live.
type unread struct{ *site }

func (unread) HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	return nil, errors.New("AccessDenied")
}

// Else it would be taken for a bucket without one, whose files nobody needs.
func TestALiveReleaseThatCannotBeReadStopsTheNextOne(t *testing.T) {
	s := newSite(t)
	s.must(one)
	_, err := publish.Publisher{S3: unread{s}, Bucket: bucket, Immutable: "assets", Out: &s.out}.Publish(t.Context(), write(t, two))
	require.ErrorContains(t, err, "look at index.html: AccessDenied")
	assert.True(t, strings.HasPrefix(s.whole("afterwards"), "one"))
}

// A bundler that was told to leave the hashes out still publishes what it has built.
func TestAChangedFileIsWrittenWhateverItsFolder(t *testing.T) {
	s := newSite(t)
	s.must(map[string]string{"index.html": "x", "assets/app.js": "one"})
	s.must(map[string]string{"index.html": "x", "assets/app.js": "two"})
	_, text := s.get("assets/app.js")
	assert.Equal(t, "two", text, "visitors get the script of the release before")
}

// deletions is a bucket of many files, of which some may refuse to be deleted.
type deletions struct {
	*site
	many    int
	refused []types.Error
	batches []int
}

func (d *deletions) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, o ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	out, err := d.site.ListObjectsV2(ctx, in, o...)
	for i := range d.many {
		out.Contents = append(out.Contents, types.Object{Key: aws.String(fmt.Sprintf("old/%d", i))})
	}
	return out, err
}

func (d *deletions) DeleteObjects(_ context.Context, in *s3.DeleteObjectsInput, _ ...func(*s3.Options)) (*s3.DeleteObjectsOutput, error) {
	d.batches = append(d.batches, len(in.Delete.Objects))
	return &s3.DeleteObjectsOutput{Errors: d.refused}, nil
}

// S3 takes a thousand deletions at a time, and answers with those that it refused instead of an error.
func TestDeletionsOfALargeRelease(t *testing.T) {
	d := &deletions{site: newSite(t)}
	d.must(one)
	d.many = 2001
	p := publish.Publisher{S3: d, Bucket: bucket, Immutable: "assets", Out: io.Discard}
	res, err := p.Publish(t.Context(), write(t, two))
	require.NoError(t, err)
	assert.Equal(t, []int{1000, 1000, 1}, d.batches, "S3 refuses more than 1,000 at a time")
	assert.Equal(t, 2001, res.Deleted)

	d.refused = []types.Error{{Key: aws.String("old/7"), Code: aws.String("AccessDenied"), Message: aws.String("Access Denied")}}
	_, err = p.Publish(t.Context(), write(t, two))
	require.ErrorContains(t, err, "delete old/7: AccessDenied", "what was not deleted stays for ever, and nobody hears of it")
}

type recordedCDN struct {
	paths, references []string
	err               error
}

func (c *recordedCDN) CreateInvalidation(_ context.Context, in *cloudfront.CreateInvalidationInput, _ ...func(*cloudfront.Options)) (*cloudfront.CreateInvalidationOutput, error) {
	c.paths = append(c.paths, *in.DistributionId+" "+strings.Join(in.InvalidationBatch.Paths.Items, ","))
	c.references = append(c.references, *in.InvalidationBatch.CallerReference)
	return &cloudfront.CreateInvalidationOutput{}, c.err
}

func TestTheCDNIsToldAfterTheSwitch(t *testing.T) {
	s := newSite(t)
	cdn := &recordedCDN{}
	p := publish.Publisher{S3: s, Bucket: bucket, Out: io.Discard, CloudFront: cdn, Distribution: "E1EXAMPLE"}
	_, err := p.Publish(t.Context(), write(t, one))
	require.NoError(t, err)
	assert.Equal(t, []string{"E1EXAMPLE /*"}, cdn.paths)
	_, err = p.Publish(t.Context(), write(t, one))
	require.NoError(t, err)
	assert.NotEqual(t, cdn.references[0], cdn.references[1], "CloudFront takes the second for the first, and keeps what it has")

	cdn.err = errors.New("too many invalidations")
	_, err = p.Publish(t.Context(), write(t, two))
	require.ErrorContains(t, err, "is up, but distribution E1EXAMPLE was not told")
	s.fail = func(string, string) error { return errors.New("lost") }
	cdn.paths = nil
	_, err = p.Publish(t.Context(), write(t, three))
	require.Error(t, err)
	assert.Empty(t, cdn.paths, "the cache is emptied although nothing was published")
}
