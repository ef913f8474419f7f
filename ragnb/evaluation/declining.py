"""Whether an answer says that the documents hold none."""

from __future__ import annotations

import re

from ragnb.answer import Answer

# The prompt asks for such words in the language of the question.
_SAYINGS = re.compile(
    r"""\bno\ (?:such\ )?(?:answer|information|mention)\b
    | \b(?:can(?:not|n't|’t|\ not)|could(?:\ not|n't|n’t)|(?:do|does|did)(?:\ not|n't|n’t)|unable\ to)
      \ (?:\w+\ ){0,2}(?:answer|find|found|say|tell|contain|mention|provide|specify|state|know|hold)\b
    | \b(?:not|nothing|isn't|isn’t)\ (?:\w+\ )?(?:mentioned|stated|specified|found|said|provided|given)\b
    | \bkeine\ (?:antwort|angaben?|informationen?)\b | \bnicht\ (?:\w+\ )?(?:gefunden|beantworten|erwähnt)\b
    | \b(?:aucune|pas\ de|pas\ trouvé\ de)\ (?:réponse|information|mention)
    | \b(?:inget|inga|ingen)\ (?:\w+\ )?(?:svar|uppgift|uppgifter|information)\b
    | \b(?:ninguna|no\ hay|no\ encontré)\ (?:\w+\ )?(?:respuesta|información)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_OPENING = 200  # characters in which a reader is told that there is no answer


def declines(answer: Answer) -> bool:
    """True for an answer that cites nothing and says at its beginning that there is no answer, in English,
    German, French, Swedish or Spanish; and for one without any words."""
    text = " ".join(answer.text.split())
    return not text or (not answer.citations and _SAYINGS.search(text[:_OPENING]) is not None)
