#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the docker-credential-icr authors
"""Writes packaging/completions/ from what the programs say of themselves.

usage: ICR_BUILD=build python3 tests/completions.py

Run it after a change of verbs or options; tests/blackbox/test_face.py compares."""

import os
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("ICR_BUILD", "build"))
FOLDER = TOP / "packaging/completions"
PROGRAMS = ("docker-credential-icr", "icr-rewrite")
COMMON = {"--help": ("", "tell what it takes")}
HEAD = ("# SPDX-License-Identifier: Apache-2.0\n# Copyright the docker-credential-icr authors\n"
        "# Made by tests/completions.py.\n")


def ask(program, *words):
    return subprocess.run([(TOP / BUILD) / program, *words], stdout=subprocess.PIPE, check=True,
                          env={"PATH": "/usr/bin:/bin"}, encoding="utf-8").stdout


def verbs(program):
    """{verb: help} of the program's table."""
    table = ask(program, "--help").partition("\nVerbs:\n")[2].partition("\n\n")[0]
    return dict(re.findall(r"(?m)^  ([a-z-]+) +(.+)$", table))


def options(program, verb):
    """{--name: (argument, help)} of the verb's table, and {-letter: --name}."""
    found, letters = {}, {}
    table = ask(program, verb, "--help").partition("\nOptions:\n")[2].partition("\n\n")[0]
    for head, text in re.findall(r"(?m)^  (--\S.*?)(?:  |\n {4,})(.*(?:\n {4,}.*)*)", table):
        name, _, argument = head.partition(" ")
        letter = re.search(r", (-\w)$", head)
        name = name.rstrip(",")
        argument = "" if letter else argument
        found[name] = (argument, " ".join(text.split()))
        if letter:
            letters[letter[1]] = name
    return found, letters


def regions():
    """The words that --regions takes: labels, and global for the one without."""
    table = (TOP / "icr/region.c").read_text()
    labels = re.findall(r'REGION\("[a-z0-9-]+", (?:NULL|"[^"]*"), "[^"]*", "([a-z0-9]+)"', table)
    return ["all", "global", *labels]


def engines():
    """The words that --engines takes: parts that are engines, in the order of their table."""
    table = (TOP / "rewrite/part/part.c").read_text()
    sources = "".join(path.read_text() for path in sorted((TOP / "rewrite/part").glob("*.c")))
    return ["auto", *(part for part in re.findall(r"&part_(\w+)", table)
                      if re.search(rf'\.name = "{part}",\n(?:\t\..*\n)*?\t\.engine = true', sources))]


# Of these, several may stand with commas between them.
LISTS = {"--regions": "region", "--engines": "engine"}


def values(name, argument):
    """Words, "DIR", "FILE", or [] for what nobody can foresee."""
    if name == "--regions":
        return regions()
    if name == "--engines":
        return engines()
    if name == "--region":
        return regions()[1:]
    words = [word for word in argument.split("|") if re.fullmatch(r"[a-z-]+", word)]
    for place in ("DIR", "FILE"):
        if place in argument.split("|"):
            return place
    return words


def short(text):
    """The first words of a help text, for a menu."""
    return re.split(r"[;:.(]|, ", text)[0].strip()


def table(program):
    return {verb: (text, *options(program, verb)) for verb, text in verbs(program).items()}


def bash(program):
    function = "_" + program.replace("-", "_")
    found = table(program)
    lines = [HEAD, f"{function}() {{",
             '\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}',
             '\tlocal verb=${COMP_WORDS[1]} words=""',
             "\tCOMPREPLY=()",
             "\t# --NAME=VALUE comes as three words",
             '\tif [[ $cur == "=" ]]; then',
             '\t\tcur=""',
             '\telif [[ $prev == "=" ]]; then',
             "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}",
             "\tfi",
             "\tif ((COMP_CWORD == 1)); then",
             f'\t\twords="{" ".join(found)} help --help --version"',
             '\telif [[ $verb == help ]]; then',
             f'\t\twords="{" ".join(found)}"',
             "\telse",
             '\t\tcase "$verb $prev" in']
    for verb, (_, known, _) in found.items():
        for name, (argument, _) in known.items():
            if not argument:
                continue
            choice = values(name, argument)
            lines.append(f'\t\t"{verb} {name}")')
            if choice == "DIR":
                lines.append('\t\t\tmapfile -t COMPREPLY < <(compgen -d -- "$cur")')
            elif choice == "FILE":
                lines.append('\t\t\tmapfile -t COMPREPLY < <(compgen -f -- "$cur")')
            elif name in LISTS:
                lines += ['\t\t\tlocal before=""',
                          '\t\t\t[[ $cur == *,* ]] && before=${cur%,*},',
                          f'\t\t\twords="{" ".join(choice)}"',
                          '\t\t\tmapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- '
                          '"${cur##*,}")']
            elif choice:
                lines.append(f'\t\t\tmapfile -t COMPREPLY < <(compgen -W "{" ".join(choice)}" -- '
                             '"$cur")')
            lines += ["\t\t\treturn", "\t\t\t;;"]
    lines += ["\t\tesac", '\t\tcase "$verb" in']
    for verb, (_, known, letters) in found.items():
        words = [*known, *letters, *COMMON]
        lines += [f"\t\t{verb})", f'\t\t\twords="{" ".join(words)}"', "\t\t\t;;"]
    lines += ["\t\tesac", "\tfi",
              '\tmapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")', "}",
              f"complete -F {function} {program}", ""]
    return "\n".join(lines)


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh(program):
    found = table(program)
    lines = [f"#compdef {program}", HEAD, f"_{program}() {{", "\tlocal -a verbs",
             "\tverbs=("]
    lines += [f"\t\t{quoted(verb + ':' + short(text))}" for verb, (text, *_) in found.items()]
    lines += ["\t\t'help:tell what a verb takes'", "\t)",
              "\tif (( CURRENT == 2 )); then",
              "\t\t_describe verb verbs",
              "\t\t_arguments '--help[tell what it takes]' '--version[tell the version]'",
              "\t\treturn", "\tfi",
              "\tlocal verb=$words[2]", "\tshift words", "\t(( CURRENT-- ))",
              "\tcase $verb in",
              "\thelp)", "\t\t_describe verb verbs", "\t\t;;"]
    for verb, (_, known, letters) in found.items():
        lines += [f"\t{verb})", "\t\t_arguments \\"]
        for name, (argument, text) in {**known, **COMMON}.items():
            text = short(text).replace("[", "").replace("]", "")
            spec = f"{name}[{text}]"
            if argument:
                choice = values(name, argument)
                action = {"DIR": "_files -/", "FILE": "_files"}.get(
                    choice if isinstance(choice, str) else "",
                    f"_values -s , {LISTS[name]} {' '.join(choice)}" if name in LISTS
                    else f"({' '.join(choice)})" if choice else " ")
                spec = f"{name}=[{text}]:{argument.split('|')[0]}:{action}"
            lines.append(f"\t\t\t{quoted(spec)} \\")
        for letter, name in letters.items():
            lines.append(f"\t\t\t{quoted(f'{letter}[{short(known[name][1])}]')} \\")
        lines += ["\t\t\t'*: :_default'", "\t\t;;"]
    lines += ["\tesac", "}", f'_{program} "$@"', ""]
    return "\n".join(lines)


def fish(program):
    found = table(program)
    lines = [HEAD + f"complete -c {program} -n __fish_use_subcommand -f",
             f"complete -c {program} -n __fish_use_subcommand -l version -d 'tell the version'",
             f"complete -c {program} -l help -s h -d 'tell what it takes'",
             f"complete -c {program} -n __fish_use_subcommand -a help -d 'tell what a verb takes'",
             f"complete -c {program} -n '__fish_seen_subcommand_from help' -f -a "
             f"{quoted(' '.join(found))}"]
    for verb, (text, known, letters) in found.items():
        lines.append(f"complete -c {program} -n __fish_use_subcommand -a {verb} "
                     f"-d {quoted(short(text))}")
        for name, (argument, text) in known.items():
            words = [f"complete -c {program} -n '__fish_seen_subcommand_from {verb}'",
                     f"-l {name[2:]}"]
            words += [f"-s {letter[1:]}" for letter, of in letters.items() if of == name]
            if argument:
                choice = values(name, argument)
                if choice == "DIR":
                    words.append("-x -a '(__fish_complete_directories)'")
                elif choice == "FILE":
                    words.append("-r -F")
                elif name in LISTS:
                    words.append("-x -a " + quoted(f"(__fish_append , {' '.join(choice)})"))
                elif choice:
                    words.append(f"-x -a {quoted(' '.join(choice))}")
                else:
                    words.append("-x")
            words.append(f"-d {quoted(short(text))}")
            lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def everything():
    """{file name: text}."""
    made = {}
    for program in PROGRAMS:
        made.update({f"{program}.bash": bash(program), f"_{program}": zsh(program),
                     f"{program}.fish": fish(program)})
    return made


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, text in everything().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
