# SPDX-License-Identifier: MIT
"""Plans, runs, judges and draws. C measures; this package sees only what it wrote.

Everything but `report` needs Python's standard library alone, so that a bare target
machine can run and another can render.
"""

SCHEMA = 1


class AssayError(Exception):
    """Ends the command with one line on stderr and this exit code: a check did not hold."""

    exit_code = 1


class UsageError(AssayError):
    """The command line, or a file that it names, is wrong."""

    exit_code = 2


class RefusedError(AssayError):
    """The environment cannot give numbers worth having; --force overrides, and is recorded."""

    exit_code = 3
