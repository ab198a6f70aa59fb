"""Applications that strain a page: each is an event as Talroo sends it."""

from __future__ import annotations

from typing import Any, Final

from tests.factories import event, file_object

YES_NO: Final = [{"label": "Yes", "value": "1"}, {"label": "No", "value": "0"}]
LEVELS: Final = 300
FLAGGED: Final = 40
TRAP: Final = b"<!doctype html><html><body><script>document.title = 'It ran'</script>Hello</body></html>"
RESUME: Final = b"Ten years at the till, two in the kitchen.\n"

Event = dict[str, Any]


def asked(name: str, kind: str, text: str | None, answer: Any, **fields: Any) -> dict[str, Any]:
    """An item of `questionsAndAnswers`; without `text` the question has no words at all."""
    words = {} if text is None else {"question": text}
    return {"question": {"id": name, "type": kind, **words, **fields}, "answer": answer}


def deep(levels: int = LEVELS) -> dict[str, Any]:
    """A question with a sub-question with a sub-question …, all of them answered with yes."""
    below = [
        {
            "id": f"level-{number}",
            "question": f"Level {number}: and further?",
            "options": YES_NO,
            "condition": {"id": f"level-{number - 1}", "value": "1"},
        }
        for number in range(1, levels)
    ]
    answer = {f"level-{number}": "1" for number in range(levels)}
    return asked("level-0", "hierarchical", "Level 0", answer, options=YES_NO, hierarchicalOptions=below)


def bottomless() -> Event:
    return event(applicant={"lastName": "Bottomless"}, questionsAndAnswers=[deep()])


def paged() -> Event:
    """Two pages of questions, the break between them without words."""
    items = [
        asked("first", "text", "The first page?", "Yes"),
        asked("page_2", "pagebreak", None, None),
        asked("second", "text", "The second page?", "Also"),
        deep(8),
    ]
    return event(applicant={"lastName": "Paged"}, questionsAndAnswers=items)


def huge() -> Event:
    """Everything far longer than anybody planned for, with and without places to break a line."""
    return event(
        applicant={
            "firstName": "Maximiliana Konstantina " * 8,
            "lastName": "Longestname" * 20,
            "emailAddress": f"{'a' * 200}@example.com",
            "phone": "+1 512 555 0123 ext. 77, and please only in the morning, ring twice",
            "address": "1 A Street Whose Name Goes On And On " * 8,
            "city": "Llanfairpwllgwyngyll" * 4,
        },
        job={"title": "Associate " * 40, "company": "Company" * 40, "originalJobReference": "9" * 200},
        questionsAndAnswers=[
            asked("words", "textarea", "Tell us about yourself. " * 30, "Long answers want room. " * 90),
            asked("word", "text", "In one word?", "x" * 2_000),
        ],
    )


def bare() -> Event:
    """Nothing but what makes it an application."""
    return {
        "id": "event-bare",
        "type": "platform:JobApplication:completed:v2",
        "createdAt": "2026-11-18T15:00:03Z",
        "data": {"id": "bare"},
    }


def odd() -> Event:
    """A right-to-left name, and every other field in a shape nobody expects."""
    strange = {"weird": [1, {"deeper": None}]}
    return event(
        applicant={"firstName": "محمد عبد الرحمن", "lastName": "الخوارزمي", "phone": {"a": 1}, "emailAddress": ["x"]},
        questionsAndAnswers=[
            asked(f"odd-{number}", "text", f"Odd {number}", strange, limit="many", format="integer", min="low")
            for number in range(FLAGGED)
        ],
        tlrSid={"no": 1},
        applicationTime=17,
        qualified="perhaps",
        campaignId=[1],
        segmentId={},
        tlrApplicationId=[],
        analytics="none",
    )


def trap() -> Event:
    """A web page with a script, declared to be a PDF, under a name that climbs out of its folder."""
    disguised = file_object(TRAP, "../../climbing/résumé.pdf", contentType="application/pdf")
    return event(applicant={"lastName": "Trap", "resume": disguised})


def readable() -> Event:
    return event(applicant={"lastName": "Readable", "resume": file_object(RESUME, "my résumé.txt")})


SPECIMENS: Final = (bottomless, paged, huge, bare, odd, trap, readable)
