"""The command ``gatedrnn``: list the studies, run one, judge the claims, time this machine."""

import argparse
import sys
from contextlib import nullcontext

from gatedrnn import results, sweep
from gatedrnn.studies import STUDIES, load


def main(argv: list[str] | None = None) -> object:
    """Run the command; what goes wrong is one line."""
    args = _parser().parse_args(argv)
    try:
        return args.command(args)
    except (results.Stop, results.NoResults, OSError) as error:
        sys.exit(str(error))


def _parser():
    parser = argparse.ArgumentParser(
        prog="gatedrnn", description="Run the studies behind the book's stored results."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name, command, help, more=""):
        added = commands.add_parser(
            name, help=help, description=f"{help[0].upper()}{help[1:]}. {more}"
        )
        added.set_defaults(command=command)
        return added

    add("studies", studies, "list the studies", "One line says what each of them measures.")
    command = add("verdicts", verdicts, "judge the article's claims by the stored results")
    command.add_argument("--json", action="store_true", help="as JSON, for other programs")
    text = "What was published, what was measured here, the criterion, and pass or fail."
    add("replications", replications, "judge the published results that are repeated here", text)
    text = "Exit code 1 if a study lacks rows, chose a rate at an edge, or contradicts another."
    add("check", check, "look for what could be wrong with the stored results", text)
    text = "About a minute; leave the machine alone meanwhile."
    command = add(
        "bench", bench, "measure some speed ratios on this machine, beside the stored ones", text
    )
    text = "instead, measure the study engine anew and put it in the place of the stored one"
    command.add_argument("--renew", action="store_true", help=text)
    more = (
        "Finished runs are kept in results/ and not repeated, so Ctrl-C or a kill costs only the "
        "runs in progress, and a long one goes on from its last evaluation."
    )
    command = add("run", run, "run a study, or what is left of it", more)
    command.add_argument(
        "study", choices=STUDIES, metavar="STUDY", help=f"one of: {', '.join(STUDIES)}"
    )
    where = command.add_mutually_exclusive_group()
    text = (
        "run on this many processes of one thread each, at most one a core (default: in this one)"
    )
    where.add_argument("--jobs", type=_count, default=1, metavar="N", help=text)
    text = "run on the Dask cluster whose scheduler is at this address, such as tcp://host:8786"
    where.add_argument("--scheduler", metavar="ADDRESS", help=text)
    command.add_argument("--retry", action="store_true", help="run the failed runs again")
    return parser


def _count(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def studies(args: argparse.Namespace) -> None:
    """Print the studies by part, with what each of them measures."""
    part = None
    for name, module in STUDIES.items():
        here = module.split(".")[-2]
        if here != part:
            part = here
            print(f"{part}:")
        print(f"  {name:13} {load(name).__doc__.splitlines()[0]}")


def verdicts(args: argparse.Namespace) -> object:
    """Print the verdicts."""
    from gatedrnn.claims import verdicts

    return verdicts.main(as_json=args.json)


def replications(args: argparse.Namespace) -> None:
    """Print the replications."""
    from gatedrnn.claims import replications as repeated

    repeated.main()


def check(args: argparse.Namespace) -> None:
    """Look at every study; the exit code says whether something is wrong."""
    from gatedrnn.studies import check as looked

    sys.exit(looked.main())


def bench(args: argparse.Namespace) -> None:
    """Time this machine."""
    from gatedrnn.studies import bench as timed

    if args.renew:
        timed.renew()
    else:
        timed.main()


def run(args: argparse.Namespace) -> None:
    """Run every phase of a study in turn.

    A phase may build on the rows of those before it, so none begins while one of those has failed.
    It may ask for more when its first rows are there (a rate beyond the edge of a grid), so it is
    asked again until nothing lacks.
    """
    study, path, executor = load(args.study), results.folder() / f"{args.study}.csv", nullcontext()
    if args.scheduler:
        executor = sweep.cluster(args.scheduler)
    elif args.jobs > 1:
        executor = sweep.processes(args.jobs)
    if getattr(study, "ALONE", False) and (args.scheduler or args.jobs > 1):
        sys.exit(
            f"{args.study} measures times, so one run must not disturb another: "
            "leave out --jobs and --scheduler"
        )
    try:
        with results.lock(path), executor as workers:
            store = _open(path, study)
            if args.retry:
                store.drop_failed()
            for phase in study.PHASES:
                name = f"{args.study}, {phase.__name__}"
                while sweep.lacking(calls := phase(store), store):
                    sweep.run_all(study.measure, calls, store, workers, name)
                    if store.failed():
                        break
                if failed := store.failed():
                    count = f"{failed} of {len(store.rows())} runs failed"
                    sys.exit(f"{count}; their errors are in {path}; run again with --retry")
    except KeyboardInterrupt:
        sys.exit(f"\nStopped. Every finished run is stored; go on with: gatedrnn run {args.study}")


def _open(path, study):
    try:
        return results.Store(path, study.KEYS, [*study.COLUMNS, "error"])
    except ValueError as error:  # not a file of this study
        raise results.Stop(str(error)) from None


if __name__ == "__main__":
    main()
