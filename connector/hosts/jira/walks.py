"""Long walks over a site: which searches see every item of some mappings, and one page of such a walk.

A walk must survive a crash: everything it needs stands in its query and cursor, both JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.domain.model import Item
from connector.errors import Refused
from connector.hosts.base import JSON, ListQuery, Page, Wanted
from connector.hosts.jira.fields import as_ref, as_sequence, as_text, read_moment
from connector.hosts.jira.jql import CHUNK, both, chunks, is_issue_key, issue_list, quoted, strip_order_by, updated_since
from connector.hosts.jira.reader import BATCH, IDS_ONLY, IDS_PAGE, IssueReader
from mappings.rules import SelectorKind

MANY_CHUNKS = 20  # beyond this many lists of epics, what changed lately and which ids there are is asked by project instead


def plan_walks(wanted: Sequence[Wanted], fields: Sequence[str], *, cloud: bool, since: datetime | None) -> list[ListQuery]:
    """The fewest walks that see every item of ``wanted``: epics of all mappings together, each JQL and project once.

    ``since`` limits them to what changed. With very many epics these walks, and those for ids alone, go by project where the
    projects are known (``Resolution.containers`` of the mapping). They then miss a child in a project in which its mapping had
    none: webhooks and the walk over everything find it.
    """
    common: dict[str, JSON] = {"fields": list(fields), "since": since.isoformat() if since else None, "cloud": cloud}
    projects = {mapping.selector.project for mapping in wanted if mapping.selector.kind is SelectorKind.PROJECT}
    plain, deep = _epics(wanted)
    issues = _named(wanted)
    homes: set[str] = set()
    # Whole issues come 100 to a page, so a list of epics costs no page more than the project. What changed lately and bare ids
    # (5,000 to a page) fill far fewer pages than there are lists. Such a walk shows the epics too.
    if (since or tuple(fields) == IDS_ONLY) and -(-len(plain) // CHUNK) - (-len(deep) // CHUNK) > MANY_CHUNKS:
        for mapping in wanted:
            if mapping.selector.kind is SelectorKind.EPICS:
                homes.update(mapping.resolution.containers)
        plain, deep = _epics([mapping for mapping in wanted if not mapping.resolution.containers])
    walks: list[ListQuery] = []
    for kind, named, subtasks in (("children", plain, False), ("children", deep, True), ("issues", issues, False)):
        for part in chunks(list(named), CHUNK):
            spec = {**common, "kind": kind, "named": [[named[ref], ref] for ref in part], "subtasks": subtasks}
            title = "issues" if kind == "issues" else f"children{' and subtasks' if subtasks else ''} of {len(part)} epics"
            walks.append(ListQuery(title if kind != "issues" else f"{len(part)} named issues", spec))
    by_jql: dict[str, list[int]] = {}
    for mapping in wanted:
        if mapping.selector.kind is SelectorKind.JQL:
            by_jql.setdefault(strip_order_by(mapping.selector.jql), []).append(mapping.mapping)
    for jql, mappings in by_jql.items():
        walks.append(ListQuery(f"matches of {jql[:80]}", {**common, "kind": "jql", "jql": jql}, tuple(mappings)))
    for part in chunks(sorted(projects), CHUNK):
        walks.append(ListQuery(f"issues of {', '.join(part)}"[:120], {**common, "kind": "jql", "jql": _projects_jql(part)}))
    for part in chunks(sorted(homes - projects), CHUNK):
        walks.append(ListQuery(f"issues of {', '.join(part)}"[:120], {**common, "kind": "projects", "projects": part}))
    return walks


def walk_page(reader: IssueReader, query: ListQuery, cursor: Mapping[str, JSON] | None, now: datetime) -> Page:
    """One page of a walk. Raises ``Refused`` with code ``cursor_expired`` when Jira does not know the page's token any more.

    The JQL of a walk is fixed at its first page and kept in the cursor: relative times would move under a resumed walk.
    """
    spec = query.spec
    state: dict[str, Any] = dict(cursor or {})
    named = [str(name) for name in state.get("named") or _start(spec)]
    jql = as_text(state.get("jql")) or _jql(spec, state, named, now)
    fields = [str(name) for name in as_sequence(spec.get("fields"))] or list(IDS_ONLY)
    token = as_text(state.get("token"))
    try:
        issues, following = reader.search(jql, fields, token=token, size=IDS_PAGE if tuple(fields) == IDS_ONLY else BATCH)
    except Refused as error:
        if error.status != 400:
            raise
        if token:
            raise Refused(f"the walk {query.name!r} must begin again: {error.message}", status=400, code="cursor_expired") from error
        left = _those_left(reader, spec, named)
        if left is None:
            raise
        named = left
        if not named[:CHUNK]:
            return _page(reader, spec, [], fields, _next(spec, state, [], "", "", []))
        jql = _jql(spec, state, named, now)
        issues, following = reader.search(jql, fields, size=IDS_PAGE if tuple(fields) == IDS_ONLY else BATCH)
    return _page(reader, spec, issues, fields, _next(spec, state, named, jql, following, [as_ref(issue.get("id")) for issue in issues]))


def _page(reader: IssueReader, spec: Mapping[str, Any], issues: Sequence[Mapping[str, Any]], fields: Sequence[str], cursor: Any) -> Page:
    refs = tuple(dict.fromkeys(ref for issue in issues if (ref := as_ref(issue.get("id")))))
    items: tuple[Item, ...] = ()
    if tuple(fields) != IDS_ONLY:
        ids = {str(name): str(ref) for name, ref in as_sequence(spec.get("named"))}
        items = tuple(item for issue in issues if (item := reader.item(issue, fields, ids)) is not None)
    return Page(items=items, refs=refs, cursor=cursor)


def _start(spec: Mapping[str, Any]) -> list[str]:
    """The names that the first JQL lists: keys where there are, because people and logs read them; else ids."""
    if spec.get("kind") == "projects":
        return [str(key) for key in as_sequence(spec.get("projects"))]
    return [str(name) if is_issue_key(str(name)) else str(ref) for name, ref in as_sequence(spec.get("named"))]


def _jql(spec: Mapping[str, Any], state: Mapping[str, Any], named: Sequence[str], now: datetime) -> str:
    since = read_moment(spec.get("since"))
    listed = issue_list(named[:CHUNK])
    if spec.get("kind") == "jql":
        jql = str(spec["jql"])
    elif spec.get("kind") == "projects":
        jql = _projects_jql(named)
    elif spec.get("kind") == "issues":
        jql = f"key in ({listed})"
    elif state.get("phase") == "subtasks":
        # No condition on the type: what counts below a child is whatever lies there, the same rule that ``belongs`` follows
        jql = f"parent in ({listed})"
    else:
        # Data Center keeps epics in the Epic Link, its `parent` knows only subtasks
        jql = f"parent in ({listed})" if spec.get("cloud", True) else f'("Epic Link" in ({listed}) OR parent in ({listed}))'
        # A changed subtask does not change its story, so the stories above subtasks are always walked whole
        since = None if spec.get("subtasks") else since
    return both(jql, updated_since(since, now)) if since else jql


def _projects_jql(keys: Sequence[str]) -> str:
    return f"project = {quoted(keys[0])}" if len(keys) == 1 else f"project in ({', '.join(quoted(key) for key in keys)})"


def _next(
    spec: Mapping[str, Any], state: Mapping[str, Any], named: Sequence[str], jql: str, following: str, refs: Sequence[str]
) -> Mapping[str, JSON] | None:
    """The cursor after a page. Walks with subtasks gather the children and then list the children of those."""
    phase = as_text(state.get("phase"))
    children = [*as_sequence(state.get("children")), *refs] if spec.get("subtasks") and not phase else []
    if following:
        cursor: dict[str, JSON] = {"token": following, "jql": jql}
        if phase:
            cursor |= {"phase": phase, "named": list(named)}
        elif children:
            cursor["children"] = children
        return cursor
    rest = list(named[CHUNK:]) if phase else children
    return {"token": "", "phase": "subtasks", "named": rest} if rest else None


def _those_left(reader: IssueReader, spec: Mapping[str, Any], named: Sequence[str]) -> list[str] | None:
    """``named`` without what does not exist any more: one such issue or project makes Jira refuse the whole list.

    None when the list is not to blame.
    """
    if spec.get("kind") == "projects":
        left = reader.living_projects(named)
        return left if len(left) < len(named) else None
    return _existing(reader, named[:CHUNK], spec) + list(named[CHUNK:]) if named else None


def _existing(reader: IssueReader, names: Sequence[str], spec: Mapping[str, Any]) -> list[str]:
    """Refs of those of ``names`` that still exist, looked up by id so that a changed key does no harm."""
    refs = {str(name): str(ref) for name, ref in as_sequence(spec.get("named"))}
    asked = [refs.get(name, name) for name in names]
    return [ref for ref, issue in reader.issues(asked, IDS_ONLY).items() if issue is not None]


def _named(wanted: Sequence[Wanted], kind: SelectorKind = SelectorKind.ISSUES, *, deep: bool = False) -> dict[str, str]:
    """Ref → name of the epics (or issues) that the mappings of one kind name. A name that was never resolved stands for itself."""
    found: dict[str, str] = {}
    for mapping in wanted:
        selector = mapping.selector
        if selector.kind is kind and (kind is SelectorKind.ISSUES or selector.subtasks == deep):
            for name in selector.epics if kind is SelectorKind.EPICS else selector.issues:
                found.setdefault(mapping.resolution.refs.get(name, name), name)
    return found


def _epics(wanted: Sequence[Wanted]) -> tuple[dict[str, str], dict[str, str]]:
    """Ref → name of the epics whose children count, and of those whose subtasks count too; each epic stands in one of them."""
    deep = _named(wanted, SelectorKind.EPICS, deep=True)
    plain = _named(wanted, SelectorKind.EPICS, deep=False)
    return {ref: name for ref, name in plain.items() if ref not in deep}, deep
