"""The dashboard's front door: `python app.py`, then open the address it prints."""

import argparse
import os
import sys
from pathlib import Path


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog="app.py", description="Watch a small language model learn to reason by GRPO."
    )
    parser.add_argument(
        "--host", help="address to listen on (127.0.0.1; with --class all of this machine's)"
    )
    parser.add_argument("--port", type=int, default=7860, help="port, or the next free one above")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="folder of run folders (./runs)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="also answer under this name (a proxy's); may be given several times",
    )
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE",
        help="Python file that adds tasks, rewards, models or presets to the page; its code is run "
        "(may be given several times)",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--class",
        dest="title",
        nargs="?",
        const="Class",
        metavar="TITLE",
        help="serve a class in this network: you teach, students join with a code, watch and vote",
    )
    parser.add_argument(
        "--new-class", action="store_true", help="begin the class anew: new code, nobody in it"
    )
    options = parser.parse_args(arguments)
    if options.new_class and options.title is None:
        parser.error("--new-class goes with --class.")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Serve the dashboard until Ctrl-C."""
    options = parse(arguments)
    print("Loading the dashboard (about 6 s on two cores) ...", flush=True)
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # Imported here: argparse answers --help at once, and the line above is the first thing seen.
    try:
        from grpo_core import plugins
        from grpo_core.app.dashboard.runs import RunBook
        from grpo_core.app.dashboard.server import serve
        from grpo_core.core import child
        from grpo_core.core.errors import LabError
        from grpo_core.core.paths import data_dir, runs_dir
    except ModuleNotFoundError as error:
        print(f"{error.name} is not in this Python: start with `make app`.", file=sys.stderr)
        return 1

    child.secure_children_of_libraries()
    host, classroom = options.host or "127.0.0.1", None
    try:
        plugins.load_installed()
        plugins.load_files(options.plugin)
        book = RunBook(
            (options.runs or runs_dir()).absolute(),
            data_dir() / "runs",
            plugins=plugins.loaded_files(),
        )
        if options.title is not None:
            from grpo_core.app.dashboard.classroom import Classroom

            host = options.host or "0.0.0.0"
            proxies = tuple(options.allow_host)
            classroom = Classroom(book.root, options.title, options.new_class, proxies)
        browser = not options.no_browser
        serve(book, host, options.port, options.allow_host, browser, classroom)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
