"""Made-up applicants. Email at example.com, .org, .net, phones 555-01xx or out of service: nobody can be reached."""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_DOMAINS: Final = ("example.com", "example.org", "example.net")

_FIRST_TEXT: Final = """\
Alma Andre Anika Arlo Bea Bennett Brielle Camden Carmen Cedric Dalia Damon Delphine Dominic Edie Elias
Esme Ezra Fiona Gideon Greta Hugo Imani Ines Jonah Jolene Kofi Leila Lionel Lucia Mabel Malik Marisol
Mateo Nadia Nico Odessa Omari Paloma Percy Priya Quentin Ramona Renata Rory Salma Silas Tamsin Theo
Ursula Vance Vera Wendell Xiomara Yusuf Zadie Zeke René Chloé Andrés"""
_FIRST: Final = tuple(_FIRST_TEXT.split())
_LAST_TEXT: Final = """\
Abernall Aldaya Ashgrove Bellwether Birchall Bramhall Calloway Castellane Coldwater Dahlgren Darrowby
Delacroft Easterling Elmore Fairweather Fennimore Garrowby Greenlaw Haldane Hartsfield Hollowell Ibarrola
Jessamine Kettering Kowalcze Larkspur Linwood Marchetto Merriweather Mossberry Nakatomi Nightfield Okonjo
Orchardson Pemberly Quillfeather Ravenel Redfern Rosewall Sandoval-Pike Silverthorn Stonebridge Tamblyn
Thornquist Underhill Valdecasas Vandermolen Wexcombe Whitlock Winterbourne Yarrowby Zamorano Peñafiel
Lemaître"""
_LAST: Final = tuple(_LAST_TEXT.split())
_STREETS: Final = (
    "Juniper",
    "Mockingbird",
    "Old Mill",
    "Prairie View",
    "Harvest",
    "Quarry",
    "Lantern",
    "Sycamore",
    "Fifth",
)
_STREET_KINDS: Final = ("St", "Ave", "Ln", "Rd", "Blvd", "Ct")


@dataclass(frozen=True, slots=True)
class Town:
    """A US town; `zipcode` is text, because some begin with a zero. `area` is a telephone area code."""

    city: str
    state: str
    zipcode: str
    area: str


TOWNS: Final = (
    Town("Austin", "TX", "78744", "512"),
    Town("Round Rock", "TX", "78664", "737"),
    Town("Springfield", "MA", "01103", "413"),
    Town("Newark", "NJ", "07105", "973"),
    Town("Columbus", "OH", "43207", "614"),
    Town("Boise", "ID", "83704", "208"),
    Town("Tucson", "AZ", "85706", "520"),
    Town("Duluth", "MN", "55802", "218"),
    Town("Macon", "GA", "31206", "478"),
    Town("Spokane", "WA", "99202", "509"),
    Town("Winston-Salem", "NC", "27101", "336"),
    Town("Coeur d'Alene", "ID", "83814", "208"),
)

_PHONE_FORMS: Final = ("{0}555{1}", "({0}) 555-{1}", "{0}-555-{1}", "+1 {0} 555 {1}", "1{0}555{1}", "{0}.555.{1}")


@dataclass(frozen=True, slots=True)
class Person:
    """An applicant as they would type themselves in. `last` may be empty or None, `address` None."""

    first: str
    last: str | None
    email: str
    phone: str
    address: str | None
    town: Town

    @property
    def full_name(self) -> str:
        """First and last name with one space between, or the only name there is."""
        return " ".join(part for part in (self.first, self.last) if part)


def somebody(rng: random.Random, *, first: str | None = None, last: str | None = "?") -> Person:
    """A made-up person; `first` and `last` where given are taken as they are (`last=None`: has none)."""
    given = first or rng.choice(_FIRST)
    family = rng.choice(_LAST) if last == "?" else last
    town = rng.choice(TOWNS)
    address = _address(rng) if rng.random() < 0.9 else None
    return Person(given, family, _email(rng, given, family or ""), phone(rng, town), address, town)


def phone(rng: random.Random, town: Town) -> str:
    """A fictional number (555-01xx) written in one of the ways people write them."""
    return rng.choice(_PHONE_FORMS).format(town.area, f"01{rng.randrange(100):02}")


def own_phone(rng: random.Random) -> str:
    """A number that hardly anybody else has, however many people are made up; written in one of the ways.

    Its area code has a nine in the middle: none of these is in service.
    """
    area, exchange = rng.randrange(2, 10) * 100 + 90 + rng.randrange(10), rng.randrange(200, 1000)
    form = rng.choice(_PHONE_FORMS).replace("555", str(exchange))
    return form.format(area, f"{rng.randrange(10_000):04}")


def _email(rng: random.Random, first: str, last: str) -> str:
    words = [_plain(word) for word in (first, last)]
    local = ".".join(word for word in words if word) or "applicant"
    return f"{local[:40]}{rng.randrange(10, 1000)}@{rng.choice(_DOMAINS)}"


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]", "", decomposed.lower())


def _address(rng: random.Random) -> str:
    unit = f" Apt {rng.randrange(1, 40)}{rng.choice('ABCD')}" if rng.random() < 0.3 else ""
    return f"{rng.randrange(100, 9900)} {rng.choice(_STREETS)} {rng.choice(_STREET_KINDS)}{unit}"


CAST: Final[dict[str, tuple[str, str | None]]] = {
    "accents": ("Zoë", "Núñez-Çelikson"),
    "nordic": ("Søren", "Bjørkåsen"),
    "polish": ("Łucja", "Wiśnielska-Żaczek"),
    "vietnamese": ("Nguyệt", "Trầnhoa"),
    "apostrophe": ("D'Shaun", "O’Mallory-Kerr"),
    "long": (
        "Maximiliana Konstantina-Theodora Evangeline",
        "Featherstonebrook-Papadimitrakis de la Vandenberghelund y Montesclaros",
    ),
    "chinese": ("小雨", "林田"),
    "japanese": ("さくら", "山ノ内川"),
    "korean": ("하늘", "남궁솔"),
    "arabic": ("ليلى", "المنصورية"),
    "hebrew": ("נועה", "בן־גלעדי"),
    "only-one": ("Suparmani", ""),
    "no-last": ("Wulandarika", None),
    "capitals": ("BRANDO", "TEAGUEWOOD"),
    "small": ("kiki", "van der o'dellen"),
    "markup": ('Roberta "Bobbie"', "Smythe & <i>Daughters</i>"),
    "spaces": ("  Tomasine ", "Quillfeather\t"),
    "emoji": ("Juniper 🌲", "Wexcombe"),
}
"""Names that lists, sorting, search, PDFs and CSV files get wrong: kind of difficulty → first and last name."""
