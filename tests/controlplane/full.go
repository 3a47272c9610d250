//go:build full

package main

import (
	"github.com/spf13/cobra"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// The tests need Deployments, autoscalers and garbage collection; the demo does
// not, and is built a quarter faster without them.
func init() {
	programs["kube-controller-manager"] = serve(controllers.NewControllerManagerCommand)
	programs["kube-scheduler"] = serve(func() *cobra.Command { return scheduler.NewSchedulerCommand() })
}
