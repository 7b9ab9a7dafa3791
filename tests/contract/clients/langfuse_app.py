"""A small application that uses the unmodified Langfuse SDK; prints its trace id.

Run as a process of its own: the SDK keeps global state and threads. Configured by the SDK's own variables.
"""

from __future__ import annotations

import json
import sys

from langfuse import get_client, observe, propagate_attributes


@observe(as_type="retriever")
def search(question: str) -> list[str]:
    return [f"Passage about {question}", "Another passage"]


@observe(as_type="generation")
def answer(question: str, passages: list[str]) -> str:
    get_client().update_current_generation(
        model="gpt-4o-mini",
        model_parameters={"temperature": 0.2, "max_tokens": 200},
        input=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}],
        usage_details={"input": 120, "output": 30},
        cost_details={"input": 0.00012, "output": 0.00006},
        metadata={"passages": len(passages), "nested": {"deep": [1, 2]}},
    )
    return "Grüße: zwölf Tage."


@observe()
def handle(question: str) -> dict[str, str]:
    passages = search(question)
    try:
        fail()
    except ValueError:
        passages.append("none")
    return {"answer": answer(question, passages)}


@observe(as_type="tool")
def fail() -> None:
    raise ValueError("the tool is down")


def main() -> None:
    client = get_client()
    with (
        propagate_attributes(
            user_id="user-42",
            session_id="session-7",
            tags=["sdk", "contract"],
            metadata={"tier": "gold"},
            version="1.2.3",
            trace_name="support-question",
        ),
        client.start_as_current_observation(name="request") as root,
    ):
        root.update(input={"question": "How many days?"})
        result = handle("How many days?")
        root.update(output=result)
        trace_id = client.get_current_trace_id()
    client.flush()
    sys.stdout.write(json.dumps({"trace_id": trace_id, "url": client.get_trace_url(trace_id=trace_id)}))
    client.shutdown()


if __name__ == "__main__":
    main()
