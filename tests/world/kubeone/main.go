// Kubeone is a Kubernetes control plane for tests: etcd, kube-apiserver, kube-controller-manager and
// kube-scheduler in one process. Nodes and containers are not its business; a kubelet comes from outside.
package main

import (
	"fmt"
	"os"

	"k8s.io/component-base/version"
)

const usage = `usage: kubeone all --dir D --port N [--ttl 30m] [-- KUBE-APISERVER-FLAG...]
       kubeone version

all   runs the control plane on 127.0.0.1, ports N to N+4, until the time to live is over or a signal comes.
      D holds pki/{ca.crt,server.crt,server.key,sa.pub,sa.key,tokens.csv}, kcm.kubeconfig and sched.kubeconfig;
      pki/{kubelet-ca.crt,kubelet-client.crt,kubelet-client.key} are used if they are there.
      Nothing is written outside D. Prints {"ready":true} once a pod can be made in the namespace "default".`

func main() {
	if len(os.Args) < 2 {
		fail(2, usage)
	}
	switch os.Args[1] {
	case "all":
		args := os.Args[2:]
		os.Args = os.Args[:1] // The commands inside read their own arguments, never ours.
		options, err := parseOptions(args)
		if err != nil {
			fail(2, fmt.Sprintf("%v\n%s", err, usage))
		}
		fail(1, fmt.Sprintf("kubeone: %v", runAll(options)))
	case "version":
		fmt.Println(version.Get().GitVersion)
	default:
		fail(2, usage)
	}
}

func fail(code int, message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(code)
}
