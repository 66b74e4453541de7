import { isDeepStrictEqual } from 'node:util';
import { jsonFault } from '../../api/json.ts';
import { cut } from '../../api/text.ts';
import { limits } from '../protocol.ts';
import type { ToolUse } from '../turn-events.ts';
import { type Fields, fields, name, objects, present, string } from './acp-message.ts';
import { isOwnTool, ownKind } from './own-tools.ts';

/** What is known about a tool call. */
export interface Tool {
  title?: string | undefined;
  kind?: string | undefined;
  input?: unknown;
}

/** `kind` decides about permissions. `guessed`: the agent did not state it. */
interface Known {
  title?: string | undefined;
  kind: string;
  guessed?: true | undefined;
  input?: unknown;
}

interface Call extends Tool {
  asked: boolean;
  /** This connection has read the whole call. */
  whole: boolean;
  over: boolean;
  /** The call was reported before its end. */
  announced: boolean;
}

/**
 * The tool calls of one turn and its permission requests. A request need not contain the id of a call: some agents use
 * another id, before or after they report the call. Such a request belongs to the call that would do the same, or has
 * the same title, or is the only open one. Each request counts for one call.
 */
export class Calls {
  readonly #calls = new Map<string, Call>();
  /** Ids of calls with a stored input, oldest first. Inputs may be large, so their number is limited. */
  readonly #inputs: string[] = [];
  /** Requests without a known call. */
  readonly #requests: Tool[] = [];
  readonly #fresh: boolean;
  readonly #offersTools: boolean;

  /** `fresh`: this connection began the turn. `offersTools`: the agent was given agentctl's own tools. */
  constructor({ fresh, offersTools }: { fresh: boolean; offersTools: boolean }) {
    this.#fresh = fresh;
    this.#offersTools = offersTools;
  }

  has(id: string): boolean {
    return this.#calls.has(id);
  }

  /** Handles a tool_call or tool_call_update. Returns the kind of the call. */
  note(id: string, update: Fields): string {
    const before = this.#calls.get(id);
    const whole = this.#fresh || update.sessionUpdate === 'tool_call';
    const announced = update.sessionUpdate === 'tool_call' || update.status !== 'failed';
    const fresh = { asked: false, whole, over: false, announced };
    const call: Call = { ...fresh, ...before, ...mergeTool(before, update) };
    const request = call.asked || call.over ? undefined : find(this.#requests, call);
    if (request !== undefined) {
      this.#requests.splice(this.#requests.indexOf(request), 1);
      call.asked = true;
    }
    this.#calls.set(id, call);
    if (call.input !== undefined && before?.input === undefined) this.#inputs.push(id);
    this.#forget();
    return this.#known(call).kind;
  }

  /** Handles a permission request. Returns what is known about the call that it belongs to. */
  ask(id: string, request: Fields): Known & { toolCallId: string } {
    const said = mergeTool(undefined, request);
    const named = this.#calls.get(id);
    if (named !== undefined) {
      named.asked = true;
      return { ...this.#known(mergeTool(named, request)), toolCallId: id };
    }
    const open = new Map([...this.#calls].filter(([, { asked, over }]) => !asked && !over));
    const call = find([...open.values()], said);
    const found = [...open].find(([, each]) => each === call);
    if (found === undefined || call === undefined) {
      this.#requests.push(said);
      if (this.#requests.length > limits.inputs) this.#requests.shift();
      return { ...this.#known(said), toolCallId: id };
    }
    call.asked = true;
    const isSame = isSaid(said, call) || (isName(said.title) && !isInput(said.input));
    const isVague = said.kind === undefined || said.kind === 'other';
    const merged = isSame ? mergeTool(call, request) : said;
    const known = this.#known(isSame && isVague ? { ...merged, kind: call.kind } : merged);
    const guessed = isVague && known.kind !== said.kind && known.kind !== ownKind;
    return { ...known, ...(guessed ? { guessed } : {}), toolCallId: found[0] };
  }

  /** Handles the end of a call that the agent reports. */
  end(id: string, end: 'completed' | 'failed'): ToolUse | undefined {
    const call = this.#calls.get(id);
    if (call === undefined || call.over) return undefined;
    call.over = true;
    return this.#use(id, call, end);
  }

  /** Returns the calls whose end the agent has not reported. */
  left(): ToolUse[] {
    return [...this.#calls].flatMap(([id, call]) => (call.over ? [] : [this.#use(id, call, undefined)]));
  }

  /** The turn is over, so the inputs of its calls are no longer needed. */
  over(): void {
    for (const id of this.#inputs.splice(0)) {
      const call = this.#calls.get(id);
      if (call !== undefined) call.input = undefined;
    }
    this.#requests.length = 0;
  }

  #use(id: string, call: Call, end: ToolUse['end']): ToolUse {
    const { title = id, kind, guessed, input } = this.#known(call);
    const whole = call.whole || call.kind !== undefined;
    return present({
      toolCallId: id,
      title,
      kind,
      guessed,
      input,
      asked: call.asked,
      announced: call.announced,
      whole,
      end,
    });
  }

  #known({ title, kind, input }: Tool): Known {
    if (this.#offersTools && isOwnTool({ title, kind, input })) return { title, kind: ownKind, input };
    if (kind !== undefined) return { title, kind, input };
    return { title, kind: guess(input), guessed: true, input };
  }

  /**
   * Above the limits, removes the oldest input, and a call: preferably one that is over, because no more is reported of
   * it.
   */
  #forget(): void {
    if (this.#inputs.length > limits.inputs) {
      const oldest = this.#calls.get(this.#inputs.shift() ?? '');
      if (oldest !== undefined) oldest.input = undefined;
    }
    if (this.#calls.size <= limits.tools) return;
    const over = this.#calls.entries().find(([, call]) => call.over) ?? this.#calls.entries().next().value;
    if (over !== undefined) this.#calls.delete(over[0]);
  }
}

/** Returns what is known about a call after an update. */
export function mergeTool(before: Tool | undefined, given: Fields): Tool {
  const kind = kindOf(given);
  const dialog = readDialog(given.rawInput);
  const input = inputOf(dialog === undefined ? given : { ...given, rawInput: dialog.input });
  return {
    title: titleOf(dialog === undefined ? given : { ...given, title: dialog.title }) ?? before?.title,
    kind: kind ?? before?.kind,
    // An empty input says nothing.
    input: isInput(input) ? input : (before?.input ?? input),
  };
}

/**
 * Returns the title of a call. For tools of MCP servers, Qwen Code's title is only the input; `_meta` has the name of
 * the tool.
 */
export function titleOf(given: Fields): string | undefined {
  const said = string(given.title) ?? string(given.name);
  const called = given.kind === 'other' ? string(fields(given._meta)?.toolName) : undefined;
  if (said === undefined || called === undefined || said.includes(called)) return name(said, limits.title);
  return cut(`${called} ${said}`, limits.title);
}

/**
 * Qwen Code reports the search among its own tools as `other`, and never asks for it. The name comes from the agent,
 * not from its model: the names of other servers' tools begin with `mcp__`.
 */
const searches: ReadonlySet<unknown> = new Set(['tool_search']);

function kindOf({ kind, _meta }: Fields): string | undefined {
  const said = name(kind);
  if (said === 'other' && searches.has(fields(_meta)?.toolName)) return 'search';
  return said === ownKind ? 'other' : said; // no agent may claim that a tool is agentctl's
}

/** Returns the tool that is meant: by its input, or else by its title, or else because there is no other. */
function find<T extends Tool>(all: readonly T[], meant: Tool): T | undefined {
  const possible = all.filter((one) => agree(one.kind, meant.kind) && !contradict(one.input, meant.input));
  return (
    possible.find(({ input }) => isInput(input) && isInput(meant.input)) ??
    possible.find((one) => isSaid(one, meant)) ??
    (all.length === 1 ? possible[0] : undefined)
  );
}

/** Whether both state the same: their inputs, which do not contradict each other here, or their titles. */
const isSaid = (one: Tool, other: Tool): boolean =>
  (isInput(one.input) && isInput(other.input)) || sameTitle(one.title, other.title);

const agree = (one: string | undefined, other: string | undefined): boolean =>
  one === undefined || other === undefined || one === 'other' || other === 'other' || one === other;

const isInput = (input: unknown): boolean =>
  input !== undefined && input !== null && !isDeepStrictEqual(input, {});

/** Whether two inputs cannot belong to one call. One may have more fields than the other. */
function contradict(one: unknown, other: unknown): boolean {
  if (!isInput(one) || !isInput(other)) return false;
  const [few, many] = [fields(one), fields(other)];
  if (few === undefined || many === undefined) return !isDeepStrictEqual(one, other);
  const shared = Object.keys(few).filter((key) => key in many);
  return shared.length === 0 || shared.some((key) => !isDeepStrictEqual(few[key], many[key]));
}

/** A title of one word is the name of a tool. It does not say what the call would do. */
const isName = (title = ''): boolean => !/\s/.test(title.trim());

function sameTitle(one: string | undefined, other: string | undefined): boolean {
  const [a = '', b = ''] = [one, other].map((title) => title?.trim().toLowerCase());
  return a.length > 2 && b.length > 2 && (a.includes(b) || b.includes(a));
}

/** Guesses the kind of a tool if the agent does not state it. */
function guess(input: unknown): string {
  const found = fields(input) ?? {};
  if ('command' in found && !('path' in found)) return 'execute';
  return 'url' in found ? 'fetch' : 'other';
}

/**
 * Returns the question of an extension of pi, whose adapter reports a dialog instead of the tool's input. The extension
 * in our manifest puts the input into the message. What other extensions write there is part of the question.
 */
function readDialog(rawInput: unknown): { title: string; input?: Fields | undefined } | undefined {
  const { method, title, message, options: _, ...rest } = fields(rawInput) ?? {};
  const isDialog = (method === 'confirm' || method === 'select') && Object.keys(rest).length === 0;
  if (!isDialog || typeof title !== 'string') return undefined;
  if (typeof message !== 'string') return { title };
  const input = readObject(message);
  return input === undefined ? { title: `${title} ${message}` } : { title, input };
}

function readObject(text: string): Fields | undefined {
  if (jsonFault(text) !== undefined) return undefined;
  try {
    return fields(JSON.parse(text));
  } catch {
    return undefined; // plain text
  }
}

/** Returns the input of a tool. Some agents report a change of a file only as content. */
function inputOf(call: Fields): unknown {
  const { rawInput } = call;
  const changes = objects(call.content)
    .filter(({ type }) => type === 'diff')
    .map(({ path, oldText, newText }) =>
      present({ path: string(path), oldText: string(oldText), newText: string(newText) }),
    );
  const given = fields(rawInput);
  const isShown =
    given === undefined
      ? isInput(rawInput)
      : Object.keys(given).some((key) => /path|file|changes|patch|diff/i.test(key));
  if (changes.length === 0 || isShown) return rawInput === undefined ? undefined : shown(rawInput);
  const [only] = changes;
  return shown({ ...given, ...(changes.length === 1 ? only : { changes }) });
}

/** Returns the input for people. An input that is too large is cut. */
function shown(input: unknown): unknown {
  try {
    const text = JSON.stringify(input) ?? '';
    return text.length <= limits.toolInput ? input : cut(text, limits.toolInput);
  } catch {
    return 'an input that is nested too deeply to be shown';
  }
}
