"""Pipelines without a person: invoices are read into fields, and last night's answers are judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

from lumenspan.demo.content import CRITERIA, GOODS, TOPICS, VENDORS, VERDICTS
from lumenspan.demo.spans import Trace
from lumenspan.demo.stage import Stage

_EXTRACT = (
    "Read the invoice and answer with JSON: vendor, country, number, currency, lines, total. No other text."
)
_JUDGE = (
    "You are a strict judge. Rate the answer from 0 to 1 for {criterion}; give the reason in one sentence."
)


def invoices(stage: Stage) -> Iterator[Trace]:
    """One batch of scanned invoices; a wrong total is a warning, an unreadable page an error."""
    for _ in range(stage.rng.randint(1, 3)):
        trace = stage.begin("extract-invoice", "document-pipeline", tags=("extraction", "finance"))
        vendor, country, currency = stage.rng.choice(VENDORS)
        number = f"{country}-{stage.rng.randint(10_000, 99_999)}"
        lines = [
            {"text": text, "quantity": stage.rng.randint(1, 60), "price": f"{stage.rng.uniform(2, 90):.2f}"}
            for text in stage.rng.sample(GOODS, stage.rng.randint(2, 4))
        ]
        total = sum(
            (Decimal(int(str(line["quantity"]))) * Decimal(str(line["price"])) for line in lines),
            Decimal(0),
        )
        items = (f"{line['quantity']} x {line['text']} @ {line['price']}" for line in lines)
        page = "\n".join([f"INVOICE {number}", vendor, *items, f"TOTAL {currency} {total:.2f}"])
        with trace.span("extract-invoice", input={"file": f"scans/{number}.pdf"}) as root:
            with trace.span("read-page", "tool", input={"page": 1, "dpi": 300}) as ocr:
                trace.wait_s(0.3, 2.5)
                if stage.chance(0.04):
                    ocr.fail("Page 1 could not be read: contrast too low")
                    root.fail("No text was found")
                else:
                    ocr.output = page
            if ocr.output:
                fields = {"vendor": vendor, "country": country, "number": number, "currency": currency}
                fields_all = fields | {"lines": json.dumps(lines), "total": f"{total:.2f}"}
                asked = [{"role": "system", "content": _EXTRACT}, {"role": "user", "content": page}]
                trace.generate(
                    "extract-fields",
                    "gemini-2.5-flash",
                    asked,
                    fields_all,
                    prompt=("invoice-fields", 5),
                    temperature=0.0,
                )
                with trace.span("validate", "guardrail", input=fields_all) as check:
                    trace.wait_s(0.001, 0.005)
                    check.output = {"adds_up": not stage.chance(0.08), "vendor_known": True}
                    if not check.output["adds_up"]:
                        check.fail("The lines do not add up to the total", "WARNING")
                root.output = fields_all
        yield trace.trace
        stage.pause(trace, 0.1, 2)


def judgements(stage: Stage) -> Iterator[Trace]:
    """One run of the nightly evaluation over a few answers, by a model as judge."""
    session = f"nightly-{stage.rng.getrandbits(32):08x}"
    for _ in range(stage.rng.randint(2, 4)):
        question, answer = stage.rng.choice(stage.rng.choice(TOPICS).exchanges)
        trace = stage.begin(
            "evaluate-answer",
            "evaluation",
            session_id=session,
            environment="evaluation",
            tags=("evaluation", "nightly"),
        )
        with trace.span(
            "evaluate-answer", "evaluator", input={"question": question, "answer": answer}
        ) as root:
            scores = {}
            for criterion in stage.rng.sample(CRITERIA, 3):
                asked = [
                    {"role": "system", "content": _JUDGE.format(criterion=criterion)},
                    {"role": "user", "content": f"Question: {question}\n\nAnswer: {answer}"},
                ]
                scores[criterion] = round(min(1.0, stage.rng.betavariate(8, 2)), 2)
                verdict = {"score": scores[criterion], "reason": stage.rng.choice(VERDICTS)}
                trace.generate(
                    f"judge-{criterion}", "gpt-4.1", asked, verdict, prompt=("judge", 2), temperature=0.0
                )
            root.output = scores
        yield trace.trace
        stage.pause(trace, 0.2, 1)
