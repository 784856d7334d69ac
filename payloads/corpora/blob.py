# SPDX-License-Identifier: MIT
"""A small header, and bytes that look like noise."""

from __future__ import annotations

import base64
import zlib

from .dice import Dice, Document


def make_blob(dice: Dice) -> Document:
    size = 10_000 + dice.between(0, 300) * dice.between(0, 300)
    words = (dice.between(0, 2**48 - 1).to_bytes(6, "little") for _ in range(size // 6 + 1))
    content = b"".join(words)[:size]
    suffix, kind = dice.pick([("jpg", "image/jpeg"), ("zip", "application/zip"),
                              ("pdf", "application/pdf"), ("opus", "audio/ogg")])
    return {"id": str(dice.id64()), "name": f"upload-{dice.between(1, 99999)}.{suffix}",
            "content_type": kind, "modified_at_ms": str(dice.millis()), "crc32": zlib.crc32(content),
            "content": base64.b64encode(content).decode()}
