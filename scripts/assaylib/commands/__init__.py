# SPDX-License-Identifier: MIT
"""The commands: each file adds its own to the command line (add) and carries it out (do). What measures or
judges is imported when a command is carried out, not before: the interpreter may not have it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
