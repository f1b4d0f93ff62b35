"""A home and a project with a trap in every place that could act on a consultant.

There are three kinds of trap. Commands (MCP servers, hooks, helpers) write their name to `log` when
they are started. Texts (memory files, instructions, a secret file) hold a word of their own that must
never appear in a request. Environment variables hold a value that must reach neither the environment
of the CLI nor the model. `Traps.sprung()` and `Traps.leaked()` return the traps that were sprung.
"""

import json
import os
import subprocess
import urllib.parse

WORD = "TRAPWORD_"
ENV_WORD = "ENVTRAP"
# A login in the user's files. Maestro must copy it, and nothing else from these files.
CODEX_FILE_KEY = "sk-codexfilelogin-0123456789abcdef"

# Variables that a CLI could use or pass on, although no provider needs them. STEERING changes the CLI itself.
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": ENV_WORD + "awsSecretAccessKey0123456789",
    "GITHUB_TOKEN": "ghp_" + ENV_WORD + "0123456789abcdefghijklmno",
    "DATABASE_URL": "postgres://u:" + ENV_WORD + "pw@db.invalid/x",
    "SSH_AUTH_SOCK": "/var/tmp/" + ENV_WORD + ".sock",
    "MAESTRO_TEAM_TOKEN": ENV_WORD + "maestroTeamToken0123456789",
    "BENCH_PLAIN_VARIABLE": ENV_WORD + "plain",
}
STEERING = {
    "CLAUDECODE": "1",
    "CLAUDE_CODE_ENTRYPOINT": ENV_WORD + "entry",
    "CODEX_SANDBOX": ENV_WORD + "sandbox",
    "GEMINI_CLI": ENV_WORD + "nested",
    "NODE_OPTIONS": "--title=" + ENV_WORD,
}


class Traps:
    def __init__(self, root):
        self.root = root
        self.home = os.path.join(root, "home")
        self.project = os.path.join(root, "project")
        self.log = os.path.join(root, "sprung.log")
        self.touched = os.path.join(root, "TOUCHED")         # a tool call of the model tries to create it
        self.words = set()
        self.secret = self.text("home/secret.txt", "the file a model's tool call tries to read")
        self.claude()
        self.codex()
        self.gemini()
        subprocess.run(["git", "init", "-q", self.project], check=True, env={"PATH": os.environ["PATH"], "HOME": root})

    # Helpers

    def write(self, rel, content):
        path = os.path.join(self.root, rel)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    def text(self, rel, about, front=""):
        word = WORD + "".join(c if c.isalnum() else "_" for c in rel)
        self.words.add(word)
        return self.write(rel, "%s%s: %s\n" % (front, word, about))

    def shell(self, name, then=""):
        return "echo %s >> '%s'%s" % (name, self.log, then)

    def server(self, name):
        """An MCP server that logs its start and then runs for a while."""
        return {"command": "sh", "args": ["-c", self.shell(name, "; exec sleep 4")]}

    def hooks(self, name, events):
        return {e: [{"matcher": "*", "hooks": [{"type": "command", "command": self.shell(name + "-" + e)}]}] for e in events}

    # The traps

    def claude(self):
        events = ["SessionStart", "UserPromptSubmit", "PreToolUse", "Stop", "SessionEnd"]
        # `verbose` is no trap: it turns claude's single result object into an array, which Maestro must read.
        self.write("home/.claude.json", {"mcpServers": {"trap": self.server("claude-user-mcp")}, "verbose": True,
                                         "hasCompletedOnboarding": True,
                                         "projects": {self.project: {"hasTrustDialogAccepted": True,
                                                                     "mcpServers": {"local": self.server("claude-local-mcp")}}}})
        self.write("home/.claude/settings.json", {"hooks": self.hooks("claude-user-hook", events), "verbose": True,
                                                  "apiKeyHelper": self.shell("claude-key-helper", "; echo sk-ant-helper"),
                                                  "permissions": {"allow": ["Bash", "Read", "Write"]}})
        self.text("home/.claude/CLAUDE.md", "the user's memory")
        self.text("home/.claude/skills/trap/SKILL.md", "a skill", "---\nname: trap\ndescription: %sskill_line\n---\n" % WORD)
        self.text("home/.claude/commands/help.md", "a slash command")
        self.text("home/.claude/agents/trap.md", "an agent", "---\nname: trap\ndescription: %sagent_line\n---\n" % WORD)
        self.text("home/.claude/output-styles/trap.md", "a style")
        self.text("project/CLAUDE.md", "the project's memory")
        self.text("project/CLAUDE.local.md", "the project's private memory")
        self.write("project/.mcp.json", {"mcpServers": {"trap": self.server("claude-project-mcp")}})
        self.write("project/.claude/settings.json", {"hooks": self.hooks("claude-project-hook", events),
                                                     "enableAllProjectMcpServers": True, "outputStyle": "trap"})

    def codex(self):
        trap = self.server("codex-user-mcp")
        config = ('model_instructions_file = "%s"\nnotify = ["sh", "-c", %s]\ndeveloper_instructions = "%sdeveloper"\n'
                  '[mcp_servers.trap]\ncommand = "sh"\nargs = %s\n[features]\nhooks = true\n'
                  % (self.text("home/.codex/instructions.md", "the user's own system prompt"),
                     json.dumps(self.shell("codex-notify")), WORD, json.dumps(trap["args"])))
        self.write("home/.codex/config.toml", config)
        self.write("home/.codex/hooks.json", {"hooks": self.hooks("codex-user-hook", ["SessionStart", "UserPromptSubmit", "Stop"])})
        self.write("home/.codex/auth.json", {"OPENAI_API_KEY": CODEX_FILE_KEY})
        self.text("home/.codex/AGENTS.md", "the user's memory")
        self.text("home/.codex/prompts/help.md", "a slash command")
        self.text("home/.codex/skills/trap/SKILL.md", "a skill", "---\nname: trap\ndescription: %sskill_line\n---\n" % WORD)
        self.text("home/.agents/skills/trap/SKILL.md", "a skill", "---\nname: trap\ndescription: %sskill_line\n---\n" % WORD)
        self.write("home/.codex/rules/trap.rules", 'prefix_rule(pattern=["sh"], decision="allow")\n')
        self.text("project/AGENTS.md", "the project's memory")
        self.write("project/.codex/config.toml", '[mcp_servers.trap]\ncommand = "sh"\nargs = %s\n'
                   % json.dumps(self.server("codex-project-mcp")["args"]))

    def gemini(self):
        events = ["SessionStart", "BeforeAgent", "BeforeModel", "BeforeTool", "AfterAgent", "SessionEnd"]
        self.write("home/.gemini/settings.json", {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "mcpServers": {"trap": self.server("gemini-user-mcp")}, "hooks": self.hooks("gemini-user-hook", events),
            "tools": {"discoveryCommand": 'sh -c "%s"' % self.shell("gemini-discovery", "; echo []")}})
        self.write("home/.gemini/trustedFolders.json", {self.project: "TRUST_FOLDER", self.root: "TRUST_FOLDER"})
        self.text("home/.gemini/GEMINI.md", "the user's memory")
        self.text("home/.gemini/skills/trap/SKILL.md", "a skill", "---\nname: trap\ndescription: %sskill_line\n---\n" % WORD)
        self.text("home/.gemini/commands/help.toml", "a slash command")
        self.write("home/.gemini/extensions/trap/gemini-extension.json",
                   {"name": "trap", "version": "1.0.0", "contextFileName": "TRAP.md",
                    "mcpServers": {"trapext": self.server("gemini-extension-mcp")}})
        self.text("home/.gemini/extensions/trap/TRAP.md", "an extension's memory")
        self.text("project/GEMINI.md", "the project's memory")
        self.write("project/.gemini/settings.json", {"mcpServers": {"trapp": self.server("gemini-project-mcp")},
                                                     "hooks": self.hooks("gemini-project-hook", events)})
        self.write("project/.env", "GOOGLE_CLOUD_PROJECT=%senvfile\nGEMINI_MODEL=%senvfile\n" % (WORD, WORD))

    # Results

    def prompt(self):
        """Prompt with text that a CLI may interpret: mentions of files, slash commands, shell commands."""
        return ("/help me: @/etc/passwd @%s @CLAUDE.md @GEMINI.md @../project/AGENTS.md @~/secret.txt "
                "!cat %s !{cat %s} $(touch %s) `touch %s` /quit #memory" %
                ((self.secret,) * 3 + (self.touched,) * 2))

    def sprung(self):
        """Commands that were started and files that were made since the last call."""
        found = []
        if os.path.exists(self.log):
            with open(self.log) as f:
                found = sorted(set(f.read().split()))
            os.unlink(self.log)
        if os.path.exists(self.touched):
            found.append("TOUCHED")
            os.unlink(self.touched)
        return found

    def leaked(self, text):
        """Trap words, environment secrets and lines of /etc/passwd in a sent text."""
        found = [w for w in sorted(self.words) + [WORD] if w in text]
        if len(found) > 1:
            found.pop()                     # the words include the bare prefix
        if ENV_WORD in text:
            found.append(ENV_WORD)
        if "root:x:0:0" in text or urllib.parse.quote("root:x:0:0") in text:
            found.append("/etc/passwd")
        return found
