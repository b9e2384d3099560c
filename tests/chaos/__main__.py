"""``python -m chaos``: see the package."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from chaos import report
from chaos.draw import SCENARIOS, draw

if TYPE_CHECKING:
    from chaos.cluster import Cluster


def main() -> None:
    """Run, or merge; ends by `SystemExit`, 1 where anything was wrong."""
    arguments = _arguments()
    if arguments.command == "run":
        records = _run(arguments)
        files = [] if arguments.report is None else [arguments.report]
    else:
        records = report.read(arguments.reports)
        files = arguments.reports[:1]
    for folder in files:
        report.draw_picture(records, folder)
    report.print_tables(records)
    violations, orphans = (sum(len(record[key]) for record in records) for key in ("violations", "orphans"))
    print(f"runs={len(records)} violations={violations} orphans={orphans}")
    sys.exit(1 if violations or orphans else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description="Jobs under faults drawn from seeds.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a range of seeds")
    run.add_argument("--runs", type=int, default=10, help="how many")
    run.add_argument("--seed", type=int, default=1, help="of the first; each next one's is one more")
    run.add_argument("--scenario", choices=SCENARIOS, help="this one, instead of drawing it")
    run.add_argument("--kills", type=int, help="so many kills in each job, instead of drawing faults")
    run.add_argument(
        "--embedded", action="store_true", help="in PyFlink's own JVM, without a TaskManager to kill"
    )
    run.add_argument(
        "--report", type=Path, help="folder for the report, and for what is kept of runs gone wrong"
    )
    merge = commands.add_parser("merge", help="one report of many")
    merge.add_argument("reports", type=Path, nargs="+", help="folders; the first takes the picture")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> list[report.Record]:
    from chaos.cluster import Embedded, standalone  # noqa: PLC0415 - merging needs no Flink
    from chaos.run import run  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C does it ends the cluster, too
    seeds = range(arguments.seed, arguments.seed + arguments.runs)
    folder = Path(arguments.report or tempfile.mkdtemp(prefix="chaos-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    records: list[report.Record] = []
    special = [str(word) for word in (arguments.scenario, arguments.kills) if word is not None]
    name = "-".join(["seeds", str(seeds[0]), str(seeds[-1]), *special])
    with ExitStack() as stack, (folder / f"{name}.jsonl").open("w") as lines:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-cluster-")))
        cluster: Cluster = (
            Embedded() if arguments.embedded else stack.enter_context(standalone(work / "cluster"))
        )
        for seed in seeds:
            drawn = draw(seed, arguments.scenario, arguments.kills, embedded=arguments.embedded)
            print("\n".join(drawn.lines()), flush=True)
            outcome = run(drawn, cluster, folder / f"run-{drawn.scenario}-{seed}")
            record = outcome.to_json()
            print(report.verdict(record), flush=True)
            lines.write(json.dumps(record) + "\n")
            lines.flush()
            records.append(record)
    return records


if __name__ == "__main__":
    main()
