// SPDX-License-Identifier: Apache-2.0
// Copyright the docker-credential-icr authors

// A kind cluster's nodes, without Kubernetes in them: what "kind create cluster" does up to there.
//
//	kind CONFIG IMAGE
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cmd"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: kind CONFIG IMAGE")
		os.Exit(2)
	}
	provider := cluster.NewProvider(cluster.ProviderWithDocker(),
		cluster.ProviderWithLogger(cmd.NewLogger()))
	err := provider.Create("", cluster.CreateWithConfigFile(os.Args[1]),
		cluster.CreateWithNodeImage(os.Args[2]), cluster.CreateWithRetain(true),
		cluster.CreateWithStopBeforeSettingUpKubernetes(true))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
