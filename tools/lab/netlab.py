# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""Network namespaces, veth pairs and processes for the end-to-end tests and the demo.

    with netlab.Lab() as lab:
        left, right = lab.namespace("left"), lab.namespace("right")
        netlab.veth(left, "eth0", right, "eth0")
        left.add_address("eth0", "10.0.0.1/24")
        server = right.start(["server", "--listen"], name="server")
        server.wait_for_log("listening")
        left.run(["client", "10.0.0.2"], timeout=10)

When the with block is left, by its end, an exception, SIGTERM, SIGINT or SIGHUP, every process is
stopped and every namespace and file of the lab is gone. Only a SIGKILL of the program itself leaves
something: its processes die with it, and the next lab sweeps up the rest.

Needs root, /proc, and the commands ip and ethtool. Standard library only.
"""

import atexit
import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
NETNS_DIRECTORY = "/run/netns"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CLONE_NEWNET = 0x40000000
# A parent that dies before its child has asked for the signal would be outlived: so the child looks
# whether its parent, whose number follows, is still there.
DIES_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--", "sh", "-c",
                    '[ "$PPID" = "$0" ] && exec "$@"')
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """Something that the test did not ask to fail has failed; the text says what."""


class Interrupted(SystemExit):
    """A stop signal came; leaves the program with 128 + its number."""

    def __init__(self, number):
        super().__init__(128 + number)


def program(name):
    """The path of a program of this tree, built in $WEIR_BUILD_DIR or build/."""
    build = os.environ.get("WEIR_BUILD_DIR", os.path.join(ROOT, "build"))
    folders = ("tools/weir", "tools/weirctl", "tools/weirgen", "tools", "tools/benchmark",
               "dataplane", "control", "tests/link")
    for folder in folders:
        path = os.path.join(build, folder, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise LabError(f"{name} is not in {build}; run tools/setup, or set WEIR_BUILD_DIR")


def wait_until(condition, timeout, what, interval=0.02):
    """Calls condition until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout} s in vain for {what}")
        time.sleep(interval)


def _command(args, **options):
    """Runs one of the system's own tools, quietly unless it fails."""
    done = subprocess.run(args, stdin=options.pop("stdin", subprocess.DEVNULL), text=True,
                          capture_output=True, timeout=30, **options)
    if done.returncode != 0:
        raise LabError(f"{' '.join(args)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


MEMORY_FOLDER = "/dev/shm"


def _lab_folder():
    """Where labs keep their files: in memory if there is room and TMPDIR does not say otherwise. Many
    processes of a lab sync many files, and a busy disk would stop them all for seconds."""
    if "TMPDIR" in os.environ or not os.access(MEMORY_FOLDER, os.W_OK):
        return tempfile.gettempdir()
    space = os.statvfs(MEMORY_FOLDER)
    return MEMORY_FOLDER if space.f_bavail * space.f_frsize >= 2 << 30 else tempfile.gettempdir()


def _delete_namespace(name):
    """Removes a namespace whatever state its making was left in."""
    path = os.path.join(NETNS_DIRECTORY, name)
    _libc.umount2(path.encode(), MNT_DETACH)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _sweep():
    """Removes the namespaces and directories of labs whose process no longer exists."""
    _sweep_folder(NETNS_DIRECTORY, _delete_namespace)
    _remove_memory(lambda pid: not os.path.exists(f"/proc/{pid}"))
    for folder in {MEMORY_FOLDER, tempfile.gettempdir()}:
        _sweep_folder(folder, lambda name, folder=folder: shutil.rmtree(
            os.path.join(folder, name), ignore_errors=True))


def _remove_memory(wanted):
    """Removes what dataplanes left of their shared memory: a lab's have its process id in their names."""
    for name in os.listdir(MEMORY_FOLDER) if os.path.isdir(MEMORY_FOLDER) else []:
        match = re.fullmatch(r"weir-(\d+)-.*\.memory-[0-9a-f]{8}", name)
        if match and wanted(match[1]):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(MEMORY_FOLDER, name))


def _sweep_folder(folder, remove):
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        match = re.fullmatch(r"weir-(\d+)-.*", name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            remove(name)


class Process:
    """A program running in a namespace. Its output, both streams, is in the file .log."""

    def __init__(self, name, args, popen, log):
        self.name, self.args, self.log = name, args, log
        self._popen = popen
        self.pid = popen.pid

    @property
    def returncode(self):
        """The exit status, minus the signal's number if one ended it, or None while running."""
        return self._popen.poll()

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def tail(self, lines=8):
        return "\n".join(self.output().splitlines()[-lines:])

    def wait_for_log(self, pattern, timeout=10):
        """Waits until the output matches the pattern, and returns the match."""
        def found():
            match = re.search(pattern, self.output())
            if not match and self.returncode is not None:
                match = re.search(pattern, self.output())
                if not match:
                    raise LabError(f"{self.name} ended with status {self.returncode} before it "
                                   f"said '{pattern}'; it said:\n{self.tail()}")
            return match
        return wait_until(found, timeout, f"'{pattern}' in the output of {self.name}, which ends:"
                                          f"\n{self.tail()}")

    def wait(self, timeout):
        """Waits for its end and returns the exit status."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} still runs after {timeout} s; its output ends:\n"
                           f"{self.tail()}") from None

    def signal(self, number):
        if self.returncode is None:
            self._popen.send_signal(number)

    def stop(self, grace=5):
        """SIGTERM, and SIGKILL after the grace. Returns the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self._popen.wait(grace)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        """SIGKILL to it and to what it started itself. Returns the exit status."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return self._popen.wait()


class Namespace:
    """A network namespace, with loopback up and addresses usable at once."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name

    @contextlib.contextmanager
    def entered(self):
        """Makes this thread's network that of the namespace: sockets opened here belong to it."""
        with open("/proc/thread-self/ns/net") as home, \
                open(os.path.join(NETNS_DIRECTORY, self.name)) as there:
            if _libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise LabError(f"cannot enter {self.name}: {os.strerror(ctypes.get_errno())}")
            try:
                yield self
            finally:
                if _libc.setns(home.fileno(), CLONE_NEWNET) != 0:
                    os.abort()  # going on in the wrong network would be worse

    def sysctl(self, key, value):
        """Sets net.KEY, written with slashes: sysctl("ipv4/ip_forward", 1)."""
        with self.lab.uninterrupted(), self.entered(), open(f"/proc/sys/net/{key}", "w") as file:
            file.write(str(value))

    def ip(self, *lines):
        """Runs lines of the ip command here: ip("link set dev eth0 up", "route add ...")."""
        with self.lab.uninterrupted(), self.entered():
            # Not "ip -n", which remounts / as its exec does: a chroot's / cannot be.
            _command(["ip", "-batch", "-"], stdin=None, input="\n".join(lines))

    def add_address(self, interface, address):
        nodad = " nodad" if ":" in address else ""
        self.ip(f"address add {address} dev {interface}{nodad}")

    def run(self, args, timeout, check=True, **options):
        """Runs a command to its end; returns it as subprocess.run does, with text output."""
        self.lab.log_command(self.name, args)
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL} | options
        with self.lab.uninterrupted(), self.entered():
            popen_options = {key: options.pop(key) for key in list(options)
                             if key in ("cwd", "env", "stdin", "text")}
            if options.pop("capture_output"):
                options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
            popen = self.lab.spawn(args, **popen_options, **options)
        try:
            out, err = popen.communicate(timeout=timeout)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(popen.pid, signal.SIGKILL)
            popen.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise LabError(f"{' '.join(args)} still ran after {timeout} s") from None
            raise
        finally:
            self.lab.forget(popen)
        done = subprocess.CompletedProcess(args, popen.returncode, out, err)
        if check and done.returncode != 0:
            raise LabError(f"{' '.join(args)} ended with status {done.returncode}: "
                           f"{(err or out or '').strip()}")
        return done

    def start(self, args, name, **options):
        """Starts a program that goes on running, from the thread that lives longest: it is killed
        when the thread that started it ends. Its output goes to a file. Returns a Process."""
        self.lab.log_command(self.name, args)
        with self.lab.uninterrupted(), self.entered():
            path = self.lab.log_path(name)
            with open(path, "wb") as log:
                popen = self.lab.spawn(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       **options)
            process = Process(name, args, popen, path)
            self.lab.processes.append(process)
        return process


class Lab:
    """All that one test makes. directory is a new one with a short path, in memory if there is room
    and TMPDIR does not say otherwise, for configuration files, sockets and state; logs is where
    output goes: $WEIR_LOG_DIR if set, which stays, or in directory."""

    def __init__(self):
        self.namespaces, self.processes = [], []
        self.directory = self.logs = None
        self._short, self._lock = [], threading.RLock()
        self._closed, self._critical, self._pending = False, 0, None
        self._interrupted = False
        self._handlers = {}

    def __enter__(self):
        if os.geteuid() != 0:
            raise LabError("network namespaces need root; run this with sudo")
        if not os.path.isdir("/proc/self/ns"):
            raise LabError("/proc is missing; mount it: mount -t proc proc /proc")
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                self._handlers[number] = signal.signal(number, self._interrupt)
        # A signal may come between the block's end and __exit__'s first step.
        atexit.register(self.close)
        try:
            with self.uninterrupted():
                self.directory = tempfile.mkdtemp(prefix=f"weir-{os.getpid()}-",
                                                  dir=_lab_folder())
                self.logs = os.environ.get("WEIR_LOG_DIR", os.path.join(self.directory, "log"))
                os.makedirs(self.logs, exist_ok=True)
                _sweep()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, error, trace):
        with self.uninterrupted():
            if error is not None and not isinstance(error, Interrupted):
                self._explain()
            self.close()

    def close(self):
        """Stops and removes everything. May be called more than once."""
        atexit.unregister(self.close)
        with self.uninterrupted():
            with self._lock:
                self._closed = True
            self._stop_processes()
            for namespace in reversed(self.namespaces):
                _delete_namespace(namespace.name)
            self.namespaces.clear()
            _remove_memory(lambda pid: pid == str(os.getpid()))
            if self.directory:
                shutil.rmtree(self.directory, ignore_errors=True)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            self._handlers.clear()

    def _interrupt(self, number, _frame):
        # One exception is on its way to __exit__ already: a second would pass it by, uncleaned.
        if self._interrupted:
            return
        if self._critical:
            self._pending = number
        else:
            self._interrupted = True
            raise Interrupted(number)

    @contextlib.contextmanager
    def uninterrupted(self):
        """Stop signals wait until the block's end, so that nothing is made and not noted."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._critical += 1
        try:
            yield
        finally:
            self._critical -= 1
            if self._critical == 0 and self._pending is not None:
                number, self._pending = self._pending, None
                self._interrupted = True
                raise Interrupted(number)

    def namespace(self, label):
        """A new namespace, named weir-PID-LABEL."""
        name = f"weir-{os.getpid()}-{label}"
        namespace = Namespace(self, name)
        with self.uninterrupted():
            self.namespaces.append(namespace)
            _command(["ip", "netns", "add", name])
            for scope in ("all", "default"):
                # Duplicate address detection would keep IPv6 addresses unusable for a second.
                namespace.sysctl(f"ipv6/conf/{scope}/accept_dad", 0)
                namespace.sysctl(f"ipv6/conf/{scope}/router_solicitations", 0)
            namespace.ip("link set dev lo up")
        return namespace

    def spawn(self, args, **options):
        """Starts a child that dies with us, in a process group of its own."""
        with self._lock:
            if self._closed:
                raise LabError("the lab is closed")
            popen = subprocess.Popen([*DIES_WITH_PARENT, str(os.getpid()), *args],
                                     process_group=0, **options)
            self._short.append(popen)
            return popen

    def forget(self, popen):
        with self._lock:
            self._short.remove(popen)

    def log_path(self, name):
        path, number = os.path.join(self.logs, f"{name}.log"), 1
        while os.path.exists(path):
            number += 1
            path = os.path.join(self.logs, f"{name}.{number}.log")
        return path

    def log_command(self, where, args):
        with self._lock, open(os.path.join(self.logs, "commands.txt"), "a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {where}: {' '.join(args)}\n")

    def _explain(self):
        """Shows the ends of the logs, for they may be gone soon."""
        for process in self.processes:
            print(f"--- {process.name} (status {process.returncode})\n{process.tail(5)}",
                  file=sys.stderr)

    def _stop_processes(self, grace=5):
        with self._lock:
            running = [popen for popen in self._short if popen.poll() is None]
        for popen in reversed(running):
            popen.terminate()
        deadline = time.monotonic() + grace
        for popen in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                popen.wait(max(0, deadline - time.monotonic()))
        for popen in running:
            # The group too: what a child left running itself.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()


def veth(left, left_name, right, right_name, mtu=1500):
    """Joins two namespaces by a pair of interfaces, both up, with the offloads off that would make
    frames differ from those on a cable (partial checksums, super-frames)."""
    with left.lab.uninterrupted():
        _command(["ip", "link", "add", "name", left_name, "netns", left.name, "mtu", str(mtu), "type",
                  "veth", "peer", "name", right_name, "netns", right.name, "mtu", str(mtu)])
        for namespace, name in ((left, left_name), (right, right_name)):
            with namespace.entered():
                _command(["ethtool", "-K", name, "tx", "off", "sg", "off", "tso", "off", "gso",
                          "off", "tx-udp-segmentation", "off", "gro", "off"])
            namespace.ip(f"link set dev {name} up")
