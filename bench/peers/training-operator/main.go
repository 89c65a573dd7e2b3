// Runs the TFJob controller of Kubeflow's Training Operator as its own main does, but without its admission webhooks, which
// a benchmark on a bare API server would have to give certificates, and with the client's limits as flags.
package main

import (
	"flag"
	"os"

	kubeflowv1 "github.com/kubeflow/training-operator/pkg/apis/kubeflow.org/v1"
	controllers "github.com/kubeflow/training-operator/pkg/controller.v1"
	"github.com/kubeflow/training-operator/pkg/controller.v1/common"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func must(err error) {
	if err != nil {
		ctrl.Log.Error(err, "the controller ends")
		os.Exit(1)
	}
}

func main() {
	qps := flag.Float64("qps", 0, "requests per second; 0: the client's default")
	burst := flag.Int("burst", 0, "requests at once; 0: the client's default")
	threads := flag.Int("controller-threads", 1, "worker threads; 1 is the Training Operator's default")
	flag.Parse()
	ctrl.SetLogger(zap.New())

	scheme := runtime.NewScheme()
	must(clientgoscheme.AddToScheme(scheme))
	must(kubeflowv1.AddToScheme(scheme))
	config := ctrl.GetConfigOrDie()
	if *qps > 0 {
		config.QPS = float32(*qps)
		config.Burst = *burst
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	must(err)
	setup := controllers.SupportedSchemeReconciler[kubeflowv1.TFJobKind]
	must(setup(manager, common.GenNonGangSchedulerSetupFunc(), *threads))
	must(manager.Start(ctrl.SetupSignalHandler()))
}
