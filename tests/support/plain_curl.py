"""`curl` for machines that have none: as much of it as the documents use.

In: `curl`'s arguments `-s`, `-X`, `-H`, `-d`, `--data-binary @FILE` and a URL. Out: the answer's body on stdout, whatever
its status. Wrong: exit 2 for any other argument, 7 when nobody answers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen


def main() -> int:
    """One request."""
    arguments = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    arguments.add_argument("url")
    arguments.add_argument("-s", action="store_true")
    arguments.add_argument("-X", dest="method")
    arguments.add_argument("-H", dest="headers", action="append", default=[])
    arguments.add_argument("-d", "--data-binary", dest="data")
    chosen = arguments.parse_args()
    data = chosen.data and (Path(chosen.data[1:]).read_bytes() if chosen.data[0] == "@" else chosen.data.encode())
    headers = dict(header.split(": ", 1) for header in chosen.headers)
    try:
        with urlopen(Request(chosen.url, data, headers, method=chosen.method), timeout=60) as answer:
            body = answer.read()
    except HTTPError as refused:
        body = refused.read()
    except URLError:
        return 7
    sys.stdout.buffer.write(body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
