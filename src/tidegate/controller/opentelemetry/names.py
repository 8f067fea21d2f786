"""Every name of OpenTelemetry's semantic conventions that we use; those of generative AI still change.

Semantic conventions for generative AI systems, development status; a test holds these against the published package.
"""

from __future__ import annotations

from typing import Final

# attributes
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - a name
ERROR_TYPE: Final = "error.type"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"

# metrics
DURATION: Final = "gen_ai.server.request.duration"
FIRST_TOKEN: Final = "gen_ai.server.time_to_first_token"  # noqa: S105 - a name
PER_TOKEN: Final = "gen_ai.server.time_per_output_token"  # noqa: S105 - a name
TOKENS: Final = "gen_ai.client.token.usage"

OPERATIONS: Final = {
    "/v1/chat/completions": "chat",
    "/v1/messages": "chat",
    "/v1/responses": "chat",
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
}
"""Path of a front door -> value of :data:`OPERATION`; what is not here names its own path."""

# ours
SERVICE: Final = "tidegate.service"
VERSION: Final = "tidegate.version"
VARIANT: Final = "tidegate.variant"
RELEASE: Final = "tidegate.release"
STEP: Final = "tidegate.step"
OUTCOME: Final = "tidegate.outcome"
ASSIGNED_OUTCOME: Final = "tidegate.assigned_outcome"
REQUEST: Final = "tidegate.request_id"
COST: Final = "tidegate.cost_usd"
ATTEMPTS: Final = "tidegate.attempts"
MIRRORED: Final = "tidegate.mirrored"
FIRST_TOKEN_EVENT: Final = "tidegate.first_token"  # noqa: S105 - a name
