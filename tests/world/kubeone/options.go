package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// options is where one control plane lives and for how long.
type options struct {
	dir            string
	port           int
	timeToLive     time.Duration
	apiserverFlags []string
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("all", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.dir, "dir", "", "")
	flags.IntVar(&o.port, "port", 0, "")
	flags.DurationVar(&o.timeToLive, "ttl", 30*time.Minute, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.dir == "" || o.port <= 0 {
		return o, errors.New("--dir and --port are needed")
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return o, err
	}
	o.dir, o.apiserverFlags = dir, flags.Args()
	return o, nil
}

func (o options) apiserverPort() int    { return o.port }
func (o options) etcdClientURL() string { return fmt.Sprintf("http://127.0.0.1:%d", o.port+1) }
func (o options) etcdPeerURL() string   { return fmt.Sprintf("http://127.0.0.1:%d", o.port+2) }
func (o options) controllersPort() int  { return o.port + 3 }
func (o options) schedulerPort() int    { return o.port + 4 }

func (o options) path(name string) string       { return filepath.Join(o.dir, name) }
func (o options) pki(name string) string        { return filepath.Join(o.dir, "pki", name) }
func (o options) kubeconfig(user string) string { return filepath.Join(o.dir, user+".kubeconfig") }

func (o options) hasPKI(names ...string) bool {
	for _, name := range names {
		if _, err := os.Stat(o.pki(name)); err != nil {
			return false
		}
	}
	return true
}
