"""The text of a programme, looked at before the parser sees it, and parsed.

1. The parser is native code and recurses: nesting and the length of a line are bounded here, since a
   text beyond them ends the whole process.
2. What the parser silently makes something else of is refused here: a name declared or defined twice
   (it keeps the last), and integers beyond 64 bits (it wraps them around).
3. Comments cost the parser nothing, and are not counted: what is bounded is what is left without them.
"""

import asyncio
import re
from collections import Counter

from quil.instructions import Instruction
from quil.program import Program as ParsedProgram
from quil.program import ProgramError

from actors.effects.quantum.refusals import JobRefused

MAX_TEXT = 1024 * 1024
"""Letters of a programme; the parser takes more than a second for as many."""
MAX_LINE = 64 * 1024
MAX_NESTING = 64
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|#[^\n]*', re.DOTALL)
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_NAMED = re.compile(r"(?:^|[;\n])[ \t]*(DECLARE|DEFGATE)[ ]+([^\s;:(]+)")
_LONG_INTEGER = re.compile(r"(?<![\w.])-?\d{19,}(?![\w.])")
_LEAST_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1


def parse(text: str) -> list[Instruction]:
    """Parse a programme: definitions and declarations first, then the rest in order.

    Raises:
        JobRefused: when it is no programme, or one that the parser must not or cannot read as it is meant.
    """
    code = _COMMENT.sub(_text, text)
    _look(code)
    try:
        return ParsedProgram.parse(code).to_instructions()
    except ProgramError as error:
        raise JobRefused(f"the programme cannot be parsed: {_sentence(error)}") from None
    except (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError):
        raise
    except BaseException:  # noqa: BLE001 a panic of the native parser derives from it
        raise JobRefused("the programme cannot be parsed") from None


def _look(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise JobRefused(f"the programme is longer than {MAX_TEXT} letters")
    if "\0" in text:
        raise JobRefused("the programme holds a zero byte")
    for line in text.split("\n"):
        if len(line) > MAX_LINE:
            raise JobRefused(f"a line of the programme is longer than {MAX_LINE} letters")
        if line.count("(") > MAX_NESTING and _depth(line) > MAX_NESTING:
            raise JobRefused(f"an expression of the programme is nested more than {MAX_NESTING} deep")
    code = _TEXT.sub(" ", text)
    for (word, name), times in Counter(_NAMED.findall(code)).items():
        if times > 1:
            does = "declares" if word == "DECLARE" else "defines"
            raise JobRefused(f"the programme {does} {name[:64]} twice")
    for number in _LONG_INTEGER.findall(code):
        if not _LEAST_INTEGER <= int(number[:40]) <= _MAX_INTEGER:
            raise JobRefused(f"{number[:40]} does not fit an integer of 64 bits")


def _text(found: re.Match[str]) -> str:
    """Keep a text in quotes, which may hold the mark of a comment."""
    return found[1] or ""


def _depth(line: str) -> int:
    depth = deepest = 0
    for letter in line:
        if letter == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif letter == ")":
            depth = max(0, depth - 1)
    return deepest


def _sentence(error: Exception) -> str:
    words = " ".join(str(error).split())
    return words if len(words) <= 300 else f"{words[:300]}…"  # noqa: PLR2004 a readable length
