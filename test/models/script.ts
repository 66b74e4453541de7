import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, type Request, type Schema, type Tool, words } from './wire.ts';

/**
 * What the model says: it stands in what the user said last, as its last command; without any the last line is said back.
 *
 *   say: TEXT          answers TEXT, word by word
 *   count: N MS        answers `1 2 3 ...` up to N, with MS between
 *   run: COMMAND       calls the tool for commands
 *   write: PATH TEXT   calls the tool that writes a file
 *   call: TOOL JSON    calls a tool of agentctl's; agents put the name of its server before TOOL
 *
 * A command stands at the start of a line, or behind a sentence that an agent has joined to it. What a tool answers is said
 * back. A text that says that its turn was interrupted is taken up again at full speed. A request without tools (for the
 * title of a session) is answered with a title, and one that wants a shape with that shape.
 */
export function decide(request: Request): Answer {
  const { tools, said, result, shape } = request;
  if (shape !== undefined) return { say: [JSON.stringify(shaped(shape))], pause: 0 };
  if (tools.length === 0) return { say: ['A title'], pause: 0 };
  if (result !== undefined) return { say: words(`The tool said: ${result}`), pause: 0 };
  const last = said.at(-1) ?? '';
  const resumed = last.includes('[agentctl] Your turn on the message below was interrupted');
  for (const line of last.split('\n').reverse()) {
    const [, command, rest = ''] = /(?:^|\. ?)(say|count|run|write|call): (.*)$/.exec(line.trim()) ?? [];
    const [first = '', ...more] = rest.split(' ');
    const after = more.join(' ');
    switch (command) {
      case 'say':
        return { say: words(rest), pause: 20 };
      case 'count': {
        const numbers = Array.from({ length: Number(first) }, (_, index) => `${index + 1} `);
        return resumed
          ? { say: ['Taken up again: ', ...numbers], pause: 0 }
          : { say: numbers, pause: Number(after) };
      }
      case 'run':
        return called(tools, ({ name }) => commands.test(name), { command: rest });
      case 'write':
        return called(tools, ({ name }) => writers.test(name), { path: first, text: after });
      case 'call': {
        const wanted = ({ within = '', name }: Tool) =>
          `${within}${name}`.match(`agentctl.*${first}$`) !== null;
        if (tools.some(wanted)) return called(tools, wanted, JSON.parse(after));
        // Some agents keep the tools of MCP servers behind one of their own.
        if (tools.some(({ name }) => name === 'run_typescript'))
          return {
            call: 'run_typescript',
            input: { code: `async function main() { return tools.mcp_agentctl.${first}(${after}); }` },
          };
        const search = request.searched !== true && tools.some(({ name }) => name === 'tool_search');
        return search ? { call: 'tool_search', input: { query: first } } : called(tools, wanted, {});
      }
    }
  }
  return { say: words(`You said: ${last.trim().split('\n').at(-1)}`), pause: 20 };
}

const commands = /^(bash|shell|shell_command|exec_command|run_shell_command|execute)$/i;
const writers = /^(write|write_file|create|apply_patch)$/i;

function called(tools: readonly Tool[], right: (tool: Tool) => boolean, input: object): Answer {
  const tool = tools.find(right);
  if (tool === undefined)
    return { say: words(`There is no such tool among ${tools.map(({ name }) => name)}`), pause: 0 };
  return { call: tool.name, input: fitted(tool, input) };
}

/** A command or a file as that tool wants it: agents name their fields as they like. */
function fitted({ takes }: Tool, input: object): unknown {
  if (takes === undefined)
    return 'path' in input && 'text' in input
      ? `*** Begin Patch\n*** Add File: ${input.path}\n+${input.text}\n*** End Patch\n`
      : input;
  const { properties = {}, required = [] } = takes;
  const named = (...names: string[]): string => names.find((name) => name in properties) ?? names[0] ?? '';
  const given =
    'path' in input && 'text' in input
      ? { [named('filePath', 'file_path', 'path')]: input.path, [named('content', 'file_text')]: input.text }
      : 'command' in input
        ? {
            [named('command', 'cmd')]:
              properties.command?.type === 'array' ? ['sh', '-c', input.command] : input.command,
          }
        : input;
  // Codex: what its sandbox does not allow is asked for only where the model wants it so.
  const asks = 'sandbox_permissions' in properties && 'command' in input;
  const rest = required.filter((name) => !(name in given)).map((name) => [name, filler(properties[name])]);
  return {
    ...Object.fromEntries(rest),
    ...given,
    ...(asks && { sandbox_permissions: 'require_escalated', justification: 'The test says so.' }),
  };
}

const filler = (field: { type?: unknown } = {}): unknown =>
  field.type === 'boolean'
    ? false
    : field.type === 'number' || field.type === 'integer'
      ? 1
      : 'as the test says';

const shaped = ({ properties = {} }: Schema): object =>
  Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, filler(field)]));

/** The words, with a pause after each. */
export async function* spoken(answer: Extract<Answer, { say: string[] }>): AsyncGenerator<string> {
  for (const word of answer.say) {
    yield word;
    if (answer.pause > 0) await sleep(answer.pause);
  }
}
