"""Ask the service which version it is, whole and streamed, and show who answered.

python ask.py [--url http://127.0.0.1:7400/v1]
"""

from __future__ import annotations

import argparse

from openai import OpenAI
from openai.types.chat import ChatCompletionUserMessageParam

QUESTION = ChatCompletionUserMessageParam(role="user", content="Which version are you?")


def main() -> None:
    """Print both answers, each with the version that the gateway names in its headers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:7400/v1")
    client = OpenAI(base_url=parser.parse_args().url, api_key="unused-on-loopback")
    completions = client.chat.completions.with_raw_response

    whole = completions.create(model="tiny", messages=[QUESTION])
    print(f"whole:    {whole.parse().choices[0].message.content}  ({whole.headers['x-tidegate-version']})")

    streamed = completions.create(model="tiny", messages=[QUESTION], stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in streamed.parse() if chunk.choices]
    print(f"streamed: {''.join(pieces)}  ({streamed.headers['x-tidegate-version']})")


if __name__ == "__main__":
    main()
