// SPDX-License-Identifier: Apache-2.0
// Copyright the docker-credential-icr authors

// What podman 6 and CRI-O do with an image, by the library that they have in common:
//
//	image copy FROM TO       copies it, as skopeo does
//	image where REFERENCE    prints from where it would be pulled, in that order
package main

import (
	"context"
	"fmt"

	"engines/verbs"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/transports/alltransports"
	"go.podman.io/image/v5/types"
)

func transfer(arguments []string) error {
	source, err := alltransports.ParseImageName(arguments[0])
	if err != nil {
		return err
	}
	target, err := alltransports.ParseImageName(arguments[1])
	if err != nil {
		return err
	}
	policy, err := signature.DefaultPolicy(nil)
	if err != nil {
		return err
	}
	context_, err := signature.NewPolicyContext(policy)
	if err != nil {
		return err
	}
	defer context_.Destroy()
	_, err = copy.Image(context.Background(), context_, target, source, &copy.Options{})
	return err
}

func where(arguments []string) error {
	named, err := reference.ParseNormalizedNamed(arguments[0])
	if err != nil {
		return err
	}
	registry, err := sysregistriesv2.FindRegistry(&types.SystemContext{}, named.Name())
	if err != nil {
		return err
	}
	if registry == nil {
		fmt.Println(named)
		return nil
	}
	sources, err := registry.PullSourcesFromReference(named)
	if err != nil {
		return err
	}
	for _, source := range sources {
		fmt.Println(source.Reference)
	}
	return nil
}

func main() {
	verbs.Main("image",
		verbs.Verb{Name: "copy", Arguments: "FROM TO", Run: transfer},
		verbs.Verb{Name: "where", Arguments: "REFERENCE", Run: where})
}
