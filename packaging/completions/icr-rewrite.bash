# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
# Made by tests/completions.py.

_icr_rewrite() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]} words=""
	COMPREPLY=()
	# --NAME=VALUE comes as three words
	if [[ $cur == "=" ]]; then
		cur=""
	elif [[ $prev == "=" ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if ((COMP_CWORD == 1)); then
		words="check plan apply refresh status undo ref export private-only help --help --version"
	elif [[ $verb == help ]]; then
		words="check plan apply refresh status undo ref export private-only"
	else
		case "$verb $prev" in
		"check --regions")
			local before=""
			[[ $cur == *,* ]] && before=${cur%,*},
			words="all global us uk de es au jp jp2 ca ca2 br in in2 fr2"
			mapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- "${cur##*,}")
			return
			;;
		"check --pull")
			return
			;;
		"plan --regions")
			local before=""
			[[ $cur == *,* ]] && before=${cur%,*},
			words="all global us uk de es au jp jp2 ca ca2 br in in2 fr2"
			mapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- "${cur##*,}")
			return
			;;
		"plan --route")
			mapfile -t COMPREPLY < <(compgen -W "auto hosts native" -- "$cur")
			return
			;;
		"plan --engines")
			local before=""
			[[ $cur == *,* ]] && before=${cur%,*},
			words="auto docker podman crio containerd buildkit k3s rke2"
			mapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- "${cur##*,}")
			return
			;;
		"plan --fallback")
			mapfile -t COMPREPLY < <(compgen -W "never public" -- "$cur")
			return
			;;
		"plan --root")
			mapfile -t COMPREPLY < <(compgen -d -- "$cur")
			return
			;;
		"apply --regions")
			local before=""
			[[ $cur == *,* ]] && before=${cur%,*},
			words="all global us uk de es au jp jp2 ca ca2 br in in2 fr2"
			mapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- "${cur##*,}")
			return
			;;
		"apply --route")
			mapfile -t COMPREPLY < <(compgen -W "auto hosts native" -- "$cur")
			return
			;;
		"apply --engines")
			local before=""
			[[ $cur == *,* ]] && before=${cur%,*},
			words="auto docker podman crio containerd buildkit k3s rke2"
			mapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- "${cur##*,}")
			return
			;;
		"apply --fallback")
			mapfile -t COMPREPLY < <(compgen -W "never public" -- "$cur")
			return
			;;
		"apply --root")
			mapfile -t COMPREPLY < <(compgen -d -- "$cur")
			return
			;;
		"status --root")
			mapfile -t COMPREPLY < <(compgen -d -- "$cur")
			return
			;;
		"undo --root")
			mapfile -t COMPREPLY < <(compgen -d -- "$cur")
			return
			;;
		"export --format")
			mapfile -t COMPREPLY < <(compgen -W "hosts rpz dnsmasq unbound coredns" -- "$cur")
			return
			;;
		"export --regions")
			local before=""
			[[ $cur == *,* ]] && before=${cur%,*},
			words="all global us uk de es au jp jp2 ca ca2 br in in2 fr2"
			mapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- "${cur##*,}")
			return
			;;
		"private-only --region")
			mapfile -t COMPREPLY < <(compgen -W "global us uk de es au jp jp2 ca ca2 br in in2 fr2" -- "$cur")
			return
			;;
		"private-only --account")
			return
			;;
		"private-only --iam-url")
			mapfile -t COMPREPLY < <(compgen -W "private" -- "$cur")
			return
			;;
		esac
		case "$verb" in
		check)
			words="--regions --pull --json --quiet -q --help"
			;;
		plan)
			words="--regions --route --engines --fallback --docker-mirror --no-docker-mirror --force --root --offline --json --quiet -q --help"
			;;
		apply)
			words="--dry-run --regions --route --engines --fallback --docker-mirror --no-docker-mirror --force --root --offline --json --quiet -q --help"
			;;
		refresh)
			words="--offline --json --quiet -q --help"
			;;
		status)
			words="--all --root --offline --json --prometheus --quiet -q --help"
			;;
		undo)
			words="--root --dry-run --json --quiet -q --help"
			;;
		ref)
			words="--private --public --json --quiet -q --help"
			;;
		export)
			words="--format --regions --offline --json --quiet -q --help"
			;;
		private-only)
			words="--status --enable --disable --region --account --iam-url --yes --force --json --quiet -q --help"
			;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _icr_rewrite icr-rewrite
