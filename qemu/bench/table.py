# SPDX-License-Identifier: GPL-2.0
"""Measurements as aligned tables, for people."""

import goals

TITLES = {
    "null": "null block device, which answers at once",
    "null_softirq": "null block device, which answers from a softirq",
    "latency": "null block device, latency histogram on",
    "traced": "null block device, all tracepoints on",
    "fresh": "null block device, loaded anew for each build",
    "null_poll": "null block device, polled",
    "brd": "RAM disk, empty (fills with zeroes)",
    "virtio": "virtio disk of QEMU",
    "nvme": "NVMe disk of QEMU",
    "nvme_poll": "NVMe disk of QEMU, polled",
    "zero": "/dev/zero",
    "devnull": "/dev/null",
    "provider": "a provider",
    "pty": "both sides of a pty, there and back",
    "below": "null block device, below the next two",
    "dmlinear": "dm-linear over it",
    "passthru": "io_target_passthru over it",
}
SIZES = {"pty": 512}	# all others: 4096


def size_text(size):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def times(cost, base):
    return f"{cost / base:7.2f}" if base else f"{'-':>7}"


def rows(lines, head):
    """Text columns: the first to the left, the others to the right."""
    wide = [max(len(line[i]) for line in [head] + lines) for i in range(len(head))]
    for line in [head] + lines:
        print("  " + "  ".join(f"{cell:<{wide[i]}}" if i == 0 else f"{cell:>{wide[i]}}"
                               for i, cell in enumerate(line)))


def cases(figures, device, order, unit):
    """All cases of a device, the cheapest of each group first."""
    size = SIZES.get(device, 4096)
    found = figures.rows(device=device, order=order, size=size, build="default")
    found = [m for m in found if m["depth"] in (1, 32) and
             (m["depth"] == 32 or not [n for n in found
                                       if n["case"] == m["case"] and n["depth"] == 32])]
    if not found:
        return
    floor = figures.cost("floor", device, order)
    naive = figures.cost("naive", device, order)
    print(f"\n{TITLES.get(device, device)}: {size_text(size)}, {order}")
    lines = []
    for m in sorted(found, key=lambda m: (groups(found).index(m["group"]), m["min"])):
        lines.append([m["case"], m["group"], str(m["depth"]), f"{m['min']:.0f}",
                      times(m["min"], floor), times(m["min"], naive)])
    rows(lines, ["case", "group", "at once", unit, "x floor", "x naive"])


def groups(found):
    """In the order in which they were measured."""
    return list(dict.fromkeys(m["group"] for m in found))


def curve(figures, order, key, title, show):
    """Cases against depths or sizes."""
    other = {"depth": ("size", 4096), "size": ("depth", 32)}[key]
    found = [m for m in figures.rows(device="null", order=order, build="default")
             if m[other[0]] == other[1]]
    if key == "size":	# and those that wait for each I/O
        deep = {m["case"] for m in found}
        found += [m for m in figures.rows(device="null", order=order, build="default", depth=1)
                  if m["case"] not in deep]
    across = sorted({m[key] for m in found})
    names = [n for n in dict.fromkeys(m["case"] for m in found)
             if len({m[key] for m in found if m["case"] == n}) > 2]
    if not names:
        return
    print(f"\n{title}, {order}")
    lines = []
    for name in names:
        got = {m[key]: m["min"] for m in found if m["case"] == name}
        lines.append([name] + [f"{got[x]:.0f}" if x in got else "-" for x in across])
    rows(lines, ["case"] + [show(x) for x in across])


FEATURES = (
    ("async_batch_id", "an id, to cancel it by"),
    ("async_batch_deadline", "a deadline"),
    ("async_batch_task", "TASK: end_io in a worker"),
    ("async_batch_pool", "from the pool, new each time"),
    ("async_batch_bounce", "BOUNCE: the data is copied"),
    ("async_batch_deadline_bounce", "BOUNCE and a deadline"),
)
WATCHED = (
    ("latency", "latency histogram on"),
    ("traced", "all tracepoints on"),
)
BUILDS = (
    ("no_inject", "fault injector compiled in, off", -1),
    ("no_trace", "tracing compiled in, off", -1),
    ("verifier", "verifier compiled in", 1),
)


def features(figures):
    """What each costs more than a plain request in a batch: (text, instructions)"""
    base = figures.cost("async_batch")
    found = []
    fresh = goals.over_floor(figures, "async_batch", "default")
    for build, text, sign in BUILDS:
        cost = goals.over_floor(figures, "async_batch", build)
        if fresh is not None and cost is not None:
            found.append((text, sign * (cost - fresh)))
    for device, text in WATCHED:
        cost = goals.over_floor(figures, "async_batch", "default", device)
        if fresh is not None and cost is not None:
            found.append((text, cost - fresh))
    for case, text in FEATURES:
        if base and figures.cost(case):
            found.append((text, figures.cost(case) - base))
    return found


STACKED = ("dmlinear", "passthru")


def forwarded(figures):
    """What forwarding adds: (case, order, cost below, by dm-linear, by passthru)"""
    found = []
    for m in figures.rows(device="below"):
        case = {"case": m["case"], "order": m["order"]}
        more = [goals.added(figures, case, device, "below") for device in STACKED]
        if None not in more:
            found.append((m["case"], m["order"], m["min"], *more))
    return found


def scale(figures):
    for s in figures.data["scale"]:
        print(f"  {s['scale']:20} {s['alone']:>10} {s['together']:>10}"
              f" {s['together'] / max(s['alone'], 1):8.2f} x, computing"
              f" {s['compute_together'] / max(s['compute_alone'], 1):.2f} x")


def report(figures):
    """Everything."""
    unit = figures.data["unit"] + " per I/O"
    print(f"{figures.data['kernel']}; {figures.data['machine']}")
    for device in dict.fromkeys(m["device"] for m in figures.data["measured"]):
        for order in ("random", "sequential"):
            cases(figures, device, order, unit)
    for order in ("random", "sequential"):
        curve(figures, order, "depth", f"{unit}, 4 KiB, so many at once", str)
        curve(figures, order, "size", f"{unit}, 32 at once, of size", size_text)
    if found := features(figures):
        print("\nwhat a feature adds to a request of a batch")
        rows([[text, f"{cost:+.0f}"] for text, cost in found], ["feature", unit])
    if found := forwarded(figures):
        print("\nwhat forwarding adds to a 4 KiB bio")
        rows([[f"{case}, {order}", f"{below:.0f}", f"{peer:+.0f}", f"{ours:+.0f}",
               times(ours, peer)] for case, order, below, peer, ours in found],
             ["case", unit, "dm-linear", "passthru", "x dm-linear"])
    if figures.data["scale"]:
        print("\nI/Os per second, one CPU and two (a queue for each)")
        scale(figures)
