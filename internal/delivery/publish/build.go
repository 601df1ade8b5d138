package publish

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

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
		files = append(files, file{key: key, path: target, sum: sum})
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

// isBelow says whether a key is in a folder or below it.
func isBelow(folder, key string) bool {
	return folder != "" && strings.HasPrefix(key, path.Clean(folder)+"/")
}

func (p Publisher) cacheControl(key string) string {
	base := strings.ToLower(path.Base(key))
	switch ext := path.Ext(base); {
	case ext == ".html" || ext == ".htm" || base == "sw.js" || strings.HasPrefix(base, "service-worker"):
		return cacheNone
	case isBelow(p.Immutable, key):
		return cacheForever
	}
	return cacheShort
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
