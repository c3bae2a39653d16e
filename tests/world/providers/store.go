package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The folder in place of the cloud. Every operation holds its lock, since terraform works in parallel.
type store struct {
	folder string
}

func (s *store) locked(work func() error) error {
	if err := os.MkdirAll(s.folder, 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(s.folder, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	return work()
}

// A file's name has 255 bytes at most, a long id its digest at the end.
func (s *store) path(kind, id string) string {
	name := url.PathEscape(id)
	if len(name) > 200 {
		name = fmt.Sprintf("%s-%x", name[:120], sha256.Sum256([]byte(id)))
	}
	return filepath.Join(s.folder, "resources", kind, name+".json")
}

// get is what exists under an id; nil if nothing does.
func (s *store) get(kind, id string) (map[string]any, error) {
	var values map[string]any
	err := s.read(s.path(kind, id), &values)
	return values, err
}

func (s *store) put(kind, id string, values map[string]any) error {
	return s.write(s.path(kind, id), values)
}

func (s *store) remove(kind, id string) error {
	err := os.Remove(s.path(kind, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// count is how many of a type exist.
func (s *store) count(kind string) int {
	found, _ := filepath.Glob(filepath.Join(s.folder, "resources", kind, "*.json"))
	return len(found)
}

// user is the first resource that names this one, by its id or its link, and does not follow it; "" if none does.
func (s *store) user(kind string, values map[string]any, follows func(kind string) bool) string {
	own := s.path(kind, fmt.Sprint(values["id"]))
	found, _ := filepath.Glob(filepath.Join(s.folder, "resources", "*", "*.json"))
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil || path == own || follows(filepath.Base(filepath.Dir(path))) {
			continue
		}
		for _, name := range []string{"id", "self_link"} {
			link, _ := values[name].(string)
			// Short ids are words that mean something else elsewhere.
			if strings.Count(link, "/") >= 3 && bytes.Contains(text, []byte(fmt.Sprintf("%q", link))) {
				var user struct{ ID string }
				_ = json.Unmarshal(text, &user)
				return user.ID
			}
		}
	}
	return ""
}

// next counts up from zero.
func (s *store) next(counter string) (int, error) {
	var number int
	path := filepath.Join(s.folder, "counter-"+counter+".json")
	if err := s.read(path, &number); err != nil {
		return 0, err
	}
	return number, s.write(path, number+1)
}

// A call, as it stands in `calls.jsonl`.
type call struct {
	Operation string `json:"operation"`
	Type      string `json:"type"`
	ID        string `json:"id"`
	Outcome   string `json:"outcome"`
}

func (s *store) record(made call) error {
	line, err := json.Marshal(made)
	if err != nil {
		return err
	}
	return s.append("calls.jsonl", line)
}

// started notes that a process of this provider begins.
func (s *store) started() error {
	if err := os.MkdirAll(s.folder, 0o755); err != nil {
		return err
	}
	return s.append("starts", []byte("started"))
}

func (s *store) append(name string, line []byte) error {
	file, err := os.OpenFile(filepath.Join(s.folder, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

// read leaves `into` as it is if there is no such file.
func (s *store) read(path string, into any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (s *store) write(path string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
