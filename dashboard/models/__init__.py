"""The nouns. Importing this package makes every table known."""

from dashboard.models.application import Application, Attachment
from dashboard.models.click import Click
from dashboard.models.delivery import Delivery
from dashboard.models.file import StoredFile
from dashboard.models.follow_up import FollowUp, LinkKey
from dashboard.models.job import Job
from dashboard.models.outbound import Attempt, Outbound
from dashboard.models.reminder import JobFollowUp, OptOut, Reminder, ReminderTemplate
from dashboard.models.stage_change import StageChange
from dashboard.models.sync import SyncKind, SyncRun, SyncState
from dashboard.models.user import LoginSession, LoginThrottle, Role, User
from dashboard.models.worker import WorkerBeat

__all__ = [
    "Application",
    "Attachment",
    "Attempt",
    "Click",
    "Delivery",
    "FollowUp",
    "Job",
    "JobFollowUp",
    "LinkKey",
    "LoginSession",
    "LoginThrottle",
    "OptOut",
    "Outbound",
    "Reminder",
    "ReminderTemplate",
    "Role",
    "StageChange",
    "StoredFile",
    "SyncKind",
    "SyncRun",
    "SyncState",
    "User",
    "WorkerBeat",
]
