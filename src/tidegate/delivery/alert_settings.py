"""What a configuration says of a monitoring system's alerts."""

from __future__ import annotations

import msgspec


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How alerts are read.

    Attributes:
        enabled: whether any alert ends a release.
        service_label, release_label, version_label: names of the labels that say whose alert it is; one of service
            and release is needed, and a version, where given, must be the candidate's.
        match: labels an alert must bear to be a trigger.
    """

    enabled: bool = False
    service_label: str = "tidegate_service"
    release_label: str = "tidegate_release"
    version_label: str = "tidegate_version"
    match: dict[str, str] = {}
