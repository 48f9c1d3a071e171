// SPDX-License-Identifier: Apache-2.0
// Copyright the docker-credential-icr authors

// The library by which k3s and rke2 read registries.yaml, and by which rke2 pulls its own images:
//
//	wharfie pull FILE REFERENCE    pulls by it, all layers
//	wharfie mirrors FILE           prints what it reads: a registry and an endpoint in each line
package main

import (
	"fmt"
	"io"

	"engines/verbs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/rancher/wharfie/pkg/registries"
)

func pull(arguments []string) error {
	named, err := name.ParseReference(arguments[1])
	if err != nil {
		return err
	}
	registry, err := registries.GetPrivateRegistries(arguments[0])
	if err != nil {
		return err
	}
	image, err := registry.Image(named)
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, content)
		content.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func mirrors(arguments []string) error {
	registry, err := registries.GetPrivateRegistries(arguments[0])
	if err != nil {
		return err
	}
	for name, mirror := range registry.Registry.Mirrors {
		for _, endpoint := range mirror.Endpoints {
			fmt.Println(name, endpoint)
		}
	}
	return nil
}

func main() {
	verbs.Main("wharfie",
		verbs.Verb{Name: "pull", Arguments: "FILE REFERENCE", Run: pull},
		verbs.Verb{Name: "mirrors", Arguments: "FILE", Run: mirrors})
}
