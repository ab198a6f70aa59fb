"""The questions employers ask, in Talroo's shapes (talroo-contract §1): every kind, and branches of every depth."""

from __future__ import annotations

from typing import Any, Final

Question = dict[str, Any]

_NO_YES: Final = (("0", "No"), ("1", "Yes"))


def _options(pairs: tuple[tuple[str, str], ...], correct: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [{"label": label, "value": value, "correct": True if value in correct else None} for value, label in pairs]


def _choice(
    name: str,
    question: str,
    pairs: tuple[tuple[str, str], ...] = _NO_YES,
    *,
    correct: tuple[str, ...] = (),
    kind: str = "select",
    required: bool | None = True,
) -> Question:
    options = _options(pairs, correct)
    return {"id": name, "type": kind, "question": question, "options": options, "required": required}


def _plain(name: str, kind: str, question: str, **extra: Any) -> Question:
    return {"id": name, "type": kind, "question": question, **extra}


def _branch(
    name: str,
    question: str,
    when: tuple[str, str],
    pairs: tuple[tuple[str, str], ...] = _NO_YES,
    *,
    correct: tuple[str, ...] = (),
    required: bool | None = True,
) -> dict[str, Any]:
    condition = {"id": when[0], "value": when[1]}
    options = _options(pairs, correct)
    return {"id": name, "question": question, "options": options, "required": required, "condition": condition}


def _tree(root: Question, *branches: dict[str, Any]) -> Question:
    return {**root, "type": "hierarchical", "hierarchicalOptions": list(branches)}


_TRUCK: Final = """\
tire pressure, tire tread, lug nuts, wheel seals, mud flaps, headlights, turn signals, brake lights, marker
lights, reflectors, windshield, wipers, mirrors, horn, seat belt, steering play, oil level, coolant level,
belts, hoses, battery, fuel cap, air lines, gladhands, brake chambers, slack adjusters, springs, shocks, fifth
wheel, kingpin, landing gear, trailer doors, door hinges, cargo straps, load bars, fire extinguisher, warning
triangles, spare fuses, permits and registration"""
_INSPECTION: Final = tuple(" ".join(_TRUCK.split()).split(", "))


def _inspection() -> Question:
    """One question that leads to the next, forty levels deep: nobody's list page survives this by luck."""
    root = _choice("inspect_00", "Pre-trip inspection: do you know how to inspect a truck before driving off?")
    branches = [
        _branch(f"inspect_{step:02}", f"Step {step}: do you check the {part}?", (f"inspect_{step - 1:02}", "1"))
        for step, part in enumerate(_INSPECTION, start=1)
    ]
    return _tree(root, *branches)


ELIGIBLE: Final = _choice(
    "work_authorized",
    "May you lawfully work in the United States?",
    (("no", "No"), ("yes", "Yes"), ("visa", "Yes, if a visa is sponsored")),
    correct=("yes", "visa"),
)
SHIFTS: Final = _choice(
    "shifts",
    "Which shifts suit you? Tick all that do.",
    (("early", "Early, 6 to 2"), ("late", "Late, 2 to 10"), ("night", "Night, 10 to 6"), ("weekend", "Weekends")),
    kind="multiselect",
)
HOURS: Final = _plain(
    "weekly_hours", "text", "How many hours a week would you like?", required=False, format="integer", min="0", max="60"
)
PAY: Final = _plain("hourly_pay", "text", "Hourly pay you hope for (USD)", required=False, format="decimal")
BADGE: Final = _plain("former_badge", "text", "Badge number, if you worked here before", format="numeric_text", limit=9)
LAST_EMPLOYER: Final = _plain("last_employer", "text", "Where did you work last?", required=True, limit=80)
WHY: Final = _plain("why_us", "textarea", "What draws you to this work?", required=False, limit=2000)
START: Final = _plain("can_start", "date", "First day you could start", required=True)
LETTER: Final = _plain("letter", "file", "A cover letter or certificate, if you like", required=False)
PAGE: Final = _plain("page_2", "pagebreak", "")
NOTE: Final = _plain(
    "pay_note", "information", "Pay is weekly, by direct deposit. The next questions are about the work itself."
)
STARS: Final = _plain("feed_rating", "star_rating", "How clear was the job ad?", scale=5)

LIFTING: Final = _tree(
    _choice("lift_50", "Can you lift 50 lb again and again through a shift?", correct=("1",)),
    _branch("lift_aid", "Could you do it with a lifting aid?", ("lift_50", "0"), required=None),
)
FORKLIFT: Final = _tree(
    _choice("fork_card", "Do you hold a forklift operator card?"),
    _branch("fork_learn", "Would you train for one on paid time?", ("fork_card", "0")),
    _branch(
        "fork_kind",
        "Which truck do you know best?",
        ("fork_card", "1"),
        (("sit", "Sit-down"), ("reach", "Reach"), ("order", "Order picker")),
    ),
    _branch("reach_height", "Have you worked above 24 feet?", ("fork_kind", "reach"), required=None),
)
LICENSED: Final = _tree(
    _choice("rn_license", "Do you hold an active nursing license?", correct=("1",)),
    _branch("in_school", "Are you in a nursing program now?", ("rn_license", "0")),
    _branch(
        "school_ends",
        "When will you finish?",
        ("in_school", "1"),
        (("6m", "Within six months"), ("12m", "Within a year"), ("later", "Later than that")),
    ),
    _branch("externship", "Would an externship interest you until then?", ("school_ends", "later"), required=None),
    _branch("compact", "Is it a multistate license?", ("rn_license", "1")),
    _branch("compact_state", "Is Arizona your home state?", ("compact", "1")),
    _branch("transfer", "Have you asked to move your home state?", ("compact_state", "0"), required=None),
    _branch(
        "transfer_age",
        "How long ago?",
        ("transfer", "1"),
        (("new", "Under 30 days"), ("mid", "30 to 90 days"), ("old", "Over 90 days")),
    ),
    _branch("transfer_help", "May our licensing desk call you about it?", ("transfer_age", "old")),
)
CDL: Final = _tree(
    _choice(
        "cdl_class", "Which commercial license do you hold?", (("none", "None"), ("b", "B"), ("a", "A")), correct=("a",)
    ),
    _branch("cdl_b_up", "Would you upgrade to class A with us?", ("cdl_class", "b")),
    _branch("cdl_years", "Two years or more on class A?", ("cdl_class", "a")),
    _branch("tanker", "Do you have the tanker endorsement?", ("cdl_years", "1")),
)
GUARD: Final = _tree(
    _choice("guard_license", "Do you have a current guard license?", correct=("1",)),
    _branch("guard_apply", "May we help you apply for one?", ("guard_license", "0")),
    _branch("guard_state", "Was it issued in Minnesota?", ("guard_license", "1")),
)
AGE_21: Final = _choice("age_21", "Are you 21 or older? (Alcohol is sold at this register.)", correct=("1",))
CLIENTS: Final = _choice(
    "care_for",
    "With whom have you worked? Tick all.",
    (
        ("old", "Older adults"),
        ("dem", "People with dementia"),
        ("dis", "People with disabilities"),
        ("none", "Not yet"),
    ),
    kind="multiselect",
    required=False,
)
STATIONS: Final = _choice(
    "stations",
    "Which stations can you run alone?",
    (("grill", "Grill"), ("saute", "Sauté"), ("fry", "Fry"), ("cold", "Cold & salads"), ("pastry", "Pastry")),
    kind="multiselect",
)
FOOD_CARD: Final = _choice("food_card", "Do you have a food handler card?", required=False)

QUESTIONNAIRES: Final[dict[str, tuple[Question, ...]]] = {
    "warehouse": (ELIGIBLE, LIFTING, FORKLIFT, PAGE, SHIFTS, LAST_EMPLOYER, HOURS, START),
    "seasonal": (ELIGIBLE, NOTE, SHIFTS, HOURS, BADGE, START),
    "retail": (ELIGIBLE, AGE_21, SHIFTS, LAST_EMPLOYER, PAY, WHY, START),
    "care": (ELIGIBLE, CLIENTS, LAST_EMPLOYER, WHY, HOURS, START, LETTER),
    "nursing": (ELIGIBLE, LICENSED, PAGE, SHIFTS, LAST_EMPLOYER, PAY, WHY, START, LETTER),
    "driving": (ELIGIBLE, CDL, NOTE, LAST_EMPLOYER, PAY, HOURS, START, LETTER),
    "kitchen": (ELIGIBLE, STATIONS, FOOD_CARD, PAY, WHY, START),
    "security": (ELIGIBLE, GUARD, SHIFTS, LAST_EMPLOYER, BADGE, WHY, START),
}
"""The questions of each trade, in the order asked."""

EXTRAS: Final[dict[str, Question]] = {"inspection": _inspection(), "stars": STARS, "letter": LETTER}
"""Questions that only some applications carry, because they are hard to show."""
