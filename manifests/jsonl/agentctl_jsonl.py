"""
A worker for agentctl's line protocol (schemas/jsonl/README.md). Python 3.8 or later, nothing else.

    from agentctl_jsonl import Agent

    agent = Agent(remember="done.jsonl")

    @agent.on_chat
    def answer(turn):
        turn.text("You said: " + turn.message)

    agent.run()

Each conversation has a thread of its own, so a handler may block. What it returns, if anything, is the end of the answer;
an exception fails the turn. print() goes to standard error, since standard output belongs to the protocol.
"""

import json
import os
import sys
import threading
import traceback
import uuid


class Turn:
    """One message. `from_id` sent it; `is_route` tells whether that is another agent."""

    def __init__(self, agent, line):
        self._agent = agent
        self._asked = 0
        self.id = line["messageId"]
        self.conversation = line["conversationId"]
        self.from_id = line["fromId"]
        self.message = line["message"]
        self.is_route = line["type"] == "route"
        self.answer = ""
        self.cancelled = threading.Event()
        self._over = False
        self._request = None

    def event(self, event):
        if not self._over:
            self._agent._send("event", messageId=self.id, conversationId=self.conversation, event=event)

    def text(self, text):
        """A piece of the answer."""
        self.answer += text
        self.event({"type": "text", "text": text})

    def thought(self, text):
        self.event({"type": "thought", "text": text})

    def tool(self, id, title=None, kind=None, status="in_progress", output=None):
        """A tool call begins or changes: pending, in_progress, completed, failed."""
        self.event({"type": "tool", "id": id, "title": title, "kind": kind, "status": status, "output": output})

    def usage(self, **numbers):
        """model, inputTokens, outputTokens, totalTokens, cachedReadTokens, cost={"amount", "currency"}; only what is known."""
        self._agent._send("usage", messageId=self.id, **numbers)

    def ask(self, agent, text):
        """Asks another agent and waits for its answer. Raises AgentError where there is none, or the turn is cancelled."""
        # Counted, so that it is the same request when the turn is done again after a crash.
        self._asked += 1
        fields = {"toId": agent, "message": text, "messageId": self.id, "conversationId": self.conversation}
        self._request = "%s.%d" % (self.id, self._asked)
        return self._agent._request("route_request", self._request, fields)

    def _end(self, type, **fields):
        """Once; whatever follows is said to nobody."""
        with self._agent._lock:
            if self._over:
                return
            self._over = True
        self._agent._send(type, messageId=self.id, **fields)


class AgentError(Exception):
    """An error to tell: of the other agent where a request got no answer; of a handler, to fail its turn with these words."""


class Agent:
    def __init__(self, name="python", remember=None):
        """`remember`: a file for the answers of messages that are done, so that one that comes again is not done again."""
        self.name = name
        self.peers = []
        self._chat = None
        self._queries = {}
        self._queues = {}
        self._turns = {}
        self._waiting = {}
        self._early = {}
        self._threads = {}
        self._lock = threading.RLock()
        self._remember = remember
        self._done = _read_done(remember) if remember else {}
        # From here on, everything that is printed goes to standard error.
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        os.dup2(2, 1)

    def on_chat(self, handler):
        """Called with each Turn, of people and of other agents."""
        self._chat = handler
        return handler

    def on_query(self, action):
        """Called with the query's params; what it returns is the answer. It must not block."""

        def take(handler):
            self._queries[action] = handler
            return handler

        return take

    def manage(self, action, **fields):
        """spawn (name, content), stop, start, remove (targetId), list. Blocks; raises AgentError where it is refused."""
        return self._request("mgmt_request", str(uuid.uuid4()), dict(fields, action=action))

    def background(self, event, source="worker", conversation=None):
        self._send("bg_event", source=source, conversationId=conversation, event=event)

    def run(self):
        """Reads until agentctl says shutdown, or standard input has ended and all is answered."""
        self._send("ready", agent={"name": self.name}, cancel=True)
        for line in sys.stdin.buffer:
            if not line.strip():
                continue
            try:
                self._take(json.loads(line.decode("utf-8")))
            except Exception:
                traceback.print_exc()
        for thread in list(self._threads.values()):
            thread.join()

    def _take(self, line):
        type = line.get("type")
        if type in ("chat", "route"):
            self._begin(Turn(self, line))
        elif type in ("route_response", "mgmt_response"):
            with self._lock:
                answer = self._waiting.pop(line["requestId"], None)
                if answer is None:
                    self._early[line["requestId"]] = line  # to a request of an earlier run, which may be made again
                else:
                    answer.put(line)
        elif type == "query":
            self._answer(line)
        elif type == "peers_update":
            self.peers = line["peers"]
        elif type == "cancel":
            turn = self._turns.get(line["messageId"])
            if turn is not None:
                self._cancel(turn)
        elif type == "shutdown":
            os._exit(0)

    def _cancel(self, turn):
        turn.cancelled.set()
        turn._end("error", error="the turn was cancelled")
        with self._lock:
            waiting = self._waiting.pop(turn._request, None)
        if waiting is not None:
            waiting.put({"error": "the turn was cancelled"})

    def _begin(self, turn):
        self._send("ack", messageId=turn.id)
        with self._lock:
            if turn.id in self._turns:
                return  # it came twice, and is being worked on
            self._turns[turn.id] = turn
            queue = self._queues.get(turn.conversation)
            if queue is not None:
                queue.append(turn)
                return
            self._queues[turn.conversation] = [turn]
            thread = threading.Thread(target=self._work, args=(turn.conversation,), daemon=True)
            self._threads[turn.conversation] = thread
        thread.start()

    def _work(self, conversation):
        while True:
            with self._lock:
                queue = self._queues[conversation]
                if not queue:
                    del self._queues[conversation]
                    del self._threads[conversation]
                    return
                turn = queue.pop(0)
            try:
                self._do(turn)
            except Exception as error:
                if not isinstance(error, AgentError):
                    traceback.print_exc()
                turn._end("error", error=str(error) or type(error).__name__)
            finally:
                with self._lock:
                    self._turns.pop(turn.id, None)

    def _do(self, turn):
        known = self._done.get(turn.id)
        if known is not None:
            turn.text(known)
        elif not turn.cancelled.is_set():
            if self._chat is None:
                raise AgentError("this worker has no handler; give it one with @agent.on_chat")
            rest = self._chat(turn)
            if rest is not None:
                turn.text(str(rest))
            if not turn.cancelled.is_set():
                self._keep(turn)
        if turn.is_route:
            turn._end("route_done", requestId=turn.id, response=turn.answer)
        else:
            turn._end("chat_done", conversationId=turn.conversation)

    def _keep(self, turn):
        if not self._remember:
            return
        line = (json.dumps([turn.id, turn.answer]) + "\n").encode("utf-8")
        with self._lock, open(self._remember, "ab", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            try:
                while line:
                    line = line[file.write(line) :]
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), size)  # the next line must not stand behind half of this one
                raise
            self._done[turn.id] = turn.answer

    def _answer(self, line):
        handler = self._queries.get(line["action"])
        try:
            if handler is None:
                raise AgentError("there is no query %s here; there are: %s" % (line["action"], ", ".join(self._queries)))
            self._send("query_response", requestId=line["requestId"], data=handler(line["params"]))
        except Exception as error:
            self._send("query_response", requestId=line["requestId"], error=str(error) or type(error).__name__)

    def _request(self, type, id, fields):
        answer = _Box()
        with self._lock:
            line = self._early.pop(id, None)
            if line is None:
                self._waiting[id] = answer
        if line is None:
            self._send(type, requestId=id, **fields)
            line = answer.get()
        if line.get("error") is not None:
            raise AgentError(line["error"])
        return line.get("response")

    def _send(self, type, **fields):
        fields = {name: value for name, value in fields.items() if value is not None}
        if "event" in fields:
            fields["event"] = {name: value for name, value in fields["event"].items() if value is not None}
        text = json.dumps(dict(fields, type=type), allow_nan=False)
        with self._lock:
            try:
                self._out.write(text + "\n")
                self._out.flush()
            except OSError:
                # Half a line may stand there. A new process begins anew; a thread that ends would leave one that hangs.
                _give_up()


def _give_up():
    try:
        traceback.print_exc()
    finally:
        os._exit(74)  # EX_IOERR


class _Box:
    """Holds one answer for the thread that waits for it."""

    def __init__(self):
        self._there = threading.Event()
        self._value = None

    def put(self, value):
        self._value = value
        self._there.set()

    def get(self):
        self._there.wait()
        return self._value


def _read_done(path):
    """What is done, by its id. A last line that a crash cut short is cut off."""
    done = {}
    if not os.path.exists(path):
        return done
    with open(path, "rb+") as file:
        data = file.read()
        end = data.rfind(b"\n") + 1
        file.truncate(end)
    for line in data[:end].splitlines():
        id, answer = json.loads(line)
        done[id] = answer
    return done
