"""The support chat: retrieval, a guardrail and a streamed answer a turn; a session is one conversation."""

from __future__ import annotations

from collections.abc import Iterator

from lumenspan.demo.content import COMPLAINTS, SHOP, TOPICS, Topic
from lumenspan.demo.spans import Trace, TraceBuilder
from lumenspan.demo.stage import Stage

_SYSTEM = (
    f"You are the support assistant of {SHOP}, a shop for outdoor equipment. Answer from the passages "
    "given, "
    "briefly and kindly. If the passages do not hold the answer, say so and offer to connect the customer "
    "with a person. Never promise discounts."
)
_HAND_OVER = (
    "I am sorry that this has been so tiresome. I am connecting you with a colleague, who can see our "
    "whole conversation. The wait is about four minutes."
)
_FALLBACK = (
    "I cannot reach our help centre right now. Please try again in a minute, or write to help@example.com."
)
_MODELS = ("gpt-4.1-mini", "claude-haiku-4-5", "gemini-2.5-flash")
_RATE_LIMIT = "429 Too Many Requests: rate limit reached for requests per minute"


def conversation(stage: Stage) -> Iterator[Trace]:
    """A session of one to four turns on one topic; some end with a complaint."""
    topic = stage.rng.choice(TOPICS)
    user_id, session_id = stage.person(), stage.session()
    channel = stage.rng.choice(("web", "web", "ios", "android"))
    model = stage.rng.choice(_MODELS)
    messages = [{"role": "system", "content": _SYSTEM}]
    turns = list(topic.exchanges[: stage.rng.randint(1, len(topic.exchanges))])
    if stage.chance(0.12):
        turns.append((stage.rng.choice(COMPLAINTS), _HAND_OVER))
    for question, answer in turns:
        trace = stage.begin(
            "support-chat",
            "support-assistant",
            user_id=user_id,
            session_id=session_id,
            environment="staging" if stage.chance(0.1) else "production",
            tags=("support", topic.slug, channel),
            metadata={"channel": channel, "locale": stage.rng.choice(("en-GB", "en-US", "en-IE"))},
        )
        messages.append({"role": "user", "content": question})
        said = _turn(trace, topic, model, messages, question, answer)
        messages.append({"role": "assistant", "content": said})
        yield trace.trace
        stage.pause(trace, 8, 90)


def _turn(
    trace: TraceBuilder,
    topic: Topic,
    model: str,
    messages: list[dict[str, str]],
    question: str,
    answer: str,
) -> str:
    """Answer one question; returns what the customer reads."""
    with trace.span(
        "support-chat", "chain", input={"question": question, "turn": len(messages) // 2}
    ) as root:
        with trace.span("check-input", "guardrail", input=question) as guard:
            trace.wait_s(0.01, 0.06)
            is_attack = "instructions" in question
            guard.output = {
                "allowed": not is_attack,
                "category": "prompt-injection" if is_attack else "none",
            }
            if is_attack:
                guard.fail("Looks like an attempt to change the instructions", "WARNING")
        passages = _retrieve(trace, topic, question)
        if passages is None:
            root.fail("The search of the help centre timed out")
            root.output = {"answer": _FALLBACK}
            return _FALLBACK
        context = "\n\n".join(passages)
        asked = [
            messages[0],
            *messages[1:-1],
            {"role": "user", "content": f"{question}\n\nPassages:\n{context}"},
        ]
        if trace.rng.random() < 0.04:
            trace.refused("answer", model, asked, _RATE_LIMIT)
            root.fail("Answered by the second attempt", "WARNING")
            trace.wait_s(0.5, 2.0)
        trace.generate("answer", model, asked, answer, prompt=("support-answer", 3 + (model == _MODELS[0])))
        if answer == _HAND_OVER:
            trace.event("handed-over", input={"queue": "tier-1", "reason": "asked for a person"})
        root.output = {"answer": answer, "sources": [f"help/{topic.slug}"]}
    return answer


def _retrieve(trace: TraceBuilder, topic: Topic, question: str) -> list[str] | None:
    """The passages of a topic, best first, or None after a timeout."""
    with trace.span("search-help-centre", "retriever", input={"query": question, "top_k": 3}) as found:
        trace.embed(question)
        if trace.rng.random() < 0.02:
            trace.wait_s(4.9, 5.1)
            found.fail("TimeoutError: vector index did not answer within 5 s")
            return None
        trace.wait_s(0.02, 0.4)
        passages = trace.rng.sample(topic.passages, len(topic.passages))
        scores = sorted((round(trace.rng.uniform(0.55, 0.93), 3) for _ in passages), reverse=True)
        found.output = [
            {"title": topic.title, "score": score, "text": text}
            for score, text in zip(scores, passages, strict=True)
        ]
        found.metadata = {"index": "help-centre", "embedding": "text-embedding-3-small"}
    return passages
