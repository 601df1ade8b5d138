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
	"sync/atomic"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// stateBucket is the bucket of the state backend.
const stateBucket = "state"

// stateBackend is an S3 in this process: the engine's real S3 backend runs against it.
type stateBackend struct {
	server  *http.Server
	url     string
	store   *keptStore
	disturb atomic.Pointer[Disturbance]
}

// Disturbance stands before the state backend. It answers a request itself and says so, or lets it pass.
type Disturbance func(http.ResponseWriter, *http.Request) (answered bool)

// DisturbState puts something between the engine and its state; nil takes it away.
func (sb *Sandbox) DisturbState(with Disturbance) { sb.state.disturb.Store(&with) }

// Kill ends the engine that runs now, as a power failure would.
func (sb *Sandbox) Kill() { sb.cli.kill() }

// StateObject is what the state backend holds under a key, such as .pulumi/stacks/sentry/staging.json.
func (sb *Sandbox) StateObject(key string) ([]byte, error) {
	object, err := sb.state.store.GetObject(stateBucket, key, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s of the state backend: %w", key, err)
	}
	defer object.Contents.Close()
	return io.ReadAll(object.Contents)
}

// SetStateObject puts something else there.
func (sb *Sandbox) SetStateObject(key string, text []byte) error {
	_, err := sb.state.store.PutObject(stateBucket, key, map[string]string{}, bytes.NewReader(text), int64(len(text)), nil)
	return err
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
		url:   fmt.Sprintf("s3://%s?region=%s&endpoint=http://%s&s3ForcePathStyle=true", stateBucket, DefaultRegion, listener.Addr()),
		store: store,
	}
	s3 := gofakes3.New(store, gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithTimeSkewLimit(0)).Server()
	s.server = &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if disturb := s.disturb.Load(); disturb != nil && *disturb != nil && (*disturb)(w, r) {
				return
			}
			s3.ServeHTTP(w, r)
		}),
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
