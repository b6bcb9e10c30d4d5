# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, The Weir authors

"""What tools/bench measures without a control plane, section by section. Each takes the Bench."""

import json
import shutil

import bench_pair
from bench_pair import Event, measure
from bench_run import Failed, Skipped, last_json, rate

LARGE = 2048  # elements of a jumbo frame


def clients_for(bench, elements_per_second=1e9, dimension=100000):
    """So many that a run takes about the wanted time; whole batches, a few at least."""
    return max(256, int(elements_per_second * bench.seconds / dimension) // 64 * 64)


def loop(bench):
    """The yardstick by itself: sums of packets in memory, no I/O."""
    rows, disturbed = bench.samples(bench.loop(), bench.loop("--cipher", "none"),
                                    bench.loop("--elements-per-packet", str(LARGE)),
                                    bench.loop("--active", "8"))
    rates = [[rate(result) for result in row] for row in rows]
    bench.value("loop, 352 elements a packet", "elements/s", [row[0] for row in rates],
                disturbed=disturbed)
    bench.ratio("loop, 2048 elements a packet / 352", [(row[2], row[0]) for row in rates],
                disturbed=disturbed)
    bench.ratio("loop, 8 clients at a time (6.4 MB) / 32 (16 MB)", [(row[3], row[0]) for row in rates],
                disturbed=disturbed)
    bench.ratio("loop, AES-256-GCM / no cipher", [(row[0], row[1]) for row in rates],
                disturbed=disturbed)
    bench.value("loop, part of the time that sums slots", "",
                [row[0]["summing_part"] for row in rows], disturbed=disturbed)


def kernels(bench):
    """Every tier of the arithmetic against memcpy and a pure read."""
    output = bench.run([bench.program("tools/benchmark/kernels"), "--json", "--repeats",
                        "3" if bench.quick else "9"])
    for line in output.splitlines():
        result = json.loads(line)
        value, low, high = result["per_read"]
        bench.report.figure(
            bench.section, f"{result['operation']} mod {result['modulus']}, {result['tier']} / read "
            f"(/ memcpy: {result['per_memcpy'][0]:.2f})", "", value, low, high,
            per_memcpy=result["per_memcpy"], gigabytes_per_second=result["gigabytes_per_second"])


def sockets(bench):
    """The dataplane's and the loop's rate against a receiver over kernel sockets."""
    if not bench.two_cpus:
        raise Skipped("it takes two CPUs, one for the sender")
    plain = bench.tool("sockets", "--run", "32", "--slots", "32")
    segmented = bench.tool("sockets", "--run", "32", "--slots", "32", "--segmentation")
    functions = [plain, segmented, bench.loop()]
    try:
        functions.append(dataplane_run(bench, "memif"))
    except Skipped as skipped:
        bench.report.skip("dataplane / kernel sockets", str(skipped))
    rows, disturbed = bench.samples(*functions)
    rates = [[rate(result) for result in row] for row in rows]
    bench.value("kernel sockets", "elements/s", [row[0] for row in rates], disturbed=disturbed)
    bench.ratio("loop / kernel sockets", [(row[2], row[0]) for row in rates], disturbed=disturbed)
    if len(functions) > 3:
        bench.ratio("dataplane / kernel sockets", [(row[3], row[0]) for row in rates],
                    disturbed=disturbed)
        bench.ratio("dataplane / sockets, one flow with segmentation offload",
                    [(row[3], row[1]) for row in rates], disturbed=disturbed)


def mpi_run(bench, transport):
    if not shutil.which("mpirun"):
        raise Skipped("mpirun is not installed; see tools/setup --bench")
    program = bench.program("tools/benchmark/mpi_reduce")
    command = ["mpirun", "--allow-run-as-root", "-n", "2", "--bind-to", "core", "--mca", "btl",
               f"self,{transport}"]
    if transport == "tcp":
        command += ["--mca", "btl_tcp_if_include", "lo"]
    command += [program, "--json", "--seconds", str(bench.seconds)]
    return lambda: last_json(bench.run(command))


def mpi(bench):
    """Against MPI_Reduce, which does no cryptography: what reaches the root from other ranks."""
    functions = [mpi_run(bench, "vader"), mpi_run(bench, "tcp"), bench.loop()]
    try:
        functions.append(dataplane_run(bench, "memif"))
    except Skipped as skipped:
        bench.report.skip("dataplane / MPI_Reduce", str(skipped))
    rows, disturbed = bench.samples(*functions)
    rates = [[rate(result) for result in row] for row in rows]
    for i, name in enumerate(("shared memory", "TCP")):
        bench.value(f"MPI_Reduce over {name}", "elements/s", [row[i] for row in rates],
                    disturbed=disturbed)
        bench.ratio(f"loop / MPI_Reduce over {name}", [(row[2], row[i]) for row in rates],
                    disturbed=disturbed)
        if len(functions) > 3:
            bench.ratio(f"dataplane / MPI_Reduce over {name}", [(row[3], row[i]) for row in rates],
                        disturbed=disturbed)


def dataplane_run(bench, kind, options=(), clients=None, **event):
    """A function that runs dataplane and generator and returns the generator's result."""
    bench.program("dataplane/weir-dataplane")
    bench.program("tools/weirgen/weirgen")
    if not bench.two_cpus:
        raise Skipped("it takes two CPUs, one for the generator")
    made = Event(clients or clients_for(bench), **event)

    def run():
        result = measure(bench, kind, made, options)
        result["elements_per_second"] = result["elements_per_s"]
        return result
    return run


def dataplane_over(bench, kind):
    with_cipher = dataplane_run(bench, kind)
    functions = [with_cipher, bench.loop(), dataplane_run(bench, kind, chunk=LARGE),
                 bench.loop("--elements-per-packet", str(LARGE))]
    rows, disturbed = bench.samples(*functions)
    rates = [[rate(result) for result in row] for row in rows]
    bench.value(f"dataplane over {kind}, 352 elements a packet", "elements/s",
                [row[0] for row in rates], disturbed=disturbed)
    bench.ratio(f"dataplane over {kind} / loop", [(row[0], row[1]) for row in rates],
                disturbed=disturbed)
    bench.ratio(f"dataplane over {kind} / loop, 2048 elements a packet",
                [(row[2], row[3]) for row in rates], disturbed=disturbed)
    bench.ratio("dataplane, 2048 elements a packet / 352", [(row[2], row[0]) for row in rates],
                disturbed=disturbed)


def memif(bench):
    """Real processes over zero-copy memif against the loop over the same packets."""
    dataplane_over(bench, "memif")


def vhost(bench):
    """Real processes over vhost and virtio-user against the loop over the same packets."""
    dataplane_over(bench, "vhost")


def no_cipher(bench):
    """The laboratory's cipher "none": what the cipher costs."""
    rows, disturbed = bench.samples(
        dataplane_run(bench, "memif", cipher="none"), bench.loop("--cipher", "none"),
        dataplane_run(bench, "memif"))
    rates = [[rate(result) for result in row] for row in rows]
    bench.ratio("dataplane without cipher / loop without cipher",
                [(row[0], row[1]) for row in rates], disturbed=disturbed)
    bench.ratio("dataplane, AES-256-GCM / no cipher", [(row[2], row[0]) for row in rates],
                disturbed=disturbed)


def testpmd(bench):
    """The dataplane's packets a second against testpmd's, which receives and forgets."""
    event = Event(64 if bench.quick else 256)
    options = ("--prebuilt", "--duration", f"{max(1, round(bench.seconds * 1000))} ms")
    room = event.clients * 285 * 2048
    for kind in ("memif", "vhost"):
        def receive(kind=kind):
            with bench_pair.Pair(bench, kind, event) as pair:
                return pair.testpmd(options, room)
        rows, disturbed = bench.samples(dataplane_run(bench, kind), receive)
        pairs = [(row[0]["packets_per_s"], row[1]["packets_per_s"]) for row in rows]
        bench.ratio(f"dataplane / testpmd receive-only over {kind}", pairs, disturbed=disturbed)


def pipeline_run(bench, workers, slots):
    """Its clock is the packets: so many events one after the other. It chooses its CPUs itself: its
    control thread needs one beside the worker's, or a part of one if all have workers."""
    command = [bench.program("tools/benchmark/pipeline"), "--json", "--workers", str(workers),
               "--slots", str(slots), "--batch", str(slots // 2), "--active", str(slots // 2),
               "--rounds", "1" if bench.quick else str(max(1, round(bench.seconds * 20)))]
    if bench.quick:
        command += ["--buffer", "40"]
    return lambda: last_json(bench.run(command))


def pipeline(bench):
    """The dataplane's stages with sources in memory, one worker and two, against the loop."""
    functions = [pipeline_run(bench, 1, 32), bench.loop()]
    if bench.two_cpus:
        functions += [pipeline_run(bench, 2, 64), pipeline_run(bench, 1, 64),
                      bench.tool("loop", "--threads", "2")]
    rows, disturbed = bench.samples(*functions)
    rates = [[rate(result) for result in row] for row in rows]
    bench.value("pipeline, 352 elements a packet", "elements/s", [row[0] for row in rates],
                disturbed=disturbed)
    bench.ratio("pipeline / loop", [(row[0], row[1]) for row in rates], disturbed=disturbed)
    if bench.two_cpus:
        bench.ratio("pipeline, two workers / one", [(row[2], row[3]) for row in rates],
                    disturbed=disturbed)
        bench.ratio("loop, two threads / one", [(row[4], row[1]) for row in rates],
                    disturbed=disturbed)


def flood(bench):
    """Half of the SHAREs forged, as fast as they are taken: honest goodput against what is left of the
    packets, and how long a commit waited for the worker at the very most."""
    clients = max(256, clients_for(bench) // 128 * 64)
    rows, disturbed = bench.samples(
        dataplane_run(bench, "memif", ("--forge", "0.5"), clients),
        dataplane_run(bench, "memif", (), clients))
    if any(not flooded["forged"] for flooded, _ in rows):
        raise Failed("weirgen forged nothing")
    pairs = []
    for flooded, clean in rows:
        honest = 1 - flooded["forged"] / flooded["packets"]
        goodput = clients * 100000 / flooded["elapsed_s"]
        pairs.append((goodput / rate(clean), honest))
    bench.ratio("honest goodput under a flood / its part of the packets", pairs,
                disturbed=disturbed)
    # From a client's last SHARE to its counting: waiting for a batch, for its turn, and its commit.
    bench.value("last share to counted under a flood, longest", "ms",
                [flooded["last_share_to_sealed_us"]["max"] / 1000 for flooded, _ in rows],
                disturbed=disturbed)


def full_rate(bench):
    """Rates that do not wait for the receiver, below and near the highest: is anything lost? What a CPU
    with nothing to do misses is lost by any receiver: it is measured in the same run."""
    free = dataplane_run(bench, "memif")()
    parts = (0.5, 0.7, 0.9)
    functions = [dataplane_run(bench, "memif", (
        "--rate", f"{part * free['packets_per_s'] / 1e6:.4f} Mpps")) for part in parts]
    functions.append(bench.tool("stalls", "--seconds", str(bench.seconds), cpus=[bench.cpu]))
    rows, disturbed = bench.samples(*functions)
    bench.value("a loop that does nothing: longest time without its CPU", "us",
                [row[-1]["longest_us"] for row in rows], disturbed=disturbed)
    # Frames that arrive while the CPU is away, above what a ring of 1024 holds.
    bench.value("frames that these stalls alone lose at 90 %", "frames",
                [sum(max(0, us * 0.9e-6 * free["packets_per_s"] - 1024)
                     for us in row[-1]["stalls_us"]) for row in rows], disturbed=disturbed)
    for i, part in enumerate(parts):
        bench.value(f"frames lost at {round(100 * part)} % of the full rate", "frames",
                    [row[i]["ring_full"] for row in rows], disturbed=disturbed)
        bench.value(f"last share to counted, 99th percentile, at {round(100 * part)} %", "us",
                    [row[i]["last_share_to_sealed_us"]["p99"] for row in rows],
                    disturbed=disturbed)


def client(bench):
    """The client's work against the yardstick: how many cores of clients keep one worker busy."""
    rows, disturbed = bench.samples(bench.tool("split_send", cpus=[bench.cpu]), bench.loop())
    bench.value("client: split, sealed and sent", "elements/s", [rate(row[0]) for row in rows],
                disturbed=disturbed)
    bench.ratio("loop / client", [(rate(row[1]), rate(row[0])) for row in rows],
                disturbed=disturbed)
    for part in ("splitting", "sealing", "sending"):
        bench.value(f"client, part of the time {part}", "",
                    [row[0][f"{part}_part"] for row in rows], disturbed=disturbed)
