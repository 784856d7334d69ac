# SPDX-License-Identifier: MIT
"""`assay soak`: does a server stay as it is? Each model serves half of what it could for an hour (with
--at-once each of N models an Nth of that half), while its memory, its descriptors and its latency are watched
(run.py); then each must be shown to have stayed flat, and no request may be lost (verdicts.py). Exit code 1
if that does not hold."""
