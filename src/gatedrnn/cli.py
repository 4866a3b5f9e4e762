"""The command ``gatedrnn``: list the studies and run one."""

import argparse
import importlib
import sys

from gatedrnn.studies import STUDIES


def main(argv=None):
    module = lambda name: importlib.import_module(f"gatedrnn.studies.{name}")
    parser = argparse.ArgumentParser(prog="gatedrnn", description="Run the studies behind the book's stored results.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("studies", help="list the studies", description="List the studies and what each one measures.")
    text = "Run a study, or what is left of it: finished runs are kept in results/ and not repeated."
    run = commands.add_parser("run", help="run a study, or what is left of it", description=text)
    run.add_argument("study", choices=STUDIES, metavar="STUDY", help=f"one of: {', '.join(STUDIES)}")
    args = parser.parse_args(argv)
    if args.command == "studies":
        for name in STUDIES:
            print(f"{name:10} {module(name).__doc__.splitlines()[0]}")
        return
    try:
        module(args.study).run()
    except KeyboardInterrupt:
        sys.exit(f"\nStopped. Every finished run is stored; go on with: gatedrnn run {args.study}")
