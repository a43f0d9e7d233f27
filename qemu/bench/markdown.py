# SPDX-License-Identifier: GPL-2.0
"""The tables of the README, from the figures of one or several kernels."""

import table

HOW = (
    ("raw", None),
    ("submit_bio_wait", "wait for each: `submit_bio_wait()`"),
    ("naive", "`bio_alloc()` and `submit_bio()` each"),
    ("naive_plug", "the same, plugged"),
    ("bio_cache", "the same, from a per-CPU cache of bios"),
    ("embedded_built", "embedded bio, built each time, plugged, REQ_NOMERGE"),
    ("floor", "embedded bio, armed again by hand, plugged, REQ_NOMERGE: **the floor**"),
    ("floor_tags", "the same, and the plug is told how many will come"),
    ("embedded_mergeable", "embedded bio, built each time, plugged, may be merged"),
    ("dm_io_wait", "wait for each: `dm_io()`"),
    ("dm_io", "`dm_io()` with a callback"),
    ("ours", None),
    ("io_target_read", "wait for each: `io_target_read()`"),
    ("prepared_wait", "wait for each: `io_target_submit_wait()`, prepared"),
    ("io_target_read_timeout", "wait for each: `io_target_read()` with a timeout (copies the data)"),
    ("async", "`io_target_submit()`"),
    ("async_batch", "`io_target_submit_batch()`"),
    ("async_batch_merge", "the same, MERGE_OK"),
    ("prepared", "`io_target_submit()`, prepared"),
    ("prepared_batch", "`io_target_submit_batch()`, prepared"),
    ("prepared_batch_merge", "the same, MERGE_OK"),
)

DEVICES = (
    ("null", "null_blk, answers at once"),
    ("null_softirq", "null_blk, from a softirq"),
    ("brd", "brd, empty (fills with zeroes)"),
    ("virtio", "virtio-blk"),
    ("nvme", "NVMe, emulated"),
)
COLUMNS = ("floor", "naive", "dm_io", "async", "async_batch", "prepared_batch")


def number(cost):
    return "" if cost is None else f"{cost:,.0f}"


def row(cells):
    print("| " + " | ".join(cells) + " |")


def ways(figures):
    """Every way, on the null device, in both orders."""
    floor, naive = figures.cost("floor"), figures.cost("naive")
    row(["4 KiB reads, 32 at a time", "random", "x floor", "x naive", "sequential"])
    row(["---", "--:", "--:", "--:", "--:"])
    for case, text in HOW:
        if text is None:
            row([{"raw": "**by hand**", "ours": "**io_target**"}[case], "", "", "", ""])
            continue
        cost = figures.cost(case)
        if cost is None:
            continue
        row([text, number(cost), f"{cost / floor:.2f}", f"{cost / naive:.2f}",
             number(figures.cost(case, order="sequential"))])


def devices(figures):
    print()
    row(["device, random"] + [f"`{c}`" for c in COLUMNS])
    row(["---"] + ["--:"] * len(COLUMNS))
    for device, text in DEVICES:
        row([text] + [number(figures.cost(c, device)) for c in COLUMNS])


def kernels(several):
    """What does the same case cost on each kernel?"""
    print()
    row(["kernel, null_blk, random"] + [f"`{c}`" for c in COLUMNS])
    row(["---"] + ["--:"] * len(COLUMNS))
    for figures in several:
        row([figures.data["kernel"].split("-")[0]] + [number(figures.cost(c)) for c in COLUMNS])


FORWARDED = (
    ("naive", "read, `submit_bio()` each"),
    ("naive_write", "write, `submit_bio()` each"),
    ("floor", "read, plugged, REQ_NOMERGE"),
    ("floor_write", "write, plugged, REQ_NOMERGE"),
    ("floor_mergeable", "read, plugged, may be merged"),
    ("floor_mergeable_write", "write, plugged, may be merged"),
)


def forwarded(several):
    """What forwarding adds to a bio, by order and kernel."""
    print()
    row(["kernel", "4 KiB", "order", "null_blk", "dm-linear adds", "passthru adds",
         "x dm-linear"])
    row(["---", "---", "---", "--:", "--:", "--:", "--:"])
    for figures in several:
        for case, order, below, peer, ours in table.forwarded(figures):
            row([figures.data["kernel"].split("-")[0], dict(FORWARDED)[case], order,
                 number(below), number(peer), number(ours), f"{ours / peer:.3f}"])


# What it is, its device, how it is done by hand and with the library
CALLS = (
    ("/dev/zero, 4 KiB", "zero", (
        ("vfs_iter_read", "`vfs_iter_read()`"),
        ("char_read", "`io_target_read()`"),
        ("char_async", "`io_target_submit()`, 32 at a time"))),
    ("/dev/null, 4 KiB", "devnull", (
        ("vfs_iter_write", "`vfs_iter_write()`"),
        ("char_write", "`io_target_write()`"))),
    ("a provider, 4 KiB", "provider", (
        ("indirect_call", "a pointer to its function"),
        ("provider_read", "`io_target_read()`"),
        ("provider_async", "`io_target_submit()`, 32 at a time"))),
    ("a pty, 512 bytes there and back", "pty", (
        ("pty_by_hand", "`vfs_iter_write()`, `vfs_iter_read()`"),
        ("pty_targets", "`io_target_write()`, `io_target_read()`"),
        ("pty_async", "`io_target_submit()`, who reads first"))),
)


def calls(figures):
    """Char devices and providers: the first of each is done by hand."""
    print()
    row(["char devices, providers", "by way of", figures.data["unit"], "x by hand"])
    row(["---", "---", "--:", "--:"])
    for text, device, ways_of in CALLS:
        size = table.SIZES.get(device, 4096)
        hand = figures.cost(ways_of[0][0], device, "sequential", size)
        for case, way in ways_of:
            cost = figures.cost(case, device, "sequential", size)
            if hand and cost:
                row([text, way, number(cost), f"{cost / hand:.2f}"])


def report(several):
    data = several[0].data
    print(f"{data['kernel'].split('-')[0]}, plain profile, {data['machine']}, {data['date']};"
          f" {data['unit']} per I/O, null_blk\n")
    ways(several[0])
    devices(several[0])
    if len(several) > 1:
        kernels(several)
    forwarded(several)
    calls(several[0])
