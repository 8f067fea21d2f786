"""Headings under which ``tidegate --help`` lists the commands."""

from __future__ import annotations

RUN = "Run"
DECLARE = "Declare"
VERSIONS = "Versions"
RELEASE = "Release"
OPERATE = "Operate"
RECORDS = "Records"
