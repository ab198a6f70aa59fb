"""The nouns. Importing this package makes every table known."""

from dashboard.models.activity import Activity, ActivityKind
from dashboard.models.application import Application, Attachment
from dashboard.models.bulk_action import BulkAction, BulkItem
from dashboard.models.click import Click
from dashboard.models.delivery import Delivery
from dashboard.models.facet import Facet
from dashboard.models.file import StoredFile
from dashboard.models.follow_up import FollowUp, LinkKey
from dashboard.models.job import Job
from dashboard.models.note import Mention, Note
from dashboard.models.outbound import Attempt, Outbound
from dashboard.models.person_link import PersonLink
from dashboard.models.reminder import JobFollowUp, OptOut, Reminder, ReminderTemplate
from dashboard.models.saved_view import SavedView
from dashboard.models.seen import Seen
from dashboard.models.stage_change import StageChange
from dashboard.models.sync import SyncKind, SyncRun, SyncState
from dashboard.models.tag import ApplicationTag, Tag
from dashboard.models.user import LoginSession, LoginThrottle, Role, User
from dashboard.models.worker import WorkerBeat

__all__ = [
    "Activity",
    "ActivityKind",
    "Application",
    "ApplicationTag",
    "Attachment",
    "Attempt",
    "BulkAction",
    "BulkItem",
    "Click",
    "Delivery",
    "Facet",
    "FollowUp",
    "Job",
    "JobFollowUp",
    "LinkKey",
    "LoginSession",
    "LoginThrottle",
    "Mention",
    "Note",
    "OptOut",
    "Outbound",
    "PersonLink",
    "Reminder",
    "ReminderTemplate",
    "Role",
    "SavedView",
    "Seen",
    "StageChange",
    "StoredFile",
    "SyncKind",
    "SyncRun",
    "SyncState",
    "Tag",
    "User",
    "WorkerBeat",
]
