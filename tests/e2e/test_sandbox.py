#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors
# Time limit: 300 s
"""What is left to somebody who takes over one of an appliance's processes: no capabilities, no new
privileges, few system calls, nobody's user, no core dump. A whole event runs like that, and then the
processes themselves try what they must not."""

import errno
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import lab_path  # noqa: F401
from deployment import Deployment
from intruder import Ended, Intruder
from netlab import Lab, program, wait_until

ROWS = [[1, -2, 3], [10, 20, -30], [100, 200, 300]]
USER = "nobody"
SYS_NICE = 1 << 23  # all that a dataplane's main thread may keep, where limits cannot be raised
# System calls of x86-64.
GETPID, SOCKET, EXECVE, SETRESUID, PRCTL, CHMOD, LISTEN, MOUNT, IO_URING = \
    39, 41, 59, 117, 157, 90, 50, 165, 425
PROCESS_VM_READV, PTRACE = 310, 101


def status(path):
    with open(f"{path}/status", encoding="ascii", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def check_thread(path, uid, spare):
    found = status(path)
    assert found["Seccomp"] == "2", (path, found["Seccomp"])
    assert found["NoNewPrivs"] == "1", (path, found["NoNewPrivs"])
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(found[name], 16) & ~spare == 0, (path, name, found[name])
    assert set(found["Uid"].split()) == {str(uid)}, (path, found["Uid"])


def check_process(process, uid):
    """Every thread of it, and that it leaves no core."""
    threads = os.listdir(f"/proc/{process.pid}/task")
    for thread in threads:
        main = int(thread) == process.pid and "dataplane" in process.name and uid == 0
        check_thread(f"/proc/{process.pid}/task/{thread}", uid, SYS_NICE if main else 0)
    with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
        assert re.search(r"Max core file size +0 +0 ", file.read()), process.name
    if uid != 0:  # the files of what may be dumped belong to the user
        assert os.stat(f"/proc/{process.pid}/environ").st_uid == 0, f"{process.name} can be dumped"
        groups = status(f"/proc/{process.pid}")["Groups"].split()
        assert "0" not in groups, groups
    print(f"{process.name}: {len(threads)} threads in the sandbox, user {uid}", flush=True)


def processes(weir):
    return [process for appliance in weir.appliances
            for process in (appliance.dataplane, appliance.control)]


def run_event(weir):
    event = weir.announce(dimension=3, max_clients=5, target_clients=len(ROWS),
                          encoding={"kind": "integer", "signed": True, "bound": 1000})
    weir.wait_for_state(event, {"open"})
    for client, row in zip(weir.clients, ROWS):
        with open(client.path("vector.csv"), "w", encoding="utf-8") as file:
            file.write(",".join(map(str, row)) + "\n")
        client.run("submit", "--event", event, "--input", client.path("vector.csv"), "--again")
    weir.wait_for_state(event, {"published"})
    assert weir.collect(event) == [sum(column) for column in zip(*ROWS)], "the sum differs"


def refused_calls(process):
    """Their own, made by the live process; and it goes on as if nothing had been."""
    refused = {
        "a raw socket": (SOCKET, socket.AF_PACKET, socket.SOCK_RAW, 0),
        "a socket of the kernel's cryptography": (SOCKET, socket.AF_ALG, socket.SOCK_SEQPACKET, 0),
        "to be root": (SETRESUID, 0, 0, 0),
        "to be dumpable": (PRCTL, 4, 1),
        "a file's mode": (CHMOD, 0, 0),
        "to listen": (LISTEN, 0, 1),
        "io_uring": (IO_URING, 1, 0),
    }
    with Intruder(process.pid) as intruder:
        assert intruder.call(GETPID) == process.pid, "the intruder does not work"
        for what, call in refused.items():
            result = intruder.call(*call)
            assert result == -errno.EPERM, f"{process.name}: {what}: {result}"
    assert process.returncode is None
    print(f"{process.name}: refused: {', '.join(refused)}", flush=True)


def deadly_call(process, what, *call):
    try:
        with Intruder(process.pid) as intruder:
            result = intruder.call(*call)
            raise AssertionError(f"{process.name}: {what}: {result}")
    except Ended as ended:
        assert ended.signal == signal.SIGSYS, ended
    print(f"{process.name}: ended by {what}", flush=True)


def crash(process, folder):
    """A crash that would leave a core anywhere else."""
    process.signal(signal.SIGSEGV)
    end = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert (end.si_code, end.si_status) == (os.CLD_KILLED, signal.SIGSEGV), end
    assert process.wait(30) == -signal.SIGSEGV
    assert not [name for name in os.listdir(folder) if "core" in name], os.listdir(folder)


def open_folders(weir):
    """The way to an appliance's folder, which a lab makes for root alone."""
    for folder in (weir.directory, *(appliance.directory for appliance in weir.appliances)):
        os.chmod(folder, 0o711)


def open_for_user(weir):
    open_folders(weir)
    for appliance in weir.appliances:
        settings = appliance.settings() | {"user": USER}
        appliance.settings = lambda settings=settings: settings


def leaves_no_memory(appliance):
    """Its user cannot remove root's file, but what it held is free; the next dataplane takes it up."""
    [path] = glob.glob(f"/dev/shm/weir-{os.getpid()}-{appliance.name}.memory-*")
    full = os.stat(path).st_blocks
    assert appliance.dataplane.stop() == 0, appliance.dataplane.tail()
    left = os.stat(path).st_blocks * 512
    assert left <= 4096, (full * 512, left)
    assert "only its owner can remove it" in appliance.dataplane.tail(), appliance.dataplane.tail()
    appliance.start_dataplane()
    wait_until(appliance.is_healthy, 60, "the dataplane, again", interval=0.2)
    assert os.stat(path).st_blocks == full
    print("a stop leaves nothing in memory", flush=True)


def run(as_user):
    uid = pwd.getpwnam(USER).pw_uid if as_user else 0
    with Lab() as lab:
        weir = Deployment(lab, 2)
        for i in range(len(ROWS)):
            weir.add_client(f"c{i}")
        if as_user:
            open_for_user(weir)
        os.chdir(lab.directory)  # where cores would be
        weir.start()
        for process in processes(weir):
            check_process(process, uid)
        run_event(weir)
        for process in processes(weir):
            check_process(process, uid)
            refused_calls(process)
        run_event(weir)
        if as_user:
            state = os.stat(weir.leader.path("state"))
            assert (state.st_uid, state.st_mode & 0o777) == (uid, 0o700), state
            weir.leader.control.stop()
            weir.leader.start_control()
            wait_until(weir.leader.is_healthy, 60, "the control process, again", interval=0.2)
            run_event(weir)
            leaves_no_memory(weir.leader)
            run_event(weir)
        helper = weir.appliances[1]
        deadly_call(helper.control, "execve", EXECVE, 0, 0, 0)
        deadly_call(helper.dataplane, "mount", MOUNT, 0, 0, 0, 0, 0)
        crash(weir.leader.control, lab.directory)
        crash(weir.leader.dataplane, lab.directory)
        helper.start_dataplane()
        helper.start_control()
        wait_until(helper.is_healthy, 60, "the helper, again", interval=0.2)
        deadly_call(helper.control, "reading another's memory", PROCESS_VM_READV, 1, 0, 0, 0, 0, 0)
        deadly_call(helper.dataplane, "ptrace", PTRACE, 16, 1, 0, 0)
        os.chdir("/")


def without():
    """Switched off by the config: for a driver that must do more. The rest stays."""
    with Lab() as lab:
        weir = Deployment(lab, 2)
        for appliance in weir.appliances:
            settings = appliance.settings() | {"sandbox": False}
            appliance.settings = lambda settings=settings: settings
        weir.start()
        for process in processes(weir):
            found = status(f"/proc/{process.pid}")
            assert (found["Seccomp"], found["NoNewPrivs"]) == ("0", "1"), found


def as_service():
    """Never root: started like config/weir-*.service says, as a user with the few capabilities that
    opening ports takes, or none."""
    user = pwd.getpwnam(USER)
    with Lab() as lab:
        weir = Deployment(lab, 2)
        for i in range(len(ROWS)):
            weir.add_client(f"c{i}")
        open_folders(weir)
        for appliance in weir.appliances:
            os.chown(appliance.directory, user.pw_uid, user.pw_gid)
            os.chown(appliance.path("identity.pem"), user.pw_uid, user.pw_gid)
            start = appliance.namespace.start
            appliance.namespace.start = lambda command, name, start=start: start(
                ["setpriv", "--reuid", USER, "--regid", str(user.pw_gid), "--clear-groups",
                 *service_capabilities(name), "--no-new-privs", *command], name)
        weir.start()
        for process in processes(weir):
            check_process(process, user.pw_uid)
        run_event(weir)


def service_capabilities(name):
    """setpriv's options for what the unit's file gives."""
    unit = "weir-dataplane" if "dataplane" in name else "weir-control"
    with open(os.path.join(lab_path.ROOT, "config", f"{unit}.service"), encoding="utf-8") as file:
        found = re.findall(r"^AmbientCapabilities=(.*)$", file.read(), re.MULTILINE)
    words = [word.lower().removeprefix("cap_") for word in found[0].split()] if found else []
    listed = ",".join(["-all", *(f"+{word}" for word in words)])
    return ["--inh-caps", listed, "--ambient-caps", listed, "--bounding-set", listed]


def units():
    """What systemd itself says of the units: nothing to complain of, and little exposure."""
    if not shutil.which("systemd-analyze"):
        print("no systemd-analyze here: the units are not looked at")
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, most in (("weir-control", 20), ("weir-dataplane", 30)):
            with open(os.path.join(lab_path.ROOT, "config", f"{name}.service"),
                      encoding="utf-8") as file:
                text = file.read()
            text = text.replace(f"/usr/local/bin/{name}", program(name))
            path = os.path.join(folder, f"{name}.service")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            subprocess.run(["systemd-analyze", "verify", "--man=no", path], check=True, timeout=60)
            subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                            f"--threshold={most}", path], check=True, timeout=60,
                           stdout=subprocess.DEVNULL)
            print(f"{name}.service: exposure at most {most / 10}", flush=True)


def main():
    if os.uname().machine != "x86_64":
        print("the intruder knows x86-64 only")
        return 77
    run(as_user=False)
    run(as_user=True)
    as_service()
    without()
    units()
    return 0


if __name__ == "__main__":
    sys.exit(main())
