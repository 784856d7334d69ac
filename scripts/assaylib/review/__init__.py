# SPDX-License-Identifier: MIT
"""A finished run as a statistician would look at it: claims.py lists what page one claims, doubts.py
asks of each whether it should."""
