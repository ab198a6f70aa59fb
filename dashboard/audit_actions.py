"""What is written into the audit log: every kind of entry, and its words for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    PASSWORD_ACCEPTED = "password_accepted"  # noqa: S105
    SIGNED_OUT = "signed_out"
    SESSION_REVOKED = "session_revoked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    SECOND_FACTOR_ON = "second_factor_on"
    SECOND_FACTOR_OFF = "second_factor_off"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    USER_ADDED = "user_added"
    USER_INVITED = "user_invited"
    ACCESS_LINK_MADE = "access_link_made"
    ROLE_CHANGED = "role_changed"
    SCOPE_CHANGED = "scope_changed"
    USER_DEACTIVATED = "user_deactivated"
    USER_REACTIVATED = "user_reactivated"
    APPLICATION_VIEWED = "application_viewed"
    FILE_VIEWED = "file_viewed"
    FILE_DOWNLOADED = "file_downloaded"
    DELIVERY_VIEWED = "delivery_viewed"
    EXPORTED = "exported"
    EXPORT_ENDED = "export_ended"
    EXPORTS_STOPPED = "exports_stopped"
    STAGE_CHANGED = "stage_changed"
    HIRED = "hired"
    HIRE_TAKEN_BACK = "hire_taken_back"
    DELIVERY_REPLAYED = "delivery_replayed"
    DELIVERY_ACCEPTED = "delivery_accepted"
    DELIVERY_DISMISSED = "delivery_dismissed"
    DELIVERY_TAKEN_BACK = "delivery_taken_back"
    ERASED = "erased"
    HELD = "held"
    HOLD_ENDED = "hold_ended"
    SETTINGS_CHANGED = "settings_changed"
    TEST_SENT = "test_sent"
    BACKED_UP = "backed_up"
    RESTORED = "restored"

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS: Final = {
    Action.SIGNED_IN: "Signed in",
    Action.SIGN_IN_FAILED: "Sign-in failed",
    Action.PASSWORD_ACCEPTED: "Password accepted, code requested",
    Action.SIGNED_OUT: "Signed out",
    Action.SESSION_REVOKED: "Signed out from elsewhere",
    Action.PASSWORD_CHANGED: "Password changed",
    Action.SECOND_FACTOR_ON: "Two-step verification turned on",
    Action.SECOND_FACTOR_OFF: "Two-step verification turned off",
    Action.RECOVERY_CODES_MADE: "Recovery codes created",
    Action.USER_ADDED: "User added",
    Action.USER_INVITED: "User invited",
    Action.ACCESS_LINK_MADE: "Password link created",
    Action.ROLE_CHANGED: "Role changed",
    Action.SCOPE_CHANGED: "Job access changed",
    Action.USER_DEACTIVATED: "User deactivated",
    Action.USER_REACTIVATED: "User reactivated",
    Action.APPLICATION_VIEWED: "Application viewed",
    Action.FILE_VIEWED: "File viewed",
    Action.FILE_DOWNLOADED: "File downloaded",
    Action.DELIVERY_VIEWED: "Contents of a delivery viewed",
    Action.EXPORTED: "Exported",
    Action.EXPORT_ENDED: "Export ended",
    Action.EXPORTS_STOPPED: "Export limit reached",
    Action.STAGE_CHANGED: "Stage changed",
    Action.HIRED: "Hired",
    Action.HIRE_TAKEN_BACK: "Hire undone",
    Action.DELIVERY_REPLAYED: "Delivery reprocessed",
    Action.DELIVERY_ACCEPTED: "Quarantined delivery accepted",
    Action.DELIVERY_DISMISSED: "Delivery dismissed",
    Action.DELIVERY_TAKEN_BACK: "Dismissal of a delivery undone",
    Action.ERASED: "Applications erased",
    Action.HELD: "Legal hold or restriction placed",
    Action.HOLD_ENDED: "Legal hold or restriction ended",
    Action.SETTINGS_CHANGED: "Settings changed",
    Action.TEST_SENT: "Test sent",
    Action.BACKED_UP: "Backup created",
    Action.RESTORED: "Backup restored",
}
"""A line for every action (`tests/services/test_audit.py`)."""
