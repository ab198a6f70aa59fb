"""The nouns. Importing this package makes every table known."""

from dashboard.models.application import Application, Attachment
from dashboard.models.click import Click
from dashboard.models.delivery import Delivery
from dashboard.models.file import StoredFile
from dashboard.models.job import Job
from dashboard.models.outbound import Attempt, Outbound
from dashboard.models.stage_change import StageChange
from dashboard.models.user import LoginSession, LoginThrottle, Role, User
from dashboard.models.worker import WorkerBeat

__all__ = [
    "Application",
    "Attachment",
    "Attempt",
    "Click",
    "Delivery",
    "Job",
    "LoginSession",
    "LoginThrottle",
    "Outbound",
    "Role",
    "StageChange",
    "StoredFile",
    "User",
    "WorkerBeat",
]
