// SPDX-License-Identifier: Apache-2.0
// Copyright the docker-credential-icr authors

// Package verbs is the start of a program that is called as PROGRAM VERB ARGUMENT...
package verbs

import (
	"fmt"
	"os"
	"strings"
)

// Verb is one of them. Arguments has a word for each that it takes.
type Verb struct {
	Name, Arguments string
	Run             func(arguments []string) error
}

func run(program string, verbs []Verb) error {
	var usages []string
	for _, verb := range verbs {
		count := len(strings.Fields(verb.Arguments))
		if len(os.Args) == 2+count && os.Args[1] == verb.Name {
			return verb.Run(os.Args[2:])
		}
		usages = append(usages, program+" "+verb.Name+" "+verb.Arguments)
	}
	return fmt.Errorf("usage: %s", strings.Join(usages, " | "))
}

// Main runs the one that the command line names; status 1 when it fails, or when there is none.
func Main(program string, verbs ...Verb) {
	if err := run(program, verbs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
