# SPDX-License-Identifier: MIT
"""Readings of sensors: doubles and 64-bit integers in arrays."""

from __future__ import annotations

from .dice import Dice, Document

SENSORS = [("bearing_temperature", "°C", 61.0, 4.0, 0.4), ("vibration_rms", "mm/s", 2.3, 0.9, 0.2),
           ("oil_pressure", "kPa", 412.0, 25.0, 2.0), ("motor_current", "A", 17.5, 6.0, 0.8),
           ("ambient_humidity", "%", 48.0, 11.0, 0.5), ("flow_rate", "l/min", 83.0, 9.0, 1.3)]


def series(dice: Dice, sensor: tuple[str, str, float, float, float], start_us: int) -> Document:
    name, unit, mean, spread, step = sensor
    value = mean + spread * (dice.unit() - 0.5)
    at, times, values = start_us, [], []
    for _ in range(dice.between(84, 106)):
        at += 1_000_000 + int(dice.bell() * 900)
        value += (mean - value) * 0.05 + step * dice.bell()
        times.append(str(at))
        # Most converters give a few decimals, averages all the bits of a double.
        values.append(round(value, 3) if dice.chance(0.4) else value)
    return {"name": name, "unit": unit, "at_us": times, "value": values,
            "sum_error": str(dice.between(-10**12, 10**12))}


def make_telemetry(dice: Dice) -> Document:
    start_us = dice.millis() * 1000 + dice.between(0, 999)
    return {"device_id": str(dice.id64()),
            "firmware": f"{dice.between(1, 4)}.{dice.between(0, 12)}.{dice.between(0, 30)}",
            "sent_at_us": str(start_us + 91_000_000 + dice.between(0, 800_000)),
            "position": {"latitude": dice.unit() * 120 - 60, "longitude": dice.unit() * 360 - 180,
                         "accuracy_m": dice.between(2, 60) / 4},
            "series": [series(dice, sensor, start_us) for sensor in dice.some(SENSORS, 3, 3)]}
