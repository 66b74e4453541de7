"""Says back what it is told, word by word."""

from agentctl_jsonl import Agent

agent = Agent(name="echo", remember="done.jsonl")


@agent.on_chat
def echo(turn):
    for word in turn.message.split():
        turn.text(word + " ")


@agent.on_query("status")
def status(params):
    return {"peers": len(agent.peers)}


agent.run()
