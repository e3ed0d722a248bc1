from shared.events.audit import ActionTaken
from tests.integration.control.conftest import Person, follow, until
from tests.integration.control.test_channels import CHANNEL, PROVIDER_KEY


async def test_every_change_is_told_without_its_secrets(root: Person) -> None:
    async with follow(root.control, "audit.actions") as followed:
        before = len(followed.all)
        user = await root.do("POST", "/api/user/", {"username": "ada", "password": "12345678"})
        await root.do("PUT", "/api/user/", {"id": user["id"], "display_name": "Ada\u2028L"})
        key = await root.do("POST", "/api/token/", {"name": "mine", "expired_time": 4102444800})
        await root.do("PUT", "/api/token/", {"id": key["id"], "status": 2})
        await root.do("DELETE", f"/api/token/{key['id']}")
        channel = await root.do("POST", "/api/channel/", CHANNEL)
        await root.do("PUT", "/api/channel/", {"id": channel["id"], "key": "another"})
        await root.do("DELETE", f"/api/channel/{channel['id']}")
        model = {"name": "lab/one", "groups": [], "max_output_tokens": 1}
        await root.do("POST", "/api/models/", model)
        await root.do("PUT", "/api/models/lab/one", {"status": 2})
        await root.do("DELETE", "/api/models/lab/one")
        await root.do("POST", "/api/group/", {"name": "vip"})
        token = await root.do("GET", "/api/user/token")
        await until(lambda: len(followed.all) >= before + 14)
        told = [ActionTaken.model_validate_json(r.value or b"") for r in followed.all[before:]]
    assert [(action.action, action.resource_id) for action in told] == [
        ("user.create", str(user["id"])),
        ("user.update", str(user["id"])),
        ("token.create", str(key["id"])),
        ("token.update", str(key["id"])),
        ("token.delete", str(key["id"])),
        ("provider.create", str(channel["provider_id"])),
        ("channel.create", str(channel["id"])),
        ("channel.update", str(channel["id"])),
        ("channel.delete", str(channel["id"])),
        ("model.create", "lab_one"),
        ("model.update", "lab_one"),
        ("model.delete", "lab_one"),
        ("group.create", "vip"),
        ("user.access_token", str(root.login["id"])),
    ]
    assert {action.actor_name for action in told} == {"Root"}
    assert told[6].changes["key"] == "changed"
    assert told[7].changes == {"key": "changed"}
    assert told[2].changes["expired_time"] == "4102444800"
    everything = str(told)
    for secret in ("12345678", key["key"][3:], PROVIDER_KEY, "another", token):
        assert secret not in everything


async def test_what_is_refused_is_not_told(root: Person) -> None:
    async with follow(root.control, "audit.actions") as followed:
        before = len(followed.all)
        await root.refused("POST", "/api/group/", {"name": "default"})
        await root.refused("POST", "/api/channel/", {**CHANNEL, "models": ["no-such"]})
        await root.do("POST", "/api/group/", {"name": "vip"})
        await until(lambda: len(followed.all) > before)
        (record,) = followed.all[before:]
    assert ActionTaken.model_validate_json(record.value or b"").resource_id == "vip"
