#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""Checks of the tree that no compiler makes. tests/check_tree.py NAME prints what is wrong, one line
each, and exits 1 if anything is; tests/check_tree.py --list prints the names."""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
TOP_LEVEL = {"crypto", "config", "dataplane", "control", "tools", "tests", "meson.build",
             "README.md", "LICENSE"}
# Which folders may include which, lowest first; DESIGN of the layers: README.md.
MAY_INCLUDE = {
    "crypto": ["crypto"],
    "config": ["crypto", "config"],
    "dataplane": ["crypto", "config", "dataplane"],
    "control": ["crypto", "config", "control"],
    "tools": ["crypto", "config", "dataplane", "control", "tools"],
}
# What the control plane sees of the dataplane: these, and what they include themselves.
ABI_HEADERS = ["share_packet.h", "control_link.h", "shared_memory.h"]
DPDK_FOLDERS = ("dataplane", "tools", "tests")
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
FILE_LINES, FUNCTION_LINES = 500, 60


def tracked_files():
    """Paths from the root: what git tracks, or without git everything that is not built."""
    git = shutil.which("git")
    if git and os.path.exists(os.path.join(ROOT, ".git")):
        listed = subprocess.run([git, "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files", "-z",
                                 "--cached", "--others", "--exclude-standard"],
                                stdout=subprocess.PIPE, check=True).stdout.decode().split("\0")
        return sorted(path for path in listed if os.path.isfile(os.path.join(ROOT, path)))
    found = []
    for folder, folders, files in os.walk(ROOT):
        at_root = folder == ROOT
        folders[:] = [name for name in folders if name not in (".git", "__pycache__")
                      and not (at_root and name.startswith("build"))]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in files
                  if not name.endswith(".pyc")]
    return sorted(found)


def lines_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def c_files():
    return [path for path in tracked_files() if path.endswith((".c", ".h"))]


def is_script(path):
    if path.endswith((".py", ".sh")):
        return True
    with open(os.path.join(ROOT, path), "rb") as file:
        return file.read(2) == b"#!"


def check_format():
    """clang-format 14 would change nothing."""
    command = shutil.which("clang-format-14") or "clang-format"
    done = subprocess.run([command, "--dry-run", "-Werror", *c_files()], cwd=ROOT, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    problems = [line for line in done.stderr.splitlines() if ": error: " in line]
    if done.returncode != 0 and not problems:
        problems = [done.stderr.strip() or f"{command} ended with status {done.returncode}"]
    return problems


def check_licence():
    """Every source file begins with the SPDX line and the copyright line."""
    problems = []
    for path in tracked_files():
        if not path.endswith((".c", ".h")) and not is_script(path):
            continue
        lines = [line for line in lines_of(path)[:3] if not line.startswith("#!")]
        if len(lines) < 2 or not re.fullmatch(
                r"(//|#) SPDX-License-Identifier: BSD-3-Clause", lines[0]) or not re.fullmatch(
                r"(//|#) Copyright \(c\) 2026, The Weir authors", lines[1]):
            problems.append(f"{path}:1: does not begin with the SPDX and copyright lines")
    return problems


def check_toplevel():
    """Nothing is at the top level but what belongs there."""
    first = {path.split("/")[0] for path in tracked_files()}
    return [f"{name}: does not belong at the top level" for name in sorted(first)
            if name not in TOP_LEVEL and not name.startswith(".")]


def headers_of(folder):
    """name: path of the headers in a folder and below."""
    return {os.path.basename(path): path for path in tracked_files()
            if path.startswith(f"{folder}/") and path.endswith(".h")}


def includes_of(path):
    """(line number, "<" or a quotation mark, name) of every include."""
    for number, line in enumerate(lines_of(path), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1], match[2]


def abi_headers():
    """The headers that control may see, with what they include."""
    dataplane, seen, waiting = headers_of("dataplane"), set(), list(ABI_HEADERS)
    while waiting:
        name = waiting.pop()
        if name in dataplane and name not in seen:
            seen.add(name)
            waiting += [included for _, _, included in includes_of(dataplane[name])]
    return seen


def check_layering():
    """No folder includes a higher one, by name or by path; DPDK stays where it belongs."""
    problems, headers, abi = [], {name: headers_of(name) for name in MAY_INCLUDE}, abi_headers()
    for path in c_files():
        folder = path.split("/")[0]
        for number, kind, name in includes_of(path):
            where = f"{path}:{number}"
            dpdk = name.startswith("rte_")
            if dpdk and (folder not in DPDK_FOLDERS or os.path.basename(path) in abi):
                problems.append(f"{where}: {name}: no DPDK here")
            if kind == "<":
                continue
            if "/" in name:
                problems.append(f"{where}: \"{name}\": include by name, not by path")
            elif folder in MAY_INCLUDE:
                homes = [home for home in headers if name in headers[home]]
                allowed = any(home in MAY_INCLUDE[folder] for home in homes) or \
                    (folder == "control" and name in abi)
                if homes and not allowed:
                    problems.append(f"{where}: \"{name}\" is {homes[0]}'s, above {folder}")
    owners = {}
    for folder, names in headers.items():
        for name, path in names.items():
            if name in owners:
                problems.append(f"{path}:1: {owners[name]} has the same name")
            owners[name] = path
    return problems


def check_shape():
    """Files and functions are short."""
    problems = []
    for path in tracked_files():
        if not path.endswith((".c", ".h", ".py")):
            continue
        lines = lines_of(path)
        if len(lines) >= FILE_LINES:
            problems.append(f"{path}:1: {len(lines)} lines; below {FILE_LINES}, please")
        start = None
        for number, line in enumerate(lines, 1) if path.endswith(".c") else []:
            if line == "{":
                start = number
            elif line == "}" and start:
                if number - start > FUNCTION_LINES:
                    problems.append(f"{path}:{start}: a function of {number - start} lines")
                start = None
    return problems


CHECKS = {name[len("check_"):]: function for name, function in list(globals().items())
          if name.startswith("check_")}


def main(arguments):
    if arguments == ["--list"]:
        print("\n".join(CHECKS))
        return 0
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        print(f"usage: tests/check_tree.py --list | {' | '.join(CHECKS)}", file=sys.stderr)
        return 2
    problems = CHECKS[arguments[0]]()
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
