"""Which tables and columns a backup holds, and which it leaves out and why. A test fails when a new one is in neither list.

The order matters: whatever a row refers to stands before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Table

from connector.store.base import Base

_WORK = ("wanted", "done", "first_at", "ready_at", "served_at", "lease_until", "lease", "attempts", "error")


@dataclass(frozen=True, slots=True)
class Part:
    """One table of a backup: the columns it holds, and those it leaves out."""

    columns: tuple[str, ...]
    without: tuple[str, ...] = ()


def _part(columns: str, without: tuple[str, ...] = ()) -> Part:
    return Part(tuple(columns.split()), without)


PARTS: Mapping[str, Part] = {
    "people": _part("id email name active role zone away_until"),
    "identities": _part("issuer subject person_id created_at"),
    "connections": _part(
        "id name host url options bot_id account site paused_at last_event_at last_success_at last_sync_at last_full_at webhook "
        "created_at retired_at",
        # Credentials and secrets; what is only true of credentials that are not there; leases and pauses of the moment.
        without=(
            "auth",
            "webhook_secret",
            "previous_webhook_secret",
            "previous_secret_until",
            "armed_until",
            "expires_at",
            "checks",
            "look",
            "quota",
            "parked_at",
            "parked_reason",
            "paused_until",
            "failures",
            "lease_until",
            "lease",
            "fetch_first_at",
            "fetch_last_at",
            "fetched_at",
            "installation_id",
            "login_lease_until",
        ),
    ),
    "person_accounts": _part("person_id connection_id account left_at checked_at"),
    "forums": _part("id name caller_id sponsor_id cadence weekday time first_on zone country lock_time lock_days minutes pack retired_at"),
    "forum_members": _part("forum_id person_id leader"),
    "teams": _part("id name lead_id forum_id retired_at"),
    "team_members": _part("team_id person_id"),
    "cycles": _part("id name start end started_at retired_at"),
    "objectives": _part(
        "id position title cycle_id team_id supports_id pages restricted stage closed_at created_at retired_at",
    ),
    "objective_readers": _part("objective_id person_id"),
    "key_results": _part(
        "id objective_id position title owner_id kind unit start target low high strict decimals weight cadence checkpoints phased_targets "
        "milestones by_hand stretch_reason effect_lag created_at retired_at current progress raw_progress expected state reasons flags "
        "movement movement_since movement_from confidence blocker decision_needed as_of updated_at source insight",
        without=_WORK,
    ),
    "sign_offs": _part("id key_result_id person_id verdict title suggestion comment at"),
    "mappings": _part(
        "id key_result_id connection_id position rule mode owner_id resolved broken listed_at created_at retired_at version", without=_WORK
    ),
    "mapping_days": _part("mapping_id day items done started points points_done open_points blocked_points"),
    "items": _part(
        "id connection_id ref key title url kind container parents category status resolution blocked blocked_told_at "
        "fields created_at updated_at seen_at gone_at",
        without=(*_WORK, "recheck_at"),
    ),
    "mapping_items": _part("mapping_id item_id"),
    "drift_findings": _part("kind subject since"),
    "candidates": _part(
        "id connection_id ref key title kind container url status category labels points fed_by ignored_at updated_at seen_at"
    ),
    "readings": _part("id key_result_id value previous kind as_of day recorded_at actor source"),
    "check_ins": _part(
        "id key_result_id author_id value confidence blocker decision comment movement as_of delayed draft created_at source source_id "
        "doubt blocker_link seconds late"
    ),
    "goal_targets": _part("id connection_id goal metric_target digest exported_at", without=_WORK),
    "comment_commands": _part("id connection_id ref comment_id outcome digest reply created_at handled_at", without=_WORK),
    "panels": _part("id connection_id ref objective_id key_result_id options key_results receipt written_at gone_at", without=_WORK),
    "okr_databases": _part(
        "id connection_id kind database source page title url adopted columns views options drift broken read_at created_at retired_at"
    ),
    "okr_rows": _part(
        "id connection_id database_id ref url title record agreed shown heard typing missing note unsure edited_at read_at gone_at "
        "created_at",
        without=(*_WORK, "settle_at"),
    ),
    "leads_pages": _part("id connection_id ref url options receipt written_at gone_at created_at", without=_WORK),
    "reviews": _part(
        "id forum_id day starts_at lock_at state locked_at opened_at opened_by_id closed_at closed_by_id skipped_reason version minutes "
        "created_at"
    ),
    "pre_reads": _part("id key review_id frozen_at content digest"),
    "pre_read_readings": _part("pre_read_id person_id at place"),
    "calls_needed": _part("pre_read_id key_result_id person_id at"),
    "review_items": _part(
        "id review_id key_result_id position score reasons minutes folded fits snapshot verdict verdict_at verdict_by_id plan "
        "handed_to_id opened_at spent_seconds"
    ),
    "decisions": _part(
        "id key_result_id check_in_id kind title owner_id due state outcome asked_by_id source review_id verdict action link effect "
        "created_at decided_at closed_at"
    ),
    "decision_issues": _part("id decision_id connection_id container kind ref unsure refused finished created_at", without=_WORK),
    "signals": _part(
        "id kind subject key_result_id sentence numbers seen_at changed_at ended_at dismissed_at dismissed_by_id dismissed_reason"
    ),
    "blockers": _part("id key_result_id source text link share since confirmed_at clear_at ended_at ended_by ended_by_id reason evidence"),
    "held_values": _part("id key_result_id value previous why reading at outcome resolved_at resolved_by_id reason"),
    "state_changes": _part("id key_result_id at before state progress"),
    "celebrations": _part("id key_result_id kind subject text at"),
    "recognitions": _part("id key_result_id sender_id text at"),
    "raised": _part("id key_result_id kind since level person_id text at"),
    "reminded": _part("person_id key_result_id lock_at step at"),
    "form_openings": _part("id key key_result_id place opened_at saved_at clicks offered kept"),
    "runs": _part(
        "id connection_id kind trigger status started_at finished_at seen changed repaired gone requests written error",
        without=("cursor", "lease_until", "lease"),
    ),
    "notices": _part("id person_id kind subject day text link created_at read_at"),
    "audit": _part("id at actor action entity entity_id before after reason"),
}
LEFT_OUT: Mapping[str, str] = {
    "api_tokens": "secrets: make new ones",
    "browser_sessions": "secrets: people sign in again",
    "sign_in_links": "secrets: make new ones",
    "deliveries": "messages of the hosts, worked off long ago; the hosts are read again",
    "imports": "uploaded files on their way in",
    "tasks": "the schedule's state and leases: it starts anew",
    "forge_installations": "secrets: the app's next call makes its installation known again",
    "channels": "secrets: set the channels up again",
    "messages": "sent, or on their way from the installation that made them: a restored one must not send them again",
    "counters": "figures of the running processes; the installation's own id stands in the head of the file",
}


def table_of(name: str) -> Table:
    """The table of that name."""
    return Base.metadata.tables[name]
