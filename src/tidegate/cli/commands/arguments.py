"""Arguments and options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

ServiceArgument = Annotated[str, typer.Argument(metavar="SERVICE", help="Name of the service.")]
OptionalServiceArgument = Annotated[
    str | None, typer.Argument(metavar="[SERVICE]", help="Name of the service; all of them without it.")
]
RefArgument = Annotated[
    str, typer.Argument(metavar="REF", help="SERVICE/vX.Y.Z[-DIGEST8], SERVICE@stable or sha256:DIGEST.")
]
ReleaseArgument = Annotated[
    str, typer.Argument(metavar="RELEASE", help="Id of a release, or a service for its running (else latest) one.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the record.")]
TimeoutOption = Annotated[
    str | None, typer.Option("--timeout", metavar="DURATION", help="Give up after this long, such as 90s or 30m.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many, newest first.")]
TableFormat = Literal["csv", "jsonl", "parquet"]
TABLE_FORMATS = "csv, jsonl, or parquet (needs pyarrow)."
TABLE_FILE = "File to write, - for standard output."
ServiceOption = Annotated[str | None, typer.Option("--service", metavar="SERVICE", help="Only of this service.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Configuration file; else tidegate.yaml here, else defaults."),
]
