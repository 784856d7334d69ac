# SPDX-License-Identifier: MIT
"""Plans, runs, judges and draws what the benchmark programs measure."""
