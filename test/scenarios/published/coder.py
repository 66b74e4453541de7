"""A coding agent by deepagents-acp, which is a library: what its documentation shows, with sessions that last."""

import asyncio
import os

from acp import run_agent
from deepagents import create_deep_agent
from deepagents.backends import LocalShellBackend
from deepagents_acp.server import AgentServerACP
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

MODELS = [{"value": f"anthropic:{name}", "name": name} for name in ("one", "two")]


async def main() -> None:
    async with AsyncSqliteSaver.from_conn_string(os.path.expanduser("~/sessions.db")) as sessions:

        def build(context):
            return create_deep_agent(
                model=context.model or MODELS[0]["value"],
                backend=LocalShellBackend(root_dir=context.cwd, virtual_mode=False, inherit_env=True),
                interrupt_on={"execute": True, "write_file": True, "edit_file": True},
                checkpointer=sessions,
            )

        await run_agent(AgentServerACP(build, models=MODELS, load_sessions=True))


asyncio.run(main())
