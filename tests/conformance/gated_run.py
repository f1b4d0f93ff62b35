"""A whole gated run with the Python SDK: five stages, each approved in a form of the server.

    python gated_run.py MAESTRO FAKE_CLI ERA        ERA: legacy (initialize) or modern (2026-07-28)

Prints each failed expectation on one line, and ends with status 1 if there is one. Needs the package `mcp`.
"""

import asyncio
import json
import os
import sys
import tempfile

from mcp import Client, StdioServerParameters
from mcp_types import ElicitResult

ERAS = {"legacy": ("legacy", "2025-11-25"), "modern": ("2026-07-28", "2026-07-28")}
CHECK = {"commands": [{"command": "python3 -B -m unittest"}]}


def diff(before, after):
    return ("--- a/mean.py\n+++ b/mean.py\n@@ -1,2 +1,2 @@\n def mean(numbers):\n"
            "-    return sum(numbers) / %s\n+    return sum(numbers) / %s\n" % (before, after))


FIRST, SECOND = diff("2", "4"), diff("4", "len(numbers)")       # the first does not fix the fault
OUTPUTS = {
    "analyze": {
        "observations": [{"fact": "the mean of 1, 2, 3 is 3.0", "source": "mean.py", "line_number": 2}],
        "repro_steps": ["python3 -m unittest"], "affected_modules": ["mean.py"],
        "invariants": ["an even list keeps its mean"]},
    "hypothesize": {
        "hypotheses": [{"id": "H1", "claim": "the divisor is a constant",
                        "verification_test": "python3 -m unittest", "confidence": 0.7}], "selected": "H1"},
    "implement": {
        "patch_plan": "Divide by the length.", "files_to_change": ["mean.py"], "diff": FIRST,
        "verification_command": "python3 -m unittest"},
    "debug": {
        "error_analysis": "nothing is left", "next_action": {"type": "edit", "details": "none is needed"}},
    "improve": {
        "improvements": [{"type": "docs", "description": "say what an empty list does"}], "ready_for_merge": True},
}
FILES = {
    "mean.py": "def mean(numbers):\n    return sum(numbers) / 2\n",
    "test_mean.py": ("import unittest\nfrom mean import mean\n\n\nclass T(unittest.TestCase):\n"
                     "    def test_mean(self):\n        self.assertEqual(mean([1, 2, 3]), 2)\n"),
}


class Run:
    """One run and its failed expectations."""

    def __init__(self):
        self.client = None
        self.asked = []
        self.faults = []

    def expect(self, what, found, wanted):
        if found != wanted:
            self.faults.append("%s: %s, not %s" % (what, json.dumps(found)[:600], json.dumps(wanted)))

    async def human(self, _context, params):
        """Checks the form and approves."""
        self.asked.append(params)
        schema = params.requested_schema
        self.expect("what the form requires", schema.get("required"), ["decision"])
        return ElicitResult(action="accept", content={"decision": "approve", "comment": "seen"})

    async def call(self, tool, **arguments):
        result = await self.client.call_tool("maestro_" + tool, arguments)
        if not isinstance(result.structured_content, dict):
            self.faults.append("%s gave no object: %r" % (tool, result))
            return {}
        return result.structured_content

    async def stage(self, stage):
        script = json.dumps({"text": json.dumps(OUTPUTS[stage])}).replace("@@", "\\u0040\\u0040")
        reply = await self.call("run_stage_with_approval", stage=stage, task="mend the mean @@fake %s@@" % script,
                                context_files=["mean.py"], context_errors=["AssertionError: 3.0 != 2"])
        self.expect("%s runs" % stage, reply.get("ok"), True)
        return reply

    async def approved_stage(self, stage):
        before = len(self.asked)
        reply = await self.stage(stage)
        approval = reply.get("approval") or {}
        self.expect("%s is decided" % stage, (approval.get("status"), approval.get("decided_by")),
                    ("approved", "elicitation"))
        self.expect("how often %s asked" % stage, len(self.asked) - before, 1)
        return reply

    async def whole(self, version):
        self.expect("the version", self.client.protocol_version, version)
        listed = (await self.client.list_tools()).tools
        self.expect("the tools have descriptions", [tool.name for tool in listed if not tool.description], [])
        self.expect("a resource is read", bool((await self.client.list_resources()).resources), True)
        self.expect("a prompt is listed", bool((await self.client.list_prompts()).prompts), True)

        run = await self.call("workflow_with_hitl", task="mend the mean")
        self.expect("the run begins", run.get("workflow_started"), True)
        await self.approved_stage("analyze")
        await self.approved_stage("hypothesize")
        reply = await self.approved_stage("implement")
        output = (reply.get("stage_result") or {}).get("output") or {}
        approved = (output.get("structured") or {}).get("diff")
        self.expect("the diff that was approved", approved, FIRST)
        self.expect("the patch applies", (await self.call("apply_patch", patch=FIRST)).get("ok"), True)
        self.expect("the checks fail", (await self.call("verify", **CHECK)).get("ok"), False)
        solo = await self.stage("debug")
        self.expect("debug is the caller's own", solo.get("mode"), "solo")
        self.expect("the second patch applies", (await self.call("apply_patch", patch=SECOND)).get("ok"), True)
        self.expect("the checks pass", (await self.call("verify", **CHECK)).get("ok"), True)
        handed_in = await self.call("request_approval", stage="debug", outputs=OUTPUTS["debug"])
        self.expect("debug waits", handed_in.get("state"), "awaiting_approval(debug)")
        decided = await self.call("submit_approval", request_id=handed_in.get("request_id", ""), approved=True)
        self.expect("debug is decided", (decided.get("status"), decided.get("decided_by")), ("approved", "elicitation"))
        await self.approved_stage("improve")

        workflow = (await self.call("workflow_state")).get("workflow", {})
        self.expect("the run is over", workflow.get("state"), "complete")
        history = (await self.call("get_approval_history")).get("history", [])
        self.expect("who decided", [entry.get("decided_by") for entry in history], ["elicitation"] * 5)


async def main(maestro, fake_cli, era):
    mode, version = ERAS[era]
    run = Run()
    with tempfile.TemporaryDirectory(prefix="maestro-sdk-") as folder:
        # A consultant must not write to a directory that holds the project or the home, so the fakes get one.
        project, home, fakes = (os.path.join(folder, name) for name in ("project", "home", "fakes"))
        for directory in (project, home, fakes):
            os.makedirs(directory)
        for name, text in FILES.items():
            with open(os.path.join(project, name), "w") as file:
                file.write(text)
        # The human of this test answers forms, not the page.
        env = {"HOME": home, "PATH": os.environ["PATH"], "MAESTRO_PAGE": "false"}
        for provider in ("codex", "gemini"):
            log = os.path.join(fakes, provider)
            env["MAESTRO_%s_CMD" % provider.upper()] = "%s --as %s --log %s.log --state %s.state" % (
                fake_cli, provider, log, log)
        server = StdioServerParameters(command=maestro, env=env, cwd=project)
        async with Client(server, mode=mode, elicitation_callback=run.human, read_timeout_seconds=120) as client:
            run.client = client
            await run.whole(version)
        with open(os.path.join(project, "mean.py")) as file:
            run.expect("the file", file.read(), FILES["mean.py"].replace("/ 2", "/ len(numbers)"))
    for fault in run.faults:
        print(fault)
    return 1 if run.faults else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
