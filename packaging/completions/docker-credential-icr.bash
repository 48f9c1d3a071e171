# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
# Made by tests/completions.py.

_docker_credential_icr() {
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
		words="store get erase list version configure login logout import explain help --help --version"
	elif [[ $verb == help ]]; then
		words="store get erase list version configure login logout import explain"
	else
		case "$verb $prev" in
		"configure --client")
			mapfile -t COMPREPLY < <(compgen -W "docker containers" -- "$cur")
			return
			;;
		"configure --regions")
			local before=""
			[[ $cur == *,* ]] && before=${cur%,*},
			words="all global us uk de es au jp jp2 ca ca2 br in in2 fr2"
			mapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- "${cur##*,}")
			return
			;;
		"configure --config")
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		"login --username")
			return
			;;
		"login --apikey-file")
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		"login --group")
			return
			;;
		"login --account")
			return
			;;
		"import --config")
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		esac
		case "$verb" in
		store)
			words="--help"
			;;
		get)
			words="--help"
			;;
		erase)
			words="--help"
			;;
		list)
			words="--help"
			;;
		version)
			words="--help"
			;;
		configure)
			words="--client --regions --remove --force --config --dry-run --json --quiet -q --help"
			;;
		login)
			words="--username --apikey-file --offline --system --group --sso --account --quiet -q --help"
			;;
		logout)
			words="--system --quiet -q --help"
			;;
		import)
			words="--config --remove --quiet -q --help"
			;;
		explain)
			words="--json --online --quiet -q --help"
			;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _docker_credential_icr docker-credential-icr
