from __future__ import annotations

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.database import Base


class Facet(Base):
    """Something that applications can be filtered by and that really occurs, for people to choose from."""

    __tablename__ = "facet"
    __table_args__ = (Index("ix_facet_kind", "kind", "uses"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    """The term in the search index that it stands for."""
    kind: Mapped[str] = mapped_column(String(20))
    """`company`, `campaign`, `state`, `city` or `answer`."""
    value: Mapped[str] = mapped_column(String(500))
    """What an address says to ask for it."""
    question: Mapped[str] = mapped_column(String(300), default="")
    """Of an answer: the question, as it was first met."""
    label: Mapped[str] = mapped_column(String(300))
    uses: Mapped[int] = mapped_column(default=0)
    """How many applications it was met in, counted only so far as choices are ordered by it."""
