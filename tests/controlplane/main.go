// Command controlplane is the Kubernetes control plane as one program: it is
// etcd, kube-apiserver, kubectl, and, built with the tag "full",
// kube-controller-manager and kube-scheduler, by the name that it is called by
// (see ./build, which makes the links).
//
// It exists so that the tests meet the real API server although no release
// archive is in reach: the modules are ordinary ones, and nothing here changes
// what they do. One program instead of five links the common nine tenths once.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // time zones for CronJobs, as the upstream programs have it

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubectl: authentication plug-ins
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // version metric
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// programs is what this binary can be, by name. full.go adds to it.
var programs = map[string]func(){
	"etcd":           func() { etcdmain.Main(os.Args) },
	"kube-apiserver": serve(apiserver.NewAPIServerCommand),
	"kubectl":        runKubectl,
}

// serve runs a component's command as its own upstream main does.
func serve(command func() *cobra.Command) func() {
	return func() { os.Exit(cli.Run(command())) }
}

// runKubectl is upstream's cmd/kubectl: verbosity is read before the command
// is built, and errors are printed the way that users know.
func runKubectl() {
	logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)) //nolint:errcheck // as upstream
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}

func main() {
	name := filepath.Base(os.Args[0])
	if run, known := programs[name]; known {
		run()
		return
	}
	names := make([]string, 0, len(programs))
	for known := range programs {
		names = append(names, known)
	}
	slices.Sort(names)
	fmt.Fprintf(os.Stderr, "controlplane: called as %q; call it by a link named one of: %s\n",
		name, strings.Join(names, ", "))
	os.Exit(2)
}
