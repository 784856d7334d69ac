/* SPDX-License-Identifier: MIT */
#include "syscalls.h"

_Thread_local uint64_t syscalls_made;
