package main

import (
	"errors"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// startEtcd starts a single etcd member and returns once it serves. Nothing is synced to disk: no data outlives a test.
func startEtcd(o options) error {
	client, err := url.Parse(o.etcdClientURL())
	if err != nil {
		return err
	}
	peer, err := url.Parse(o.etcdPeerURL())
	if err != nil {
		return err
	}
	c := embed.NewConfig()
	c.Name, c.Dir, c.UnsafeNoFsync, c.LogLevel = "one", o.path("etcd"), true, "error"
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	c.InitialCluster = c.Name + "=" + peer.String()
	server, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	select {
	case <-server.Server.ReadyNotify():
		return nil
	case err := <-server.Err():
		return err
	case <-time.After(startDeadline):
		return errors.New("not ready in time")
	}
}
