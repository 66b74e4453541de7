"""Has every message answered by the other agent that ASK names, and says who it was."""

import os

from agentctl_jsonl import Agent

agent = Agent(name="asker", remember="done.jsonl")


@agent.on_chat
def ask(turn):
    other = os.environ["ASK"]
    turn.tool("ask", title="ask " + other, kind="other")
    answer = turn.ask(other, turn.message)
    turn.tool("ask", status="completed")
    return other + " says: " + answer


agent.run()
