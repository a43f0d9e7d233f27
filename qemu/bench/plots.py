# SPDX-License-Identifier: GPL-2.0
"""Two pictures by gnuplot: cost against depth, and the cost of each feature."""

import subprocess

import table

LINES = (
    ("submit_bio_wait", "submit_bio_wait()", "#8c8c8c", 2),
    ("naive", "bio_alloc(), submit_bio()", "#8c8c8c", 1),
    ("floor", "embedded bio, armed again", "#404040", 1),
    ("floor_tags", "the same, told how many", "#404040", 3),
    ("dm_io", "dm_io()", "#d0a020", 1),
    ("io_target_read", "io_target_read()", "#2060c0", 2),
    ("async", "io_target_submit()", "#60a0e0", 1),
    ("async_batch", "io_target_submit_batch()", "#2060c0", 1),
    ("prepared_batch", "the same, prepared", "#c02040", 1),
)


def depth_script(figures, unit):
    """Who waits for each I/O has no depth: a level line."""
    depths = sorted({m["depth"] for m in figures.rows(device="null", order="random", size=4096)})
    blocks, plots = [], []
    for case, title, colour, dash in LINES:
        points = [(d, figures.by.get((case, "null", "random", 4096, d, "default")))
                  for d in depths]
        points = [(d, m["min"]) for d, m in points if m]
        if not points:
            continue
        if len(points) == 1:
            points = [(d, points[0][1]) for d in depths]
        name = f"$d{len(blocks)}"
        blocks.append(f"{name} << EOD\n" + "".join(f"{d} {c}\n" for d, c in points) + "EOD\n")
        plots.append(f"{name} using 1:2 with linespoints lw 2 pt 7 ps 0.5 dt {dash}"
                     f" lc rgb '{colour}' title '{title}'")
    return "".join(blocks) + f"""
set logscale x 2
set xrange [{depths[0] * 0.9}:{depths[-1] * 1.15}]
set xtics ({', '.join(f'"{d}" {d}' for d in depths)})
set xlabel 'I/Os at a time'
set ylabel '{unit} per I/O'
set yrange [0:*]
set grid ytics lc rgb '#dddddd'
set key outside right center reverse Left
plot {', '.join(plots)}
"""


def feature_script(figures, unit):
    found = table.features(figures)
    most = max([cost for _, cost in found], default=1)
    rows = "".join(f'{i} {cost:.0f} "{text}"\n' for i, (text, cost) in enumerate(found))
    return f"""$f << EOD
{rows}EOD
set yrange [{len(found) - 0.4}:-0.6]
set xrange [0:{most * 1.2:.0f}]
set xlabel '{unit} more than a plain request of a batch'
set grid xtics lc rgb '#dddddd'
set style fill solid 0.8
unset key
set lmargin 34
plot $f using ($2/2):0:($2/2):(0.35):ytic(3) with boxxyerror lc rgb '#2060c0', \\
     $f using 2:0:(sprintf(' %+d', $2)) with labels left
"""


def draw(script, path):
    """Deterministic but for gnuplot's version; with a line on whose it is."""
    head = "set terminal svg size 760,400 font 'sans-serif,12' noenhanced background '#ffffff'\n"
    done = subprocess.run(["gnuplot"], input=head + script, text=True, capture_output=True,
                          check=False)
    if done.returncode or "<svg" not in done.stdout:
        raise SystemExit(f"gnuplot failed: {done.stderr.strip()[:300]}")
    first, rest = done.stdout.split("\n", 1)
    with open(path, "w", encoding="utf-8") as out:
        out.write(first + "\n<!-- SPDX-License-Identifier: GPL-2.0 -->\n")
        out.write("\n".join(line.rstrip() for line in rest.split("\n")))


def both(figures, prefix):
    unit = figures.data["unit"]
    draw(depth_script(figures, unit), prefix + "depth.svg")
    draw(feature_script(figures, unit), prefix + "features.svg")
