package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// stateBucket is the bucket of the state backend.
const stateBucket = "state"

// stateBackend is an S3 in this process: the engine's real S3 backend runs against it.
type stateBackend struct {
	server *http.Server
	url    string
}

func serveState(folder string) (*stateBackend, error) {
	store := &keptStore{Backend: s3mem.New(), folder: folder}
	if err := store.load(); err != nil {
		return nil, fmt.Errorf("start the sandbox's state backend: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the sandbox's state backend: %w", err)
	}
	s := &stateBackend{
		server: &http.Server{
			Handler:           gofakes3.New(store, gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithTimeSkewLimit(0)).Server(),
			ReadHeaderTimeout: time.Minute,
		},
		url: fmt.Sprintf("s3://%s?region=%s&endpoint=http://%s&s3ForcePathStyle=true", stateBucket, DefaultRegion, listener.Addr()),
	}
	go func() { _ = s.server.Serve(listener) }() // ends with close
	return s, nil
}

func (s *stateBackend) close() { _ = s.server.Close() }

// keptStore is the in-memory store of the fake S3, with every object also in a file, so that a sandbox
// survives its process at any moment.
type keptStore struct {
	*s3mem.Backend
	folder string // "": keep nothing
}

func (s *keptStore) load() error {
	if err := s.CreateBucket(stateBucket); err != nil || s.folder == "" {
		return err
	}
	if err := os.MkdirAll(s.folder, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(s.folder)
	if err != nil {
		return err
	}
	for _, f := range files {
		key, err := url.PathUnescape(f.Name())
		if err != nil || strings.HasSuffix(f.Name(), ".new") {
			continue // half a file, of a process that was lost while writing it
		}
		text, err := os.ReadFile(filepath.Join(s.folder, f.Name()))
		if err != nil {
			return err
		}
		if _, err := s.Backend.PutObject(stateBucket, key, map[string]string{}, bytes.NewReader(text), int64(len(text)), nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *keptStore) file(key string) string { return filepath.Join(s.folder, url.PathEscape(key)) }

// PutObject stores an object, in memory and in its file.
func (s *keptStore) PutObject(bucket, key string, meta map[string]string, input io.Reader, size int64,
	conditions *gofakes3.PutConditions,
) (gofakes3.PutObjectResult, error) {
	text, err := io.ReadAll(input)
	if err != nil {
		return gofakes3.PutObjectResult{}, err
	}
	result, err := s.Backend.PutObject(bucket, key, meta, bytes.NewReader(text), size, conditions)
	if err != nil || s.folder == "" {
		return result, err
	}
	if err := os.WriteFile(s.file(key)+".new", text, 0o600); err != nil {
		return result, err
	}
	return result, os.Rename(s.file(key)+".new", s.file(key))
}

// CopyObject copies through PutObject.
func (s *keptStore) CopyObject(fromBucket, fromKey, bucket, key string, meta map[string]string) (gofakes3.CopyObjectResult, error) {
	return gofakes3.CopyObject(s, fromBucket, fromKey, bucket, key, meta)
}

// DeleteObject removes an object and its file.
func (s *keptStore) DeleteObject(bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	result, err := s.Backend.DeleteObject(bucket, key)
	return result, errors.Join(err, s.forget(key))
}

// DeleteMulti removes several objects and their files.
func (s *keptStore) DeleteMulti(bucket string, keys ...string) (gofakes3.MultiDeleteResult, error) {
	result, err := s.Backend.DeleteMulti(bucket, keys...)
	return result, errors.Join(err, s.forget(keys...))
}

func (s *keptStore) forget(keys ...string) error {
	if s.folder == "" {
		return nil
	}
	for _, key := range keys {
		if err := os.Remove(s.file(key)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
