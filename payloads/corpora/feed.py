# SPDX-License-Identifier: MIT
"""Posts within posts: text in several scripts, emoji, escapes."""

from __future__ import annotations

from .dice import Dice, Document
from .people import PEOPLE

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
