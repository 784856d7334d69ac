# SPDX-License-Identifier: MIT
"""Orders of a shop: nested records, money, fields that are often absent."""

from __future__ import annotations

from .dice import Dice, Document
from .people import PEOPLE

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
