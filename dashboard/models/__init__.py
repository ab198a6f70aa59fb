"""The nouns. Importing this package makes every table known."""

from dashboard.models.access import AccessLink, RecoveryCode, UserScope
from dashboard.models.activity import Activity, ActivityKind
from dashboard.models.application import Application, Attachment
from dashboard.models.audit import AuditEntry, AuditHead
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
from dashboard.models.privacy import Erasure, Hold, Tombstone
from dashboard.models.reminder import JobFollowUp, OptOut, Reminder, ReminderTemplate
from dashboard.models.saved_view import SavedView
from dashboard.models.seen import Seen
from dashboard.models.stage_change import StageChange
from dashboard.models.sync import SyncKind, SyncRun, SyncState
from dashboard.models.tag import ApplicationTag, Tag
from dashboard.models.user import LoginSession, LoginThrottle, Role, User
from dashboard.models.watch import Alert, Refusal, SecretUse
from dashboard.models.worker import WorkerBeat

__all__ = [
    "AccessLink",
    "Activity",
    "ActivityKind",
    "Alert",
    "Application",
    "ApplicationTag",
    "Attachment",
    "Attempt",
    "AuditEntry",
    "AuditHead",
    "BulkAction",
    "BulkItem",
    "Click",
    "Delivery",
    "Erasure",
    "Facet",
    "FollowUp",
    "Hold",
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
    "RecoveryCode",
    "Refusal",
    "Reminder",
    "ReminderTemplate",
    "Role",
    "SavedView",
    "SecretUse",
    "Seen",
    "StageChange",
    "StoredFile",
    "SyncKind",
    "SyncRun",
    "SyncState",
    "Tag",
    "Tombstone",
    "User",
    "UserScope",
    "WorkerBeat",
]
