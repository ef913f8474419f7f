"""Texts that are hard to join: they repeat themselves, and their characters are not what they seem."""

from __future__ import annotations

PROSE = (
    "Refunds are paid within five days [1]. A Flex ticket is refunded in full until 24 hours before [2]."
)
EMOJI = "Yes 👍🏽! The 👩‍👩‍👧 family travels 🚆 free, 🇨🇭 and 🇦🇹 alike; zoe\u0308 and Å\u030a too. 🦊🦊🦊 And on it goes."
CJK = "退款将在五天内支付。自行车预订费用为十五欧元，狗在卧铺车厢里受欢迎。한국어도 있습니다。ございます。"
CODE = "```python\ndef f(x):\n    if x:\n        return x\n\n    return  0\n```\nThen call `f(1)`.\n\n- a\n- b\n"
WORDS = "words words words words words words and words words words"
SONG = "Row, row, row your boat, gently down the stream. Row, row, row your boat, gently down the stream. Merrily."
LAUGH = "ha" * 30 + "!" + "---" * 20 + "\n\n\n" + "| - " * 12 + "|"
ALL = (PROSE, EMOJI, CJK, CODE, WORDS, SONG, LAUGH)


def pieces(text: str, size: int) -> list[str]:
    """The text in pieces of so many characters."""
    return [text[i : i + size] for i in range(0, len(text), size)]
