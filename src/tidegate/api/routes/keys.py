"""Access keys: made and revoked by admins only, and never so that nobody could administer any more."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from tidegate.api.plane import Admin, Behind, Plane, Reader
from tidegate.api.replies import answers, plain, reply, told
from tidegate.controller.probe import JUDGE_KEY, PROBE_KEY
from tidegate.delivery.limits.declared import KeyLimits, LimitsSpec, WithoutControl
from tidegate.errors import ConflictError
from tidegate.registry import keys
from tidegate.registry.services import find_service
from tidegate.shapes.keys import Key, Keys, KeyUsage, NewKey

router = APIRouter(tags=["keys"])
_ACCESS_ENDED = (
    "this is the first key: from now on every caller of the API needs a key, and every client of the gateways "
    "one with the role invoke"
)
_ACCESS_OPEN = "no key is left: everybody who can connect on this machine may do everything now"
_DECLARED = "the configuration file names this key and makes it again when control starts: remove it there too"


class LimitsBody(BaseModel):
    """What a key may use over all gateways together; what is left out has no bound."""

    model_config = ConfigDict(extra="forbid")
    requests_per_minute: int | None = Field(default=None, ge=1, description="A minute's worth may come at once.")
    tokens_per_minute: int | None = Field(
        default=None, ge=1, description="Read and written, reserved before each request."
    )
    concurrent: int | None = Field(default=None, ge=1, description="Requests under way.")
    budget: list[str] = Field(default=[], max_length=2, description="Such as `50 USD/month` and `5 USD/day`.")
    without_control: WithoutControl = Field(
        default="refuse", description="When the money lent to a gateway is used up and control is silent."
    )

    def limits(self) -> KeyLimits:
        """Checked."""
        return msgspec.convert(self.model_dump(), LimitsSpec).limits("limits")


class KeyBody(BaseModel):
    """What a key may do."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$",
        description="Letters, digits and `._@-`; shown in the audit log.",
    )
    roles: list[str] = Field(
        description="Of invoke, viewer, operator, approver, admin; beside approver also names of approvals.",
        max_length=32,
    )
    services: list[str] = Field(default=[], description="Only these; empty means every service.", max_length=1000)
    limits: LimitsBody | None = Field(default=None, description="None without it.")


@router.get("/keys", responses=answers(Keys, "Every key."))
async def read_keys(plane: Behind, caller: Reader) -> Response:
    """Every access key, by name, with its limits and what it uses; never a secret nor its digest."""
    caller.need_everything()
    return reply(await _all(plane))


@router.post("/keys", status_code=201, responses=answers(NewKey, "The key and its secret.", status=201))
async def create_key(plane: Behind, caller: Admin, body: KeyBody) -> Response:
    """Make a key. Its secret is told in this answer only, so that an `Idempotency-Key` is not taken.

    The first key ends open access, so it must have the role admin and no services.
    """
    caller.need_everything()
    if body.name in {PROBE_KEY, JUDGE_KEY}:
        raise ConflictError(f"control itself uses {body.name!r}", code="key_exists", remedy="choose another name")
    warnings: list[str] = []

    async def change(connection: AsyncConnection) -> tuple[keys.Key, str]:
        is_first = not await keys.has_keys(connection)
        made = await keys.create_key(
            connection,
            body.name,
            roles=body.roles,
            services=body.services,
            limits=None if body.limits is None else body.limits.limits(),
            actor=caller.name,
            at=plane.control.clock.now(),
        )
        await keys.need_an_admin(connection)
        unknown = [name for name in made[0].services if await find_service(connection, name) is None]
        warnings[:] = [_ACCESS_ENDED] * is_first + [f"there is no service {name!r} yet" for name in unknown]
        return made

    key, secret = await plane.control.state.transact(change)
    await plane.control.operations.routing_changed()
    uses = await plane.control.key_leases.report([key.name])
    return reply(NewKey(key=_told(key, uses[key.name]), secret=secret, warnings=tuple(warnings)), 201)


@router.delete("/keys/{name:path}", responses=answers(Keys, "The keys that remain."))
async def revoke_key(plane: Behind, caller: Admin, name: str) -> Response:
    """Revoke a key: the API refuses it at once, gateways from the next routing table on, which is published now."""
    caller.need_everything()

    async def change(connection: AsyncConnection) -> keys.Key:
        revoked = await keys.revoke_key(connection, name, actor=caller.name, at=plane.control.clock.now())
        await keys.need_an_admin(connection)
        if not plane.admission.is_loopback and not await keys.has_keys(connection):
            raise ConflictError(
                "without any key nobody would be let in", code="no_admin_key", remedy="create another admin's key first"
            )
        return revoked

    revoked = await plane.control.state.transact(change)
    await plane.control.operations.routing_changed()
    return reply(await _all(plane, revoked))


async def _all(plane: Plane, revoked: keys.Key | None = None) -> Keys:
    async with plane.control.state.read() as connection:
        found = await keys.list_keys(connection)
    warnings = []
    if revoked is not None:
        warnings += [_DECLARED] * (revoked.source == "configuration") + [_ACCESS_OPEN] * (not found)
    uses = await plane.control.key_leases.report([key.name for key in found])
    return Keys(items=tuple(_told(key, uses[key.name]) for key in found), next=None, warnings=tuple(warnings))


def _told(key: keys.Key, use: KeyUsage) -> Key:
    limits = None if key.limits is None else key.limits.spec()
    return told(Key, plain(key) | {"limits": plain(limits), "use": plain(use)})
