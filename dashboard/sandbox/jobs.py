"""The jobs people apply to: seven made-up employers, fourteen openings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dashboard.sandbox.people import TOWNS, Town

_TOWN: Final = {town.city: town for town in TOWNS}


@dataclass(frozen=True, slots=True)
class Job:
    """An opening. `reference` is the employer's own; `trade` names its row in `trades.TRADES`."""

    reference: str
    title: str
    company: str
    trade: str
    town: Town
    job_id: int
    source_id: int
    campaign_id: int
    segment_id: int | None = None
    expansion: str = ""
    """Talroo's suffix on the reference when it advertises the job under an expanded title."""

    def as_json(self) -> dict[str, Any]:
        """`data.job` (talroo-contract §1)."""
        return {
            "jobId": self.job_id,
            "jobReference": self.reference + self.expansion,
            "originalJobReference": self.reference,
            "company": self.company,
            "title": self.title,
            "zipcode": self.town.zipcode,
            "city": self.town.city,
            "state": self.town.state,
            "sourceId": self.source_id,
        }


_PINECREST, _HARBOR, _WILLOW = "Pinecrest Fulfillment", "Harbor & Vale Market", "Willowbrook Home Care"
_SUMMIT, _BLUEBONNET, _COPPER = "Summit Ridge Medical Center", "Bluebonnet Freight Lines", "Copper Kettle Kitchens"
_NORTHGATE = "Northgate Watch & Guard"

_OPENINGS: Final = (
    ("PF-1042", "Warehouse Associate – Night Shift", _PINECREST, "warehouse", "Columbus", None, ""),
    ("PF-1055", "Forklift Operator", _PINECREST, "warehouse", "Newark", 811, "-x2"),
    ("PF-1090", "Seasonal Package Handler", _PINECREST, "seasonal", "Columbus", None, "-x5"),
    ("HV-201", "Cashier, part-time", _HARBOR, "retail", "Spokane", None, ""),
    ("HV-214", "Produce Department Lead", _HARBOR, "retail", "Boise", 640, ""),
    ("HV-230", "Holiday Gift Wrap & Stock Helper", _HARBOR, "seasonal", "Coeur d'Alene", None, ""),
    ("WB/7731", "Personal Care Aide", _WILLOW, "care", "Springfield", None, ""),
    ("WB/7740", "Live-in Caregiver (weekends)", _WILLOW, "care", "Macon", None, "-x1"),
    ("SRMC-RN-09", "Registered Nurse – Medical/Surgical", _SUMMIT, "nursing", "Tucson", 502, ""),
    ("SRMC-CNA-31", "Certified Nursing Assistant", _SUMMIT, "nursing", "Tucson", 502, "-x3"),
    ("bbfl 0077", "CDL-A Regional Driver, home weekly", _BLUEBONNET, "driving", "Austin", None, ""),
    ("bbfl 0081", "Local Delivery Driver", _BLUEBONNET, "driving", "Round Rock", None, ""),
    ("CK-LINE-4", "Line Cook", _COPPER, "kitchen", "Winston-Salem", None, ""),
    ("NG-3310", "Unarmed Security Officer", _NORTHGATE, "security", "Duluth", 975, ""),
)

JOBS: Final = {
    reference: Job(
        reference,
        title,
        company,
        trade,
        _TOWN[city],
        job_id=30_604_410_017 + 7919 * number,
        source_id=40_100 + number % 7,
        campaign_id=72_900 + number,
        segment_id=segment,
        expansion=expansion,
    )
    for number, (reference, title, company, trade, city, segment, expansion) in enumerate(_OPENINGS)
}
"""Every opening by the employer's reference."""
