#!/usr/bin/env python3
"""A consultant that prints the events of codex and answers the analyze stage. In the prompt, `PAUSE 5` makes
it wait five seconds, and `MANY FACTS` makes it return more facts than a screen holds."""

import json
import re
import sys
import time

FACTS = [
    {"fact": "mean([1, 2]) returns 1 where 1.5 was expected", "source": "test_stats.py", "line_number": 6, "certainty": "high"},
    {"fact": "평균 함수는 나눗셈에 // 연산자를 쓴다", "source": "stats.py", "line_number": 2, "certainty": "high"},
    {"fact": "an empty list raises ZeroDivisionError", "source": "python3 -c 'import stats; stats.mean([])'", "certainty": "medium"}]
MANY = [{"fact": "observation number %d: the result of mean() is smaller than the true mean by the fraction that the "
                 "floor division cuts off, for every list whose sum is no multiple of its length" % n,
         "source": "test_stats.py", "line_number": n, "certainty": "high"} for n in range(1, 31)]


def analysis(prompt):
    return {"observations": MANY if "MANY FACTS" in prompt else FACTS, "repro_steps": ["python3 -m unittest"],
            "affected_modules": ["stats.py"], "invariants": ["the mean of equal numbers is that number"]}


def main():
    if "--version" in sys.argv:
        return print("codex-cli 9.9.9")
    if sys.argv[-2:] == ["login", "status"]:
        return None
    prompt = sys.stdin.read()
    print(json.dumps({"type": "thread.started", "thread_id": "t"}), flush=True)
    pause = re.search(r"PAUSE (\d+)", prompt)
    time.sleep(int(pause[1]) if pause else 0)
    text = "The divisor is floored: use / instead of //."
    if "repro_steps" in prompt:
        text = json.dumps(analysis(prompt), ensure_ascii=False)
    print(json.dumps({"type": "item.completed", "item": {"type": "agent_message", "text": text}}))
    print(json.dumps({"type": "turn.completed", "usage": {"input_tokens": 11, "output_tokens": 7}}))


main()
