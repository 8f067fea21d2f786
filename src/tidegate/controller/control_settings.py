"""What one control process is told when it starts."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from tidegate.controller.ingest import RetentionSettings
from tidegate.controller.programs import ProgramSettings
from tidegate.delivery.alert_settings import AlertSettings
from tidegate.delivery.notifying import SinkSettings
from tidegate.delivery.telemetry_settings import TelemetrySettings
from tidegate.metrics.settings import MetricsSettings


class ControlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one control process.

    Attributes:
        leader: id of this process, new with each start.
        lease_seconds: of gateways' snapshots and of the lead.
        interval: between two passes without news.
        is_sole: no other control process uses this database (SQLite): take over at once after a crash.
        programs: what gates and notifications may run.
        sinks: who hears of releases, beside the log.
        alerts: which of a monitoring system's alerts are triggers.
        metrics: what sources of numbers may use.
        open_access: without any key, gateways take every credential (they listen on loopback only).
        telemetry: what is told to logs and collectors.
    """

    leader: str
    lease_seconds: float = 10.0
    interval: timedelta = timedelta(seconds=1)
    is_sole: bool = True
    open_access: bool = False
    metrics: MetricsSettings = MetricsSettings()
    retention: RetentionSettings = RetentionSettings()
    programs: ProgramSettings = ProgramSettings()
    sinks: tuple[SinkSettings, ...] = ()
    alerts: AlertSettings = AlertSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
