#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the corpora: NAME.json for each payload, from one fixed seed. Most lie beside this file; the
large ones, and those of the size ladder, are made by the build.

    generate.py                       writes those that lie here
    generate.py --check               exits 1 if one of them differs from what this program makes
    generate.py --into FOLDER NAME... writes those named into FOLDER

Every number is drawn with random.Random.random() and integer arithmetic only: both are the same in
every version of Python.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import sys
import zlib
from pathlib import Path
from typing import Callable, Sequence, TypeVar

SEED = 20240229
T = TypeVar("T")
Document = dict[str, object]


class Dice:
    """Draws from one stream of uniform numbers; the stream depends on the payload's name only."""

    def __init__(self, name: str) -> None:
        self._random = random.Random(f"{SEED}/{name}")

    def unit(self) -> float:
        """Uniform in [0, 1), with all 53 bits of a double."""
        return self._random.random()

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high], for spans below 2^53."""
        return low + int(self.unit() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return self.unit() < probability

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.between(0, len(choices) - 1)]

    def some(self, choices: Sequence[T], low: int, high: int) -> list[T]:
        """Between low and high different ones, in the order drawn."""
        rest = list(choices)
        return [rest.pop(self.between(0, len(rest) - 1)) for _ in range(self.between(low, high))]

    def id64(self) -> int:
        """An identifier like those of distributed databases: time, shard, counter; above 2^53."""
        return (self.between(2**39, 2**41) << 22) | self.between(0, 2**22 - 1)

    def millis(self) -> int:
        """A moment of the year 2024, in milliseconds since 1970."""
        return 1704067200000 + self.between(0, 366 * 86400 * 1000 - 1)

    def bell(self) -> float:
        """Roughly normal: mean 0, standard deviation 1. Added one by one: sum() rounds otherwise
        from Python 3.12 on."""
        total = -6.0
        for _ in range(12):
            total += self.unit()
        return total

    def skewed(self, most: int) -> int:
        """A whole number in [1, most], mostly small."""
        unit = self.unit()
        return int(unit * unit * unit * unit * most) + 1


# ---- ack ----------------------------------------------------------------------------------------


def make_ack(dice: Dice) -> Document:
    ack: Document = {
        "request_id": str(dice.id64()),
        "status": dice.pick(["ok", "accepted", "queued", "stored"]),
    }
    if dice.chance(0.7):
        ack["queued"] = dice.between(1, 12) if dice.chance(0.6) else dice.between(13, 4000)
    if dice.chance(0.15):
        ack["duplicate"] = True
    return ack


# ---- order --------------------------------------------------------------------------------------

PEOPLE = [
    "Amélie Fournier", "Jonas Lindqvist", "Oluwaseun Adeyemi", "María José Ortega", "Tomasz Wójcik",
    "Priya Raman", "Chen Wei", "Nora Kjærgaard", "Luca Ferri", "Hana Nováková", "Sam O'Connell",
    "Yusuf Demir", "Grace Mbeki", "Katarzyna Żak", "Émile Roche", "Ivana Horvat",
]
STREETS = ["Lindenallee", "Rue des Carmes", "Calle Mayor", "Storgata", "ul. Długa", "Via Roma",
           "Mill Lane", "Hauptstraße", "Keizersgracht", "Avenida da Liberdade"]
CITIES = [("Leipzig", "04103", "DE"), ("Lyon", "69002", "FR"), ("Sevilla", "41001", "ES"),
          ("Bergen", "5003", "NO"), ("Gdańsk", "80-831", "PL"), ("Torino", "10121", "IT"),
          ("York", "YO1 7HH", "GB"), ("Zürich", "8001", "CH"), ("Utrecht", "3511 LX", "NL"),
          ("Braga", "4700-030", "PT")]
GOODS = ["Espresso cups, set of 4", "Bicycle lamp, rear", "Wool blanket 130 × 180", "Desk lamp",
         "Notebook A5, dotted", "Cast-iron pan 28 cm", "USB-C cable, 2 m", "Rain jacket, size M",
         "Garden shears", "Headphones, over-ear", "Olive oil 750 ml", "Chess set, beech",
         "Water bottle 0.7 l", "Running socks, 3 pairs", "Pocket knife", "Bread tin"]
NOTES = ["Please ring twice.", "Leave at the neighbour's (No. 12).", "Fragile - handle with care",
         "Gift: no invoice in the parcel, please.", "Deliver after 17:30",
         "Second floor,\nleft door", 'Company "Blauwe Vogel", reception']
TAGS = ["first-order", "express", "b2b", "gift", "fragile", "backorder", "app", "newsletter"]


def money(cents: int, currency: str) -> Document:
    amount: Document = {"currency": currency, "units": str(cents // 100)}
    if cents % 100:
        amount["nanos"] = cents % 100 * 10_000_000
    return amount


def address(dice: Dice) -> Document:
    city, postcode, country = dice.pick(CITIES)
    return {"street": f"{dice.pick(STREETS)} {dice.between(1, 140)}", "city": city,
            "postcode": postcode, "country": country}


def item(dice: Dice, cents: int, quantity: int, currency: str) -> Document:
    made: Document = {"sku": f"{dice.pick('ABCDEFGH')}{dice.between(100, 999)}-"
                             f"{dice.between(10000, 99999)}",
                      "title": dice.pick(GOODS), "quantity": quantity,
                      "price": money(cents, currency)}
    if dice.chance(0.6):
        made["weight_kg"] = dice.between(5, 4000) / 1000
    if dice.chance(0.3):
        made["seller_id"] = str(dice.id64())
    return made


def make_order(dice: Dice) -> Document:
    currency = dice.pick(["EUR", "EUR", "CHF", "PLN", "GBP"])
    name = dice.pick(PEOPLE)
    customer: Document = {"id": str(dice.id64()), "name": name}
    if dice.chance(0.8):
        customer["email"] = f"user{dice.between(100, 99999)}@example.com"
    if dice.chance(0.4):
        customer["phone"] = f"+{dice.between(30, 49)} {dice.between(100, 999)} " \
                            f"{dice.between(1000000, 9999999)}"
    if dice.chance(0.5):
        customer["loyalty_points"] = dice.between(-20, 5000)
    order: Document = {"id": str(dice.id64()),
                       "number": f"W-2024-{dice.between(0, 999999):06d}",
                       "placed_at_ms": str(dice.millis()), "customer": customer}
    lines = [(dice.between(199, 14999), dice.between(1, 4)) for _ in range(dice.between(2, 8))]
    order["items"] = [item(dice, cents, quantity, currency) for cents, quantity in lines]
    order["billing"] = address(dice)
    if dice.chance(0.35):
        order["shipping"] = address(dice)
    total = sum(cents * quantity for cents, quantity in lines)
    if dice.chance(0.7):
        fee = dice.pick([0, 390, 490, 690])
        order["shipping_fee"] = money(fee, currency)
        total += fee
    if dice.chance(0.25):
        order["discount"] = money(total // 10, currency)
        order["coupon"] = f"SAVE10-{dice.between(1000, 9999)}"
        total -= total // 10
    order["total"] = money(total, currency)
    if dice.chance(0.3):
        order["note"] = dice.pick(NOTES)
    if dice.chance(0.2):
        order["gift"] = dice.chance(0.5)
    if dice.chance(0.5):
        order["tags"] = dice.some(TAGS, 1, 3)
    return order


# ---- telemetry ----------------------------------------------------------------------------------

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


# ---- feed ---------------------------------------------------------------------------------------

# Pieces of sentences; a text is a row of them. Written for this suite.
PHRASES = {
    "en": ["The ferry was two hours late,", "so we had soup at the harbour.", "Nobody minded.",
           "New build is green again!", 'She said "ship it" and went home.', "Photos tomorrow.",
           "Does anyone know a good place for bicycle repairs?", "Path: C:\\temp\\notes.txt",
           "First snow of the year on the hills,", "and the kettle is on.", "50 % off, they said;",
           "a/b testing the new oven", "tabs\tor spaces?", "Thanks to everybody who came."],
    "de": ["Der Zug fährt heute über Köln,", "dafür scheint die Sonne.", "Größe passt, Farbe nicht.",
           "„Morgen“, sagte er.", "Frisches Brot aus der Straße nebenan!", "Schöne Grüße!"],
    "fr": ["Le marché était plein à craquer,", "on a goûté trois fromages.", "Ça va mieux déjà.",
           "À bientôt, peut-être…", "L'été s'achève doucement."],
    "ja": ["今日は朝から雨が降っていました。", "駅前の新しいパン屋さんに行ってきた。", "とても美味しかったです!",
           "来週の予定をまだ決めていません。", "写真はあとで載せますね。", "図書館は静かで落ち着く。"],
    "zh": ["昨天晚上我们去看了电影。", "天气终于变凉快了,", "周末打算去爬山。", "这家面馆的味道很不错。",
           "谁有推荐的书?", "地铁上人太多了。"],
    "ko": ["오늘은 바람이 많이 부네요.", "새로 산 자전거로 출근했어요.", "커피 한 잔 더 마실까?",
           "주말에 바다를 보러 갑니다."],
    "ru": ["Утром был густой туман,", "а к обеду стало ясно.", "Поезд пришёл вовремя.",
           "Кто-нибудь видел мой зонт?"],
    "ar": ["كان الطقس جميلا اليوم،", "وشربنا الشاي في الحديقة.", "نراكم غدا إن شاء الله."],
}
EMOJI = ["😀", "🎉", "🚲", "☕", "🌧️", "👩‍💻", "👍🏽", "🇯🇵", "🍜", "🥐", "❤️", "🔥", "🐈", "🏔️"]
LANGUAGES = ["en"] * 6 + ["ja"] * 3 + ["zh"] * 3 + ["de", "de", "fr", "ko", "ko", "ru", "ar"]
HASHTAGS = ["morning", "release", "旅行", "写真", "Straße", "café", "weekend", "빵", "дача", "寿司",
            "cats", "opensource"]
NAMES = PEOPLE + ["田中さくら", "王小明", "김민준", "Ольга Смирнова", "ليلى حسن", "mo ☕", "R. \"Bob\" Roe"]


def sentence(dice: Dice, language: str, low: int, high: int) -> str:
    words = [dice.pick(PHRASES[language]) for _ in range(dice.between(low, high))]
    if dice.chance(0.45):
        words.insert(dice.between(0, len(words)), dice.pick(EMOJI) * dice.between(1, 3))
    if dice.chance(0.2):
        words.append(f"https://example.org/{dice.between(1000, 9999999):x}/?q=a&b={dice.unit():.4f}")
    return ("\n" if dice.chance(0.2) else " ").join(words)


def author(dice: Dice) -> Document:
    made: Document = {"id": str(dice.id64()), "handle": f"user_{dice.between(10, 999999)}",
                      "name": dice.pick(NAMES)}
    if dice.chance(0.2):
        made["verified"] = True
    return made


def post(dice: Dice, depth: int) -> Document:
    language = dice.pick(LANGUAGES)
    made: Document = {"id": str(dice.id64()), "author": author(dice),
                      "posted_at_ms": str(dice.millis()), "language": language,
                      "text": sentence(dice, language, 2, 9)}
    if dice.chance(0.4):
        made["hashtags"] = dice.some(HASHTAGS, 1, 3)
    if dice.chance(0.9):
        made["likes"] = dice.skewed(20_000)
        made["views"] = dice.skewed(3_000_000)
    if dice.chance(0.1):
        made["edited"] = True
    if depth < 3 and dice.chance(0.25):
        made["shared"] = post(dice, depth + 1)
    if depth == 0 and dice.chance(0.4):
        made["comments"] = [comment(dice) for _ in range(dice.between(1, 4))]
    return made


def comment(dice: Dice) -> Document:
    made: Document = {"author": author(dice), "text": sentence(dice, dice.pick(LANGUAGES), 1, 2)}
    if dice.chance(0.5):
        made["likes"] = dice.between(1, 40)
    return made


def make_feed(dice: Dice) -> Document:
    return {"title": f"{dice.pick(EMOJI)} {dice.pick(['Home', 'Following', 'おすすめ', 'Near you'])}",
            "cursor": str(dice.id64()), "posts": [post(dice, 0) for _ in range(dice.between(126, 140))]}


# ---- tree ---------------------------------------------------------------------------------------

VARIABLES = ["price", "quantity", "rate", "discount", "weight_kg", "distance_km", "days", "x", "y"]
FUNCTIONS = ["min", "max", "round", "clamp", "tax", "if_positive"]
MOST_CONTAINERS = 30


def node(dice: Dice, containers: int, spine: bool, column: int) -> Document:
    """A node that makes the containers-th container around what is in it. The spine goes on to the
    deepest that is allowed."""
    made: Document = {"kind": "NAME"}
    rest = MOST_CONTAINERS - containers
    if rest < 2 or not (spine or dice.chance(0.45 if rest > 12 else 0.3)):
        if dice.chance(0.5):
            made["name"] = dice.pick(VARIABLES)
        else:
            made["kind"] = "NUMBER"
            made["number"] = dice.between(1, 40000) / 100 if dice.chance(0.6) else dice.unit()
    elif rest > 3 and dice.chance(0.15):
        made["kind"], made["name"] = "CALL", dice.pick(FUNCTIONS)
        count = dice.between(1, 3)
        deep = dice.between(0, count - 1)
        made["arguments"] = [node(dice, containers + 2, spine and at == deep, column + 9 * (at + 1))
                             for at in range(count)]
    else:
        made["kind"] = dice.pick(["SUM", "DIFFERENCE", "PRODUCT", "QUOTIENT"])
        left = dice.chance(0.5)
        made["left"] = node(dice, containers + 1, spine and left, column + 1)
        made["right"] = node(dice, containers + 1, spine and not left, column + dice.between(4, 60))
    made["column"] = column
    return made


def make_tree(dice: Dice) -> Document:
    return {"name": f"{dice.pick(['fee', 'bonus', 'premium', 'forecast'])}_{dice.between(1, 999)}",
            "author": dice.pick(PEOPLE), "root": node(dice, 2, True, 1)}


# ---- blob ---------------------------------------------------------------------------------------


def make_blob(dice: Dice) -> Document:
    size = 10_000 + dice.between(0, 300) * dice.between(0, 300)
    words = (dice.between(0, 2**48 - 1).to_bytes(6, "little") for _ in range(size // 6 + 1))
    content = b"".join(words)[:size]
    suffix, kind = dice.pick([("jpg", "image/jpeg"), ("zip", "application/zip"),
                              ("pdf", "application/pdf"), ("opus", "audio/ogg")])
    return {"id": str(dice.id64()), "name": f"upload-{dice.between(1, 99999)}.{suffix}",
            "content_type": kind, "modified_at_ms": str(dice.millis()), "crc32": zlib.crc32(content),
            "content": base64.b64encode(content).decode()}


# ---- event --------------------------------------------------------------------------------------

LABELS = {"region": ["eu-west-1", "eu-north-1", "us-east-2"], "zone": ["a", "b", "c"],
          "service": ["checkout", "search", "billing", "identity"], "version": ["4.12.0", "4.12.1"],
          "canary": ["true", ""], "tenant": ["acme", "größe gmbh", "小林商店"]}
FRAMES = ["pool_take (pool.c:88)", "connection_open (connection.c:211)", "step (rpc.c:57)",
          "handle (service.c:140)", "loop_turn (loop.c:302)", "main (serve.c:31)"]
FAILURES = [(-110, "connection timed out"), (-104, "connection reset by peer"), (-12, "out of memory"),
            (503, "no capacity left"), (-71, 'unexpected "\\0" in a header')]


def failure(dice: Dice, depth: int) -> Document:
    code, message = dice.pick(FAILURES)
    made: Document = {"code": code, "message": message, "frames": dice.some(FRAMES, 1, 4)}
    if depth < 2 and dice.chance(0.3):
        made["cause"] = failure(dice, depth + 1)
    return made


def happened(dice: Dice) -> Document:
    """One member of the oneof."""
    kind = dice.pick(["login", "login", "payment", "payment", "failure", "note"])
    if kind == "login":
        width = dice.pick([4, 4, 16])
        address = bytes(dice.between(0, 255) for _ in range(width))
        made: Document = {"user": f"user_{dice.between(10, 999999)}",
                          "address": base64.b64encode(address).decode()}
        if dice.chance(0.5):
            made["method"] = dice.pick(["KEY", "TOKEN"])
        if dice.chance(0.9):
            made["succeeded"] = True
        return {kind: made}
    if kind == "payment":
        return {kind: {"account": str(dice.id64()), "cents": str(dice.between(-20000, 500000)),
                       "currency": dice.pick(["EUR", "CHF", "PLN"])}}
    return {kind: failure(dice, 0) if kind == "failure" else dice.pick(NOTES)}


def make_event(dice: Dice) -> Document:
    event: Document = {"id": str(dice.id64()), "trace_id": str(dice.id64() << 1 | 1),
                       "at": {"seconds": str(dice.millis() // 1000),
                              "nanos": dice.between(1, 999_999_999)},
                       "severity": dice.pick(["INFO", "INFO", "INFO", "WARNING", "ERROR", "FATAL"]),
                       "source": f"{dice.pick(LABELS['service'])}-{dice.between(0, 63)}",
                       "labels": {key: dice.pick(LABELS[key])
                                  for key in dice.some(sorted(LABELS), 2, 6)}}
    if dice.chance(0.6):
        quantiles = [500, 900, 950, 990, 999][:dice.between(1, 5)]
        event["latency_us"] = {str(at): str(dice.skewed(10**7) * 10**3) for at in quantiles}
    event.update(happened(dice))
    if dice.chance(0.4):
        event["attempt"] = dice.between(0, 3)
    if dice.chance(0.5):
        event["parents"] = [str(dice.id64()) for _ in range(dice.between(1, 6))]
    return event


# ---- the size ladder: orders of a given number of bytes in JSON ----------------------------------

SPARE = "please call the depot before delivery and ask for the foreman on duty; "


def json_bytes(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def make_order_of(size: int) -> Callable[[Dice], Document]:
    """Orders of size bytes of JSON, give or take a sixteenth: the required fields, then what has
    room, items without end, and a note that fills the rest."""

    def make(dice: Dice) -> Document:
        whole = make_order(dice)
        rest = size + dice.between(-(size // 16), size // 16)
        chosen: Document = {"id": whole["id"], "number": whole["number"]}
        rest -= json_bytes(chosen)
        items: list[Document] = []
        for key in ("placed_at_ms", "items", "total", "customer", "billing", "tags", "items"):
            while key == "items" and (size > 1000 or not items):
                made = item(dice, dice.between(199, 14999), dice.between(1, 4), "EUR")
                cost = json_bytes(made) + (1 if items else 11)
                # In the first round one item, or a small order would hold nothing else.
                if cost > rest or (items and "total" not in chosen):
                    break
                items.append(made)
                rest -= cost
            if key != "items" and key in whole:
                cost = json_bytes({key: whole[key]}) - 1
                if cost <= rest:
                    chosen[key] = whole[key]
                    rest -= cost
        if items:
            chosen["items"] = items
        if rest > 10:
            chosen["note"] = (SPARE * (rest // len(SPARE) + 1))[:rest - 10]
        order = ["id", "number", "placed_at_ms", "customer", "items", "billing", "total", "note", "tags"]
        return {key: chosen[key] for key in order if key in chosen}

    return make


# -------------------------------------------------------------------------------------------------

CORPORA: dict[str, tuple[int, Callable[[Dice], Document]]] = {
    "ack": (32, make_ack),
    "order": (32, make_order),
    "telemetry": (16, make_telemetry),
    "feed": (6, make_feed),
    "tree": (16, make_tree),
    "event": (32, make_event),
}
# Made by the build: payload_made in meson.build.
MADE: dict[str, tuple[int, Callable[[Dice], Document]]] = {
    "blob": (8, make_blob),
    "order_64": (32, make_order_of(64)),
    "order_256": (32, make_order_of(256)),
    "order_1k": (32, make_order_of(1 << 10)),
    "order_4k": (16, make_order_of(4 << 10)),
    "order_16k": (16, make_order_of(16 << 10)),
    "order_64k": (8, make_order_of(64 << 10)),
    "order_256k": (4, make_order_of(256 << 10)),
    "order_1m": (4, make_order_of(1 << 20)),
}


def corpus_text(name: str) -> str:
    """An array with one document a line."""
    count, make = (CORPORA | MADE)[name]
    dice = Dice(name)
    lines = (json.dumps(make(dice), ensure_ascii=False, separators=(",", ":")) for _ in range(count))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def stale(folder: Path) -> list[Path]:
    """The files that differ from what this program makes."""
    paths = {name: folder / f"{name}.json" for name in CORPORA}
    return [path for name, path in paths.items()
            if not path.is_file() or path.read_bytes() != corpus_text(name).encode()]


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the corpora of the payloads.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if one differs")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="where those named go")
    parser.add_argument("names", nargs="*", metavar="NAME", help="(default: those that lie here)")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(CORPORA | MADE))
    if unknown or bool(arguments.names) != bool(arguments.into):
        parser.error(f"unknown: {unknown}; known: {[*CORPORA, *MADE]}" if unknown else
                     "--into wants names, and names want --into")
    folder = Path(__file__).resolve().parent
    if arguments.check:
        found = stale(folder)
        for path in found:
            print(f"generate.py: {path}: not what generate.py makes", file=sys.stderr)
        return 1 if found else 0
    for name in arguments.names or CORPORA:
        ((arguments.into or folder) / f"{name}.json").write_bytes(corpus_text(name).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
