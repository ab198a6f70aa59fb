"""`/dispositions`: which changes of stage were reported to Talroo, with proof."""

from __future__ import annotations

from dashboard.models.outbound import Channel
from dashboard.web.ledger import reports

bp = reports("dispositions", Channel.DISPOSITION)
