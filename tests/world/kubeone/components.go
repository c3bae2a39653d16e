package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

func apiserverArgs(o options) []string {
	args := []string{
		"--etcd-servers=" + o.etcdClientURL(),
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", o.apiserverPort()),
		// Endpoints may not hold loopback addresses, so nothing reconciles those of the API server itself.
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--cert-dir=" + o.path("apiserver-cert"),
		"--tls-cert-file=" + o.pki("server.crt"), "--tls-private-key-file=" + o.pki("server.key"),
		"--client-ca-file=" + o.pki("ca.crt"), "--token-auth-file=" + o.pki("tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + o.pki("sa.pub"), "--service-account-signing-key-file=" + o.pki("sa.key"),
		"--service-cluster-ip-range=10.0.0.0/24", "--allow-privileged=true", "--authorization-mode=RBAC",
		// With the node lifecycle controller off, nobody would take this plugin's taint from a new node.
		"--disable-admission-plugins=TaintNodesByCondition",
		// Nothing aggregates APIs here; without these, the other components complain every few seconds.
		"--requestheader-client-ca-file=" + o.pki("ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--kubelet-preferred-address-types=InternalIP",
		"--profiling=false",
	}
	if o.hasPKI("kubelet-ca.crt") {
		args = append(args, "--kubelet-certificate-authority="+o.pki("kubelet-ca.crt"))
	}
	if o.hasPKI("kubelet-client.crt", "kubelet-client.key") {
		args = append(args, "--kubelet-client-certificate="+o.pki("kubelet-client.crt"),
			"--kubelet-client-key="+o.pki("kubelet-client.key"))
	}
	return append(args, o.apiserverFlags...)
}

func controllersArgs(o options) []string {
	return append(commonArgs(o, "kcm"),
		fmt.Sprintf("--secure-port=%d", o.controllersPort()), "--cert-dir="+o.path("kcm-cert"),
		"--service-account-private-key-file="+o.pki("sa.key"), "--root-ca-file="+o.pki("ca.crt"),
		// Nobody has to renew node leases.
		"--controllers=*,-node-lifecycle-controller",
		// The default lies under /usr and would be made.
		"--flex-volume-plugin-dir="+o.path("flex"),
	)
}

// runScheduler avoids the scheduler's own command: it would install a second signal handler, which panics.
func runScheduler(ctx context.Context, o options, options *scheduleroptions.Options) error {
	flags := pflag.NewFlagSet("kube-scheduler", pflag.ContinueOnError)
	for _, set := range options.Flags.FlagSets {
		flags.AddFlagSet(set)
	}
	args := append(commonArgs(o, "sched"),
		fmt.Sprintf("--secure-port=%d", o.schedulerPort()), "--cert-dir="+o.path("sched-cert"))
	if err := flags.Parse(args); err != nil {
		return err
	}
	config, scheduling, err := scheduler.Setup(ctx, options)
	if err != nil {
		return err
	}
	return scheduler.Run(ctx, config, scheduling)
}

func commonArgs(o options, user string) []string {
	kubeconfig := o.kubeconfig(user)
	return []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--kube-api-qps=200", "--kube-api-burst=400",
		"--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false",
	}
}
