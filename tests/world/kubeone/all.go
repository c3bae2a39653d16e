package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// How long a component may take before the start counts as failed; busy machines need most of it.
const startDeadline = 3 * time.Minute

// runAll runs the whole control plane and returns only with the reason why it could not go on.
func runAll(o options) error {
	ownLifetime(o.timeToLive)
	ctx := context.Background()
	// Three programs share one process, so the second and third set up logging anew.
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged

	if err := startEtcd(o); err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	// The controller manager's command first: it changes a feature default, which panics once the
	// feature gates are part of a flag set.
	controllersCommand := controllers.NewControllerManagerCommand()
	schedulerOptions := scheduler.NewOptions()
	apiserverCommand := apiserver.NewAPIServerCommand()

	ended := make(chan error, 1)
	run := func(name string, body func() error) {
		go func() { ended <- fmt.Errorf("%s ended: %w", name, orUnknown(body())) }()
	}
	apiserverCommand.SetArgs(apiserverArgs(o))
	run("kube-apiserver", apiserverCommand.Execute)

	client, err := newClient(o)
	if err != nil {
		return err
	}
	go func() {
		err := func() error {
			if err := waitForAPI(ctx, client); err != nil {
				return err
			}
			controllersCommand.SetArgs(controllersArgs(o))
			run("kube-controller-manager", controllersCommand.Execute)
			run("kube-scheduler", func() error { return runScheduler(ctx, o, schedulerOptions) })
			provisionVolumes(ctx, client, o.path("volumes"))
			return waitForServiceAccount(ctx, client)
		}()
		if err != nil {
			ended <- err
			return
		}
		fmt.Println(`{"ready":true}`)
	}()
	return <-ended
}

// ownLifetime makes the process end by itself after ttl and outlive whoever started it until then:
// a terminal or a pipe that goes away ends nothing.
func ownLifetime(ttl time.Duration) {
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	time.AfterFunc(ttl, func() { fail(3, "kubeone: time to live is over") })
	// The data is throw-away, so nothing waits for the API server's open watches (up to a minute).
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() { <-stop; os.Exit(0) }()
}

// newClient speaks as the controller manager, whose token has the group system:masters.
func newClient(o options) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig("kcm"))
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 200, 400
	return kubernetes.NewForConfig(config)
}

func orUnknown(err error) error {
	if err == nil {
		return fmt.Errorf("no reason given")
	}
	return err
}
