"""What limits whom, from `control.routing`; the limits of keys come with the keys themselves."""

from services.relay.callers.caller import ApiCaller
from services.relay.limits.limit import Limit, Scope
from services.relay.limits.policies import Rule, limits_of, rule_of
from services.relay.limits.unlimited import is_unlimited
from shared.events.limits import LimitChanged, RequestLimits
from shared.events.routing import GroupChanged


class LimitBook:
    """Limits by group and by workspace."""

    def __init__(self) -> None:
        self._groups: dict[str, tuple[RequestLimits, RequestLimits]] = {}
        """Of those groups that have limits: the whole group's, and each workspace's in it."""
        self._rules: dict[int, tuple[Rule, ...]] = {}
        """By workspace, the highest priority first."""
        self._workspaces: dict[int, int] = {}
        """By limit, whose it is: a tombstone does not say."""

    def put_group(self, group: GroupChanged) -> None:
        """The newest state of a group."""
        whole, member = group.limits, group.member_limits
        if group.is_deleted or (is_unlimited(whole) and is_unlimited(member)):
            self._groups.pop(group.name, None)
        else:
            self._groups[group.name] = (whole, member)

    def put_limit(self, changed: LimitChanged) -> None:
        """The newest state of a workspace's rule."""
        self._drop(changed.limit_id)
        if changed.is_deleted or not changed.is_active:
            return
        workspace_id = changed.workspace_id
        rules = (*self._rules.get(workspace_id, ()), rule_of(changed))
        self._rules[workspace_id] = tuple(
            sorted(rules, key=lambda rule: (-rule.priority, rule.limit.name))
        )
        self._workspaces[changed.limit_id] = workspace_id

    def forget(self, key: str) -> None:
        """A tombstone of `group:<name>` or `limit:<id>`."""
        kind, _, name = key.partition(":")
        if kind == "group":
            self._groups.pop(name, None)
        elif kind == "limit" and name.isdigit():
            self._drop(int(name))

    def limits(self, caller: ApiCaller, *, method: str, path: str) -> tuple[Limit, ...]:
        """All that limit this call, in the order in which they are named. Mostly none."""
        key, group = caller.key, caller.group
        workspace_id = key.workspace_id
        rules = self._rules.get(workspace_id)
        of_group = self._groups.get(group)
        found: tuple[Limit, ...] = ()
        if rules is not None:
            found = tuple(rule.limit for rule in rules if rule.fits(method, path))
        if caller.has_limits:
            found += limits_of(key.limits, Scope.KEY, f"key:{key.key_id}")
        if of_group is not None:
            whole, member = of_group
            found += limits_of(member, Scope.MEMBER, f"member:{workspace_id}:{group}")
            found += limits_of(whole, Scope.GROUP, f"group:{group}")
        return found

    def _drop(self, limit_id: int) -> None:
        workspace_id = self._workspaces.pop(limit_id, None)
        if workspace_id is None:
            return
        name = f"{Scope.WORKSPACE}:{limit_id}"
        left = tuple(rule for rule in self._rules[workspace_id] if rule.limit.name != name)
        if left:
            self._rules[workspace_id] = left
        else:
            del self._rules[workspace_id]
